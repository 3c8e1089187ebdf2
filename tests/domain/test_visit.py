"""The pure rules of a visit: which zones may be loaded, what is taken out, which doors open together."""

from datetime import datetime, timedelta

import pytest

from app.domain.order_state import OrderState
from app.domain.visit import (
    MOST_DOORS,
    Lying,
    Place,
    Probe,
    Why,
    judge_gate,
    judge_unknown,
    judged_at,
    may_measure_again,
    openable_together,
    why_remove,
)
from locker_protocol.vocabulary import Zone
from tests.use_cases.cast import NOW


def is_open(zone: Zone, product_c: float | None, *, age_s: float | None = 0, rate: float = 1) -> bool:
    read_at = None if age_s is None else NOW - timedelta(seconds=age_s)
    return judge_gate([Probe("G1", zone, product_c, read_at)], now=NOW, rate=rate)["G1"][zone.value]["open"]


@pytest.mark.parametrize(
    ("zone", "cold_enough", "too_warm"),
    [(Zone.FROZEN, -15.0, -14.9), (Zone.CHILLED, 5.0, 5.1), (Zone.COOL, 18.0, 18.1), (Zone.AMBIENT, 35.0, 35.1)],
)
def test_a_zone_is_loaded_up_to_its_limit_and_not_beyond(zone: Zone, cold_enough: float, too_warm: float) -> None:
    assert is_open(zone, cold_enough)
    assert not is_open(zone, too_warm)


def test_bananas_are_not_put_where_it_is_too_cold() -> None:
    assert is_open(Zone.COOL, 8.0)
    assert not is_open(Zone.COOL, 7.9)


def test_what_is_unknown_or_old_is_not_fine() -> None:
    assert not is_open(Zone.CHILLED, None)
    assert not is_open(Zone.CHILLED, 3.0, age_s=None)
    assert is_open(Zone.CHILLED, 3.0, age_s=120)
    assert not is_open(Zone.CHILLED, 3.0, age_s=121)
    assert is_open(Zone.CHILLED, 3.0, age_s=60 * 120, rate=60)


def test_an_old_reading_is_not_kept_as_if_it_were_good() -> None:
    gate = judge_gate([Probe("G1", Zone.CHILLED, 3.0, NOW - timedelta(hours=1))], now=NOW, rate=1)
    assert gate["G1"]["chilled"]["product_c"] is None


def test_it_is_measured_again_only_when_something_new_can_be_known() -> None:
    gate = judge_gate([Probe("G1", Zone.CHILLED, 9.0, NOW)], now=NOW, rate=1)
    assert judged_at(gate) == NOW
    assert not may_measure_again(gate, now=NOW + timedelta(seconds=120), rate=1)
    assert may_measure_again(gate, now=NOW + timedelta(seconds=121), rate=1)
    assert not may_measure_again(gate, now=NOW + timedelta(seconds=121), rate=60)
    assert may_measure_again({}, now=NOW, rate=1)


def test_a_zone_without_a_reading_is_judged_by_its_first_and_the_others_stay() -> None:
    old = NOW - timedelta(hours=1)
    gate = judge_gate([Probe("G1", Zone.CHILLED, 3.0, NOW), Probe("G1", Zone.COOL, 12.0, old)], now=NOW, rate=1)
    assert may_measure_again(gate, now=NOW, rate=1)

    now_warm = [Probe("G1", Zone.CHILLED, 9.0, NOW), Probe("G1", Zone.COOL, 12.0, NOW)]
    judged = judge_unknown(gate, now_warm, now=NOW, rate=1)

    assert judged["G1"]["chilled"]["product_c"] == 3.0
    assert judged["G1"]["cool"]["open"]
    assert not gate["G1"]["cool"]["open"]


def lying(
    state: OrderState = OrderState.READY, *, good_h: float = 1, removed_h: float = 1, kept: bool = False
) -> Why | None:
    def later(hours: float) -> datetime:
        return NOW + timedelta(hours=hours)

    found = Lying(
        order_state=state, collect_until=later(good_h), removal_from=later(removed_h), kept=kept, condemned=False
    )
    return why_remove(found, now=NOW)


def test_what_may_still_be_collected_stays() -> None:
    assert lying() is None
    assert lying(OrderState.PACKED) is None


@pytest.mark.parametrize("state", [OrderState.EXPIRING, OrderState.REFUNDED, OrderState.COLLECTED])
def test_what_nobody_will_collect_is_taken_out_at_once(state: OrderState) -> None:
    assert lying(state) is Why.WITHDRAWN


def test_what_is_too_old_is_taken_out_even_when_it_was_kept() -> None:
    assert lying(good_h=-1) is Why.TOO_OLD
    assert lying(good_h=-1, kept=True) is Why.TOO_OLD


def test_what_its_run_left_is_taken_out_unless_its_owner_keeps_it() -> None:
    assert lying(removed_h=0) is Why.RUN_OVER
    assert lying(removed_h=0, kept=True) is None


def test_doors_open_together_by_columns_of_one_locker_and_never_too_many() -> None:
    columns = [("G1", 1, 5), ("G1", 2, 6), ("G1", 3, 2), ("G1", 4, 11), ("G2", 1, 1)]
    places = [Place(locker, column, 100 * column + n) for locker, column, size in columns for n in range(size)]

    groups = openable_together(places)

    assert [len(group) for group in groups] == [5, 8, 8, 3, 1]
    assert [place for group in groups for place in group] == places
    assert all(len({place.locker_id for place in group}) == 1 for group in groups)
    assert max(map(len, groups)) <= MOST_DOORS
    assert openable_together([]) == []
