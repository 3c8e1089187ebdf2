"""Whoever scans or types nonsense for hours fills no disk, slows no genuine scan, and locks nobody out for a day."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest

from locker_gateway.codes import WAITS_S
from locker_gateway.inputs import BusMessage, Tick
from locker_gateway.loop import MAX_TOGETHER
from locker_gateway.refusals import MAX_KINDS
from locker_gateway.state import RefusalKey
from locker_gateway.turn import CACHED_EVENTS
from locker_protocol.bus_messages import CodeScanned, Events, KeysEntered, number_event
from locker_protocol.codec import encode
from locker_protocol.site_events import AccessRefused
from locker_protocol.topics import bus_topic
from tests.gateway.manifests import SECRET, STRANGER, code
from tests.gateway.stored import StoredWorld
from tests.gateway.world import BEAT_EVERY_MS, unlocks, with_parcels

SCANS, TYPED = 10_000, 1_000
PER_SCAN_MS = 40
# What the file holds when it is opened, and one round of the write-ahead log (1,000 pages of 4 KiB).
MAX_BYTES = 6 * 1024 * 1024


def flooded(world: StoredWorld, shown: Iterable[CodeScanned | KeysEntered], *, every_ms: int) -> None:
    """One thing after another is shown at G1, and the gateway takes what waits together."""
    waiting = iter(shown)
    together = min(MAX_TOGETHER, BEAT_EVERY_MS // every_ms)
    while group := list(islice(waiting, together)):
        inputs = []
        for event in group:
            world.pass_ms(every_ms)
            world.g1.event_no += 1
            numbered = [number_event(world.g1.event_no, 0, event)]
            report = Events(world.g1.boot_id, world.g1.beat, world.g1.store_id, numbered, world.g1.echo)
            inputs.append(BusMessage(bus_topic("gw", "G1", "report"), encode(report), world.ms))
        world.together([*inputs, Tick()])
        world.g1.send_beat()
        world.g2.send_beat()
        world.g1.sample()
        world.g1.shows.clear()


def refused(world: StoredWorld) -> int:
    return sum(event.times for event in world.told_events(AccessRefused))


@pytest.fixture
def world(tmp_path: Path) -> StoredWorld:
    return with_parcels(StoredWorld(tmp_path, told=False), 1, others={"o2": (8, 2)})


def forged(number: int) -> CodeScanned:
    """Nonsense, a stranger's signature, a code with one digit turned, another's label: in turn."""
    good, place = code(), 20 + number % 100
    kinds = (
        f"nonsense {number}",
        code(key=STRANGER, handle=number % 999, generation=number % 250),
        good[:place] + ("B" if good[place] == "A" else "A") + good[place + 1 :],
        f"P1-7-12-ABCD{number % 10_000:04d}",
    )
    return CodeScanned(kinds[number % len(kinds)])


def test_ten_thousand_forged_scans_open_nothing_and_the_genuine_one_after_them_opens_at_once(
    world: StoredWorld,
) -> None:
    before = world.rows()
    flooded(world, (forged(number) for number in range(SCANS)), every_ms=PER_SCAN_MS)
    assert world.pulses == []
    assert unlocks(world.g1.scan(code())) == [1]

    world.wait(61)
    assert refused(world) == SCANS
    after = world.rows()
    minutes = SCANS * PER_SCAN_MS // 60_000 + 2
    kinds = len({(each.refusal, each.order_id, each.actor) for each in world.told_events(AccessRefused)})
    assert kinds < 10
    assert after["event_log"] - before["event_log"] <= 2 * kinds * minutes + 10  # the first at once, the others counted
    assert after["record"] - before["record"] <= 5
    assert after["audit"] == 1
    assert world.size() < MAX_BYTES


def test_a_flood_leaves_nothing_growing_in_memory(world: StoredWorld) -> None:
    flooded(world, (forged(number) for number in range(2_000)), every_ms=PER_SCAN_MS)
    site = world.site
    kinds: set[RefusalKey] = set(site.refusals)
    assert len(kinds) < MAX_KINDS
    assert len(site.sending.cache) <= CACHED_EVENTS
    assert site.keypads == {}
    assert site.pulses == {}
    assert set(site.order_of_id.values()) == {"o1", "o2"}


def test_a_thousand_wrong_typed_codes_pause_the_keypad_for_five_minutes_at_most(world: StoredWorld) -> None:
    before = world.rows()
    wrong = (KeysEntered(f"{number % 97:02d}{number:06d}") for number in range(TYPED) if number % 97 != 8)
    flooded(world, wrong, every_ms=2_000)
    assert world.pulses == []
    assert unlocks(world.g1.scan(code())) == [1]  # the QR never waits

    assert unlocks(world.g1.type(f"08{SECRET}")) == []
    assert world.g1.shows[-1].refusal == "wait"
    world.wait(WAITS_S[-1])
    assert unlocks(world.g1.type(f"08{SECRET}")) == [2]
    after = world.rows()
    assert after["record"] - before["record"] <= 8
    assert after["event_log"] - before["event_log"] < TYPED / 2
    assert world.size() < MAX_BYTES


def test_typing_on_while_the_keypad_waits_does_not_make_it_wait_longer(world: StoredWorld) -> None:
    world.g1.type("08000000")
    until_ms = world.site.keypads["G1"].wait_until_ms
    for _ in range(20):
        world.pass_ms(200)
        world.g1.type("08000001")
    assert world.site.keypads["G1"].wait_until_ms == until_ms
    assert world.site.codes.rows["o2"].wrong_tries == 1
    world.pass_ms(2_000)
    assert unlocks(world.g1.type(f"08{SECRET}")) == [2]
