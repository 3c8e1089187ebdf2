"""Loading: a label opens the door its parcel shall lie behind, or says why none."""

from typing import Any

import pytest

from locker_protocol.bus_messages import DoorOpened, Show
from locker_protocol.site_entries import CancelOrder, IssueCredential, ParcelManifest, PlanOrder
from locker_protocol.site_events import ParcelLoaded
from locker_protocol.uplink_messages import CommandAnswered, LoadParcel
from locker_protocol.vocabulary import Refusal, SizeClass, Zone
from tests.gateway.manifests import HOUR_MS, code, credential, label, parcel, snapshot
from tests.gateway.world import World, collected_world, loaded_world, staff_code, unlocks


def test_a_driver_scans_their_code_then_a_label_and_the_planned_door_opens() -> None:
    world = site_with(parcel())
    assert unlocks(world.g1.scan(label())) == [1]
    assert world.grants()[0].actor == "staff-31"
    assert world.grants()[0].right.value == "load"
    assert world.g1.shows[-1] == Show("load", doors=[1])


def test_a_parcel_is_loaded_when_its_door_was_opened_and_shut() -> None:
    world = site_with(parcel())
    world.g1.scan(label())
    world.g1.report()
    assert world.told_events(ParcelLoaded) == []
    world.g1.shut(1)
    assert world.told_events(ParcelLoaded) == [ParcelLoaded("p1", "o1", "G1", 1, "staff-31")]
    assert world.g1.shows[-1] == Show("loaded", doors=[1])


def test_a_bag_that_is_planned_anew_with_no_time_left_is_not_loaded() -> None:
    world = site_with(parcel())
    world.tell(PlanOrder("o1", [parcel(loadable_until=world.civil_ms - 1)]))
    assert unlocks(world.g1.scan(label())) == []
    assert world.refusals()[-1] == Refusal.LABEL_OTHER_RUN


def test_a_label_shown_again_before_its_open_door_names_that_door_and_moves_nothing() -> None:
    world = site_with(parcel())
    world.down(LoadParcel("c1", label(), "driver", world.civil_ms + 10_000))
    world.g1.report()
    assert unlocks(world.down(LoadParcel("c2", label(), "driver", world.civil_ms + 10_000))) == []
    assert answers(world) == [CommandAnswered("c1", doors=[1]), CommandAnswered("c2", doors=[1])]
    world.g1.shut(1)
    assert [event.door for event in world.told_events(ParcelLoaded)] == [1]


def test_a_silent_locker_is_not_called_full() -> None:
    world = site_with(parcel())
    world.g1.die()
    world.g2.die()
    world.down(LoadParcel("c1", label(), "driver", world.civil_ms + 10_000))
    assert answers(world) == [CommandAnswered("c1", refusal=Refusal.LOCKER_SILENT)]


def test_a_load_whose_door_never_opened_leaves_the_parcel_not_loaded() -> None:
    world = site_with(parcel())
    world.g1.jammed = {1}
    world.g1.scan(label())
    world.wait(13)
    assert world.told_events(ParcelLoaded) == []
    assert unlocks(world.g1.scan(label())) == [1]


def test_a_loaded_parcel_is_collected_by_its_code() -> None:
    world = site_with(parcel())
    world.g1.scan(label())
    world.g1.shut(1)
    world.tell(IssueCredential(credential()))
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_driver_session_ends_after_ten_minutes_without_a_label() -> None:
    world = site_with(parcel(), parcel(2, doors=[2]))
    world.ms += 599_000
    assert unlocks(world.g1.scan(label())) == [1]
    world.ms += 599_000
    assert unlocks(world.g1.scan(label(2))) == [2]
    world.ms += 601_000
    world.g1.report()
    before = world.durable()
    assert unlocks(world.g1.scan(label(2))) == []
    assert world.refusals() == ["no_driver"]
    assert world.durable() == before


def test_a_session_is_one_lockers() -> None:
    world = site_with(parcel())
    assert unlocks(world.g2.scan(label())) == []
    assert world.refusals() == ["no_driver"]


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ("P1-7-12", "label_malformed"),
        ("P1-7-12-ILOU0000", "label_malformed"),
        (label(site_no=8), "label_other_site"),
        (label(9), "label_unknown"),
        (label(run_no=13), "label_other_run"),
    ],
)
def test_a_bad_label_opens_nothing_and_changes_nothing(shown: str, why: str) -> None:
    world = site_with(parcel())
    before = world.durable()
    assert unlocks(world.g1.scan(shown)) == []
    assert world.refusals() == [why]
    assert world.durable() == before
    assert world.g1.shows[-1] == Show("refused", refusal=Refusal(why))


