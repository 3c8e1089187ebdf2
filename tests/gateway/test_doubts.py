"""A door opened for a parcel and nobody saw it shut: not loaded, not free, and the label opens the same door again."""

import pytest

from locker_protocol.bus_messages import (
    CodeScanned,
    DoorOpened,
    DoorShut,
    DoorState,
    Events,
    NumberedEvent,
    number_event,
)
from locker_protocol.codec import encode
from locker_protocol.site_entries import CancelOrder, PlanOrder, SetDoorCondition
from locker_protocol.site_events import DoorConditionChanged, DoorStayedShut, LoadUnsure, ParcelLoaded
from locker_protocol.uplink_messages import LoadParcel, OpenDoors
from locker_protocol.vocabulary import DoorCondition, DoorFault, Right
from tests.gateway.manifests import HOUR_MS, code, label, parcel, snapshot
from tests.gateway.world import Controller, World, collected_world, staff_code, unlocks

UNSURE = LoadUnsure("p1", "o1", "G1", 1, "staff-31")


def test_a_door_found_shut_by_its_reading_alone_loads_nothing() -> None:
    world = in_doubt()
    assert world.told_events(LoadUnsure) == [UNSURE]
    assert world.told_events(ParcelLoaded) == []


def test_power_that_fails_while_the_door_stands_open_leaves_a_doubt() -> None:
    world = opened()
    world.g1.powered = False
    world.wait(12)
    world.g1.doors[1] = "shut"
    world.g1.powered = True
    world.g1.reboot("boot2")
    world.g1.be_born()
    world.wait(5)
    assert world.told_events(LoadUnsure) == [UNSURE]


def test_a_shutting_that_the_controller_only_found_when_it_booted_leaves_a_doubt() -> None:
    world = opened()
    reboot(world)
    world.g1.shut(1)
    assert world.told_events(LoadUnsure) == [UNSURE]
    assert world.told_events(ParcelLoaded) == []


def test_a_shutting_of_an_earlier_boot_may_have_been_found_by_it_and_leaves_a_doubt() -> None:
    world = opened()
    world.g1.happen(DoorShut(1))
    world.g1.doors[1] = "shut"
    world.g1.reboot("boot3")
    world.g1.be_born()
    world.g1.report(earlier_boot=True)
    assert world.told_events(LoadUnsure) == [UNSURE]


@pytest.mark.parametrize("gateway_too", [False, True])
def test_a_door_still_open_after_the_boot_is_seen_to_shut(gateway_too: bool) -> None:
    world = opened()
    reboot(world, door="open")
    if gateway_too:
        world.crash()
        world.g1.send_beat()
    world.g1.shut(1)
    assert world.told_events(LoadUnsure) == []
    assert len(world.told_events(ParcelLoaded)) == 1


def test_a_door_that_may_have_moved_in_the_dark_leaves_a_doubt() -> None:
    world = loading(jammed=True)
    reboot(world)
    world.wait(13)
    assert world.told_events(LoadUnsure) == [UNSURE]


def test_a_lock_that_was_not_released_leaves_no_doubt_whatever_boot_says_so() -> None:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    world.g1.scan(staff_code(world))
    world.g1.boot_id = "boot2"  # unheard of when the command left
    world.g1.happen(CodeScanned(label()))
    world.bus("G1", "report", encode(Events("boot1", world.g1.beat, "memory1", numbered(world.g1), world.g1.echo)))
    world.g1.report()
    assert world.pulses == []
    assert world.told_events(LoadUnsure) == []
    assert len(world.told_events(DoorStayedShut)) == 1


def test_an_event_that_comes_late_leaves_no_doubt() -> None:
    world = opened()
    world.g1.powered = False
    world.wait(12)
    world.g1.powered = True
    world.g1.shut(1)
    world.wait(5)
    assert world.told_events(LoadUnsure) == []
    assert len(world.told_events(ParcelLoaded)) == 1


def test_a_memory_lost_before_the_door_told_of_its_opening_leaves_a_doubt_too() -> None:
    world = loading()
    world.g1.pending = []
    forget(world.g1)
    world.g1.doors[1] = "shut"
    world.wait(15)
    assert world.told_events(LoadUnsure) == [UNSURE]


@pytest.mark.parametrize("restarted", [False, True])
def test_the_label_opens_the_same_door_first_and_its_shutting_loads(restarted: bool) -> None:
    world = in_doubt()
    world.tell(PlanOrder("o1", [parcel(doors=[3])]))
    if restarted:
        world.crash()
        world.g1.send_beat()
        world.g1.scan(staff_code(world))
    assert unlocks(world.g1.scan(label())) == [1]
    world.g1.report()
    world.g1.shut(1)
    assert [event.door for event in world.told_events(ParcelLoaded)] == [1]
    assert world.site.doubts.rows == {}
    assert world.told_events(DoorConditionChanged) == []


def test_a_door_in_doubt_is_nobody_elses() -> None:
    world = in_doubt()
    world.tell(PlanOrder("o2", [parcel(2, order_id="o2", doors=[1, 2])]))
    assert unlocks(world.g1.scan(label(2))) == [2]


def test_when_another_door_is_loaded_after_all_somebody_must_look() -> None:
    world = in_doubt()
    world.g1.force(1)
    assert unlocks(world.g1.scan(label())) == [2]
    world.g1.report()
    world.g1.shut(1, 2)
    assert [event.door for event in world.told_events(ParcelLoaded)] == [2]
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition.TO_CHECK)]


