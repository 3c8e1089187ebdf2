"""What a household claims, and what comes of it: at once within the policy, else by a person, never more than paid."""

import json
from datetime import timedelta
from typing import Any

import pytest

from app.domain.claims import (
    AlarmOver,
    BatchChanged,
    ClaimKind,
    ClaimLineUnknown,
    ClaimPhotoNeeded,
    ClaimPolicyAbsurd,
    ClaimQuantityAbsurd,
    ClaimTooLate,
    NotCollectedYet,
    NothingLeftToClaim,
    RefusalAnswer,
    TooManyClaims,
)
from app.domain.errors import DomainError, IllegalMove, NotFound
from app.domain.hand_off import HandOff
from app.domain.hand_refund import MoreThanLeft
from app.use_cases.claims.make_claim import Made
from app.use_cases.claims.set_claim_policy import set_claim_policy
from app.use_cases.money.refund_by_hand import refund_by_hand
from app.use_cases.money.send_refunds import send_refunds
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.site.ask_site import ReasonNeeded
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, OTHER_SITE, SITE, Shop, add_people, at_once
from tests.use_cases.claims_world import COLLECTED, OPERATOR, PHOTO, SOON, Claims, open_claims
from tests.use_cases.evening import Evening


@pytest.fixture
def claims(evening: Evening) -> Claims:
    return open_claims(evening)


def refused(claims: Claims, refusal: type[DomainError], doing: Any) -> DomainError:
    before = claims.shop.everything()
    with pytest.raises(refusal) as caught:
        doing()
    assert claims.shop.everything() == before
    return caught.value


def dear(claims: Claims, *, person: str = ALICE, jpeg: bytes = PHOTO) -> Made:
    """A claim that waits for a person."""
    return claims.claim(claims.collected(("pork", 2), person=person), quantity=2, jpeg=jpeg)


def test_the_first_rotten_tomato_is_refunded_at_once_and_its_household_told(claims: Claims) -> None:
    order = claims.collected(("tomatoes", 2))

    made = claims.claim(order)

    row = claims.row(made)
    assert (row.state, row.granted_minor, row.answered_by, row.why_held) == ("granted", 590, "clock", None)
    refunds = claims.shop.rows("SELECT cause, amount_minor, refund_no, decided_by FROM refund")
    assert refunds == [("claim", 590, row.refund_no, "clock")]
    ((contact, subject, body),) = claims.told("claim_granted")
    assert contact == "alice@x.example"
    assert "¥5.90" in subject
    assert row.refund_no in body
    assert claims.shop.rows("SELECT event, to_state FROM history WHERE subject = 'claim'") == [
        ("granted_by_policy", "granted")
    ]
    assert send_refunds(claims.shop.engine, claims.shop.provider, now=SOON) == 1
    assert claims.balances() == {
        "provider_clearing": 1180, "sales": -1180, "refunds": -590, "claims_supplier": 590,
    }  # fmt: skip
    assert claims.violations() == []


def test_the_same_form_sent_again_or_five_times_at_once_is_one_claim(claims: Claims) -> None:
    order = claims.collected(("tomatoes", 2))

    answers = at_once(*[lambda: claims.claim(order)] * 5)

    assert len({made.claim_id for made in answers}) == 1
    assert sum(not made.again for made in answers) == 1
    assert claims.claim(order) == Made(answers[0].claim_id, again=True)
    assert claims.shop.one("SELECT count(*) FROM refund") == 1
    assert claims.shop.one("SELECT count(*) FROM claim_photo") == 1


def test_never_more_than_was_charged_and_neither_went_back_nor_waits(claims: Claims) -> None:
    order = claims.collected(("tomatoes", 2))
    with claims.shop.engine.begin() as conn:
        refund_by_hand(
            conn, order_id=order.order_id, lines={1: 900}, reason="two soft", key="k", person_id=OPERATOR, now=SOON
        )

    made = claims.claim(order, quantity=2)

    assert claims.row(made).granted_minor == 280
    refused(claims, NothingLeftToClaim, lambda: claims.claim(order, key="more"))
    assert claims.violations() == []


