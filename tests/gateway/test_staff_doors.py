"""Doors for staff: to check, to take out, to hand over; from afar, or by a door's number at the locker."""

from typing import Any

import msgspec
import pytest

from locker_protocol.bus_messages import DoorOpened, Show
from locker_protocol.site_entries import CancelOrder, IssueCredential, PlanOrder, RevokeCredential, SetDoorCondition
from locker_protocol.site_events import DoorConditionChanged, ParcelCollected, ParcelRemoved
from locker_protocol.uplink_messages import CommandAnswered, OpenDoors
from locker_protocol.vocabulary import DoorCondition, Refusal, Right
from tests.gateway.manifests import HOUR_MS, code, credential, label, parcel
from tests.gateway.world import World, collected_world, loaded_world, staff_code, unlocks

# --- what may not be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "doors", "why"),
    [
        (Right.COLLECT, [1], Refusal.NO_RIGHT),
        (Right.REOPEN, [1], Refusal.NO_RIGHT),
        (Right.LOAD, [1], Refusal.NO_RIGHT),
        (Right.STAFF, [], Refusal.MALFORMED),
        (Right.CHECK, [2, 77], Refusal.DOOR_UNKNOWN),
        (Right.CHECK, [2, 1], Refusal.DOOR_FULL),
        (Right.REMOVE, [1, 2], Refusal.DOOR_EMPTY),
        (Right.RESCUE, [2], Refusal.DOOR_EMPTY),
        (Right.HAND_OVER, [1], Refusal.MALFORMED),
    ],
)
def test_doors_that_may_not_all_open_stay_all_shut(right: Right, doors: list[int], why: Refusal) -> None:
    world = loaded_world(1)
    before = world.durable()
    assert unlocks(world.down(command(world, right, *doors))) == []
    assert answers(world) == [CommandAnswered("c1", refusal=why)]
    assert world.durable() == before


@pytest.mark.parametrize("right", [Right.CHECK, Right.REMOVE, Right.RESCUE])
def test_a_wish_without_a_reason_opens_nothing(right: Right) -> None:
    world = loaded_world(1)
    before = world.durable()
    assert unlocks(world.down(msgspec.structs.replace(command(world, right, 1), reason=" "))) == []
    assert world.refusals() == ["malformed"]
    assert world.durable() == before


def test_when_one_of_two_lockers_is_silent_neither_door_opens() -> None:
    world = loaded_world(1, 5)
    world.g2.powered = False
    world.wait(12)
    before = world.durable()
    assert unlocks(world.down(command(world, Right.REMOVE, 1, 5))) == []
    assert world.refusals() == ["locker_silent"]
    assert world.durable() == before


# --- to look ----------------------------------------------------------------------------------------------------------


def test_staff_look_behind_several_doors_and_nothing_changes() -> None:
    world = loaded_world(1, 5)
    assert unlocks(world.down(command(world, Right.STAFF, 1, 5, 1))) == [1, 5]
    assert answers(world) == [CommandAnswered("c1", doors=[1, 5])]
    settle(world, 1, 5)
    assert lying(world) == {"p1": "loaded", "p2": "loaded"}
    assert world.told_events(DoorConditionChanged) == []


# --- to check ---------------------------------------------------------------------------------------------------------


def test_an_emptied_door_is_to_check_and_free_after_staff_had_it_open() -> None:
    world = collected_world()
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition.TO_CHECK)]
    assert unlocks(world.down(command(world, Right.CHECK, 1))) == [1]
    assert world.g1.shows[-1] == Show("check", doors=[1])
    world.g1.report()
    assert len(world.told_events(DoorConditionChanged)) == 1
    world.g1.shut(1)
    assert world.told_events(DoorConditionChanged)[-1] == DoorConditionChanged("G1", 1, DoorCondition.FREE, "staff-4")


def test_a_check_whose_end_nobody_saw_is_made_again() -> None:
    world = collected_world()
    world.down(command(world, Right.CHECK, 1))
    world.g1.report()
    lose_what_the_controller_knows(world)
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition.TO_CHECK)]


def test_a_check_that_lapses_frees_nothing() -> None:
    world = collected_world()
    world.g1.jammed = {1}
    world.down(command(world, Right.CHECK, 1))
    world.wait(13)
    assert condition(world, 1) is DoorCondition.TO_CHECK


def test_a_broken_door_stays_broken_though_it_was_checked() -> None:
    world = World()
    world.tell(SetDoorCondition(2, "broken"))
    world.down(command(world, Right.CHECK, 2))
    settle(world, 2)
    assert condition(world, 2) is DoorCondition.BROKEN


def test_a_door_somebody_is_about_to_load_is_not_checked() -> None:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    world.g1.jammed = {1}
    world.g1.scan(staff_code(world))
    world.g1.scan(label())
    before = world.durable()
    assert unlocks(world.down(command(world, Right.CHECK, 1))) == []
    assert world.refusals() == ["in_progress"]
    assert world.durable() == before


