"""Power fails between any two lines: what was not recorded did not happen, what was recorded is not done twice.

Each journey is run once to count its steps, then again with a crash at every step: before its commit (the step is lost
whole) and after its commit but before each of its sends (the records stay, the rest is lost).
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from locker_gateway import conditions
from locker_gateway.outputs import Output, Publish
from locker_protocol.uplink_messages import (
    CancelOrder,
    DoorConditionChanged,
    LoadParcel,
    OpenDoors,
    OrderCancelled,
    ParcelCollected,
    ParcelLoaded,
    ParcelRemoved,
    PlanOrder,
)
from locker_protocol.vocabulary import DoorCondition, DoorFault, Right
from tests.gateway.people import VAN, People, check_log
from tests.gateway.world import World, code, collected_world, label, loaded_world, parcel, staff_code


class CrashingWorld(World):
    """A world whose gateway dies once: at its n-th step, after k of that step's effects (-1: before the commit)."""

    at_step = -1
    after_effects = -1
    steps = 0
    effects_at: dict[int, int]
    people: People
    crashed = False

    def give(self, given: object) -> list[Output]:
        """As the shell does it, until the power fails."""
        outputs = self.decide(given)  # type: ignore[arg-type]
        self.steps += 1
        self.effects_at[self.steps] = sum(isinstance(each, Publish) for each in outputs)
        dies = self.steps == self.at_step and not self.crashed
        if dies and self.after_effects < 0:
            return self._die([])
        self.commit(outputs)
        if dies:
            return self._die(outputs)
        self.perform(outputs)
        return outputs

    def _die(self, outputs: Iterable[Output]) -> list[Output]:
        self.crashed = True
        sends = [each for each in outputs if isinstance(each, Publish)]
        self.perform(sends[: self.after_effects])
        self.crash()
        return []


def crashing(make: Callable[[], World], *, at_step: int, after_effects: int) -> CrashingWorld:
    world = make()
    world.__class__ = CrashingWorld
    assert isinstance(world, CrashingWorld)
    world.effects_at = {}
    world.at_step, world.after_effects = at_step, after_effects
    world.people = People(world)
    return world


def collect(world: World) -> None:
    """A resident who tries until both doors opened, and shuts them."""
    for _ in range(8):
        world.g1.scan(code())
        world.wait(3)
        opened = [door for door in (1, 2) if world.g1.doors[door] == "open"]
        if opened:
            world.g1.shut(*opened)
        world.wait(13)
        if len(world.told_events(ParcelCollected)) == 2:
            return


def load_one(world: World) -> None:
    """A driver who tries until the parcel is loaded."""
    for _ in range(4):
        world.g1.scan(staff_code(world))
        world.g1.scan(label())
        world.wait(3)
        if world.g1.doors[1] == "open":
            world.g1.shut(1)
        world.wait(13)
        if world.told_events(ParcelLoaded):
            return


def check_one(world: World) -> None:
    """A driver who types an emptied door's number until it is free."""
    for _ in range(4):
        world.g1.scan(staff_code(world))
        world.g1.type("1")
        settle(world)
        if conditions.of(world.site, 1) is DoorCondition.FREE:
            return


def remove_one(world: World) -> None:
    """A driver who is told to take a parcel out until it is out."""
    for number in range(4):
        until = world.civil_ms + 10_000
        world.down(OpenDoors(f"c{number}", [1], Right.REMOVE, "staff-31", "round", until))
        settle(world)
        if world.told_events(ParcelRemoved):
            return


def load_elsewhere(world: CrashingWorld) -> None:
    """A driver who puts a parcel behind door 1, finds that it will not do, and takes another."""
    load_one(world)
    for number in range(4):
        world.people.bags["p1"] = VAN  # it did not go in: the door was shut empty
        until = world.civil_ms + 10_000
        world.down(LoadParcel(f"c{number}", label(), "staff-31", until, 1, DoorFault.DIRTY))
        settle(world)
        if [each.door for each in world.site.placements.rows.values()] == [2]:
            return


def cancel_while_collecting(world: World) -> None:
    """A resident scans, and the service cancels the order, and says so again until it is answered."""
    cancelled = world.batch(CancelOrder("o1"))
    world.g1.scan(code())
    for _ in range(4):
        world.down(cancelled)
        settle(world)
        if world.told_events(OrderCancelled):
            return


def settle(world: World) -> None:
    """The locks yield, people do what they came for, push the doors shut and wait."""
    world.wait(3)
    world.g1.shut(*(door for door, state in world.g1.doors.items() if state == "open"))
    world.wait(13)