def test_five_claims_at_once_for_a_line_of_two_give_back_two(claims: Claims) -> None:
    order = claims.collected(("tomatoes", 2))

    answers = at_once(*[lambda n=n: claims.claim(order, ClaimKind.MISSING, jpeg=None, key=f"k{n}") for n in range(5)])

    assert sum(isinstance(each, Made) for each in answers) == 2
    assert all(isinstance(each, (Made, NothingLeftToClaim)) for each in answers)
    assert claims.shop.one("SELECT sum(amount_minor) FROM refund") == 1180


def test_the_third_in_a_month_waits_for_a_person_and_a_month_later_none_does(claims: Claims) -> None:
    orders = [claims.collected(("tomatoes", 1)) for _ in range(4)]
    first, second, third = (claims.claim(order, jpeg=PHOTO + bytes([n])) for n, order in enumerate(orders[:3]))
    assert [claims.row(made).state for made in (first, second, third)] == ["granted", "granted", "waiting"]
    assert claims.row(third).why_held == "over_times"
    assert claims.shop.one("SELECT count(*) FROM refund") == 2

    claims.shop.run_sql("UPDATE claim SET answered_at = answered_at - interval '30 days' WHERE state = 'granted'")
    assert claims.row(claims.claim(orders[3], jpeg=b"another")).state == "granted"


def test_two_of_one_household_at_once_do_not_both_take_the_last_automatic_one(claims: Claims) -> None:
    orders = [claims.collected(("tomatoes", 1)) for _ in range(4)]

    answers = at_once(*[lambda o=order: claims.claim(o, ClaimKind.MISSING, jpeg=None) for order in orders])

    assert sorted(claims.row(made).state for made in answers) == ["granted", "granted", "waiting", "waiting"]


@pytest.mark.parametrize(
    ("wanted", "kind", "why"),
    [(("pork", 2), ClaimKind.SPOILED, "over_amount"), (("tomatoes", 2), ClaimKind.SHORT_WEIGHT, "by_weight")],
)
def test_what_is_dear_or_must_be_judged_waits_for_a_person(
    claims: Claims, wanted: tuple[str, int], kind: ClaimKind, why: str
) -> None:
    made = claims.claim(claims.collected(wanted), kind, quantity=2)
    assert (claims.row(made).state, claims.row(made).why_held) == ("waiting", why)
    assert claims.shop.rows("SELECT * FROM refund WHERE cause = 'claim'") == []
    assert claims.told("claim_granted") == []


def test_a_photo_that_came_with_another_order_waits_for_a_person(claims: Claims) -> None:
    mine, hers = claims.collected(("tomatoes", 1), ("milk", 1)), claims.collected(("tomatoes", 1), person=BOB)
    claims.claim(mine, line=1)
    assert claims.row(claims.claim(mine, line=2)).why_held is None  # one picture may show two things of one order
    assert claims.row(claims.claim(hers)).why_held == "photo_known"


def test_what_makes_no_sense_is_refused_and_nothing_changes(claims: Claims) -> None:
    order = claims.collected(("tomatoes", 2))
    lying = claims.evening.ready(("milk", 1), person=BOB)

    refused(claims, ClaimPhotoNeeded, lambda: claims.claim(order, jpeg=None))
    refused(claims, ClaimQuantityAbsurd, lambda: claims.claim(order, quantity=3))
    refused(claims, ClaimLineUnknown, lambda: claims.claim(order, line=9))
    refused(claims, NotCollectedYet, lambda: claims.claim(lying))
    refused(claims, ClaimTooLate, lambda: claims.claim(order, now=COLLECTED + timedelta(hours=48, seconds=1)))
    refused(claims, NotFound, lambda: claims.claim(PlacedOrder("nobody", "", 0, "")))
    claims.claim(order, now=COLLECTED + timedelta(hours=48))