# --- to take out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", [Right.REMOVE, Right.RESCUE])
def test_what_staff_take_out_is_removed_when_the_door_is_shut(right: Right) -> None:
    world = loaded_world(1)
    assert unlocks(world.down(command(world, right, 1))) == [1]
    assert world.g1.shows[-1] == Show("remove", doors=[1])
    world.g1.report()
    assert world.told_events(ParcelRemoved) == []
    world.g1.shut(1)
    assert world.told_events(ParcelRemoved) == [ParcelRemoved("p1", "o1", "G1", 1, right, "staff-4")]
    assert condition(world, 1) is DoorCondition.TO_CHECK


def test_parcels_of_two_orders_are_taken_out_together() -> None:
    world = loaded_world(1, others={"o2": (8, 5)})
    assert unlocks(world.down(command(world, Right.REMOVE, 1, 5))) == [1, 5]
    assert world.grants()[0].order_id is None
    settle(world, 1, 5)
    assert [event.order_id for event in world.told_events(ParcelRemoved)] == ["o1", "o2"]


def test_a_removed_parcel_is_gone_for_its_code_and_its_label() -> None:
    world = loaded_world(1)
    world.down(command(world, Right.REMOVE, 1))
    settle(world, 1)
    before = world.durable()
    assert unlocks(world.g1.scan(code())) == []
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.scan(label())) == []
    assert world.refusals() == ["spent", "label_loaded"]
    assert world.durable() == before


def test_a_removal_that_lapses_changes_nothing() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.down(command(world, Right.REMOVE, 1))
    world.wait(13)
    assert lying(world) == {"p1": "loaded"}
    world.g1.jammed = set()
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_removal_whose_end_nobody_saw_counts_for_the_record_must_not_promise_food() -> None:
    world = loaded_world(1)
    world.down(command(world, Right.RESCUE, 1))
    world.g1.report()
    lose_what_the_controller_knows(world)
    assert lying(world) == {"p1": "removed"}


def test_while_a_residents_door_is_about_to_open_nothing_is_taken_out() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code())
    before = world.durable()
    assert unlocks(world.down(command(world, Right.REMOVE, 1))) == []
    assert world.refusals() == ["in_progress"]
    assert world.durable() == before


def test_the_resident_who_opens_first_has_collected() -> None:
    world = loaded_world(1)
    world.reachable = False
    world.down(command(world, Right.REMOVE, 1))
    world.reachable = True
    world.g1.scan(code())
    settle(world, 1)
    world.wait(13)
    world.g1.happen(DoorOpened(1, world.site.grants.rows[world.grants()[0].grant_id].doors[0].command_id))
    world.g1.shut(1)
    assert [event.parcel_id for event in world.told_events(ParcelCollected)] == ["p1"]
    assert world.told_events(ParcelRemoved) == []


def test_while_staff_have_the_door_open_its_owners_code_opens_nothing() -> None:
    world = loaded_world(1)
    world.down(command(world, Right.REMOVE, 1))
    world.g1.report()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["in_progress"]


def test_a_parcel_whose_door_stands_open_for_its_owner_can_be_taken_out_when_that_shutting_was_lost() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.report()
    world.g1.doors[1] = "shut"  # the event will never come
    world.down(command(world, Right.REMOVE, 1))
    settle(world, 1)
    assert lying(world) == {"p1": "removed"}


# --- to hand over -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("doors", "opened"), [([], [1, 5]), ([5], [5])])
def test_a_keeper_hands_an_order_over(doors: list[int], opened: list[int]) -> None:
    world = loaded_world(1, 5)
    assert unlocks(world.down(command(world, Right.HAND_OVER, *doors, order_id="o1"))) == opened
    settle(world, *opened)
    handed = world.told_events(ParcelCollected)
    assert [(event.door, event.right, event.actor) for event in handed] == [
        (door, Right.HAND_OVER, "staff-4") for door in opened
    ]
    assert all(condition(world, door) is DoorCondition.TO_CHECK for door in opened)


@pytest.mark.parametrize(
    ("order_id", "doors", "why"),
    [("o9", [], Refusal.NOT_LOADED), ("o1", [1, 2], Refusal.NOT_LOADED), ("o2", [1], Refusal.NOT_LOADED)],
)
def test_what_does_not_lie_there_is_not_handed_over(order_id: str, doors: list[int], why: Refusal) -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    before = world.durable()
    assert unlocks(world.down(command(world, Right.HAND_OVER, *doors, order_id=order_id))) == []
    assert answers(world)[-1].refusal is why
    assert world.durable() == before


def test_a_cancelled_order_is_not_handed_over() -> None:
    world = loaded_world(1)
    world.tell(CancelOrder("o1"))
    before = world.durable()
    assert unlocks(world.down(command(world, Right.HAND_OVER, order_id="o1"))) == []
    assert world.refusals() == ["revoked"]
    assert world.durable() == before


def test_an_order_is_opened_for_one_person_at_a_time() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.down(command(world, Right.HAND_OVER, order_id="o1"))
    assert unlocks(world.g1.scan(code())) == []
    assert unlocks(world.down(command(world, Right.HAND_OVER, order_id="o1", command_id="c2"))) == []
    assert world.refusals() == ["in_progress", "in_progress"]
    assert len(world.grants()) == 1