def to_load() -> World:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    return world


JOURNEYS: dict[str, tuple[Callable[[], World], Callable[[Any], None]]] = {
    "collect": (lambda: loaded_world(1, 2), collect),
    "load": (to_load, load_one),
    "check": (collected_world, check_one),
    "remove": (lambda: loaded_world(1), remove_one),
    "load elsewhere": (to_load, load_elsewhere),
    "cancel": (lambda: loaded_world(1), cancel_while_collecting),
}


def crash_points(name: str) -> list[tuple[int, int]]:
    """Every step of the journey up to its end, before its commit and before each of its sends."""
    make, journey = JOURNEYS[name]
    world = crashing(make, at_step=-1, after_effects=-1)
    journey(world)
    return [(step, sends) for step, count in world.effects_at.items() if count for sends in range(-1, count)]


@pytest.mark.parametrize("name", list(JOURNEYS))
def test_a_crash_at_any_point_loses_nothing_and_opens_nothing_unrecorded(name: str) -> None:
    make, journey = JOURNEYS[name]
    points = crash_points(name)
    assert len(points) > 15
    for at_step, after_effects in points:
        world = crashing(make, at_step=at_step, after_effects=after_effects)
        journey(world)
        assert world.crashed
        check(world, name)


def check(world: CrashingWorld, name: str) -> None:
    granted = [door for grant in world.grants() for door in grant.doors]
    assert len(world.audit) == len(world.grants())
    assert len(world.pulses) <= len(granted)  # no pulse without a record of it
    assert [each.seq for each in world.events] == list(range(1, len(world.events) + 1))
    assert world.site.up.seq == len(world.events)
    check_log(world.people)
    END[name](world)


def ended_collected(world: World) -> None:
    assert sorted(each.parcel_id for each in world.told_events(ParcelCollected)) == ["p1", "p2"]


def ended_loaded(world: World) -> None:
    assert [each.parcel_id for each in world.told_events(ParcelLoaded)] == ["p1"]


def ended_checked(world: World) -> None:
    assert conditions.of(world.site, 1) is DoorCondition.FREE
    assert world.told_events(DoorConditionChanged)[-1].actor == "staff-31"


def ended_removed(world: World) -> None:
    assert [each.parcel_id for each in world.told_events(ParcelRemoved)] == ["p1"]
    assert conditions.of(world.site, 1) is DoorCondition.TO_CHECK


def ended_elsewhere(world: World) -> None:
    assert {each.door: each.state for each in world.site.placements.rows.values()} == {2: "loaded"}
    assert conditions.of(world.site, 1) is DoorCondition.TO_CHECK


def ended_cancelled(world: World) -> None:
    assert len(world.told_events(OrderCancelled)) == 1
    assert world.site.cancellations.rows == {}


END = {
    "collect": ended_collected,
    "load": ended_loaded,
    "check": ended_checked,
    "remove": ended_removed,
    "load elsewhere": ended_elsewhere,
    "cancel": ended_cancelled,
}


def test_a_grant_recorded_but_never_sent_is_sent_by_the_next_scan_or_lapses() -> None:
    world = loaded_world(1)
    world.reachable = False
    world.g1.scan(code())
    world.crash()
    world.reachable = True
    world.g1.send_beat()
    world.g1.scan(code())
    assert world.pulses == [1]
    assert len(world.grants()) == 1


def test_a_spent_code_stays_spent_over_a_crash_right_after_the_door_was_shut() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.shut(1)
    world.crash()
    world.g1.be_born()
    world.civil_ms += 901_000
    world.g1.scan(code())
    assert world.refusals() == ["spent"]
    assert world.pulses == [1]


def test_a_door_opened_before_the_crash_and_unknown_to_the_record_is_learned_before_the_next_grant() -> None:
    world = loaded_world(1)
    world.g1.scan(code())  # opened at the locker; the events are still there
    world.crash()
    world.g1.shut(1)
    world.civil_ms += 901_000
    world.g1.scan(code())
    assert world.pulses == [1]
    assert world.refusals() == ["spent"]


def test_what_is_restored_is_what_was() -> None:
    world = loaded_world(1, 2)
    world.g1.scan(code())
    world.g1.shut(1)
    before = {table.kind: dict(table.rows) for table in world.site.tables()}
    world.crash()
    assert {table.kind: dict(table.rows) for table in world.site.tables()} == before
