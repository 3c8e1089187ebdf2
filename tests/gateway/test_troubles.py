"""What is wrong with a door and lasts: told once, kept over restarts, ended by what ends it."""

import pytest

from locker_gateway.inputs import Tick
from locker_protocol.bus_messages import DoorOpened, Show, UnlockDone
from locker_protocol.codec import encode
from locker_protocol.site_entries import CancelOrder, PlanOrder, SetDoorCondition
from locker_protocol.site_events import (
    DoorConditionChanged,
    DoorLeftOpen,
    DoorStayedShut,
    DoorTroubleEnded,
    DoorTroubleFound,
    DoorWasOpened,
    OrderCancelled,
    ParcelCollected,
    ParcelLoaded,
)
from locker_protocol.uplink_messages import OpenDoors
from locker_protocol.vocabulary import DoorCondition, DoorTrouble, Right, Zone
from tests.gateway.manifests import SPECS, code, label, parcel, snapshot
from tests.gateway.world import World, loaded_world, staff_code, unlocks

JAMMED, FORCED, MISWIRED, READS_OPEN = (
    DoorTrouble.JAMMED,
    DoorTrouble.FORCED,
    DoorTrouble.MISWIRED,
    DoorTrouble.READS_OPEN,
)


def found(world: World) -> list[tuple[int, DoorTrouble, int | None]]:
    return [(each.door, each.trouble, each.other_door) for each in world.told_events(DoorTroubleFound)]


def ended(world: World) -> list[tuple[int, DoorTrouble]]:
    return [(each.door, each.trouble) for each in world.told_events(DoorTroubleEnded)]


def known(world: World) -> dict[str, DoorTrouble]:
    return {door: each.trouble for door, each in world.site.troubles.rows.items()}


# --- jammed -----------------------------------------------------------------------------------------------------------


def jammed_world() -> World:
    world = loaded_world(1)
    world.g1.jammed = {1}
    for _ in range(2):
        world.g1.scan(code())
        world.wait(13)
    return world


def test_a_door_that_stayed_shut_once_is_no_jam_and_its_code_opens_again() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code())
    world.wait(13)
    assert (len(world.told_events(DoorStayedShut)), found(world)) == (1, [])
    world.g1.jammed = set()
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_door_that_stayed_shut_twice_is_jammed_and_told_once() -> None:
    world = jammed_world()
    world.wait(120)
    world.g1.scan(code())
    world.wait(13)
    assert found(world) == [(1, JAMMED, None)]


def test_a_jam_is_kept_over_a_restart_and_ends_when_the_door_opens() -> None:
    world = jammed_world()
    world.crash()
    assert known(world) == {"1": JAMMED}
    world.g1.jammed = set()
    world.wait(120)
    world.g1.scan(code())
    world.g1.report()
    assert ended(world) == [(1, JAMMED)]
    assert known(world) == {}
    world.g1.shut(1)
    assert len(world.told_events(ParcelCollected)) == 1


def test_a_lock_whose_controller_refused_it_is_no_jam() -> None:
    world = loaded_world(1)
    for _ in range(3):
        world.reachable = False
        world.g1.scan(code())
        grant = next(iter(world.site.grants.rows.values()))
        world.reachable = True
        world.g1.happen(UnlockDone(grant.doors[0].command_id, 1, "disabled"))
        world.g1.report()
    assert found(world) == []


def test_a_jammed_door_is_loaded_last() -> None:
    world = jammed_world()
    world.tell(CancelOrder("o1"))
    world.down(OpenDoors("c1", [1], Right.REMOVE, "staff-31", "round", world.civil_ms + 10_000))
    world.wait(13)
    for spec in SPECS:
        world.site.placements.rows.pop(f"p{spec.door}", None)
    world.tell(PlanOrder("o2", [parcel(2, order_id="o2", doors=[1, 2])]))
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.scan(label(2))) == [2]


# --- forced, left open, reads open ------------------------------------------------------------------------------------


def test_a_forced_door_is_told_until_it_is_opened_by_a_grant() -> None:
    world = loaded_world(1)
    for _ in range(2):
        world.g1.force(1)
        world.g1.shut(1)
    assert found(world) == [(1, FORCED, None)]
    world.g1.scan(code())
    world.g1.report()
    assert ended(world) == [(1, FORCED)]


def test_a_door_left_open_is_asked_for_every_half_minute_for_two_minutes() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.report()
    world.wait(29)
    asked = Show("left_open", doors=[1])
    assert asked not in world.g1.shows
    world.wait(300)
    assert world.g1.shows.count(asked) == 4
    assert [each.open_s for each in world.told_events(DoorLeftOpen)] == [30, 60, 120]


