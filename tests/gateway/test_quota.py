"""The store has a size: what the service has anyway goes first, events and audit never; a full one stops everything."""

from pathlib import Path

import pytest

from locker_gateway.inputs import StoreMeasured, UplinkDown
from locker_gateway.outputs import Delete, Put
from locker_gateway.store import Store, StoreFailed
from locker_gateway.tidy import DAY_MS
from locker_protocol.bus_messages import CodeScanned
from locker_protocol.site_events import DoorWasOpened
from tests.gateway.manifests import code
from tests.gateway.stored import StoredWorld
from tests.gateway.world import World, with_parcels


def aged_world() -> World:
    """Forced openings 20 days, 3 days, 3 hours and a moment ago; the service has all but the last."""
    world = World()
    for days in (20, 3, 0.125, 0):
        world.g1.force(2)
        world.g1.shut(2)
        if days:
            world.acknowledge()
            world.civil_ms += round((days - {20: 3, 3: 0.125, 0.125: 0}[days]) * DAY_MS)
    return world


def openings_left(world: World) -> int:
    return len(world.told_events(DoorWasOpened))


@pytest.mark.parametrize(("share", "left"), [(0.5, 4), (0.79, 4), (0.8, 3), (0.9, 2), (0.95, 1), (1.0, 1)])
def test_the_fuller_the_store_the_shorter_what_the_service_has_is_kept(share: float, left: int) -> None:
    world = aged_world()
    audit = list(world.audit)
    world.give(StoreMeasured(share))
    assert openings_left(world) == left
    assert world.audit == audit


def test_what_the_service_has_not_stays_however_full_and_old(tmp_path: Path) -> None:
    world = with_parcels(StoredWorld(tmp_path, told=False), 1)
    world.acknowledge()
    world.give(UplinkDown())
    world.g1.scan(code())
    world.g1.shut(1)
    events, audit = world.rows()["event_log"], world.rows()["audit"]
    known = world.site.mark
    world.civil_ms += 60 * DAY_MS
    world.give(StoreMeasured(1.0))
    assert world.rows()["audit"] == audit == 1
    assert world.rows()["event_log"] == events - known
    assert world.store.read_events(1, 1)[0].seq == known + 1


def test_the_share_counts_what_is_in_use_and_not_what_was_freed(tmp_path: Path) -> None:
    store = Store(tmp_path / "gateway.sqlite", max_pages=1_000)
    empty = store.used_share()
    store.commit([Put("door", str(number), bytes(40_000)) for number in range(40)])
    full = store.used_share()
    store.commit([Delete("door", str(number)) for number in range(40)])
    assert empty < 0.05
    assert 0.35 < full < 0.5
    assert store.used_share() < 0.05
    store.close()
    with pytest.raises(StoreFailed, match="cannot be read"):
        store.used_share()


class FullWorld(StoredWorld):
    """Its disk is full whenever a test says so: no page more than the file has now."""

    def fill(self) -> None:
        """Leave no room."""
        self.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = self.store._db.execute("PRAGMA page_count").fetchone()[0]
        self.store._db.execute(f"PRAGMA max_page_count = {pages:d}")


def until_full(world: FullWorld) -> None:
    """Doors are forced and shut until a commit fails."""
    for _ in range(3_000):
        try:
            world.g1.force(2)
            world.g1.shut(2)
        except StoreFailed:
            return
    raise AssertionError("the disk never filled")


def test_a_full_disk_ends_the_process_and_nothing_is_half_done_when_it_starts_again(tmp_path: Path) -> None:
    world = with_parcels(FullWorld(tmp_path, told=False), 1)
    world.fill()
    until_full(world)
    world.crash()  # started again by whoever watches it, and still there is no room
    world.fill()
    sent, durable = len(world.sent), world.rows()
    world.g1.happen(CodeScanned(code()))
    with pytest.raises(StoreFailed, match="cannot be written: database or disk is full"):
        world.g1.report()
    assert world.pulses == []
    assert world.sent[sent:] == []

    world.crash()  # and now there is
    assert world.rows() == durable
    assert world.rows()["event_log"] == world.site.up.seq
    assert world.store.broken_audit_row() is None
    while world.g1.pending:
        world.g1.report()
    assert world.pulses == [1]  # the locker told of the scan again, soon enough
    assert world.rows()["audit"] == 1
