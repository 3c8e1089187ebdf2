"""What a simulation makes up must itself be right: wires, disks, clocks and doors do what they are said to do."""

from collections.abc import Callable

import pytest

from firmware_sim.memory import CommandKept, EventsForgotten
from locker_protocol.clock import Now
from locker_protocol.vocabulary import Right, Via
from simulation.chaos import Chaos
from simulation.clocks import SimClock
from simulation.disks import JournalDisk
from simulation.gateway_node import Heard, Numbered, Sender
from simulation.kernel import Kernel
from simulation.lobby import Bag, Opening
from simulation.network import Broker, Link, Will
from simulation.oracle import KnownGrant
from simulation.world import World


class Wire:
    """A kernel, a broker without faults, and a link from `here` to somebody who hears all on `topic`."""

    def __init__(self) -> None:
        self.kernel = Kernel(1)
        chaos = Chaos(self.kernel)
        chaos.active = False
        self.broker = Broker("bus", self.kernel, chaos)
        self.heard: list[tuple[int, bytes]] = []
        self.here = self._link("here", lambda _topic: False, will=lambda: Will("death", b"here"))
        self.there = self._link("there", lambda topic: topic == "topic", will=lambda: None)
        self.wait(1_000)

    def _link(self, name: str, wants: Callable[[str], bool], *, will: Callable[[], Will | None]) -> Link:
        link = Link(name, self.broker, self.kernel, self._hear, wants, up=_nothing, down=_nothing, will=will)
        link.start()
        return link

    def _hear(self, _topic: str, payload: bytes, _kept: bool) -> None:
        self.heard.append((self.kernel.ms, payload))

    def wait(self, ms: int) -> None:
        self.kernel.run(self.kernel.ms + ms)


def _nothing() -> None:
    return None


def test_a_slow_wire_takes_half_a_second_for_a_thousand_bytes_and_keeps_the_order() -> None:
    wire = Wire()
    began_ms = wire.kernel.ms
    wire.here.slow_down(600)
    wire.here.publish("topic", bytes(1_000))
    wire.wait(601)
    wire.here.publish("topic", bytes(2_000))
    wire.here.publish("topic", b"fast again")
    wire.wait(5_000)
    first_ms, *later = (at_ms for at_ms, _ in wire.heard)
    assert first_ms >= began_ms + 500
    assert [len(payload) for _, payload in wire.heard] == [1_000, 2_000, 10]
    assert sorted(later) == later


def test_a_half_open_connection_swallows_what_is_said_until_the_client_notices() -> None:
    wire = Wire()
    wire.here.halve()
    assert wire.here.publish("topic", b"lost")
    wire.wait(30_000)
    wire.here.publish("topic", b"found")
    wire.wait(100)
    assert [payload for _, payload in wire.heard] == [b"found"]
    assert wire.broker.retained == {"death": b"here"}


def test_who_is_refused_comes_back_when_it_is_over() -> None:
    wire = Wire()
    wire.here.refuse(8_000)
    wire.wait(7_999)
    refused = wire.here.session
    wire.wait(6_000)
    assert refused is None
    assert wire.here.session is not None


def test_messages_with_receipts_wait_while_those_without_pass_them() -> None:
    wire = Wire()
    wire.here.hold_back(5_000)
    wire.here.publish("topic", b"event")
    wire.here.publish("topic", b"beat", reliable=False)
    wire.wait(6_000)
    assert [payload for _, payload in wire.heard] == [b"beat", b"event"]


def test_a_process_that_ends_in_good_order_leaves_no_will_to_be_said() -> None:
    wire = Wire()
    wire.here.stop(in_good_order=True)
    wire.wait(60_000)
    assert wire.broker.retained == {}


@pytest.mark.parametrize("seed", range(8))
def test_of_what_was_not_synced_a_journal_keeps_a_beginning_and_never_half_a_line(seed: int) -> None:
    disk = JournalDisk(Kernel(seed))
    synced = [CommandKept("c1", 1, "pulsed"), CommandKept("c2", 2, "pulsed")]
    disk.append(synced, synced=True)
    disk.append([EventsForgotten(4), EventsForgotten(9)], synced=False)
    before = list(disk.lines)
    disk.lose_unsynced()
    assert disk.lines == before[: len(disk.lines)]
    assert disk.lines[1:3] == synced