def test_an_order_takes_twenty_claims_and_no_more(claims: Claims) -> None:
    order = claims.collected(("pork", 2))
    for number in range(20):
        made = claims.claim(order, quantity=2, key=f"k{number}")
        claims.refuse(made)
    refused(claims, TooManyClaims, lambda: claims.claim(order, key="one more"))


def test_a_person_grants_all_or_a_part_once_with_a_reason(claims: Claims) -> None:
    made = dear(claims)
    whole = claims.row(made).worth_minor

    refused(claims, ReasonNeeded, lambda: claims.grant(made, 100, why="so"))
    refused(claims, MoreThanLeft, lambda: claims.grant(made, whole + 1))
    refused(claims, MoreThanLeft, lambda: claims.grant(made, 0))
    refused(claims, NotFound, lambda: claims.grant(Made("nobody"), 1))
    decided = claims.grant(made, 1000)

    row = claims.row(made)
    assert (row.state, row.granted_minor, row.reason) == ("granted", 1000, "looked at both photos")
    assert row.answered_by == f"person:{OPERATOR}"
    assert [body for _, _, body in claims.told("claim_granted") if decided.refund_no in body and "¥10.00" in body]
    refused(claims, IllegalMove, lambda: claims.grant(made, 100))
    refused(claims, IllegalMove, lambda: claims.refuse(made))
    assert claims.shop.one("SELECT act FROM audit WHERE actor = :a", a=f"person:{OPERATOR}") == "refund_decided"
    assert claims.violations() == []


def test_a_person_refuses_in_the_households_language_and_may_take_it_back(claims: Claims) -> None:
    made, other = dear(claims), dear(claims, person=BOB, jpeg=b"another")

    claims.refuse(made, RefusalAnswer.PACKED_COMPLETE)
    claims.refuse(other, RefusalAnswer.PACKED_COMPLETE)

    (contact, _, body), (_, _, chinese) = claims.told("claim_refused")
    assert contact == "alice@x.example"
    assert body.endswith("the photo from packing shows it complete.")
    assert "打包照片上东西齐全" in chinese
    assert claims.shop.rows("SELECT * FROM refund WHERE cause = 'claim'") == []
    assert (claims.row(made).state, claims.row(made).answer) == ("refused", "packed_complete")
    claims.grant(made, 500)
    assert (claims.row(made).state, claims.row(made).answer) == ("granted", None)
    assert claims.violations() == []


def test_two_operators_at_once_answer_a_claim_once(claims: Claims) -> None:
    made = dear(claims)

    answers = at_once(*[lambda: claims.grant(made, 500)] * 3, *[lambda: claims.refuse(made)] * 2)

    assert claims.shop.one("SELECT count(*) FROM refund WHERE cause = 'claim'") <= 1
    # A refusal may be taken back, so a grant may follow it; never two of a kind.
    assert sum(not isinstance(each, Exception) for each in answers) <= 2
    assert claims.violations() == []


def test_an_order_that_is_not_over_is_claimed_for_what_was_collected(claims: Claims) -> None:
    order = claims.shop.packed(("tomatoes", 1), ("dumplings", 1))
    claims.evening.load(order)
    bags = claims.shop.parcels(order)
    assert len(bags) == 2
    first = next(bag for bag in bags if bag.zone != "frozen")
    claims.shop.run_sql(
        "UPDATE parcel SET state = 'collected', collected_at = :at WHERE id = :id", at=COLLECTED, id=first.id
    )
    line = claims.shop.one("SELECT line_no FROM order_line WHERE parcel_id = :id", id=first.id)

    made = claims.claim(order, line=line)
    refused(claims, NotCollectedYet, lambda: claims.claim(order, line=3 - line))

    assert claims.row(made).state == "granted"
    claims.evening.collect(order, at=COLLECTED)
    assert claims.shop.state(order) == "collected"
    send_refunds(claims.shop.engine, claims.shop.provider, now=SOON)
    assert claims.balances() == {
        "provider_clearing": 2280, "sales": -2280, "refunds": -590, "claims_supplier": 590,
    }  # fmt: skip


