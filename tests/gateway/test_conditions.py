"""Whether a door may be loaded: what the service set, what a snapshot fills in, what survives."""

import msgspec
import pytest

from locker_gateway.conditions import MOVES, Finding
from locker_protocol.site_entries import PlanOrder, SetDoorCondition, SiteSnapshot
from locker_protocol.site_events import DoorConditionChanged
from locker_protocol.uplink_messages import EntriesApplied
from locker_protocol.vocabulary import DoorCondition
from tests.gateway.manifests import SPECS, label, parcel, snapshot
from tests.gateway.world import World, collected_world, staff_code, unlocks


def test_every_condition_can_be_reached_and_left() -> None:
    assert {condition for condition, _ in MOVES} == set(MOVES.values()) == set(DoorCondition)


def test_only_staff_who_looked_make_a_door_free() -> None:
    assert {finding for (_, finding), after in MOVES.items() if after is DoorCondition.FREE} == {Finding.CHECKED}


@pytest.mark.parametrize("condition", ["broken", "to_check"])
def test_a_door_an_operator_took_out_of_use_is_not_loaded_even_after_a_restart(condition: str) -> None:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]), SetDoorCondition(1, condition))  # type: ignore[arg-type]
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition(condition))]
    world.crash()
    world.g1.send_beat()
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.scan(label())) == [2]


def test_a_broken_door_given_back_is_to_check_before_it_is_free() -> None:
    world = World()
    world.tell(SetDoorCondition(1, "broken"), SetDoorCondition(1, "to_check"), SetDoorCondition(1, "to_check"))
    told = [event.condition for event in world.told_events(DoorConditionChanged)]
    assert told == [DoorCondition.BROKEN, DoorCondition.TO_CHECK]


def test_a_condition_for_a_door_nobody_knows_is_consumed_with_that_result() -> None:
    world = World()
    before = world.durable()
    world.tell(SetDoorCondition(77, "broken"))
    applied = [message for message in world.up_messages() if isinstance(message, EntriesApplied)][-1]
    assert [result.fault for result in applied.refused] == ["invalid_field"]
    assert {key for key in world.durable() if key not in before} == set()
    assert world.told_events(DoorConditionChanged) == []


def test_a_new_store_believes_the_snapshot_about_its_doors() -> None:
    world = World(told=False)
    world.tell(with_door_one(DoorCondition.BROKEN))
    world.g1.be_born()
    world.tell(PlanOrder("o1", [parcel()]))
    world.g1.scan(staff_code(world))
    assert unlocks(world.g1.scan(label())) == [2]
    assert world.told_events(DoorConditionChanged) == []


def test_a_snapshot_that_is_wrong_about_a_door_is_put_right() -> None:
    world = collected_world()
    world.down_log, world.down_seq = "down2", 0
    world.tell(with_door_one(DoorCondition.FREE))
    assert world.told_events(DoorConditionChanged) == [DoorConditionChanged("G1", 1, DoorCondition.TO_CHECK)] * 2


def with_door_one(condition: DoorCondition) -> SiteSnapshot:
    return snapshot(doors=[msgspec.structs.replace(SPECS[0], condition=condition), *SPECS[1:]])