@pytest.mark.parametrize("right", [Right.STAFF, Right.REMOVE, Right.RESCUE])
def test_staff_at_work_behind_a_door_are_not_asked_to_shut_it(right: Right) -> None:
    world = loaded_world(1)
    world.down(OpenDoors("c1", [1], right, "staff-31", "to mend it", world.civil_ms + 10_000))
    world.wait(130)
    assert Show("left_open", doors=[1]) not in world.g1.shows
    assert len(world.told_events(DoorLeftOpen)) == 3


def test_a_door_that_reads_open_for_ten_minutes_is_told_until_it_reads_shut() -> None:
    world = World()
    world.g1.force(2)
    world.wait(595)
    assert READS_OPEN not in known(world).values()
    world.wait(10)
    assert known(world) == {"2": READS_OPEN}
    world.crash()
    world.g1.be_born()
    assert known(world) == {"2": READS_OPEN}
    world.g1.shut(2)
    assert ended(world) == [(2, READS_OPEN)]


def test_a_pulse_at_a_door_that_reads_open_is_no_jam() -> None:
    world = loaded_world(1)
    world.g1.force(1)  # its contact sticks at open from now on
    for _ in range(2):
        world.down(OpenDoors(f"c{world.ms}", [1], Right.STAFF, "staff-31", "to look", world.civil_ms + 10_000))
        world.g1.pending = [each for each in world.g1.pending if not isinstance(each[2], DoorOpened)]
        world.wait(13)
    assert JAMMED not in [trouble for _, trouble, _ in found(world)]


# --- miswired ---------------------------------------------------------------------------------------------------------


def cross(world: World, pulsed: int, told: int) -> None:
    """The contact of one door answers for the pulse of the other."""
    controller = world.g1
    controller.jammed.add(pulsed)
    command = next(
        door.command_id for each in world.site.grants.rows.values() for door in each.doors if door.door == pulsed
    )
    assert command in controller.ring
    controller.doors[told] = "open"
    controller.happen(DoorOpened(told))


def crossed_world(*doors: int, others: dict[str, tuple[int, int]] | None = None) -> World:
    """Somebody scans the code of order `o1` behind door 1 (and others), and door 2 says that it opened."""
    world = loaded_world(*doors, others=others)
    world.g1.jammed = {1}
    world.g1.scan(code())
    cross(world, 1, 2)
    world.g1.report()
    return world


def test_a_door_that_answers_for_anothers_pulse_puts_both_in_the_hands_of_staff() -> None:
    world = crossed_world(1, others={"o2": (8, 2)})
    assert MISWIRED not in known(world).values()
    world.wait(1.2)
    assert [each for each in found(world) if each[1] is MISWIRED] == [(1, MISWIRED, 2), (2, MISWIRED, 1)]
    broken = {each.door for each in world.told_events(DoorConditionChanged) if each.condition is DoorCondition.BROKEN}
    assert broken == {1, 2}


def test_neither_of_two_miswired_doors_counts_as_collected_and_no_code_opens_them_again() -> None:
    world = crossed_world(1, others={"o2": (8, 2)})
    world.wait(2)
    world.g1.shut(2)
    world.wait(13)
    pulses = list(world.pulses)
    for text in (code(), code(order_id="o2", handle=8)):
        world.g1.scan(text)
        assert world.refusals()[-1] == "door_broken"
    assert world.pulses == pulses
    assert world.told_events(ParcelCollected) == []
    assert {each.state for each in world.site.placements.rows.values()} == {"loaded"}


def test_the_other_doors_of_an_order_open_though_one_is_miswired() -> None:
    world = crossed_world(1, 3)
    world.g1.shut(2, 3)
    world.wait(13)
    assert [each.door for each in world.told_events(ParcelCollected)] == [3]
    world.g1.scan(code())
    assert world.refusals()[-1] == "door_broken"


def test_a_miswired_door_opened_by_both_orders_at_once_spends_neither() -> None:
    """Wires crossed both ways: each lock's pulse is told by the other's contact, the second one by its own command."""
    world = loaded_world(1, others={"o2": (8, 2)})
    world.g1.jammed = {1, 2}
    world.g1.scan(code())
    world.g1.happen(DoorOpened(2))
    world.g1.report()
    world.g1.scan(code(order_id="o2", handle=8))  # the next pulse ends the doubt
    second = next(each for each in world.site.grants.rows.values() if each.order_id == "o1").doors[0]
    world.g1.happen(DoorOpened(1, second.command_id))
    world.g1.report()
    world.g1.shut(1, 2)
    world.wait(13)
    assert known(world) == {"1": MISWIRED, "2": MISWIRED}
    assert world.told_events(ParcelCollected) == []