def test_a_warm_locker_bears_the_cost_where_it_was_read(claims: Claims) -> None:
    order = claims.collected(("milk", 1))
    claims.shop.run_sql(
        "INSERT INTO zone_reading (locker_id, zone, product_c, read_at) VALUES ('L1', 'chilled', 8.5, :at)",
        at=COLLECTED - timedelta(hours=1),
    )
    assert claims.row(claims.claim(order, ClaimKind.WARM)).hand_off == "locker"


def test_a_reading_after_it_was_collected_says_nothing(claims: Claims) -> None:
    order = claims.collected(("milk", 1))
    claims.shop.run_sql(
        "INSERT INTO zone_reading (locker_id, zone, product_c, read_at) VALUES ('L1', 'chilled', 8.5, :at)",
        at=COLLECTED + timedelta(seconds=1),
    )
    assert claims.row(claims.claim(order, ClaimKind.WARM)).hand_off == "unknown"


def test_what_is_missing_behind_a_forced_door_is_the_lockers(claims: Claims) -> None:
    order = claims.collected(("milk", 1))
    door = claims.shop.parcels(order)[0].door
    claims.shop.run_sql(
        "INSERT INTO site_event (gateway_id, log_id, seq, at, applied_at, type, body)"
        " VALUES (:site, 'log', 1, :at, :at, 'DoorTroubleFound', CAST(:body AS jsonb))",
        site=SITE,
        at=LOAD_FROM + timedelta(hours=1),
        body=json.dumps({"door": door, "trouble": "forced"}),
    )
    assert claims.row(claims.claim(order, ClaimKind.MISSING, jpeg=None)).hand_off == "locker"


def test_a_corrected_hand_off_takes_its_cost_along(claims: Claims) -> None:
    made = claims.claim(claims.collected(("tomatoes", 1)))

    assert claims.blame(made, HandOff.TRANSPORT)
    assert not claims.blame(made, HandOff.TRANSPORT)
    assert claims.blame(made, HandOff.PACKING)

    assert claims.row(made).hand_off_by == f"person:{OPERATOR}"
    assert {name: sum_ for name, sum_ in claims.balances().items() if name.startswith("claims_")} == {
        "claims_packing": 590
    }
    changes = claims.shop.rows("SELECT subject_id, field, before, after FROM change ORDER BY id")
    assert changes == [
        (made.claim_id, "hand_off", "supplier", "transport"),
        (made.claim_id, "hand_off", "transport", "packing"),
    ]
    assert claims.violations() == []
    refused(claims, NotFound, lambda: claims.blame(Made("nobody"), HandOff.PACKING))


def test_before_it_is_granted_a_corrected_hand_off_moves_no_money(claims: Claims) -> None:
    made = dear(claims)
    claims.blame(made, HandOff.LOCKER)
    assert not [name for name in claims.balances() if name.startswith("claims_")]
    claims.grant(made, 100)
    assert claims.balances()["claims_locker"] == 100


def households(claims: Claims, count: int) -> list[PlacedOrder]:
    return [claims.collected(("tomatoes", 1), person=person) for person in add_people(claims.shop.engine, count)]


def test_three_households_in_two_hours_raise_one_alarm_and_the_office_is_told_once(claims: Claims) -> None:
    orders = households(claims, 4)
    for number, order in enumerate(orders[:2]):
        claims.claim(order, jpeg=bytes([number]), now=SOON)
    assert claims.shop.rows("SELECT * FROM claim_alarm") == []

    for number, order in enumerate(orders[2:], start=2):
        claims.claim(order, jpeg=bytes([number]), now=SOON + timedelta(minutes=90))

    run = claims.shop.run_no
    assert claims.shop.rows("SELECT batch, kind, orders, closed_at FROM claim_alarm") == [
        (f"run:{run}:tomatoes", "spoiled", 3, None)
    ]
    ((contact, subject, body),) = claims.told("claim_alarm")
    assert (contact, "3 households" in subject, "/en/ops/claims/alarms/" in body) == ("op@x.example", True, True)