@pytest.mark.parametrize("hours", [-2, 3])
def test_a_parcel_is_loaded_in_its_run_only(hours: int) -> None:
    world = site_with(parcel(loadable_from=0, loadable_until=2**50))
    middle_ms = world.civil_ms - hours * HOUR_MS
    moved = parcel(
        loadable_from=middle_ms - HOUR_MS,
        loadable_until=middle_ms + HOUR_MS,
    )
    world.tell(PlanOrder("o1", [moved]))
    assert unlocks(world.g1.scan(label())) == []
    assert world.refusals() == ["label_other_run"]


def test_a_parcel_already_loaded_is_refused() -> None:
    world = loaded_world(1)
    world.g1.scan(staff_code(world))
    before = world.durable()
    assert unlocks(world.g1.scan(label())) == []
    assert world.refusals() == ["label_loaded"]
    assert world.durable() == before


def test_a_cancelled_parcel_is_refused() -> None:
    world = site_with(parcel())
    world.tell(CancelOrder("o1"))
    assert unlocks(world.g1.scan(label())) == []
    assert world.refusals() == ["label_cancelled"]


def test_the_same_label_again_repeats_the_same_command() -> None:
    world = site_with(parcel())
    world.reachable = False
    world.g1.scan(label())
    world.g1.scan(label())
    sent = [each.payload for each in world.sent if each.unlocks]
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert len(world.grants()) == 1


def test_two_drivers_cannot_load_the_same_parcel() -> None:
    world = site_with(parcel())
    world.reachable = False
    world.g1.scan(label())
    world.g2.scan(staff_code(world, number=32))
    before = world.durable()
    assert unlocks(world.g2.scan(label())) == []
    assert world.refusals() == ["in_progress"]
    assert world.durable() == before


def test_two_drivers_cannot_load_the_same_door() -> None:
    world = site_with(parcel(1, doors=[1]), parcel(2, doors=[1]))
    world.g1.scan(label(1))
    assert unlocks(world.g1.scan(label(2))) == [4]


# --- which door -------------------------------------------------------------------------------------------------------


def test_when_the_planned_door_is_taken_the_plans_next_door_opens() -> None:
    world = loaded_world(others={"o9": (9, 1)})
    assert load_at(world, parcel(doors=[1, 3, 2])) == [3]


def test_when_no_planned_door_is_free_the_smallest_that_fits_opens() -> None:
    world = loaded_world(others={"o9": (9, 1)})
    assert load_at(world, parcel(doors=[1], size=SizeClass.S)) == [4]
    assert load_at(world, parcel(2, doors=[1], size=SizeClass.M)) == [2]


@pytest.mark.parametrize(
    ("changes", "door"),
    [
        ({"size": SizeClass.L}, 3),
        ({"volume_ml": 20_000}, 2),
        ({"volume_ml": 26_000}, 3),
        ({"zone": Zone.COOL}, 6),
    ],
)
def test_a_door_fits_by_zone_size_and_volume(changes: dict[str, Any], door: int) -> None:
    world = loaded_world(others={"o9": (9, 1)})
    assert load_at(world, parcel(doors=[1], **changes)) == [door]


@pytest.mark.parametrize("changes", [{"size": SizeClass.XL}, {"zone": Zone.FROZEN}, {"longest_mm": 451}])
def test_when_nothing_fits_no_door_opens(changes: dict[str, Any]) -> None:
    world = loaded_world(others={"o9": (9, 1)})
    assert load_at(world, parcel(doors=[1], **changes)) == []
    assert world.refusals() == ["no_free_door"]


def test_a_door_promised_to_another_parcel_of_the_run_is_taken_last() -> None:
    world = loaded_world(others={"o9": (9, 1)})
    world.tell(PlanOrder("o8", [parcel(8, order_id="o8", doors=[4])]))
    assert load_at(world, parcel(doors=[1])) == [2]


def test_an_open_door_is_not_free() -> None:
    world = loaded_world()
    world.g1.force(1)
    assert load_at(world, parcel(doors=[1, 2])) == [2]


def test_a_door_of_a_silent_locker_is_not_free() -> None:
    world = loaded_world()
    world.g2.powered = False
    world.wait(12)
    assert load_at(world, parcel(doors=[5, 2])) == [2]


def test_a_door_whose_sensor_says_nothing_is_not_free() -> None:
    world = loaded_world()
    world.g1.doors[1] = "unknown"
    world.g1.send_beat()
    assert load_at(world, parcel(doors=[1, 2])) == [2]


