"""Food that was too warm, or that nobody measured, is kept from its owner at once, told, and decided by staff alone."""

from typing import Any

import msgspec
import pytest

from locker_gateway.inputs import UplinkDown
from locker_protocol.cold_chain import judge
from locker_protocol.cold_chain.judge import Exposure
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, Line
from locker_protocol.cold_messages import (
    CondemnParcel,
    ParcelCondemned,
    ParcelQuarantined,
    QuarantinedParcel,
    ReleaseParcel,
    SetColdPolicy,
)
from locker_protocol.site_entries import LoadedParcel
from locker_protocol.site_events import ParcelCollected
from locker_protocol.telemetry import SAMPLE_EVERY_MS
from locker_protocol.uplink_messages import EntriesApplied, LoadParcel, OpenDoors
from locker_protocol.vocabulary import ColdCause, Refusal, Right
from tests.gateway.cold_world import MINUTE_MS, pass_minutes, told_of, warm
from tests.gateway.manifests import SECRET, code, credential, label, parcel, snapshot
from tests.gateway.world import World, loaded_world, unlocks

TCS = "chilled_tcs"


def mixed_world(**changes: object) -> World:
    """Order o1: p1 behind door 1 with meat and salad, p2 behind door 5 at the other locker."""
    world = World(told=False)
    parcels = [parcel(1, doors=[1], food_classes=[TCS, "chilled_quality"]), parcel(2, doors=[5])]
    loaded = [LoadedParcel(each.parcel_id, each.doors[0], "loaded") for each in parcels]
    world.tell(snapshot(parcels=parcels, credentials=[credential()], loaded=loaded, **changes))
    world.g1.be_born()
    world.g2.be_born()
    return world


def quarantined_world() -> World:
    """The same, and G1 was too warm for 40 minutes."""
    world = mixed_world()
    warm(world, 8.0)
    pass_minutes(world, 40)
    assert told_of(world) == [("quarantined", TCS)]
    return world


def opened_by(world: World, wish: OpenDoors) -> list[int]:
    return unlocks(world.down(wish))


def wish(world: World, right: Right, *doors: int) -> OpenDoors:
    order_id = "o1" if right is Right.HAND_OVER else None
    number = len(world.sent)
    return OpenDoors(f"c{number}", list(doors), right, "staff-31", "look", world.civil_ms + 9_000, order_id)


def last_fault(world: World) -> str | None:
    answer = [each for each in world.up_messages() if isinstance(each, EntriesApplied)][-1]
    return answer.refused[-1].fault if answer.refused else None


# --- when ----------------------------------------------------------------------------------------------------------


def test_food_kept_cold_is_never_kept_from_its_owner() -> None:
    world = mixed_world()
    pass_minutes(world, 600)
    assert told_of(world) == []
    assert world.site.quarantines.rows == {}
    assert sorted(unlocks(world.g1.scan(code()))) == [1, 5]


def test_the_quarantine_is_told_within_the_minute_after_the_one_in_which_the_line_was_crossed() -> None:
    world = mixed_world()
    warm(world, 8.0)
    pass_minutes(world, 33, step_min=1)
    (event,) = world.told_events(ParcelQuarantined)
    (written,) = [each for each in world.events if each.event is event]
    assert (event.food_class, event.cause) == (TCS, ColdCause.TOO_WARM)
    assert written.at - event.since <= 2 * MINUTE_MS + 5_000


def test_what_is_cold_again_in_time_stays_its_owners() -> None:
    world = mixed_world()
    warm(world, 8.0)
    pass_minutes(world, 25)
    warm(world, 3.0)
    pass_minutes(world, 60)
    assert told_of(world) == []


def test_a_silent_locker_is_forgiven_a_quarter_of_an_hour_and_quarantined_after_half_an_hour() -> None:
    world = mixed_world()
    pass_minutes(world, 25, sampled=False)
    assert told_of(world) == []
    pass_minutes(world, 15, sampled=False)
    assert told_of(world)[0] == ("quarantined", TCS)
    assert world.told_events(ParcelQuarantined)[0].cause is ColdCause.UNKNOWN


def test_a_minute_of_a_fast_civil_clock_is_no_silence() -> None:
    world = mixed_world()
    world.civil_ms += 60 * MINUTE_MS  # and in real time nothing passed
    world.ms += 5_000
    world.g1.send_beat()
    world.g2.send_beat()
    world.wait(0.4)
    assert told_of(world) == []