def test_three_at_the_same_moment_raise_it_too(claims: Claims) -> None:
    orders = households(claims, 3)
    at_once(*[lambda n=n, o=o: claims.claim(o, jpeg=bytes([n])) for n, o in enumerate(orders)])
    assert claims.shop.one("SELECT count(*) FROM claim_alarm") == 1


def test_slowly_or_of_one_order_they_raise_none(claims: Claims) -> None:
    for number, order in enumerate(households(claims, 3)):
        claims.claim(order, jpeg=bytes([number]), now=SOON + timedelta(hours=number * 1.01))
    alone = claims.collected(("milk", 3))
    for number in range(3):
        claims.claim(alone, key=f"k{number}", jpeg=bytes([9, number]))
    assert claims.shop.rows("SELECT * FROM claim_alarm") == []


def alarmed(claims: Claims, others: int = 3) -> str:
    """Three claimed, others bought the same."""
    orders = households(claims, 3 + others)
    for number, order in enumerate(orders[:3]):
        claims.claim(order, jpeg=bytes([number]))
    found: str = claims.shop.one("SELECT id FROM claim_alarm")
    return found


def of_lot(shop: Shop, order: PlacedOrder, lot: str) -> None:
    """The order's first line was taken from a lot, made here where it is new."""
    shop.run_sql(
        "INSERT INTO lot (id, product_id, code, origin_zh, origin_en, expires_on, received_at, received)"
        " VALUES (:lot, 'tomatoes', :lot, '', '', '2026-12-01', :now, 99) ON CONFLICT DO NOTHING",
        lot=lot,
        now=SOON,
    )
    taken = "INSERT INTO line_lot (order_id, line_no, lot_id, quantity) VALUES (:id, 1, :lot, 1)"
    shop.run_sql(taken, id=order.order_id, lot=lot)


def test_where_lots_are_kept_three_of_one_lot_alarm_and_only_its_buyers_are_refunded(claims: Claims) -> None:
    orders = households(claims, 7)
    for number, order in enumerate(orders):
        of_lot(claims.shop, order, "bad" if number in {0, 1, 4, 5} else "good")
    for number, order in enumerate(orders[:4]):
        claims.claim(order, jpeg=bytes([number]))
    assert claims.shop.rows("SELECT * FROM claim_alarm") == []  # two of each lot

    claims.claim(orders[4], jpeg=b"third")

    ((alarm, batch),) = claims.shop.rows("SELECT id, batch FROM claim_alarm")
    assert batch == "lot:bad"
    assert claims.refund_batch(alarm, 1) == 1
    first = claims.shop.rows("SELECT order_id, batches FROM claim WHERE first_by = :id", id=alarm)
    assert first == [(orders[5].order_id, ["lot:bad"])]
    assert claims.violations() == []


def test_the_other_buyers_are_refunded_before_they_complain(claims: Claims) -> None:
    alarm = alarmed(claims)
    lying = claims.evening.ready(("tomatoes", 1), person=BOB)
    told = len(claims.told("claim_granted"))

    refused(claims, BatchChanged, lambda: claims.refund_batch(alarm, 2))
    refused(claims, ReasonNeeded, lambda: claims.refund_batch(alarm, 3, why=""))
    assert claims.refund_batch(alarm, 3) == 3

    first = claims.shop.rows("SELECT state, granted_minor, made_by, kind FROM claim WHERE first_by = :id", id=alarm)
    assert first == [("granted", 590, f"person:{OPERATOR}", "spoiled")] * 3
    assert len(claims.told("claim_granted_first")) == 3
    assert len(claims.told("claim_granted")) == told
    assert claims.shop.one("SELECT count(*) FROM refund WHERE order_id = :id", id=lying.order_id) == 0
    assert claims.shop.one("SELECT closed_by FROM claim_alarm") == f"person:{OPERATOR}"
    refused(claims, AlarmOver, lambda: claims.refund_batch(alarm, 0))
    assert claims.violations() == []