def test_a_door_whose_load_is_not_known_to_have_ended_is_not_free_after_a_restart() -> None:
    world = site_with(parcel(), parcel(2, doors=[1]))
    world.g1.scan(label())
    world.g1.report()
    world.crash()
    world.g1.doors[1] = "shut"  # the event is still to come
    world.g1.send_beat()
    assert unlocks(world.down(load_command(world, text=label(2)))) == [4]


@pytest.mark.parametrize("run_no", [12, 13])
def test_an_emptied_door_is_not_filled_again_in_any_run_before_it_was_checked(run_no: int) -> None:
    world = collected_world()
    assert load_at(world, parcel(2, run_no=run_no, doors=[1, 3]), run_no=run_no) == [3]


def test_an_emptied_door_that_was_checked_is_filled_again() -> None:
    world = collected_world()
    world.g1.scan(staff_code(world))
    world.g1.type("1")
    world.g1.shut(1)
    assert load_at(world, parcel(2, doors=[1, 3])) == [1]


# --- by a phone -------------------------------------------------------------------------------------------------------


def test_a_drivers_phone_loads_without_a_scanner() -> None:
    world = site_with(parcel())
    assert unlocks(world.down(load_command(world))) == [1]
    assert answers(world) == [CommandAnswered("c1", doors=[1])]
    world.g1.report()
    world.g1.shut(1)
    assert world.told_events(ParcelLoaded)[0].actor == "lin"


def test_a_repeated_command_gets_the_same_answer_and_moves_nothing() -> None:
    world = site_with(parcel())
    world.down(load_command(world))
    world.g1.report()
    world.g1.shut(1)
    before = world.durable()
    assert unlocks(world.down(load_command(world))) == []
    world.crash()
    assert unlocks(world.down(load_command(world))) == []
    assert answers(world) == [CommandAnswered("c1", doors=[1])] * 3
    assert world.durable() == before


def test_a_refused_label_is_answered_and_stays_refused() -> None:
    world = site_with(parcel())
    assert unlocks(world.down(load_command(world, text=label(9)))) == []
    assert answers(world) == [CommandAnswered("c1", refusal=Refusal.LABEL_UNKNOWN)]
    assert world.refusals() == ["label_unknown"]


def test_a_load_command_after_its_time_is_refused() -> None:
    world = site_with(parcel())
    command = load_command(world)
    world.pass_ms(10_001)
    assert unlocks(world.down(command)) == []
    assert answers(world) == [CommandAnswered("c1", refusal=Refusal.TOO_LATE)]


def test_a_snapshot_that_forgets_a_parcel_while_its_door_stands_open_does_not_lose_it() -> None:
    world = site_with(parcel())
    world.g1.scan(label())
    world.g1.report()
    world.tell(snapshot())
    world.g1.shut(1)
    assert [event.parcel_id for event in world.told_events(ParcelLoaded)] == ["p1"]


def test_a_late_opening_does_not_load_a_parcel_twice() -> None:
    world = site_with(parcel(doors=[1, 2]))
    world.g1.jammed = {1}
    world.g1.scan(label())
    command_id = world.site.grants.rows[world.grants()[0].grant_id].doors[0].command_id
    world.wait(13)
    world.g1.force(1)
    world.g1.scan(label())
    world.g1.report()
    world.g1.shut(2)
    world.g1.happen(DoorOpened(1, command_id))
    world.g1.shut(1)
    assert [event.door for event in world.told_events(ParcelLoaded)] == [2]


def site_with(*parcels: ParcelManifest) -> World:
    """A site that knows these parcels, with driver 31 in front of locker G1."""
    world = World()
    world.tell(PlanOrder("o1", list(parcels)))
    world.g1.scan(staff_code(world))
    return world


def load_at(world: World, wanted: ParcelManifest, *, run_no: int = 12) -> list[int]:
    """Load one more parcel at G1 and return the doors that opened."""
    world.tell(PlanOrder("o1", [wanted]))
    world.g1.scan(staff_code(world))
    number = int(wanted.ref[-4:])
    return unlocks(world.g1.scan(label(number, run_no=run_no)))


def load_command(world: World, *, text: str | None = None) -> LoadParcel:
    return LoadParcel("c1", text or label(), "lin", world.civil_ms + 10_000)


def answers(world: World) -> list[CommandAnswered]:
    return [message for message in world.up_messages() if isinstance(message, CommandAnswered)]
