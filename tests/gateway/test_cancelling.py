"""An order is cancelled: its codes end at once, and the service hears so when none of its doors is moving any more."""

import pytest

from locker_protocol.bus_messages import DoorOpened
from locker_protocol.site_entries import CancelOrder, IssueCredential, LoadedParcel, PlanOrder
from locker_protocol.site_events import OrderCancelled, ParcelCollected, ParcelLoaded
from locker_protocol.uplink_messages import OpenDoors
from locker_protocol.vocabulary import Right
from tests.gateway.manifests import RUN, code, credential, label, parcel, snapshot
from tests.gateway.world import World, loaded_world, staff_code, unlocks


def test_a_cancellation_holds_at_once_when_no_door_is_moving() -> None:
    world = loaded_world(1)
    world.tell(CancelOrder("o1"), CancelOrder("o9"))
    assert world.told_events(OrderCancelled) == [OrderCancelled("o1"), OrderCancelled("o9")]
    assert [each.state for each in world.site.placements.rows.values()] == ["loaded"]


@pytest.mark.parametrize("restarted", [False, True])
def test_while_a_door_is_about_to_open_or_open_the_cancellation_waits(restarted: bool) -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.tell(CancelOrder("o1"))
    if restarted:
        world.crash()
    world.g1.report()
    world.wait(3)
    assert world.told_events(OrderCancelled) == []
    world.g1.shut(1)
    ends = [type(event) for event in world.told_events() if isinstance(event, ParcelCollected | OrderCancelled)]
    assert ends == [ParcelCollected, OrderCancelled]


def test_a_door_a_new_store_was_told_stands_open_holds_the_cancellation_up() -> None:
    world = World(told=False)
    world.tell(snapshot(parcels=[parcel()], loaded=[LoadedParcel("p1", 1, "opened")]))
    world.g1.doors[1] = "open"
    world.g1.be_born()
    world.tell(CancelOrder("o1"))
    assert world.told_events(OrderCancelled) == []
    world.g1.shut(1)
    ends = [type(event) for event in world.told_events() if isinstance(event, ParcelCollected | OrderCancelled)]
    assert ends == [ParcelCollected, OrderCancelled]


def test_a_lock_that_never_yields_ends_the_wait_when_it_cannot_any_more() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code())
    world.tell(CancelOrder("o1"))
    world.wait(8)
    assert world.told_events(OrderCancelled) == []
    world.wait(5)
    assert world.told_events(OrderCancelled) == [OrderCancelled("o1")]


def test_a_lock_that_yields_after_the_cancellation_was_told_collects_nothing() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code())
    late = next(iter(world.g1.ring))
    world.wait(13)
    world.tell(CancelOrder("o1"))
    world.g1.happen(DoorOpened(1, late))
    world.g1.shut(1)
    assert world.told_events(ParcelCollected) == []
    assert world.told_events(OrderCancelled) == [OrderCancelled("o1")]


def test_a_parcel_being_loaded_lies_there_before_its_order_counts_as_cancelled() -> None:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    world.g1.scan(staff_code(world))
    world.g1.scan(label())
    world.tell(CancelOrder("o1"))
    world.g1.report()
    world.g1.shut(1)
    ends = [type(event) for event in world.told_events() if isinstance(event, ParcelLoaded | OrderCancelled)]
    assert ends == [ParcelLoaded, OrderCancelled]


def test_staff_who_take_parcels_of_two_orders_out_hold_both_cancellations_up() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    world.down(OpenDoors("c1", [1, 2], Right.REMOVE, "staff-4", "round", world.civil_ms + 10_000))
    world.tell(CancelOrder("o1"), CancelOrder("o2"))
    assert world.told_events(OrderCancelled) == []
    world.g1.report()
    world.g1.shut(1)
    world.g1.shut(2)
    assert world.told_events(OrderCancelled) == [OrderCancelled("o1"), OrderCancelled("o2")]


def test_each_cancellation_is_answered() -> None:
    world = loaded_world(1)
    world.tell(CancelOrder("o1"), CancelOrder("o1"))
    world.tell(PlanOrder("o1", [parcel()]), CancelOrder("o1"))
    assert world.told_events(OrderCancelled) == [OrderCancelled("o1")] * 3


def test_an_order_planned_again_is_expected_and_only_a_later_code_opens() -> None:
    world = loaded_world(1)
    world.tell(CancelOrder("o1"), PlanOrder("o1", [parcel()]))
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["revoked"]
    world.tell(IssueCredential(credential(2)))
    assert unlocks(world.g1.scan(code(2))) == [1]


def test_a_parcel_planned_again_is_loaded_in_its_new_run() -> None:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]), CancelOrder("o1"))
    world.tell(PlanOrder("o1", [parcel(run_no=RUN + 1, doors=[3])]))
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.scan(label())) == []
    assert world.refusals() == ["label_other_run"]
    assert unlocks(world.g1.scan(label(run_no=RUN + 1))) == [3]


def test_an_order_planned_again_while_its_door_was_open_is_not_told_as_cancelled() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.tell(CancelOrder("o1"), PlanOrder("o1", [parcel()]))
    world.g1.report()
    world.g1.shut(1)
    assert world.told_events(OrderCancelled) == []
    assert len(world.told_events(ParcelCollected)) == 1
