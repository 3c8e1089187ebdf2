"""Nobody came: what is asked at half past eight, what happens to food past its time, and to what never came."""

from datetime import timedelta

import pytest

from app.db.engine import transaction
from app.domain.errors import IllegalMove, NotFound
from app.domain.offering import ChoiceOver
from app.use_cases.evening.record_emptied import record_emptied
from app.use_cases.ordering.place_order import PlacedOrder
from locker_protocol.site_entries import CancelOrder
from tests.use_cases.cast import BOB, LOAD_FROM, PICKER, REMOVAL_FROM
from tests.use_cases.evening import LATE_EVENING, Evening

SKEW = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
TOTAL = 1380


def emptied(evening: Evening, order_id: str) -> None:
    with transaction(evening.shop.engine) as conn:
        record_emptied(conn, order_id=order_id, person_id=PICKER, now=REMOVAL_FROM)


def lines(order: PlacedOrder, evening: Evening) -> list[str]:
    return [parcel.state for parcel in evening.shop.parcels(order)]


def test_an_hour_before_the_last_window_closes_they_are_asked_once(evening: Evening) -> None:
    order = evening.ready()
    assert evening.ask_late(now=LATE_EVENING - MINUTE) == 0
    assert evening.ask_late() == 1
    assert evening.ask_late() == 0
    assert evening.offers(order) == [("not_collected", ["keep", "hand_over", "refund"], None, True)]
    assert evening.told(order) == ["order_not_collected"]
    assert "good until Wed 25 Nov 13:30" in evening.notice(order, "order_not_collected")


def test_a_chinese_message_fits_one_text_without_its_link(evening: Evening) -> None:
    order = evening.ready(person=BOB)
    evening.ask_late()
    words, _, link = evening.notice(order, "order_not_collected").partition("http")
    assert "11月25日 13:30" in words
    assert "/zh-hans/choice/" in link
    assert len(words) <= 70


def test_not_before_it_was_there_for_half_an_hour(evening: Evening) -> None:
    order = evening.shop.packed()
    evening.load(order, at=LATE_EVENING - 10 * MINUTE)
    assert evening.ask_late() == 0
    assert evening.ask_late(now=LATE_EVENING + 20 * MINUTE) == 1


def test_what_does_not_keep_till_morning_cannot_be_kept(evening: Evening) -> None:
    order = evening.ready()
    evening.shop.run_sql("UPDATE parcel SET collect_until = :at", at=LATE_EVENING + timedelta(hours=11))
    evening.ask_late()
    assert evening.offers(order)[0][1] == ["hand_over", "refund"]


def test_whoever_collected_is_not_asked(evening: Evening) -> None:
    order = evening.ready()
    evening.collect(order, at=LATE_EVENING - MINUTE)
    assert evening.ask_late() == 0


@pytest.mark.parametrize("choice", ["keep", "hand_over"])
def test_keeping_and_handing_over_leave_the_code_alive(evening: Evening, choice: str) -> None:
    order = evening.ready()
    evening.ask_late()
    evening.choose(order, choice, now=LATE_EVENING)
    assert evening.shop.state(order) == "ready"
    assert evening.shop.one("SELECT count(*) FROM credential WHERE ended_at IS NULL") == 1
    assert evening.offers(order)[0][2:] == (choice, False)


def test_giving_it_up_ends_the_code_and_pays_after_the_sites_word(evening: Evening) -> None:
    order = evening.ready()
    evening.ask_late()
    evening.choose(order, "refund", now=LATE_EVENING)
    assert evening.shop.state(order) == "expiring"
    assert evening.shop.one("SELECT count(*) FROM credential WHERE ended_at IS NULL") == 0
    assert isinstance(evening.shop.entries()[-1], CancelOrder)
    assert evening.refunded(order) == {}

    evening.confirm_cancelled(order, at=LATE_EVENING)
    assert evening.refunded(order) == {"given_up": TOTAL}
    assert evening.shop.state(order) == "refunded"


def test_who_collected_meanwhile_gives_nothing_back(evening: Evening) -> None:
    order = evening.ready()
    evening.ask_late()
    evening.collect(order, at=LATE_EVENING)
    before = evening.shop.everything()
    with pytest.raises(ChoiceOver):
        evening.choose(order, "refund", now=LATE_EVENING)
    assert evening.shop.everything() == before