def test_a_clock_that_stands_still_is_right_again_afterwards_and_never_stops_its_other_half() -> None:
    kernel = Kernel(1)
    clock = SimClock(kernel)
    before = clock.now()
    clock.stand_still()
    kernel.run(10_000)
    still = clock.now()
    clock.go_on()
    assert still == Now(before.civil_ms, before.monotonic_ms + 10_000)
    assert clock.now() == Now(before.civil_ms + 10_000, before.monotonic_ms + 10_000)


def test_swapped_wires_tell_of_the_wrong_door_until_they_are_swapped_back() -> None:
    world = World(1, 0)
    world.lobby.swap_wires(3, 4)
    world.lobby.spring(3, None)
    swapped = world.lobby.cabinet(3).contacts()
    world.lobby.swap_wires(3, 4, back=True)
    assert (swapped[3], swapped[4]) == (False, True)
    assert world.lobby.cabinet(3).contacts()[3]
    assert world.lobby.open[3].late


@pytest.mark.parametrize("stuck", [True, False])
def test_an_opening_that_its_contact_hid_until_the_next_pulse_may_be_put_down_to_that_one(stuck: bool) -> None:
    world = World(1, 0)
    world.lobby.bags["p1"] = bag = Bag("p1", "o1")
    opening = _open_and_pulse_again(world, stuck=stuck)
    world.lobby.recorded(3, "second", boot_id=opening.boot_id, meant="p1")
    assert opening.late is stuck
    assert bool(bag.excused) is stuck


def test_an_opening_that_its_contact_hid_and_that_is_put_down_rightly_is_judged() -> None:
    world = World(1, 0)
    opening = _open_and_pulse_again(world, stuck=True)
    world.lobby.recorded(3, "first", boot_id=opening.boot_id)
    assert not opening.late


def _open_and_pulse_again(world: World, *, stuck: bool) -> Opening:
    if stuck:
        world.lobby.cabinet(3).use(3, "stick")
    for command_id in ("first", "second"):
        world.lobby.pulse(3, KnownGrant(command_id, "g", Right.COLLECT, Via.SCANNER, "", "G1", "o1", "p1", 3, 0))
    return world.lobby.open[3]


BIRTH, BEAT, EVENTS = "ControllerBirth", "Beat", "Events"


@pytest.mark.parametrize(
    ("late", "doubtful"),
    [
        (Sender(BIRTH, "older", "memory", 4), False),
        (Sender(BEAT, "older", "memory", 4), False),
        (Sender(BEAT, "older", "memory", 5), True),
        (Sender(BIRTH, "older", "another memory", 4), True),
        (Sender(EVENTS, "older", "memory", events=[Numbered(4)]), True),
        (Sender(BEAT, "heard before", "memory", 5), False),
    ],
)
def test_nobody_knows_which_boot_lives_where_one_never_heard_knows_as_much(late: Sender, doubtful: bool) -> None:
    heard = Heard(boots={"heard before"})
    heard.newest(Sender(EVENTS, "newer", "memory", events=[Numbered(4), Numbered(5)]), at_ms=1_000, asked_ms=None)
    heard.older(late, at_ms=2_000)
    assert (heard.doubt_ms is not None) is doubtful


@pytest.mark.parametrize(
    ("boot_id", "asked_ms", "doubtful"),
    [("newer", None, True), ("newer", 2_000, True), ("newer", 2_001, False), ("newest", None, False)],
)
def test_a_number_asked_since_or_a_newer_boot_ends_that_doubt(
    boot_id: str, asked_ms: int | None, doubtful: bool
) -> None:
    heard = Heard()
    heard.newest(Sender(BEAT, "newer", "memory", 5), at_ms=1_000, asked_ms=None)
    heard.older(Sender(BEAT, "older", "memory", 5), at_ms=2_000)
    heard.newest(Sender(BEAT, boot_id, "memory", 5), at_ms=3_000, asked_ms=asked_ms)
    assert (heard.doubt_ms is not None) is doubtful


def test_what_swapped_wires_hid_until_the_next_pulse_leaves_the_parcel_of_that_one_unjudged() -> None:
    world = World(1, 0)
    world.lobby.bags["p1"] = bag = Bag("p1", "o1")
    world.lobby.swap_wires(3, 4)
    opening = _open_and_pulse_again(world, stuck=False)
    world.lobby.swap_wires(3, 4, back=True)
    world.lobby.recorded(3, "second", boot_id=opening.boot_id, meant="p1")
    assert bag.excused