def test_time_counts_from_when_its_door_was_opened_and_not_from_when_it_was_seen_shut() -> None:
    world = World(told=False)
    world.tell(snapshot(parcels=[parcel(1, doors=[1], food_classes=[TCS])], credentials=[credential()]))
    world.g1.be_born()
    world.g2.be_born()
    assert unlocks(world.down(LoadParcel("c1", label(), "driver", world.civil_ms + 10_000))) == [1]
    world.g1.report()
    pass_minutes(world, 60)
    world.g1.shut(1)
    assert told_of(world)[0] == ("quarantined", TCS)
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals()[-1] == Refusal.QUARANTINED


def test_a_clock_set_ahead_by_a_year_is_judged_as_one_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    world = mixed_world()
    pass_minutes(world, 20)
    counted, expose = [], judge.expose

    def counting(*given: Any) -> Exposure:
        counted.append(given[-1])
        return expose(*given)

    monkeypatch.setattr(judge, "expose", counting)
    world.civil_ms += 365 * 1_440 * MINUTE_MS
    world.tell(SetColdPolicy(msgspec.structs.replace(DEFAULT_POLICY, version=5)))
    pass_minutes(world, 10)
    assert ("condemned", TCS) in told_of(world)
    assert 0 < len(counted) < 2_000


def test_a_filled_gap_ends_the_quarantine_it_had_made() -> None:
    world = mixed_world()
    pass_minutes(world, 40, sampled=False)
    assert world.site.quarantines.rows.keys() == {"p1", "p2"}
    world.g1.sample()
    world.g2.sample()
    pass_minutes(world, 5)
    assert [each for each in told_of(world) if each[0] == "cleared"] == [("cleared", None)] * 2
    assert sorted(unlocks(world.g1.scan(code()))) == [1, 5]


def test_samples_that_come_late_fill_their_minutes_and_are_judged() -> None:
    world = mixed_world()
    missed = world.g1.sample_no
    pass_minutes(world, 40, sampled=False)
    world.g1.sample_no = missed + 60 * 4  # the first half hour was lost on its way; the newest are told first
    world.g1.sampled_at = world.civil_ms
    world.wait(1)
    world.g1.send("report", world.g1.samples(missed + 235, 6))
    world.wait(1)
    assert ("quarantined", TCS) in told_of(world)
    world.g1.send("report", world.g1.samples(missed + 1, 234, age_ms=world.civil_ms - world.g1.sampled_at + 60_000))
    pass_minutes(world, 5)
    assert ("cleared", None) in told_of(world)


def test_a_probe_that_says_nothing_is_no_cold() -> None:
    world = mixed_world()
    warm(world, 85.0)
    pass_minutes(world, 40)
    assert world.told_events(ParcelQuarantined)[0].cause is ColdCause.UNKNOWN


def test_a_report_that_stalled_on_its_way_counts_for_nothing() -> None:
    world = mixed_world()
    world.pass_ms(60_000)
    world.g1.sampled_at = world.civil_ms
    stalled = world.g1.samples(world.g1.sample_no + 1, 6)
    world.wait(30)
    before = dict(world.site.samplings.rows), dict(world.minutes)
    world.g1.send("report", msgspec.structs.replace(stalled, echo=stalled.echo))
    world.g1.send("report", msgspec.structs.replace(stalled, echo=None))
    assert world.site.samplings.rows["G1"].runs == before[0]["G1"].runs
    assert world.minutes == before[1]
    assert [each.event for each in world.said][-2:] == ["samples_not_proven"] * 2


@pytest.mark.parametrize("changes", [{"every_ms": 5}, {"zones": []}, {"age_ms": 2**50}])
def test_a_report_that_contradicts_itself_is_refused_whole(changes: dict[str, object]) -> None:
    world = mixed_world()
    world.pass_ms(60_000)
    world.g1.send_beat()
    world.g1.sampled_at = world.civil_ms
    before = dict(world.site.samplings.rows)
    world.g1.send("report", world.g1.samples(world.g1.sample_no + 1, 6, **changes))
    assert world.site.samplings.rows == before
    assert world.said[-1].event == "samples_refused"


def test_a_report_that_names_another_lockers_zone_tells_nothing_of_it() -> None:
    world = mixed_world()
    world.g1.product_c |= world.g2.product_c
    world.g1.air_c |= world.g2.air_c
    pass_minutes(world, 5)
    assert {zone.value for controller, _, zone in world.minutes if controller == "G1"} == {"chilled"}


