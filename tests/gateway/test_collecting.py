"""A good code opens every door of its order, once."""

import pytest

from locker_gateway.outputs import AppendAudit, Publish
from locker_protocol.bus_messages import DoorOpened, Show
from locker_protocol.site_entries import PlanOrder
from locker_protocol.site_events import DoorStayedShut, DoorWasOpened, DoorWasShut, ParcelCollected
from tests.gateway.manifests import HOUR_MS, code, label, parcel
from tests.gateway.world import World, collected_world, loaded_world, staff_code, unlocks


def test_one_scan_opens_all_doors_of_the_order_together() -> None:
    world = loaded_world(1, 2, 3)
    assert unlocks(world.g1.scan(code())) == [1, 2, 3]
    assert world.grants()[0].doors == [1, 2, 3]
    assert world.g1.shows[-1] == Show("opening", doors=[1, 2, 3])


def test_doors_at_two_lockers_open_from_either() -> None:
    world = loaded_world(1, 5)
    assert unlocks(world.g2.scan(code())) == [1, 5]
    assert world.grants()[0].controller == "G2"


def test_the_audit_row_is_committed_before_the_unlock_leaves() -> None:
    world = loaded_world(1)
    outputs = world.g1.scan(code())
    kinds = [type(each) for each in outputs]
    assert kinds.index(AppendAudit) < kinds.index(Publish)
    audit = next(each for each in outputs if isinstance(each, AppendAudit))
    assert b'"actor":"code-7"' in audit.body
    assert b'"right":"collect"' in audit.body
    assert b'"order_id":"o1"' in audit.body


def test_a_parcel_is_spent_when_its_door_was_opened_and_shut() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.report()
    assert world.told_events(ParcelCollected) == []
    world.g1.shut(1)
    assert world.told_events(ParcelCollected) == [ParcelCollected("p1", "o1", "G1", 1)]
    assert [event.order_id for event in world.told_events(DoorWasShut)] == ["o1"]
    assert world.g1.shows[-1] == Show("done", doors=[1])


def test_shutting_one_of_two_doors_spends_one_parcel() -> None:
    world = loaded_world(1, 2)
    world.g1.scan(code())
    world.g1.shut(1)
    assert [event.parcel_id for event in world.told_events(ParcelCollected)] == ["p1"]
    assert all(show.screen != "done" for show in world.g1.shows)
    world.g1.shut(2)
    assert [event.parcel_id for event in world.told_events(ParcelCollected)] == ["p1", "p2"]


def test_a_second_scan_while_the_doors_open_repeats_the_same_commands() -> None:
    world = loaded_world(1)
    world.reachable = False
    first = [each.payload for each in world.g1.scan(code()) if isinstance(each, Publish) and each.unlocks]
    world.pass_ms(170)
    again = [each.payload for each in world.g1.scan(code()) if isinstance(each, Publish) and each.unlocks]
    assert first == again
    assert len(world.grants()) == 1


def test_a_scan_while_the_door_stands_open_is_told_to_shut_it() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.report()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["in_progress"]


def test_the_next_person_can_scan_meanwhile() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    world.g1.scan(code())
    assert unlocks(world.g1.scan(code(order_id="o2", handle=8))) == [2]


def test_a_door_that_does_not_open_lapses_after_ten_seconds_and_the_code_works_again() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code())
    world.wait(9)
    assert world.told_events(DoorStayedShut) == []
    world.wait(4)
    assert len(world.told_events(DoorStayedShut)) == 1
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_jammed_door_gets_three_pulses_in_two_minutes() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    for _ in range(4):
        world.g1.scan(code())
        world.wait(13)
    assert world.pulses == [1, 1, 1]
    assert world.refusals() == ["too_many_pulses"]
    world.wait(120)
    assert unlocks(world.g1.scan(code())) == [1]


def test_an_unlock_the_controller_did_not_obey_makes_the_code_usable_at_once() -> None:
    world = loaded_world(1)
    world.g1.born_ms -= 60_000  # its beat runs ahead of what the gateway heard
    world.g1.boot_id = "boot1"
    world.reachable = False
    world.g1.scan(code())
    stale = next(each for each in world.sent if each.unlocks)
    world.reachable = True
    world.pass_ms(9_500)
    world.deliver(stale)
    world.g1.report()
    assert world.pulses == []
    assert len(world.told_events(DoorStayedShut)) == 1
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_door_that_opens_after_its_grant_lapsed_still_belongs_to_it() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code())
    command_id = next(iter(world.g1.ring), None)
    world.wait(13)
    world.g1.happen(DoorOpened(1, command_id))
    world.g1.shut(1)
    assert world.told_events(DoorWasOpened)[0].order_id == "o1"
    assert len(world.told_events(ParcelCollected)) == 1