def test_a_keeper_who_stands_there_hands_over_from_a_door_that_is_for_staff_only() -> None:
    world = crossed_world(1)
    world.wait(13)
    world.g1.shut(2)
    world.g1.jammed = set()
    world.down(OpenDoors("c1", [1], Right.HAND_OVER, "keeper-1", "no phone", world.civil_ms + 10_000, "o1"))
    world.g1.shut(1)
    assert [each.actor for each in world.told_events(ParcelCollected)] == ["keeper-1"]


def test_a_parcel_put_behind_a_miswired_door_is_in_doubt() -> None:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    world.g1.jammed = {1}
    world.g1.scan(staff_code(world))
    world.g1.scan(label())
    cross(world, 1, 2)
    world.g1.report()
    world.wait(1.2)
    command = next(iter(world.site.grants.rows.values())).doors[0].command_id
    world.g1.happen(DoorOpened(1, command))
    world.g1.shut(1)
    assert world.told_events(ParcelLoaded) == []
    assert list(world.site.doubts.rows) == ["p1"]


def test_a_loose_door_that_springs_open_beside_the_pulsed_one_is_forced_not_miswired() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    world.g1.jammed = {1}
    world.g1.scan(code())
    cross(world, 1, 2)
    world.g1.happen(DoorOpened(1, next(iter(world.g1.ring))))
    world.g1.report()
    world.wait(2)
    assert known(world) == {"2": FORCED}
    world.g1.shut(1)
    assert [each.door for each in world.told_events(ParcelCollected)] == [1]


def test_a_door_forced_long_after_a_pulse_is_not_miswired() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    world.g1.jammed = {1}
    world.g1.scan(code())
    world.g1.report()
    world.wait(3)
    world.g1.force(2)
    world.wait(3)
    assert known(world) == {"2": FORCED}


def test_a_pulse_told_again_by_a_repeated_command_is_not_a_new_one() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    world.g1.jammed = {1}
    world.g1.scan(code())
    world.g1.report()
    world.wait(4)
    world.g1.scan(code())  # the same command again: told from memory, no pulse
    world.g1.report()
    world.g1.force(2)
    world.wait(3)
    assert known(world) == {"2": FORCED}


def test_what_was_crossed_before_a_power_loss_judges_nothing() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    world.g1.jammed = {1}
    world.reachable = False
    world.g1.scan(code())
    command = next(iter(world.site.grants.rows.values())).doors[0].command_id
    world.g1.happen(UnlockDone(command, 1, "pulsed"), DoorOpened(2))
    world.g1.report(earlier_boot=True)
    world.wait(3)
    assert MISWIRED not in known(world).values()


def test_a_miswired_door_given_back_is_checked_before_it_serves_again() -> None:
    world = crossed_world(1)
    world.wait(13)
    world.g1.shut(2)
    world.crash()
    world.g1.be_born()
    assert known(world) == {"1": MISWIRED, "2": MISWIRED}
    world.tell(SetDoorCondition(1, "to_check"), SetDoorCondition(2, "to_check"))
    assert known(world) == {}
    world.g1.jammed = set()
    world.wait(120)
    assert unlocks(world.g1.scan(code())) == [1]


# --- a store that is new, and one that is not -------------------------------------------------------------------------


def test_a_new_store_believes_the_service_about_what_is_wrong_and_another_puts_it_right() -> None:
    specs = [type(SPECS[0])(1, "G1", Zone.CHILLED, SPECS[0].size, 1, 1, 1, trouble=MISWIRED), *SPECS[1:]]
    new, old = World(told=False), jammed_world()
    new.tell(snapshot(doors=specs))
    assert known(new) == {"1": MISWIRED}
    assert found(new) == []

    specs.append(type(SPECS[0])(2, "G1", Zone.CHILLED, SPECS[0].size, 1, 1, 1, trouble=FORCED))
    old.down_log, old.down_seq = "down2", 0
    old.tell(snapshot(doors=specs))
    assert known(old) == {"1": JAMMED}
    assert (found(old)[-1], ended(old)) == ((1, JAMMED, None), [(2, FORCED)])


def test_a_cancelled_order_behind_a_miswired_door_is_told_as_cancelled() -> None:
    world = crossed_world(1)
    world.wait(13)
    world.tell(CancelOrder("o1"))
    world.give(Tick())
    assert len(world.told_events(OrderCancelled)) == 1


def test_the_opening_that_was_misread_is_told_without_a_grant() -> None:
    world = crossed_world(1)
    assert world.told_events(DoorWasOpened) == [DoorWasOpened("G1", 2)]
    assert encode(world.told_events(DoorWasOpened)[0])