def test_refunding_a_batch_twice_at_once_gives_each_household_its_money_once(claims: Claims) -> None:
    alarm = alarmed(claims)

    at_once(*[lambda: claims.refund_batch(alarm, 3)] * 3)

    assert claims.shop.one("SELECT count(*) FROM claim WHERE first_by = :id", id=alarm) == 3
    assert claims.shop.one("SELECT sum(amount_minor) FROM refund") == 6 * 590
    assert claims.violations() == []


def test_who_was_refunded_first_does_not_use_up_their_own_claims(claims: Claims) -> None:
    alarm = alarmed(claims, others=1)
    claims.refund_batch(alarm, 1)
    person = f"{4:032x}"
    order = claims.collected(("milk", 1), person=person)
    assert claims.row(claims.claim(order, jpeg=b"milk")).state == "granted"


def test_a_closed_alarm_is_raised_again_only_by_new_claims(claims: Claims) -> None:
    alarm = alarmed(claims, others=3)
    claims.close(alarm)
    refused(claims, AlarmOver, lambda: claims.close(alarm))
    refused(claims, NotFound, lambda: claims.close("nobody"))
    left = claims.shop.rows(
        "SELECT id, order_no, total_minor, currency FROM customer_order o"
        " WHERE NOT EXISTS (SELECT FROM claim WHERE order_id = o.id) ORDER BY id"
    )
    for number, row in enumerate(left, start=7):
        claims.claim(PlacedOrder(*row), jpeg=bytes([number]), now=SOON + timedelta(minutes=number))
        assert claims.shop.one("SELECT count(*) FROM claim_alarm WHERE closed_at IS NULL") == (number == 9)


def test_a_sites_policy_is_its_own_data(claims: Claims) -> None:
    numbers = {
        "claim_within_h": 24,
        "automatic_most_minor": 100,
        "automatic_times": 9,
        "automatic_days": 7,
        "alarm_claims": 2,
        "alarm_within_h": 1,
    }

    def put(site: str, **changed: int) -> None:
        with claims.shop.engine.begin() as conn:
            set_claim_policy(conn, site_id=site, numbers={**numbers, **changed}, person_id=OPERATOR, now=SOON)

    order = claims.collected(("tomatoes", 2))
    put(OTHER_SITE)
    assert claims.row(claims.claim(order)).state == "granted"
    put(SITE)
    assert claims.row(claims.claim(order, key="b")).why_held == "over_amount"
    late = claims.collected(("milk", 1))
    assert refused(claims, ClaimTooLate, lambda: claims.claim(late, now=COLLECTED + timedelta(hours=25))).facts == {
        "hours": 24
    }
    refused(claims, ClaimPolicyAbsurd, lambda: put(SITE, automatic_days=0))
    refused(claims, NotFound, lambda: put("nowhere"))
    assert claims.shop.rows(
        "SELECT after FROM change WHERE subject_id = :id AND field = 'claim_within_h'", id=f"policy/{SITE}"
    ) == [("24",)]


def test_nobody_elses_claims_count_against_a_household(claims: Claims) -> None:
    for number in range(2):
        claims.claim(claims.collected(("milk", 1), person=BOB), jpeg=bytes([number]))
    assert claims.row(claims.claim(claims.collected(("milk", 1), person=ALICE), jpeg=b"x")).state == "granted"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE claim SET hand_off = 'packing'",
        "UPDATE claim SET granted_minor = 1",
        "UPDATE refund SET cause_key = 'x'",
    ],
)
def test_a_claim_that_does_not_agree_with_its_money_is_found(claims: Claims, damage: str) -> None:
    claims.claim(claims.collected(("tomatoes", 1)))
    assert claims.violations() == []
    claims.shop.run_sql(damage)
    assert claims.violations()