def test_the_same_samples_twice_count_once() -> None:
    world = mixed_world()
    world.pass_ms(6 * SAMPLE_EVERY_MS)
    world.g1.send_beat()
    world.g1.sampled_at = world.civil_ms
    report = world.g1.samples(world.g1.sample_no + 1, 6)
    for _ in range(3):
        world.g1.send("report", report)
    world.g1.sample_no += 6
    pass_minutes(world, 2, step_min=1)
    counts = [msgspec.json.decode(body)[1] for (name, _, _), body in world.minutes.items() if name == "G1"]
    assert max(counts) == 6


# --- what its owner sees -------------------------------------------------------------------------------------------


def test_a_quarantined_door_stays_shut_for_its_owner_while_the_orders_other_door_opens() -> None:
    world = quarantined_world()
    assert unlocks(world.g1.scan(code())) == [5]
    world.g2.shut(5)
    world.wait(15)
    assert [each.parcel_id for each in world.told_events(ParcelCollected)] == ["p2"]
    assert unlocks(world.g1.scan(code())) == [5]  # one bag left behind: only that door again


@pytest.mark.parametrize("shown", ["scan", "keys"])
def test_when_all_is_quarantined_the_locker_says_so(shown: str) -> None:
    world = loaded_world(1)
    warm(world, 8.0)
    pass_minutes(world, 40)
    world.g1.scan(code()) if shown == "scan" else world.g1.type(f"07{SECRET}")
    assert world.pulses == []
    assert world.refusals() == ["quarantined"]
    assert world.g1.shows[-1].refusal == "quarantined"
    assert world.site.placements.rows["p1"].state == "loaded"


def test_a_keeper_hands_over_what_is_good_and_is_refused_what_is_not() -> None:
    world = quarantined_world()
    assert opened_by(world, wish(world, Right.HAND_OVER, 1)) == []
    assert opened_by(world, wish(world, Right.HAND_OVER, 1, 5)) == []
    assert world.refusals() == ["quarantined"]
    assert opened_by(world, wish(world, Right.HAND_OVER)) == [5]


@pytest.mark.parametrize("right", [Right.STAFF, Right.REMOVE, Right.RESCUE])
def test_staff_may_open_a_quarantined_door(right: Right) -> None:
    world = quarantined_world()
    assert opened_by(world, wish(world, right, 1)) == [1]


def test_a_grant_given_before_the_quarantine_stands() -> None:
    world = mixed_world()
    warm(world, 8.0)
    pass_minutes(world, 29)
    world.reachable = False
    world.g1.scan(code())
    pass_minutes(world, 3, step_min=1)
    assert ("quarantined", TCS) in told_of(world) or world.site.exposed.rows["p1"].classes[0].told == "fine"
    assert len(world.grants()) == 1


def test_all_of_it_happens_with_the_uplink_down_and_over_a_restart() -> None:
    world = mixed_world()
    world.give(UplinkDown())
    world.uplink_there = False
    warm(world, 8.0)
    pass_minutes(world, 20)
    world.crash()
    world.g1.be_born()
    pass_minutes(world, 20)
    assert told_of(world) == [("quarantined", TCS)]
    assert unlocks(world.g1.scan(code())) == [5]


# --- decisions -----------------------------------------------------------------------------------------------------


def test_what_staff_release_goes_on_from_where_it_was() -> None:
    world = quarantined_world()
    world.tell(ReleaseParcel("p1", "o1", "staff-31", [TCS, "chilled_quality"]))
    assert last_fault(world) is None
    assert told_of(world)[-1] == ("cleared", None)
    assert sorted(unlocks(world.g1.scan(code()))) == [1, 5]
    world.wait(15)

    pass_minutes(world, 90)  # still 8 °C: two hours in all
    assert ("condemned", TCS) in told_of(world) or world.site.placements.rows["p1"].state != "loaded"


def test_a_released_parcel_is_condemned_when_its_two_hours_above_are_over() -> None:
    world = quarantined_world()
    world.tell(ReleaseParcel("p1", "o1", "staff-31", [TCS, "chilled_quality"]))
    pass_minutes(world, 90)
    assert told_of(world)[-1] == ("condemned", TCS)
    (event,) = world.told_events(ParcelCondemned)
    assert event.cause is ColdCause.TOO_WARM