def test_a_second_doubt_elsewhere_does_not_end_the_first_by_itself() -> None:
    world = in_doubt()
    world.g1.force(1)
    world.g1.scan(label())
    world.g1.report()
    world.g1.shut(1)
    forget(world.g1, "memory3")
    world.g1.doors[2] = "shut"
    world.wait(5)
    assert [event.door for event in world.told_events(LoadUnsure)] == [1, 2]
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition.TO_CHECK)]


def test_staff_who_look_end_the_doubt() -> None:
    world = in_doubt()
    world.down(OpenDoors("c1", [1], Right.CHECK, "staff-4", "power was off", world.civil_ms + 10_000))
    world.g1.report()
    world.g1.shut(1)
    assert world.site.doubts.rows == {}
    world.tell(PlanOrder("o2", [parcel(2, order_id="o2", doors=[1])]))
    assert unlocks(world.g1.scan(label(2))) == [1]


def test_a_driver_who_wants_another_door_ends_the_doubt() -> None:
    world = in_doubt()
    wish = LoadParcel("c1", label(), "staff-31", world.civil_ms + 10_000, 1, DoorFault.NO_FIT)
    assert unlocks(world.down(wish)) == [2]
    assert world.site.doubts.rows == {}
    assert world.told_events(DoorConditionChanged) == []


def test_a_cancelled_order_leaves_a_door_to_check() -> None:
    world = in_doubt()
    world.tell(CancelOrder("o1"))
    assert world.site.doubts.rows == {}
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition.TO_CHECK)]


def test_a_doubt_about_an_order_cancelled_meanwhile_leaves_a_door_to_check() -> None:
    world = opened()
    world.tell(CancelOrder("o1"))
    forget(world.g1)
    world.g1.doors[1] = "shut"
    world.wait(5)
    assert world.told_events(LoadUnsure) == [UNSURE]
    assert world.site.doubts.rows == {}
    assert world.site.conditions.rows["1"].condition is DoorCondition.TO_CHECK


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_label_that_will_not_come_again_leaves_a_door_to_check(forgotten: bool) -> None:
    world = in_doubt()
    if forgotten:
        world.down_log, world.down_seq = "down2", 0
        world.tell(snapshot())
    else:
        world.civil_ms += 3 * HOUR_MS
    world.ms += HOUR_MS
    world.wait(1)
    assert world.site.doubts.rows == {}
    assert world.site.conditions.rows["1"].condition is DoorCondition.TO_CHECK


def test_a_door_in_doubt_that_broke_is_not_opened_for_its_label() -> None:
    world = in_doubt()
    world.tell(SetDoorCondition(1, "broken"))
    assert unlocks(world.g1.scan(label())) == [2]


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("other", [1, 2])
def test_a_lock_that_yields_late_neither_loads_nor_doubts_what_is_settled(other: int, lost: bool) -> None:
    """Parcel 1 is tried at door 1, which jams; then parcel 2 goes there, or parcel 1 elsewhere."""
    world = loading(jammed=True)
    late = next(iter(world.g1.ring))
    world.wait(13)
    world.g1.jammed = set()
    world.tell(PlanOrder("o1", [parcel(doors=[2]), parcel(2, doors=[1])]))
    world.g1.scan(label(other))
    world.g1.report()
    world.g1.shut(1, 2)
    world.g1.happen(DoorOpened(1, late))
    world.g1.report()
    if lost:
        forget(world.g1)
        world.g1.doors[1] = "shut"
        world.wait(5)
    else:
        world.g1.shut(1)
    assert [event.parcel_id for event in world.told_events(ParcelLoaded)] == [f"p{other}"]
    assert world.told_events(LoadUnsure) == []


def test_a_door_in_doubt_is_not_re_opened_by_the_code_before() -> None:
    world = collected_world()
    world.tell(PlanOrder("o2", [parcel(2, order_id="o2", doors=[1])]))
    world.g1.scan(staff_code(world))
    world.g1.type("1")
    world.g1.report()
    world.g1.shut(1)
    assert unlocks(world.g1.scan(label(2))) == [1]
    world.g1.report()
    forget(world.g1)
    world.g1.doors[1] = "shut"
    world.wait(5)
    before = world.durable()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["spent"]
    assert world.durable() == before


def loading(*, jammed: bool = False) -> World:
    """Door 1 was unlocked for parcel p1 and opened; the gateway has not heard so."""
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    world.g1.jammed = {1} if jammed else set()
    world.g1.scan(staff_code(world))
    world.g1.scan(label())
    return world


def opened() -> World:
    world = loading()
    world.g1.report()
    return world


def reboot(world: World, *, door: DoorState = "shut") -> None:
    world.g1.doors[1] = door
    world.g1.reboot("boot2")
    world.g1.be_born()


def numbered(controller: Controller) -> list[NumberedEvent]:
    return [number_event(number, 0, event) for number, _, event in controller.pending]


def in_doubt() -> World:
    world = opened()
    forget(world.g1)
    world.g1.doors[1] = "shut"
    world.wait(5)
    return world


def forget(controller: Controller, store_id: str = "memory2") -> None:
    """Lose power and memory."""
    controller.reboot(f"boot-{store_id}")
    controller.store_id, controller.event_no, controller.pending = store_id, 0, []