def test_silence_changes_nothing_but_the_question(evening: Evening) -> None:
    order = evening.ready()
    evening.ask_late()
    assert evening.silence(now=REMOVAL_FROM) == 1
    assert evening.offers(order)[0][2:] == (None, False)
    assert evening.shop.state(order) == "ready"


# --- past its time


def test_food_past_its_time_is_handed_out_no_more(evening: Evening) -> None:
    order = evening.ready()
    assert evening.expire(now=REMOVAL_FROM + SKEW - MINUTE) == 0
    assert evening.expire(now=REMOVAL_FROM + SKEW) == 1
    assert evening.expire(now=REMOVAL_FROM + SKEW) == 0
    assert evening.shop.state(order) == "expiring"

    evening.confirm_cancelled(order, at=REMOVAL_FROM + SKEW)
    assert evening.refunded(order) == {"not_collected": TOTAL}
    assert lines(order, evening) == ["loaded"]  # until a visit takes it out


def test_one_bag_that_is_still_good_keeps_the_order(evening: Evening) -> None:
    order = evening.ready(("milk", 1), ("dumplings", 1))
    evening.shop.run_sql("UPDATE parcel SET collect_until = :at WHERE zone = 'chilled'", at=LATE_EVENING)
    assert evening.expire(now=LATE_EVENING + timedelta(hours=1)) == 0
    assert evening.shop.state(order) == "ready"


def test_food_in_a_keepers_bag_has_a_time_of_its_own(evening: Evening) -> None:
    order = evening.ready(("milk", 1), ("dumplings", 1))
    evening.shop.run_sql("UPDATE parcel SET state = 'rescued', keep_until = collect_until WHERE zone = 'chilled'")
    assert evening.expire(now=REMOVAL_FROM + SKEW) == 0
    assert evening.shop.state(order) == "ready"


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_never_brought_goes_back_when_its_run_is_over(evening: Evening, packed: bool) -> None:
    order = evening.shop.packed() if packed else evening.shop.paid()
    evening.expire(now=REMOVAL_FROM + SKEW)
    evening.confirm_cancelled(order, at=REMOVAL_FROM + SKEW)
    assert evening.refunded(order) == {"not_brought": TOTAL}
    assert lines(order, evening) == ["cancelled"]


def test_the_bag_that_never_came_goes_back_line_by_line(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1), ("dumplings", 1))
    evening.load(order, bags=1)
    evening.collect(order, at=LOAD_FROM)
    assert evening.expire(now=REMOVAL_FROM - MINUTE) == 0

    assert evening.expire(now=REMOVAL_FROM) == 1
    assert evening.shop.state(order) == "collected"
    assert list(evening.refunded(order)) == ["not_brought"]
    assert sum(evening.refunded(order).values()) in {1380, 1690}


def test_missing_and_uncollected_bags_go_back_each_for_its_reason(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1), ("dumplings", 1))
    evening.load(order, bags=1)
    evening.expire(now=REMOVAL_FROM + SKEW)
    assert evening.shop.state(order) == "expiring"
    evening.confirm_cancelled(order, at=REMOVAL_FROM + SKEW)
    assert set(evening.refunded(order)) == {"not_brought", "not_collected"}
    assert sum(evening.refunded(order).values()) == 1380 + 1690


# --- the site is silent


def test_staff_who_emptied_the_locker_end_the_wait(evening: Evening) -> None:
    order = evening.ready()
    evening.expire(now=REMOVAL_FROM + SKEW)
    emptied(evening, order.order_id)
    assert evening.shop.state(order) == "refunded"
    assert evening.refunded(order) == {"not_collected": TOTAL}
    assert lines(order, evening) == ["disposed"]

    evening.confirm_cancelled(order, at=REMOVAL_FROM + SKEW)  # the gateway comes back
    assert evening.refunded(order) == {"not_collected": TOTAL}


def test_emptied_is_for_withdrawn_orders_only(evening: Evening) -> None:
    order = evening.ready()
    before = evening.shop.everything()
    with pytest.raises(IllegalMove):
        emptied(evening, order.order_id)
    with pytest.raises(NotFound):
        emptied(evening, "nobody")
    assert evening.shop.everything() == before
