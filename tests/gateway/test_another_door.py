"""The door that opened will not do: it is given up, what was counted is taken back, and another one opens at once."""

from typing import Any

import msgspec
import pytest

from locker_gateway.doors import DoorState
from locker_protocol.bus_messages import DoorOpened
from locker_protocol.site_entries import CancelOrder, IssueCredential, ParcelManifest, PlanOrder, SetDoorCondition
from locker_protocol.site_events import DoorConditionChanged, ParcelLoaded, ParcelRemoved, ParcelTakenBack
from locker_protocol.uplink_messages import CommandAnswered, LoadParcel, OpenDoors
from locker_protocol.vocabulary import DoorCondition, DoorFault, Refusal, Right
from tests.gateway.manifests import HOUR_MS, code, credential, label, parcel
from tests.gateway.world import World, staff_code, unlocks

DRIVER = "staff-31"


@pytest.mark.parametrize("opened", [False, True])
def test_a_door_that_will_not_do_is_given_up_and_another_opens(opened: bool) -> None:
    world = at_door_one(jammed=not opened)
    assert unlocks(world.down(instead(world))) == [2]
    assert answers(world) == [CommandAnswered("c1", doors=[2])]
    world.g1.report()
    world.g1.shut(2)
    assert [event.door for event in world.told_events(ParcelLoaded)] == [2]
    assert world.told_events(ParcelTakenBack) == []


def test_shutting_a_door_that_was_given_up_loads_nothing() -> None:
    world = at_door_one()
    world.down(instead(world))
    world.g1.shut(1)
    assert world.told_events(ParcelLoaded) == []
    assert being_loaded(world) == [2]


def test_a_given_up_door_that_opens_late_loads_nothing() -> None:
    world = at_door_one(jammed=True)
    late = next(iter(world.g1.ring))
    world.down(instead(world))
    world.g1.happen(DoorOpened(1, late))
    world.g1.shut(1)
    world.wait(13)
    world.g1.happen(DoorOpened(1, late))
    world.g1.shut(1)
    assert world.told_events(ParcelLoaded) == []


def test_a_door_whose_lock_may_still_yield_is_not_given_to_the_next_parcel() -> None:
    world = at_door_one(jammed=True, more=[parcel(2, doors=[1])])
    world.down(instead(world))
    assert unlocks(world.g1.scan(label(2))) == [4]
    world.crash()
    world.g1.send_beat()
    assert world.site.door_state(1) is DoorState.GRANTED
    world.wait(13)
    world.g1.scan(staff_code(world))
    world.tell(PlanOrder("o1", [parcel(3, doors=[1])]))
    assert unlocks(world.g1.scan(label(3))) == [1]


def test_a_parcel_that_counted_as_loaded_is_taken_back() -> None:
    world = at_door_one()
    world.g1.shut(1)
    assert unlocks(world.down(instead(world))) == [2]
    assert world.told_events(ParcelTakenBack) == [ParcelTakenBack("p1", "o1", "G1", 1, DRIVER)]
    world.g1.report()
    world.g1.shut(2)
    assert [event.door for event in world.told_events(ParcelLoaded)] == [1, 2]
    world.tell(IssueCredential(credential()))
    assert unlocks(world.g1.scan(code())) == [2]


@pytest.mark.parametrize(
    ("fault", "becomes"),
    [
        (None, None),
        (DoorFault.NO_FIT, None),
        (DoorFault.DIRTY, DoorCondition.TO_CHECK),
        (DoorFault.BROKEN, DoorCondition.BROKEN),
    ],
)
def test_the_reason_decides_what_becomes_of_the_door(fault: DoorFault | None, becomes: DoorCondition | None) -> None:
    world = at_door_one(more=[parcel(2, doors=[1])])
    world.down(instead(world, fault=fault))
    changed = world.told_events(DoorConditionChanged)
    assert changed == ([DoorConditionChanged("G1", 1, becomes, DRIVER)] if becomes else [])
    world.g1.shut(1)
    assert unlocks(world.g1.scan(label(2))) == ([4] if becomes else [1])


def test_the_same_wish_again_gets_the_same_answer_and_moves_nothing() -> None:
    world = at_door_one()
    wish = instead(world, fault=DoorFault.DIRTY)
    world.down(wish)
    world.g1.report()
    world.g1.shut(1, 2)
    before = world.durable()
    world.crash()
    assert unlocks(world.down(wish)) == []
    assert answers(world) == [CommandAnswered("c1", doors=[2])] * 2
    assert world.durable() == before


def test_a_door_that_would_not_do_is_the_last_to_be_tried_again() -> None:
    world = at_door_one()
    world.down(instead(world))
    world.g1.report()
    world.g1.shut(1)
    world.g1.jammed = {2}
    world.down(instead(world, door=2, command_id="c2"))
    world.g1.shut(2)
    assert being_loaded(world) == [4]


def test_when_no_other_door_fits_the_door_is_not_opened_again() -> None:
    world = at_door_one(doors_free=[1])
    world.g1.shut(1)
    assert unlocks(world.down(instead(world))) == []
    assert world.site.placements.rows == {}
    assert unlocks(world.g1.scan(label())) == [1]  # the driver may think again


