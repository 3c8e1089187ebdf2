"""The evening breaks: a van is late, does not come, or leaves bags behind. Money, messages and choices of each."""

from datetime import datetime, timedelta

import pytest

from app.db.engine import transaction
from app.domain.basket import OrderCycleClosed
from app.domain.errors import DomainError, NotFound
from app.domain.offering import ChoiceGone, ChoiceOver, DelayImpossible, DelayTooSmall, RunOver
from app.use_cases.evening.call_off_run import ask_called_off
from app.use_cases.evening.offer_not_loaded import offer_not_loaded
from app.use_cases.ordering.place_order import PlacedOrder
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, NOW, OTHER_SITE, REMOVAL_FROM, add_people, at_once
from tests.use_cases.evening import OPENS, Evening

MINUTE = timedelta(minutes=1)
TOTAL = 1380


def left_behind(evening: Evening, *orders: PlacedOrder, now: datetime = LOAD_FROM) -> int:
    with transaction(evening.shop.engine) as conn:
        return offer_not_loaded(
            conn,
            order_ids=[order.order_id for order in orders],
            actor="person:driver",
            now=now,
            settings=evening.shop.settings,
        )


def close_neighbour(evening: Evening) -> None:
    evening.shop.run_sql("UPDATE load_run SET called_off_at = load_from WHERE site_id = :s", s=OTHER_SITE)


# --- late


def test_twenty_five_minutes_are_told_and_nothing_is_asked(evening: Evening) -> None:
    order = evening.shop.packed()
    assert evening.delay(OPENS + 25 * MINUTE) == 1
    assert evening.told(order) == ["van_late"]
    assert evening.notice(order, "van_late").startswith("Caibox: the van is about 25 min late: 16:55. Nothing to do.")
    assert evening.offers(order) == []


def test_whoever_comes_later_anyway_hears_nothing(evening: Evening) -> None:
    late = evening.shop.packed(window_id=evening.shop.late_window_id)
    assert evening.delay(OPENS + 60 * MINUTE) == 0
    assert evening.told(late) == []