def test_a_late_opening_counts_for_whoever_waits_for_the_door_now() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code())
    first = next(iter(world.g1.ring))
    world.wait(13)
    world.g1.scan(code())
    world.g1.happen(DoorOpened(1, first))
    world.g1.report()
    assert world.told_events(DoorWasOpened)[0].grant_id == world.grants()[1].grant_id
    world.g1.shut(1)
    world.wait(13)
    assert len(world.told_events(DoorStayedShut)) == 1
    assert len(world.told_events(ParcelCollected)) == 1


def test_while_one_of_two_doors_stands_open_the_other_is_not_opened_again() -> None:
    world = loaded_world(1, 2)
    world.g1.scan(code())
    world.g1.shut(1)
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["in_progress"]


def test_a_silent_locker_does_not_hold_up_the_other() -> None:
    world = loaded_world(1, 5)
    world.g2.powered = False
    world.wait(12)
    assert unlocks(world.g1.scan(code())) == [1]


def test_when_every_door_is_at_a_silent_locker_nothing_is_granted() -> None:
    world = loaded_world(5)
    world.g2.powered = False
    world.wait(12)
    before = world.durable()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["locker_silent"]
    assert world.durable() == with_code_remembered(world, before)


def test_another_locker_with_events_not_yet_known_is_left_alone() -> None:
    world = loaded_world(1, 5)
    world.g2.happen(DoorOpened(6))
    world.g2.send_beat()
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_grant_at_a_silent_locker_stays_outstanding_until_that_locker_speaks() -> None:
    world = loaded_world(5)
    world.g2.jammed = {5}
    world.reachable = False
    world.g1.scan(code())
    world.g2.powered, world.reachable = False, True
    world.wait(30)
    assert world.told_events(DoorStayedShut) == []
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["locker_silent"]
    world.g2.powered = True
    world.g2.reboot("boot2")
    world.g2.be_born()
    world.wait(1)
    assert len(world.told_events(DoorStayedShut)) == 1


def test_a_spent_code_opens_the_same_door_again_for_a_quarter_of_an_hour() -> None:
    world = collected_world()
    assert unlocks(world.g1.scan(code())) == [1]
    assert world.grants()[-1].right.value == "reopen"
    assert world.g1.shows[-1].screen == "reopened"
    world.g1.shut(1)
    assert len(world.told_events(ParcelCollected)) == 1


@pytest.mark.parametrize(("real_ms", "civil_ms"), [(901_000, 901_000), (901_000, 0), (0, 901_000)])
def test_after_a_quarter_of_an_hour_by_either_clock_it_is_spent(real_ms: int, civil_ms: int) -> None:
    world = collected_world()
    world.ms += real_ms
    world.civil_ms += civil_ms
    world.wait(0.2)
    before = world.durable()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["spent"]
    assert world.durable() == before


def test_a_door_that_staff_looked_behind_since_is_not_opened_by_the_code_before() -> None:
    world = collected_world()
    world.g1.scan(staff_code(world))
    world.g1.type("1")
    world.g1.report()
    world.g1.shut(1)
    before = world.durable()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["spent"]
    assert world.durable() == before


def test_a_door_filled_anew_is_not_opened_by_the_code_before() -> None:
    world = collected_world()
    world.tell(PlanOrder("o2", [parcel(2, order_id="o2", run_no=13, doors=[1])]))
    world.g1.scan(staff_code(world))
    world.g1.type("1")
    world.g1.shut(1)
    assert unlocks(world.g1.scan(label(2, run_no=13))) == [1]
    world.g1.report()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["spent"]


def test_a_reissued_code_the_gateway_never_heard_of_opens_and_ends_the_older_one() -> None:
    world = loaded_world(1, 2)
    world.g1.jammed = {1, 2}
    assert unlocks(world.g1.scan(code(2))) == [1, 2]
    world.wait(13)
    assert unlocks(world.g1.scan(code(1))) == []
    assert world.refusals() == ["superseded"]


def test_a_reissued_code_with_a_new_credential_names_its_order_by_the_handle() -> None:
    world = loaded_world(1)
    assert unlocks(world.g1.scan(code(2, credential_id=b"brandnew"))) == [1]


def test_a_handle_two_orders_could_mean_opens_neither() -> None:
    world = loaded_world(1, others={"o2": (7, 2)})
    assert unlocks(world.g1.scan(code(3, credential_id=b"brandnew"))) == []
    assert world.refusals() == ["unknown"]


def test_the_code_works_until_its_time_and_five_minutes_are_over() -> None:
    world = loaded_world(1)
    world.pass_ms(20 * HOUR_MS + 299_000)
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_typed_code_opens_as_a_scanned_one_does() -> None:
    world = loaded_world(1)
    assert unlocks(world.g1.type("07482193")) == [1]
    assert world.grants()[0].via.value == "keypad"


def with_code_remembered(world: World, before: dict[tuple[str, str], bytes]) -> dict[tuple[str, str], bytes]:
    return {**before, ("code", "o1"): world.durable()["code", "o1"]}
