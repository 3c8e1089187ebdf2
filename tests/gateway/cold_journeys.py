"""What warms, is not measured, is inspected or thrown away at a site, each until it is done, and how it must end."""

from locker_protocol.cold_chain.policy import DEFAULT_POLICY
from locker_protocol.cold_messages import CondemnParcel, ReleaseParcel, SetColdPolicy, ZoneAlarmEnded, ZoneAlarmFound
from locker_protocol.site_events import ParcelRemoved
from locker_protocol.vocabulary import ColdCause, Right, ZoneAlarm
from tests.gateway.cold_world import pass_minutes, told_of, warm
from tests.gateway.journeys import Journey, ask, load_one, to_load, until_applied
from tests.gateway.people import People
from tests.gateway.world import World, loaded_world


def spoil(world: World, _people: People) -> None:
    """The fridge dies; nobody comes for two hours; staff take out what nobody may eat."""
    warm(world, 9.0)
    for _ in range(6):
        pass_minutes(world, 40, step_min=20)
        if ("condemned", "chilled_tcs") in told_of(world):
            break
    for number in range(4):
        ask(world, number, Right.REMOVE)
        if world.told_events(ParcelRemoved):
            break
    pass_minutes(world, 10)


def ended_spoilt(world: World) -> None:
    assert told_of(world) == [("quarantined", "chilled_tcs"), ("condemned", "chilled_tcs")]
    assert world.grants_to_owners() == []
    assert (world.site.quarantines.rows, world.site.exposed.rows) == ({}, {})


def lose_a_probe(world: World, _people: People) -> None:
    """The probe breaks; staff look, mend it and release the food."""
    warm(world, None)
    for _ in range(4):
        pass_minutes(world, 40, step_min=10)
        if told_of(world):
            break
    warm(world, 3.0)
    until_applied(world, ReleaseParcel("p1", "o1", "staff-31", ["chilled_tcs"]))
    pass_minutes(world, 40, step_min=10)


def ended_released(world: World) -> None:
    assert told_of(world) == [("quarantined", "chilled_tcs"), ("cleared", None)]
    assert world.site.quarantines.rows == {}
    alarms = [each.alarm for each in world.told_events(ZoneAlarmFound) if each.controller == "G1"]
    assert ZoneAlarm.UNMEASURED in alarms
    assert ZoneAlarm.UNMEASURED in [each.alarm for each in world.told_events(ZoneAlarmEnded)]


def decide(world: World, _people: People) -> None:
    """The service names other limits, and condemns what it was told of by somebody on the telephone."""
    until_applied(
        world,
        SetColdPolicy(DEFAULT_POLICY.__class__(5, DEFAULT_POLICY.classes)),
        CondemnParcel("p1", "o1", "staff-31"),
    )
    pass_minutes(world, 10)


def ended_condemned(world: World) -> None:
    assert told_of(world) == [("condemned", "chilled_tcs")]
    (event,) = [each for each in world.told_events() if type(each).__name__ == "ParcelCondemned"]
    assert event.cause is ColdCause.UNDECIDED
    assert world.site.quarantines.rows["p1"].level == "discard"
    assert world.site.cold_policy.version == 5


def load_and_leave(world: World, people: People) -> None:
    """A driver loads and goes; the visit is over after a while."""
    load_one(world, people)
    pass_minutes(world, 60, step_min=15)
    world.acknowledge()
    world.wait(3)


def ended_left(world: World) -> None:
    assert world.site.gate_passes.rows == {}
    assert world.site.exposed.rows["p1"].classes[0].told == "fine"


COLD_JOURNEYS = {
    "spoil": Journey(lambda: loaded_world(1), spoil, ended_spoilt),
    "lose a probe": Journey(lambda: loaded_world(1), lose_a_probe, ended_released),
    "decide": Journey(lambda: loaded_world(1), decide, ended_condemned),
    "load and leave": Journey(to_load, load_and_leave, ended_left),
}