def test_a_handed_over_order_is_that_also_when_the_gateway_restarted_meanwhile() -> None:
    world = loaded_world(1)
    world.down(command(world, Right.HAND_OVER, order_id="o1"))
    world.g1.report()
    world.crash()
    world.g1.shut(1)
    assert world.told_events(ParcelCollected)[0].actor == "staff-4"


# --- by a door's number at the locker ---------------------------------------------------------------------------------


def test_a_driver_types_the_number_of_an_emptied_door_and_wipes_it_without_network() -> None:
    world = collected_world()
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.type("001")) == [1]
    assert world.g1.shows[-1] == Show("check", doors=[1])
    settle(world, 1)
    assert world.told_events(DoorConditionChanged)[-1].actor == "staff-31"


@pytest.mark.parametrize("ended", [CancelOrder("o1"), RevokeCredential("o1", 1), 20 * HOUR_MS + 300_001])
def test_a_driver_types_the_number_of_a_door_whose_food_nobody_can_collect_and_takes_it_out(ended: Any) -> None:
    world = loaded_world(1)
    if isinstance(ended, int):
        world.pass_ms(ended)
    else:
        world.tell(ended)
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.type("1")) == [1]
    assert world.g1.shows[-1] == Show("remove", doors=[1])
    settle(world, 1)
    assert world.told_events(ParcelRemoved) == [ParcelRemoved("p1", "o1", "G1", 1, Right.REMOVE, "staff-31")]


def test_food_past_its_time_is_due_though_its_code_lives_on() -> None:
    world = loaded_world(1)
    world.tell(IssueCredential(credential(2, expires_at=world.civil_ms + 40 * HOUR_MS)))
    world.pass_ms(20 * HOUR_MS + 1)
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.type("1")) == [1]


@pytest.mark.parametrize(
    ("digits", "why"),
    [("1", "not_due"), ("3", "not_due"), ("2", "not_due"), ("5", "door_unknown"), ("0", "door_unknown")],
)
def test_a_door_with_nothing_to_do_behind_it_stays_shut(digits: str, why: str) -> None:
    world = loaded_world(1)
    world.tell(SetDoorCondition(2, "broken"))
    world.g1.scan(staff_code(world))
    before = world.durable()
    assert unlocks(world.g1.type(digits)) == []
    assert world.refusals() == [why]
    assert world.durable() == before


@pytest.mark.parametrize("later_ms", [None, 600_001])
def test_without_a_driver_a_doors_number_is_judged_as_a_code(later_ms: int | None) -> None:
    world = collected_world()
    if later_ms is not None:
        world.g1.scan(staff_code(world))
        world.pass_ms(later_ms)
    before = world.durable()
    assert unlocks(world.g1.type("1")) == []
    assert world.refusals() == ["malformed"]
    assert world.durable() == before


def test_a_resident_can_type_their_code_while_a_driver_is_there() -> None:
    world = loaded_world(1)
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.type("07482193")) == [1]


# --- a late lock ------------------------------------------------------------------------------------------------------


def test_a_lock_that_yields_after_the_parcel_was_taken_out_removes_nothing_more() -> None:
    world = loaded_world(1)
    world.down(command(world, Right.REMOVE, 1))
    settle(world, 1)
    world.g1.happen(DoorOpened(1, next(iter(world.g1.ring))))
    world.g1.shut(1)
    assert len(world.told_events(ParcelRemoved)) == 1


def test_the_same_command_again_moves_nothing() -> None:
    world = loaded_world(1)
    wish = command(world, Right.REMOVE, 1)
    world.down(wish)
    settle(world, 1)
    before = world.durable()
    assert unlocks(world.down(wish)) == []
    world.crash()
    assert unlocks(world.down(wish)) == []
    assert answers(world) == [CommandAnswered("c1", doors=[1])] * 3
    assert world.durable() == before


def command(world: World, right: Right, *doors: int, order_id: str | None = None, command_id: str = "c1") -> OpenDoors:
    return OpenDoors(command_id, list(doors), right, "staff-4", "evening round", world.civil_ms + 10_000, order_id)


def settle(world: World, *doors: int) -> None:
    """The locks have yielded; people do what they came for and push the doors shut."""
    for controller in (world.g1, world.g2):
        controller.report()
        controller.shut(*(door for door in doors if controller.doors.get(door) == "open"))


def lose_what_the_controller_knows(world: World) -> None:
    """Its doors are shut now, and nobody will tell how that came about."""
    world.g1.reboot("boot2")
    world.g1.store_id, world.g1.event_no, world.g1.pending = "memory2", 0, []
    world.g1.doors[1] = "shut"
    world.wait(5)


def condition(world: World, door: int) -> DoorCondition:
    return world.site.conditions.rows[str(door)].condition


def lying(world: World) -> dict[str, str]:
    return {name: each.state for name, each in world.site.placements.rows.items()}


def answers(world: World) -> list[CommandAnswered]:
    return [message for message in world.up_messages() if isinstance(message, CommandAnswered)]