def test_what_was_taken_out_is_not_judged_and_the_rest_may_go() -> None:
    world = mixed_world()
    warm(world, 8.0)
    pass_minutes(world, 115)
    assert told_of(world) == [("quarantined", TCS)]
    pass_minutes(world, 10)
    assert told_of(world)[-1] == ("condemned", TCS)
    world.tell(ReleaseParcel("p1", "o1", "staff-31", ["chilled_quality"]))
    assert last_fault(world) is None
    assert [each.food_class for each in world.site.exposed.rows["p1"].classes] == ["chilled_quality"]
    assert sorted(unlocks(world.g1.scan(code()))) == [1, 5]


@pytest.mark.parametrize("stays", [[TCS], [TCS, "chilled_quality"], ["frozen"], []])
def test_what_is_over_its_discard_line_is_not_released(stays: list[str]) -> None:
    world = mixed_world()
    warm(world, 8.0)
    pass_minutes(world, 125)
    before = world.durable()
    world.tell(ReleaseParcel("p1", "o1", "staff-31", stays))
    assert last_fault(world) == "invalid_field"
    changed = {key for key, body in world.durable().items() if before.get(key) != body}
    assert changed == {("down_log", "only")}
    assert unlocks(world.g1.scan(code())) == [5]


def test_two_hours_without_a_decision_condemn_every_class() -> None:
    world = quarantined_world()
    warm(world, 3.0)
    pass_minutes(world, 125)
    assert told_of(world)[1:] == [("condemned", TCS), ("condemned", "chilled_quality")]
    assert {each.cause for each in world.told_events(ParcelCondemned)} == {ColdCause.UNDECIDED}
    world.tell(ReleaseParcel("p1", "o1", "staff-31", ["chilled_quality"]))
    assert last_fault(world) == "invalid_field"


def test_condemning_is_told_once_and_for_good() -> None:
    world = quarantined_world()
    for _ in range(2):
        world.tell(CondemnParcel("p1", "o1", "staff-31"))
    warm(world, 3.0)
    pass_minutes(world, 300)
    assert told_of(world) == [("quarantined", TCS), ("condemned", TCS), ("condemned", "chilled_quality")]
    assert unlocks(world.g1.scan(code())) == [5]


def test_a_new_store_believes_what_was_quarantined_and_only_the_service_ends_it() -> None:
    world = mixed_world(quarantined=[QuarantinedParcel("p1", "quarantine")])
    pass_minutes(world, 60)
    assert unlocks(world.g1.scan(code())) == [5]
    world.tell(ReleaseParcel("p1", "o1", "staff-31", [TCS]))
    assert world.site.quarantines.rows == {}


def test_a_new_store_counts_what_nobody_measured_since_the_service_last_knew() -> None:
    world = World(told=False)
    loaded = [LoadedParcel("p1", 1, "loaded", cold_since=world.civil_ms - 40 * MINUTE_MS)]
    world.tell(snapshot(parcels=[parcel(doors=[1])], credentials=[credential()], loaded=loaded))
    world.g1.be_born()
    pass_minutes(world, 5)
    assert told_of(world) == [("quarantined", TCS)]


# --- policy --------------------------------------------------------------------------------------------------------


def stricter() -> SetColdPolicy:
    """Meat may be above 2 °C for ten minutes only."""
    classes = [
        msgspec.structs.replace(
            each,
            target_high_c=2.0,
            warn=None,
            quarantine=[Line("above", 2.0, 600, "cumulative")],
            discard=[Line("above", 2.0, 7_200, "cumulative")],
        )
        if each.food_class == TCS
        else each
        for each in DEFAULT_POLICY.classes
    ]
    return SetColdPolicy(msgspec.structs.replace(DEFAULT_POLICY, version=7, classes=classes))


def test_a_new_policy_judges_the_past_again_too() -> None:
    world = mixed_world()
    pass_minutes(world, 30)
    world.tell(stricter())
    world.wait(90)
    assert ("quarantined", TCS) in told_of(world)
    assert world.site.cold_policy.version == 7


def test_limits_that_cross_are_refused_and_the_old_ones_stay() -> None:
    world = mixed_world()
    crossed = stricter().policy
    classes = [msgspec.structs.replace(each, target_high_c=-50.0) for each in crossed.classes]
    world.tell(SetColdPolicy(msgspec.structs.replace(crossed, classes=classes)))
    assert last_fault(world) == "invalid_field"
    assert world.site.cold_policy == DEFAULT_POLICY
