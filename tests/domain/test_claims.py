"""What a claim is worth, when a person must decide it, and who bears its cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.claim_state import CLAIM_TABLE, FINAL_CLAIM_STATES, ClaimEvent, ClaimState
from app.domain.claims import (
    DEFAULT_POLICY,
    LONGEST_WORDS,
    MOST_CLAIMS_OF_ORDER,
    POLICY_BOUNDS,
    Batch,
    ClaimKind,
    ClaimLine,
    ClaimPhotoNeeded,
    ClaimPolicyAbsurd,
    ClaimQuantityAbsurd,
    ClaimTooLate,
    ClaimWordsTooLong,
    NotCollectedYet,
    NothingLeftToClaim,
    Past,
    TooManyClaims,
    WhyHeld,
    Wish,
    alarms,
    batches_of,
    checked_policy,
    read_batch,
    refuse_wrong_claim,
    why_held,
)
from app.domain.errors import DomainError, IllegalMove
from app.domain.hand_off import ColdRecord, HandOff, HandOffFacts, ZoneReading, blamed, judge_cold
from app.domain.state_table import step
from locker_protocol.vocabulary import Zone

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINE = ClaimLine(1, 1180, 2, 0, 0, 0, NOW - timedelta(hours=1))
WISH = Wish(ClaimKind.SPOILED, 1, photo=True)
NEW = Past(0, photo_known=False)


def test_a_piece_is_worth_what_was_paid_for_it_and_never_more_than_is_left() -> None:
    assert LINE.worth_minor(1) == 590
    assert LINE.worth_minor(2) == 1180
    assert replace(LINE, charged_minor=1000, came=3).worth_minor(1) == 334
    assert replace(LINE, refunded_minor=800).worth_minor(1) == 380
    assert replace(LINE, claimed_minor=1000).worth_minor(1) == 180
    # Two of three came, the third went back: each of the two cost what it cost.
    assert ClaimLine(1, 1770, 2, 590, 590, 0, NOW).worth_minor(1) == 590
    # Catch weight: the cap was charged, the difference went back.
    assert ClaimLine(1, 2178, 1, 317, 317, 0, NOW).worth_minor(1) == 1861


@pytest.mark.parametrize(
    ("line", "wish", "claims", "refusal"),
    [
        (replace(LINE, collected_at=None), WISH, 0, NotCollectedYet),
        (replace(LINE, collected_at=NOW - timedelta(hours=48, seconds=1)), WISH, 0, ClaimTooLate),
        (LINE, WISH, MOST_CLAIMS_OF_ORDER, TooManyClaims),
        (replace(LINE, came=0), WISH, 0, NothingLeftToClaim),
        (replace(LINE, refunded_minor=1180), WISH, 0, NothingLeftToClaim),
        (replace(LINE, claimed_minor=1180), WISH, 0, NothingLeftToClaim),
        (LINE, replace(WISH, quantity=0), 0, ClaimQuantityAbsurd),
        (LINE, replace(WISH, quantity=3), 0, ClaimQuantityAbsurd),
        (LINE, replace(WISH, photo=False), 0, ClaimPhotoNeeded),
        (LINE, Wish(ClaimKind.DAMAGED, 1, photo=False), 0, ClaimPhotoNeeded),
        (LINE, replace(WISH, words="x" * (LONGEST_WORDS + 1)), 0, ClaimWordsTooLong),
    ],
)
def test_what_makes_no_sense_or_comes_too_late_is_refused(
    line: ClaimLine, wish: Wish, claims: int, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        refuse_wrong_claim(line, wish, DEFAULT_POLICY, claims=claims, now=NOW)


def test_at_the_last_second_and_without_a_photo_of_what_is_missing_it_is_taken() -> None:
    late = replace(LINE, collected_at=NOW - timedelta(hours=48))
    refuse_wrong_claim(late, WISH, DEFAULT_POLICY, claims=0, now=NOW)
    refuse_wrong_claim(late, Wish(ClaimKind.MISSING, 2, photo=False), DEFAULT_POLICY, claims=19, now=NOW)


def test_twice_in_a_month_up_to_twenty_yuan_nobody_is_asked() -> None:
    def held(
        worth: int = 2000, *, automatic: int = 0, known: bool = False, kind: ClaimKind = ClaimKind.MISSING
    ) -> object:
        return why_held(kind, worth, Past(automatic, photo_known=known), DEFAULT_POLICY)

    assert held() is None
    assert held(automatic=1) is None
    assert held(automatic=2) is WhyHeld.OVER_TIMES
    assert held(2001) is WhyHeld.OVER_AMOUNT
    assert held(known=True) is WhyHeld.PHOTO_KNOWN
    assert held(1, kind=ClaimKind.SHORT_WEIGHT) is WhyHeld.BY_WEIGHT


def test_a_batch_is_its_lots_or_else_its_product_in_its_run() -> None:
    assert batches_of((), run_no=7, product_id="milk") == ["run:7:milk"]
    assert batches_of(("b", "a", "b"), run_no=7, product_id="milk") == ["lot:a", "lot:b"]
    assert read_batch("run:7:a:b") == Batch(run_no=7, product_id="a:b")
    assert read_batch("lot:x:y") == Batch(lot_id="x:y")


def test_three_different_orders_are_an_alarm_and_one_that_claims_thrice_is_none() -> None:
    assert not alarms(["a", "b"], DEFAULT_POLICY)
    assert not alarms(["a", "a", "a"], DEFAULT_POLICY)
    assert alarms(["a", "b", "c"], DEFAULT_POLICY)


def test_a_policy_has_bounds() -> None:
    least = {field: low for field, (low, _) in POLICY_BOUNDS.items()}
    assert checked_policy(least).automatic_times == 0
    for field, (low, high) in POLICY_BOUNDS.items():
        for wrong in (low - 1, high + 1):
            with pytest.raises(ClaimPolicyAbsurd) as caught:
                checked_policy({**least, field: wrong})
            assert caught.value.facts["field"] == field


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (HandOffFacts(ClaimKind.SPOILED, NOW), HandOff.SUPPLIER),
        (HandOffFacts(ClaimKind.SPOILED, NOW, cold=ColdRecord.OVER), HandOff.LOCKER),
        (HandOffFacts(ClaimKind.SPOILED, NOW, cold=ColdRecord.NOTHING_OVER), HandOff.SUPPLIER),
        (HandOffFacts(ClaimKind.SPOILED, NOW, good_until=NOW - timedelta(seconds=1)), HandOff.COLLECTION),
        (HandOffFacts(ClaimKind.SPOILED, NOW, good_until=NOW), HandOff.SUPPLIER),
        (HandOffFacts(ClaimKind.MISSING, NOW), HandOff.PACKING),
        (HandOffFacts(ClaimKind.MISSING, NOW, door_forced=True), HandOff.LOCKER),
        (HandOffFacts(ClaimKind.MISSING, NOW, cold=ColdRecord.OVER), HandOff.PACKING),
        (HandOffFacts(ClaimKind.WRONG_ITEM, NOW), HandOff.PACKING),
        (HandOffFacts(ClaimKind.DAMAGED, NOW), HandOff.TRANSPORT),
        (HandOffFacts(ClaimKind.SHORT_WEIGHT, NOW), HandOff.PACKING),
        (HandOffFacts(ClaimKind.WARM, NOW), HandOff.UNKNOWN),
        (HandOffFacts(ClaimKind.WARM, NOW, cold=ColdRecord.OVER), HandOff.LOCKER),
        (HandOffFacts(ClaimKind.WARM, NOW, rescued=True), HandOff.LOCKER),
    ],
)
def test_who_bears_the_cost_follows_from_what_is_known(facts: HandOffFacts, expected: HandOff) -> None:
    assert blamed(facts) is expected


def test_what_was_not_read_is_unknown_and_one_reading_over_the_limit_is_proof() -> None:
    since, until = NOW - timedelta(hours=3), NOW

    def judged(*readings: ZoneReading) -> ColdRecord:
        return judge_cold(readings, zone=Zone.CHILLED, since=since, until=until)

    fine, warm = ZoneReading(NOW, 4.0), ZoneReading(since, 5.1)
    assert judged() is ColdRecord.UNKNOWN
    assert judged(ZoneReading(NOW, None)) is ColdRecord.UNKNOWN
    assert judged(ZoneReading(since - timedelta(seconds=1), 9.0)) is ColdRecord.UNKNOWN
    assert judged(fine) is ColdRecord.NOTHING_OVER
    assert judged(fine, warm) is ColdRecord.OVER
    assert judged(ZoneReading(NOW, 4.0, air_c=9.0)) is ColdRecord.NOTHING_OVER
    assert judged(ZoneReading(NOW, None, air_c=9.0)) is ColdRecord.OVER


def test_an_answer_is_given_once_and_only_a_refusal_is_taken_back() -> None:
    for state in ClaimState:
        for event in ClaimEvent:
            if (state, event) in CLAIM_TABLE:
                assert state not in FINAL_CLAIM_STATES
                continue
            with pytest.raises(IllegalMove):
                step(CLAIM_TABLE, state, event)
    assert step(CLAIM_TABLE, ClaimState.REFUSED, ClaimEvent.GRANTED) is ClaimState.GRANTED