def test_when_no_other_door_fits_the_door_is_given_up_all_the_same() -> None:
    world = at_door_one(doors_free=[1])
    world.g1.shut(1)
    assert unlocks(world.down(instead(world, fault=DoorFault.DIRTY))) == []
    assert answers(world) == [CommandAnswered("c1", refusal=Refusal.NO_FREE_DOOR)]
    assert [event.parcel_id for event in world.told_events(ParcelTakenBack)] == ["p1"]
    assert world.site.placements.rows == {}
    assert world.told_events(DoorConditionChanged)[-1].condition is DoorCondition.TO_CHECK


def test_a_cancelled_parcel_is_taken_back_and_gets_no_other_door() -> None:
    world = at_door_one()
    world.g1.shut(1)
    world.tell(CancelOrder("o1"))
    assert unlocks(world.down(instead(world))) == []
    assert answers(world)[-1].refusal is Refusal.LABEL_CANCELLED
    assert len(world.told_events(ParcelTakenBack)) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"instead_of": 77}, Refusal.DOOR_UNKNOWN),
        ({"instead_of": 2}, Refusal.LABEL_LOADED),
        ({"actor": "staff-32"}, Refusal.LABEL_LOADED),
        ({"instead_of": None, "fault": DoorFault.DIRTY}, Refusal.MALFORMED),
        ({"label": label(9)}, Refusal.LABEL_UNKNOWN),
    ],
)
def test_what_is_not_the_drivers_to_take_back_stays_loaded(changes: dict[str, Any], why: Refusal) -> None:
    world = at_door_one()
    world.g1.shut(1)
    before = world.durable()
    wish = msgspec.structs.replace(instead(world, fault=DoorFault.BROKEN), **changes)
    assert unlocks(world.down(wish)) == []
    assert answers(world) == [CommandAnswered("c1", refusal=why)]
    assert world.durable() == before


def test_a_later_visit_takes_nothing_back() -> None:
    world = at_door_one()
    world.g1.shut(1)
    later = world.civil_ms + HOUR_MS
    world.tell(PlanOrder("o1", [parcel(loadable_from=later, loadable_until=later + HOUR_MS)]))
    world.civil_ms = later
    before = world.durable()
    assert unlocks(world.down(instead(world))) == []
    assert answers(world)[-1].refusal is Refusal.LABEL_LOADED
    assert world.durable() == before


def test_what_a_resident_is_about_to_take_is_not_taken_back() -> None:
    world = at_door_one()
    world.g1.shut(1)
    world.tell(IssueCredential(credential()))
    world.g1.jammed = {1}
    world.g1.scan(code())
    before = world.durable()
    assert unlocks(world.down(instead(world))) == []
    assert answers(world)[-1].refusal is Refusal.IN_PROGRESS
    assert world.durable() == before


def test_a_removal_that_yields_late_does_not_remove_what_was_put_elsewhere_meanwhile() -> None:
    world = at_door_one()
    world.g1.shut(1)
    world.g1.jammed = {1}
    world.down(OpenDoors("r1", [1], Right.REMOVE, "op-4", "why", world.civil_ms + 10_000))
    late = list(world.g1.ring)[-1]
    world.wait(13)
    world.down(instead(world))
    world.g1.report()
    world.g1.shut(2)
    world.g1.happen(DoorOpened(1, late))
    world.g1.shut(1)
    assert world.told_events(ParcelRemoved) == []


def test_another_driver_cannot_give_up_a_door_somebody_is_loading() -> None:
    world = at_door_one()
    before = world.durable()
    other = msgspec.structs.replace(instead(world, fault=DoorFault.BROKEN), actor="staff-32")
    assert unlocks(world.down(other)) == []
    assert answers(world)[-1].refusal is Refusal.IN_PROGRESS
    assert world.durable() == before


def test_a_jam_reported_after_it_lapsed_still_breaks_the_door() -> None:
    world = at_door_one(jammed=True)
    world.wait(13)
    assert unlocks(world.down(instead(world, fault=DoorFault.BROKEN))) == [2]
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition.BROKEN, DRIVER)]


def at_door_one(
    *, jammed: bool = False, more: list[ParcelManifest] | None = None, doors_free: list[int] | None = None
) -> World:
    """Driver 31 has parcel p1 in hand, and door 1 was opened for it (or should have been)."""
    world = World()
    world.tell(PlanOrder("o1", [parcel(), *(more or [])]))
    for door in {1, 2, 3, 4, 5, 6} - set(doors_free or range(1, 7)):
        world.tell(SetDoorCondition(door, "broken"))
    world.g1.jammed = {1} if jammed else set()
    world.g1.scan(staff_code(world))
    world.g1.scan(label())
    world.g1.report()
    return world


def instead(
    world: World, *, door: int = 1, fault: DoorFault | None = DoorFault.NO_FIT, command_id: str = "c1"
) -> LoadParcel:
    return LoadParcel(command_id, label(), DRIVER, world.civil_ms + 10_000, door, fault)


def being_loaded(world: World) -> list[int]:
    grants = world.site.grants.rows.values()
    return [door.door for grant in grants for door in grant.doors if door.phase in {"pending", "opened"}]


def answers(world: World) -> list[CommandAnswered]:
    return [message for message in world.up_messages() if isinstance(message, CommandAnswered)]
