"""A code that must not open says why, opens nothing and changes nothing."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locker_gateway.inputs import Tick
from locker_protocol.bus_messages import CodeScanned, Events, Show, number_event
from locker_protocol.site_entries import CancelOrder, IssueCredential, RevokeCredential
from locker_protocol.site_events import AccessRefused
from locker_protocol.token import RIGHT_LOAD
from locker_protocol.vocabulary import Refusal
from tests.gateway.manifests import HOUR_MS, START_MS, STRANGER, code, credential, label
from tests.gateway.world import World, collected_world, loaded_world, staff_code, unlocks

FAR_S = (START_MS + 20 * HOUR_MS) // 1000


def expired_code() -> str:
    return code(expires_s=START_MS // 1000 - 301)


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (lambda: "", "malformed"),
        (lambda: "https://example.org", "malformed"),
        (lambda: code()[:-1], "malformed"),
        (lambda: code() + " ", "malformed"),
        (lambda: code().lower(), "malformed"),
        (lambda: "P1-7-12", "no_driver"),
        (lambda: "L1" + "A" * 132, "malformed"),
        (lambda: code(key=STRANGER), "forged"),
        (lambda: code(key_id=9), "forged"),
        (lambda: code(site_no=8), "other_site"),
        (expired_code, "expired"),
        (lambda: code(order_id="nobody", handle=9), "unknown"),
        (lambda: code(order_id="nobody", handle=9, expires_s=1), "expired"),
        (lambda: code(rights=0), "no_right"),
        (lambda: code(rights=RIGHT_LOAD, expires_s=FAR_S), "no_right"),
        (lambda: code(rights=RIGHT_LOAD, expires_s=START_MS // 1000 - 301), "expired"),
        (label, "no_driver"),
    ],
)
def test_a_bad_code_opens_nothing_and_changes_nothing(shown: Callable[[], str], why: str) -> None:
    world = loaded_world(1)
    before = world.durable()
    assert unlocks(world.g1.scan(shown())) == []
    assert world.refusals() == [why]
    assert world.durable() == before
    assert world.g1.shows[-1] == Show("refused", refusal=Refusal(why))
    assert world.grants() == []


def test_a_code_whose_order_is_not_loaded_yet_says_so() -> None:
    world = loaded_world()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["not_loaded"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (RevokeCredential("o1", 1), "revoked"),
        (CancelOrder("o1"), "revoked"),
        (IssueCredential(credential(2)), "superseded"),
    ],
)
def test_a_code_the_service_ended_opens_nothing(entry: object, why: str) -> None:
    world = loaded_world(1)
    world.tell(entry)  # type: ignore[arg-type]
    before = world.durable()
    assert unlocks(world.g1.scan(code())) == []
    assert unlocks(world.g1.type("07482193")) == [1] if why == "superseded" else world.refusals() == [why]
    assert world.refusals()[0] == why
    assert why == "superseded" or world.durable() == before


def test_a_revoked_code_stays_revoked_when_a_snapshot_forgets_it() -> None:
    world = loaded_world(1)
    world.tell(RevokeCredential("o1", 1), IssueCredential(credential(1)))
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["revoked"]


def test_after_a_revocation_the_next_generation_opens() -> None:
    world = loaded_world(1)
    world.tell(RevokeCredential("o1", 1))
    assert unlocks(world.g1.scan(code(2))) == [1]


def test_a_scan_that_took_longer_than_ten_seconds_is_too_late() -> None:
    world = loaded_world(1)
    world.g1.happen(CodeScanned(code()))
    world.pass_ms(10_001)
    assert unlocks(world.g1.report()) == []
    assert world.refusals() == ["too_late"]


def test_a_scan_that_waited_in_a_stalled_connection_opens_no_door_of_another_locker() -> None:
    world = loaded_world(5)
    world.wait(20)
    before = world.durable()
    controller = world.g1
    controller.happen(CodeScanned(code()))
    stalled = [number_event(no, 0, event) for no, _, event in controller.pending]
    report = Events(controller.boot_id, controller.beat, controller.store_id, stalled, controller.echo)
    for _ in range(25):  # the other locker goes on
        world.pass_ms(1_000)
        world.g2.send_beat()

    assert unlocks(controller.send("report", report)) == []
    assert world.refusals() == ["too_late"]
    assert world.durable() == before


def test_a_scan_of_an_earlier_boot_is_too_late_whatever_its_age() -> None:
    world = loaded_world(1)
    world.g1.happen(CodeScanned(code()))
    assert unlocks(world.g1.report(earlier_boot=True)) == []
    assert world.refusals() == ["too_late"]


def test_a_clock_set_back_does_not_revive_an_expired_code() -> None:
    world = loaded_world(1)
    world.pass_ms(21 * HOUR_MS)
    assert unlocks(world.g1.scan(code())) == []
    world.civil_ms -= 10 * HOUR_MS
    assert unlocks(world.g1.scan(code())) == []
    world.crash()
    assert unlocks(world.g1.scan(code())) == []
    assert set(world.refusals()) == {"expired"}


def test_where_civil_time_runs_fast_a_staff_code_may_look_that_much_further_ahead() -> None:
    world = loaded_world(1)
    world.g1.scan(staff_code(world, ahead_s=36_000))
    assert world.refusals() == ["no_right"]
    for _ in range(3):
        world.ms += 200
        world.civil_ms += 600 * 200
        world.give(Tick())
    world.g1.scan(staff_code(world, ahead_s=36_000))
    assert world.g1.shows[-1] == Show("visit")


def test_an_empty_store_opens_for_staff_only() -> None:
    world = World(told=False)
    assert unlocks(world.g1.scan(code())) == []
    assert unlocks(world.g1.type("07482193")) == []
    assert world.refusals() == ["staff_only", "staff_only"]
    world.g1.scan(staff_code(world))
    assert world.g1.shows[-1] == Show("visit")


def test_the_same_refusal_within_a_minute_is_counted_not_repeated() -> None:
    world = loaded_world(1)
    for _ in range(500):
        world.g1.scan("nonsense")
    assert len(world.refusals()) == 1
    world.wait(61)
    assert [event.times for event in world.told_events(AccessRefused)] == [1, 499]


def test_a_flood_of_different_refusals_stays_bounded() -> None:
    world = loaded_world(1)
    for number in range(600):
        world.g1.scan(staff_code(world, number=number, ahead_s=-400))
    assert len(world.refusals()) == 257
    world.wait(61)
    assert sum(event.times for event in world.told_events(AccessRefused)) == 600
    assert world.site.refusals == {}


def test_a_spent_code_of_one_order_says_spent_to_its_typed_twin_too() -> None:
    world = collected_world()
    world.ms += 901_000
    assert unlocks(world.g1.type("07482193")) == []
    assert world.refusals() == ["spent"]


@given(text=st.text(max_size=200) | st.from_regex(r"L1[0-9A-Z $%*+\-./:]{132}", fullmatch=True))
def test_no_text_that_was_not_signed_opens_or_raises(text: str) -> None:
    world = SHARED
    assert unlocks(world.g1.scan(text)) == []
    assert world.pulses == []


@given(place=st.integers(0, 133), character=st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"))
def test_no_code_with_one_character_changed_opens(place: int, character: str) -> None:
    good = code()
    changed = good[:place] + character + good[place + 1 :]
    if changed != good:
        assert unlocks(SHARED.g1.scan(changed)) == []


SHARED = loaded_world(1)
