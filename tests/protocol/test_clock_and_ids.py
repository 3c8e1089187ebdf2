"""Time and identifiers: the only two places that read them."""

import uuid
from pathlib import Path

from locker_protocol.clock import Anchor, DemoClock, clock_from, write_anchor
from locker_protocol.ids import CROCKFORD, new_id, short_reference


def test_an_identifier_is_a_uuid_of_version_seven_and_sorts_by_time() -> None:
    first, second = new_id(1_000), new_id(2_000)
    assert uuid.UUID(first).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122
    assert first < second
    assert int(first[:12], 16) == 1_000


def test_a_reference_has_only_letters_one_can_read_aloud() -> None:
    assert set(short_reference(200)) <= set(CROCKFORD)


def test_civil_time_runs_at_the_anchors_rate() -> None:
    assert Anchor(60.0, 100.0, 5_000).civil_ms(101.0) == 65_000


def test_a_demo_clock_follows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    write_anchor(path, rate=1.0, civil_ms=1_000_000)
    clock = clock_from({"CAIBOX_CLOCK_FILE": str(path)})
    assert isinstance(clock, DemoClock)
    assert 1_000_000 <= clock.now().civil_ms < 1_060_000
    assert clock.now().monotonic_ms <= clock.now().monotonic_ms
