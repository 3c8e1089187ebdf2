"""Doors: the table of their states, and what is told of them."""

import pytest

from locker_gateway.doors import MOVES, DoorState, Happening, after
from locker_protocol.bus_messages import Beat, ControllerBirth, DoorOpened, DoorReading, UnlockDone
from locker_protocol.site_entries import RevokeCredential
from locker_protocol.site_events import DoorLeftOpen, DoorWasOpened, DoorWasShut, ParcelCollected, ParcelRemoved
from tests.gateway.manifests import ZONES, code
from tests.gateway.world import Controller, World, loaded_world, staff_code, unlocks


@pytest.mark.parametrize("state", list(DoorState))
@pytest.mark.parametrize("happening", list(Happening))
def test_a_move_the_table_does_not_list_changes_nothing(state: DoorState, happening: Happening) -> None:
    assert after(state, happening) is MOVES.get((state, happening), state)


def test_every_state_can_be_reached_and_left() -> None:
    assert {state for state, _ in MOVES} == set(DoorState)
    assert set(MOVES.values()) == set(DoorState)


def test_only_a_door_that_is_not_open_can_be_granted() -> None:
    granted = {state for (state, happening), to in MOVES.items() if to is DoorState.GRANTED and happening}
    assert granted == {DoorState.SHUT, DoorState.UNKNOWN}


def test_a_door_opened_without_a_grant_was_forced() -> None:
    world = World()
    world.g1.force(2)
    assert world.told_events(DoorWasOpened) == [DoorWasOpened("G1", 2)]
    assert world.site.door_state(2) is DoorState.FORCED


def test_a_forced_door_spends_no_parcel() -> None:
    world = loaded_world(1)
    world.g1.force(1)
    world.g1.shut(1)
    assert world.told_events(ParcelCollected) == []
    assert unlocks(world.g1.scan(code())) == [1]


def test_an_opening_that_names_a_command_nobody_gave_is_told_as_forced() -> None:
    world = loaded_world(1)
    world.g1.happen(DoorOpened(1, "nobody"), UnlockDone("nobody", 1, "pulsed"))
    world.g1.report()
    assert world.told_events(DoorWasOpened) == [DoorWasOpened("G1", 1)]


def test_a_door_left_open_is_told_at_thirty_sixty_and_a_hundred_and_twenty_seconds() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.report()
    world.wait(29)
    assert world.told_events(DoorLeftOpen) == []
    world.wait(200)
    assert world.told_events(DoorLeftOpen) == [DoorLeftOpen("G1", 1, after_s, "o1") for after_s in (30, 60, 120)]
    world.g1.shut(1)
    assert len(world.told_events(ParcelCollected)) == 1


def test_a_door_that_opens_and_shuts_again_is_counted_from_its_last_opening() -> None:
    world = World()
    world.g1.force(2)
    world.wait(20)
    world.g1.shut(2)
    world.g1.force(2)
    world.wait(20)
    assert world.told_events(DoorLeftOpen) == []


def test_a_door_of_another_locker_moves_nothing() -> None:
    world = loaded_world(5)
    world.g1.happen(DoorOpened(5))
    world.g1.shut(5)
    assert world.told_events(DoorWasOpened) == []
    assert world.told_events(DoorWasShut) == []
    assert world.said[-2].event == "door_misplaced"


def test_a_silent_lockers_doors_are_unknown_until_it_reports() -> None:
    world = loaded_world(1)
    world.g1.powered = False
    world.wait(11)
    assert world.site.door_state(1) is DoorState.UNKNOWN
    world.g1.powered = True
    world.g1.doors[2] = "open"
    world.g1.send_beat()
    assert world.site.door_state(1) is DoorState.SHUT
    assert world.site.door_state(2) is DoorState.FORCED


def test_a_shut_that_was_lost_with_the_controllers_memory_is_put_right() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.report()
    world.g1.store_id, world.g1.event_no, world.g1.pending = "memory2", 0, []
    world.g1.doors[1] = "shut"
    world.wait(5)
    assert len(world.told_events(ParcelCollected)) == 1


def test_an_opening_that_was_lost_with_the_controllers_memory_is_put_right() -> None:
    world = loaded_world(1)
    world.g1.doors[3] = "open"
    world.wait(5)
    assert world.told_events(DoorWasOpened) == [DoorWasOpened("G1", 3)]


def test_what_a_locker_said_before_a_door_opened_and_comes_only_now_shuts_no_door() -> None:
    world = loaded_world(1)
    late = everything_it_says(world.g1)
    world.g1.scan(code())
    world.g1.report()
    before, told = world.durable(), world.told_events()
    for _ in range(3):
        say(world.g1, *late)
    assert (world.durable(), world.told_events()) == (before, told)
    assert world.site.door_state(1) is DoorState.OPEN
    world.g1.shut(1)
    assert len(world.told_events(ParcelCollected)) == 1


def test_nor_does_it_take_a_parcel_out_that_staff_have_not_taken_yet() -> None:
    world = loaded_world(1)
    world.tell(RevokeCredential("o1", 9))
    late = everything_it_says(world.g1)
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.type("1")) == [1]
    world.g1.report()
    for _ in range(3):
        say(world.g1, *late)
    assert world.told_events(ParcelRemoved) == []
    world.g1.shut(1)
    assert len(world.told_events(ParcelRemoved)) == 1


def test_a_gateway_that_started_again_believes_no_reading_older_than_the_events_it_has() -> None:
    world = loaded_world(1)
    late = everything_it_says(world.g1)
    world.g1.scan(code())
    world.g1.report()
    world.crash()
    told = world.told_events(DoorWasShut)
    for _ in range(3):
        say(world.g1, *late)
    assert world.site.door_state(1) is DoorState.UNKNOWN
    assert world.told_events(DoorWasShut) == told
    world.g1.send_beat()
    assert world.site.door_state(1) is DoorState.OPEN


def test_an_opening_of_long_ago_that_is_told_only_now_forces_no_door() -> None:
    world = loaded_world(1)
    world.g1.force(2)
    late = everything_it_says(world.g1)
    world.g1.shut(2)
    told = world.told_events()
    for _ in range(3):
        say(world.g1, *late)
    assert world.told_events() == told
    assert world.site.door_state(2) is DoorState.SHUT


def everything_it_says(controller: Controller) -> tuple[Beat, ControllerBirth]:
    """A beat and a birth with its doors as they are now."""
    readings = [DoorReading(door, state) for door, state in controller.doors.items()]
    said = (controller.boot_id, controller.beat, controller.store_id, controller.event_no)
    return Beat(*said, readings, ZONES), ControllerBirth(*said, "power_on", "test 1", readings, ZONES, 7)


def say(controller: Controller, beat: Beat, birth: ControllerBirth) -> None:
    controller.send("report", beat)
    controller.send("presence", birth)


def test_a_door_that_pops_open_again_after_it_was_shut_belongs_to_its_grant_but_changes_nothing() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.shut(1)
    command_id = next(iter(world.g1.ring))
    world.g1.happen(DoorOpened(1, command_id))
    world.g1.shut(1)
    assert [event.order_id for event in world.told_events(DoorWasOpened)] == ["o1", "o1"]
    assert len(world.told_events(ParcelCollected)) == 1
