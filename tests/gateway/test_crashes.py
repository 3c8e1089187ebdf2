"""Power fails between any two lines: what was not recorded did not happen, what was recorded is not done twice.

Each journey is run once to count its steps, then again with a crash at every step: before its commit (the step is lost
whole) and after its commit but before each of its sends (the records stay, the rest is lost).
"""

import json
from collections.abc import Iterable
from typing import get_args

import pytest

from locker_gateway.outputs import AppendEvent, Delete, Output, Publish, Put, Record
from locker_protocol.bus_messages import Command
from locker_protocol.site_events import SiteEvent
from locker_protocol.uplink_messages import Up
from tests.gateway.cold_journeys import COLD_JOURNEYS
from tests.gateway.journeys import JOURNEYS as OTHER_JOURNEYS
from tests.gateway.manifests import code
from tests.gateway.people import People, check_log
from tests.gateway.world import World, loaded_world

JOURNEYS = OTHER_JOURNEYS | COLD_JOURNEYS
# Rows that are only ever replaced: the site as built, the logs' positions, the civil time, what was left.
NEVER_DELETED = {
    f"Delete:{kind}"
    for kind in ("position", "up_log", "mark", "stamp", "left_log", "cold_policy", "sampling", "watched")
}
# Journeys in which the record forgets on purpose what the log told.
FORGETFUL = {"begin anew", "grow old"}


class CrashingWorld(World):
    """A world whose gateway dies once: at its n-th step, after k of that step's effects (-1: before the commit)."""

    at_step = -1
    after_effects = -1
    steps = 0
    effects_at: dict[int, int]
    written: set[str]
    people: People
    crashed = False

    def give(self, given: object) -> list[Output]:
        """As the shell does it, until the power fails."""
        outputs = self.decide(given)  # type: ignore[arg-type]
        self.steps += 1
        if any(isinstance(each, Record) or (isinstance(each, Publish) and not is_echo(each)) for each in outputs):
            self.effects_at[self.steps] = sum(isinstance(each, Publish) for each in outputs)
        self.written |= {name for each in outputs for name in names_of(each)}
        dies = self.steps == self.at_step and not self.crashed
        if dies and self.after_effects < 0:
            return self._die([])
        self.commit(outputs)
        if dies:
            return self._die(outputs)
        self.perform(outputs)
        return outputs

    def names_sent(self) -> set[str]:
        """The types of all messages that were sent."""
        bodies = [each.payload if each.link == "bus" else each.payload.partition(b"\n")[2] for each in self.sent]
        return {json.loads(body)["type"] for body in bodies}

    def _die(self, outputs: Iterable[Output]) -> list[Output]:
        self.crashed = True
        sends = [each for each in outputs if isinstance(each, Publish)]
        self.perform(sends[: self.after_effects])
        self.crash()
        return []


def crashing(name: str, *, at_step: int, after_effects: int) -> CrashingWorld:
    world = JOURNEYS[name].make()
    world.__class__ = CrashingWorld
    assert isinstance(world, CrashingWorld)
    world.effects_at, world.written = {}, set()
    world.at_step, world.after_effects = at_step, after_effects
    world.people = People(world)
    return world


def is_echo(message: Publish) -> bool:
    """An echo that is lost loses nothing; and each beat is answered by one."""
    return b'"Echo"' in message.payload


def names_of(output: Output) -> list[str]:
    """What an output writes, as names."""
    match output:
        case Put() | Delete():
            return [f"{type(output).__name__}:{output.kind}"]
        case AppendEvent():
            return ["AppendEvent", f"event:{type(output.event).__name__}"]
        case _:
            return [type(output).__name__]


def crash_points(name: str) -> list[tuple[int, int]]:
    """Every step that writes or sends anything: before its commit, and before each of its sends."""
    world = crashing(name, at_step=-1, after_effects=-1)
    JOURNEYS[name].live(world, world.people)
    return [(step, sends) for step, count in world.effects_at.items() for sends in range(-1, count)]


@pytest.mark.parametrize("name", list(JOURNEYS))
def test_a_crash_at_any_point_loses_nothing_and_opens_nothing_unrecorded(name: str) -> None:
    points = crash_points(name)
    assert len(points) > 8
    for at_step, after_effects in points:
        world = crashing(name, at_step=at_step, after_effects=after_effects)
        JOURNEYS[name].live(world, world.people)
        assert world.crashed
        check(world, name)


def check(world: CrashingWorld, name: str) -> None:
    granted = [door for grant in world.grants() for door in grant.doors]
    if name != "grow old":  # a month later the log is shorter than the audit
        assert len(world.audit) == len(world.grants())
        assert len(world.pulses) <= len(granted)  # no pulse without a record of it
        assert [each.seq for each in world.events] == list(range(1, len(world.events) + 1))
        assert world.site.up.seq == len(world.events)
    if name not in FORGETFUL:
        check_log(world.people)
    JOURNEYS[name].ended(world)


def test_the_crash_points_cover_everything_a_gateway_can_write_and_send() -> None:
    """The list of points is made from what the journeys' steps put out; this is what holds it complete."""
    written: set[str] = set()
    sent: set[str] = set()
    for name in JOURNEYS:
        world = crashing(name, at_step=-1, after_effects=-1)
        JOURNEYS[name].live(world, world.people)
        written |= world.written
        sent |= world.names_sent()
    rows = {f"{record}:{table.kind}" for table in World().site.tables() for record in ("Put", "Delete")}
    others = {record.__name__ for record in get_args(Record)} - {"Put", "Delete"}
    events = {f"event:{event.__name__}" for event in get_args(SiteEvent)}
    assert (rows | others | events) - written == NEVER_DELETED
    messages = {each.__name__ for union in (Command, Up) for each in get_args(union)} | {"GatewayBirth"}
    assert messages <= sent


def test_a_grant_recorded_but_never_sent_is_sent_by_the_next_scan_or_lapses() -> None:
    world = loaded_world(1)
    world.reachable = False
    world.g1.scan(code())
    world.crash()
    world.reachable = True
    world.pass_ms(1_000)
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