def test_one_message_for_each_quarter_of_an_hour(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.delay(OPENS + 25 * MINUTE)
    before = evening.shop.everything()

    with pytest.raises(DelayTooSmall):
        evening.delay(OPENS + 35 * MINUTE)
    assert evening.shop.everything() == before

    evening.delay(OPENS + 45 * MINUTE)
    assert evening.told(order) == ["van_late", "van_late"]


def test_a_van_that_caught_up_is_told_too(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.delay(OPENS + 90 * MINUTE)
    evening.delay(OPENS - 5 * MINUTE, now=LOAD_FROM + MINUTE)
    assert evening.told(order) == ["van_late_choice", "van_in_time"]
    assert evening.offers(order)[0][2:] == (None, False)


def test_beyond_an_hour_people_may_choose_and_silence_is_waiting(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.add_run()
    evening.delay(OPENS + 80 * MINUTE)
    assert evening.offers(order) == [("late_van", ["wait", "tomorrow", "neighbour", "refund"], None, True)]
    assert "/en/choice/" in evening.notice(order, "van_late_choice")

    assert evening.silence(now=OPENS + 80 * MINUTE) == 1
    assert evening.offers(order)[0][2:] == (None, False)
    assert evening.shop.state(order) == "packed"


def test_food_that_would_not_keep_is_not_waited_for(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.shop.run_sql("UPDATE parcel SET collect_until = :at", at=OPENS + 40 * MINUTE)
    close_neighbour(evening)
    evening.delay(OPENS + 30 * MINUTE)
    assert evening.offers(order) == [("late_van", ["refund"], None, True)]


@pytest.mark.parametrize(
    ("expected_at", "refusal"), [(LOAD_FROM - MINUTE, DelayImpossible), (REMOVAL_FROM, DelayImpossible)]
)
def test_an_hour_that_cannot_be_is_refused(evening: Evening, expected_at: datetime, refusal: type[DomainError]) -> None:
    evening.shop.packed()
    before = evening.shop.everything()
    with pytest.raises(refusal):
        evening.delay(expected_at)
    assert evening.shop.everything() == before


def test_unknown_runs_and_runs_called_off_are_not_delayed(evening: Evening) -> None:
    evening.call_off()
    before = evening.shop.everything()
    with pytest.raises(RunOver):
        evening.delay(OPENS + 25 * MINUTE)
    with pytest.raises(RunOver):
        evening.call_off()
    with pytest.raises(NotFound):
        evening.delay(OPENS + 25 * MINUTE, run_no=99)
    with pytest.raises(NotFound):
        evening.call_off(run_no=99)
    assert evening.shop.everything() == before


# --- called off


def test_a_run_called_off_asks_its_people_and_sells_no_more(evening: Evening) -> None:
    order = evening.shop.paid()
    evening.add_run()
    assert evening.call_off(now=NOW) == 1
    assert evening.offers(order) == [("called_off", ["tomorrow", "neighbour", "refund"], None, True)]
    assert evening.shop.rows("SELECT answer_by FROM offer") == [(OPENS,)]

    before = evening.shop.everything()
    with pytest.raises(OrderCycleClosed):
        evening.shop.order(person=BOB)
    assert evening.shop.everything() == before


def test_near_the_window_there_are_two_hours_to_answer(evening: Evening) -> None:
    evening.shop.packed()
    evening.add_run()
    evening.call_off(now=OPENS - 20 * MINUTE)
    assert evening.shop.rows("SELECT answer_by FROM offer") == [(OPENS + 100 * MINUTE,)]


def test_tomorrow_means_the_same_hours_of_the_next_day(evening: Evening) -> None:
    order = evening.shop.paid()
    evening.add_run(kind="breakfast", shift_h=-9)
    run = evening.add_run()
    evening.call_off()
    evening.choose(order, "tomorrow")
    assert evening.offers(order)[0][2:] == ("tomorrow", False)
    assert evening.shop.rows("SELECT run_no, state FROM customer_order") == [(run[0], "paid")]
    assert evening.refunded(order) == {}


def test_the_neighbour_takes_it_today(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.call_off()
    evening.choose(order, "neighbour")
    assert evening.shop.rows("SELECT site_id FROM customer_order") == [(OTHER_SITE,)]


def test_money_goes_back_only_after_the_site_said_so(evening: Evening) -> None:
    order = evening.shop.paid()
    evening.call_off()
    evening.choose(order, "refund")
    assert evening.shop.state(order) == "expiring"
    assert evening.refunded(order) == {}

    evening.confirm_cancelled(order, at=LOAD_FROM)
    assert evening.shop.state(order) == "refunded"
    assert evening.refunded(order) == {"not_brought": TOTAL}


def test_silence_is_tomorrow_or_else_the_money(evening: Evening) -> None:
    people = add_people(evening.shop.engine, 3)
    orders = [evening.shop.paid(person=person) for person in people]
    evening.add_run(places=2)
    close_neighbour(evening)
    evening.call_off()

    assert evening.silence(now=OPENS - MINUTE) == 0
    assert evening.silence(now=OPENS) == 3
    assert sorted(evening.offers(order)[0][2] or "" for order in orders) == ["refund", "tomorrow", "tomorrow"]
    assert sorted(evening.shop.state(order) for order in orders) == ["expiring", "paid", "paid"]


def test_where_only_the_money_is_left_nobody_is_asked(evening: Evening) -> None:
    order = evening.shop.paid()
    close_neighbour(evening)
    evening.call_off()
    assert evening.offers(order) == []
    assert evening.shop.state(order) == "expiring"


def test_what_is_full_meanwhile_is_refused_and_the_rest_can_still_be_chosen(evening: Evening) -> None:
    order = evening.shop.paid()
    run = evening.add_run()
    evening.call_off()
    evening.shop.run_sql("UPDATE pickup_window SET orders_taken = order_cap WHERE run_no = :r", r=run[0])
    before = evening.shop.everything()

    with pytest.raises(ChoiceGone):
        evening.choose(order, "tomorrow")
    with pytest.raises(ChoiceGone):
        evening.choose(order, "wait")
    assert evening.shop.everything() == before
    evening.choose(order, "neighbour")


def test_a_question_is_answered_once(evening: Evening) -> None:
    order = evening.shop.paid()
    evening.add_run()
    evening.call_off()
    results = at_once(*(lambda choice=choice: evening.choose(order, choice) for choice in ("tomorrow", "refund") * 4))

    assert results.count(None) == 1
    assert {type(result) for result in results} == {type(None), ChoiceOver}
    assert evening.shop.state(order) in {"paid", "expiring"}


def test_of_forty_that_want_tomorrow_three_get_its_three_places(evening: Evening) -> None:
    people = add_people(evening.shop.engine, 40)
    evening.shop.run_sql("UPDATE run_capacity SET total = 100")
    orders = [evening.shop.paid(person=person) for person in people]
    run = evening.add_run(places=3)
    evening.shop.run_sql("UPDATE run_capacity SET total = 100")
    close_neighbour(evening)
    evening.call_off()

    results = at_once(*(lambda order=order: evening.choose(order, "tomorrow") for order in orders))

    assert results.count(None) == 3
    assert {type(result) for result in results} == {type(None), ChoiceGone}
    assert evening.shop.one("SELECT count(*) FROM customer_order WHERE run_no = :r", r=run[0]) == 3
    assert evening.shop.one("SELECT count(*) FROM offer WHERE closed_at IS NULL") == 37


def test_who_has_not_paid_is_let_go_and_a_late_payment_goes_back(evening: Evening) -> None:
    order = evening.shop.order()
    ref = evening.shop.start(order)
    evening.call_off(now=NOW)
    assert evening.shop.state(order) == "released"
    assert evening.shop.taken() == {"stock": {}, "doors": {}, "places": 0}

    evening.shop.provider.decide(ref, paid=True)
    evening.shop.settle(ref)
    assert evening.shop.state(order) == "refunded"
    assert evening.refunded(order) == {"late_payment": TOTAL}


def test_an_order_that_slipped_in_is_asked_a_moment_later(evening: Evening) -> None:
    evening.add_run()
    evening.call_off(now=NOW)
    evening.shop.run_sql("UPDATE load_run SET called_off_at = NULL")
    order = evening.shop.paid()
    evening.shop.run_sql("UPDATE load_run SET called_off_at = :now WHERE run_no = :r", now=NOW, r=evening.shop.run_no)

    for asked in (1, 0):
        with transaction(evening.shop.engine) as conn:
            assert ask_called_off(conn, actor="clock", now=NOW, settings=evening.shop.settings) == asked
    assert [offer[0] for offer in evening.offers(order)] == ["called_off"]


# --- left behind


def test_an_order_left_behind_whole_may_go_with_another_van(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.add_run()
    assert left_behind(evening, order) == 1
    assert left_behind(evening, order) == 0
    assert evening.offers(order) == [("not_loaded", ["tomorrow", "neighbour", "refund"], None, True)]


def test_of_an_order_loaded_in_part_the_missing_bag_comes_with_the_next_van(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1), ("dumplings", 1))
    evening.add_run(kind="breakfast", shift_h=-9)
    evening.load(order, bags=1)
    left_behind(evening, order)
    assert evening.offers(order) == [("not_loaded", ["wait", "refund"], None, True)]

    evening.choose(order, "wait")
    evening.load(order)
    assert evening.shop.state(order) == "ready"
    assert evening.refunded(order) == {}


def test_or_the_missing_bag_is_paid_back_and_the_rest_is_ready(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1), ("dumplings", 1))
    evening.add_run(kind="breakfast", shift_h=-9)
    evening.load(order, bags=1)
    left_behind(evening, order)
    evening.choose(order, "refund")

    missing = [parcel for parcel in evening.shop.parcels(order) if parcel.state == "cancelled"]
    assert len(missing) == 1
    assert evening.refunded(order) == {"not_brought": 1380 if missing[0].zone == "chilled" else 1690}
    assert evening.shop.state(order) == "ready"
    assert evening.shop.one("SELECT count(*) FROM notification WHERE kind = 'order_ready'") == 1

    evening.collect(order, at=LOAD_FROM)
    assert evening.shop.state(order) == "collected"
    assert sum(evening.refunded(order).values()) in {1380, 1690}


def test_orders_that_are_in_the_locker_or_over_are_left_alone(evening: Evening) -> None:
    whole = evening.ready(person=ALICE)
    over = evening.shop.paid(person=BOB)
    close_neighbour(evening)
    left_behind(evening, over)
    before = evening.shop.everything()
    assert left_behind(evening, whole, over) == 0
    assert evening.shop.everything() == before


def test_a_question_rests_when_the_order_was_loaded_after_all(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.add_run()
    left_behind(evening, order)
    evening.load(order)
    with pytest.raises(ChoiceOver):
        evening.choose(order, "refund")
    assert evening.silence(now=LOAD_FROM) == 1
    assert evening.offers(order)[0][2:] == (None, False)
    assert evening.shop.state(order) == "ready"
