"""Money given back by hand: once, with a reason, never more than is left, never all of what is still handed out."""

from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.errors import DomainError, IllegalMove, NotFound
from app.domain.hand_refund import MoreThanLeft, StillHandedOut, WithdrawalUnderWay
from app.domain.refunding import NothingToRefund
from app.use_cases.evening.withdraw_by_hand import withdraw_by_hand
from app.use_cases.evening.withdraw_order import close_withdrawn
from app.use_cases.money.decide_refund import Decided
from app.use_cases.money.refund_by_hand import NotFailed, refund_by_hand, retry_refund
from app.use_cases.money.send_refunds import send_refunds
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.site.ask_site import ReasonNeeded
from tests.use_cases.cast import NOW, PICKER, SITE, Shop

WHY = "two were soft"


def give_back(
    shop: Shop, order: PlacedOrder, lines: dict[int, int], *, key: str = "k", why: str = WHY
) -> Decided | None:
    with transaction(shop.engine) as conn:
        return refund_by_hand(
            conn, order_id=order.order_id, lines=lines, reason=why, key=key, person_id=PICKER, now=NOW
        )


def refused(shop: Shop, refusal: type[DomainError], doing: Any) -> DomainError:
    before = shop.everything()
    with pytest.raises(refusal) as caught:
        doing()
    assert shop.everything() == before
    return caught.value


def collected(shop: Shop, *wanted: tuple[str, int]) -> PlacedOrder:
    """An order that is over the short way: how parcels are collected is tested elsewhere."""
    order = shop.packed(*wanted)
    mine = {"id": order.order_id}
    shop.run_sql("UPDATE parcel SET state = 'collected', door = 1 WHERE order_id = :id", **mine)
    shop.run_sql("UPDATE customer_order SET state = 'collected' WHERE id = :id", **mine)
    return order


def test_a_part_goes_back_once_with_its_reason_and_a_message(shop: Shop) -> None:
    order = shop.paid(("tomatoes", 2))
    told = shop.one("SELECT count(*) FROM notification")

    decided = give_back(shop, order, {1: 300})
    again = give_back(shop, order, {1: 300})

    assert (decided, again) == (Decided(decided.refund_no if decided else "", 300), None)
    rows = shop.rows("SELECT cause, amount_minor, decided_by, reason FROM refund")
    assert rows == [("staff", 300, f"person:{PICKER}", WHY)]
    assert shop.one("SELECT count(*) FROM notification") == told + 1
    assert send_refunds(shop.engine, shop.provider, now=NOW) == 1
    assert shop.one("SELECT refunded_minor FROM sandbox_charge") == 300


def test_of_what_is_over_all_may_go_back_and_not_a_fen_more(shop: Shop) -> None:
    order = collected(shop, ("tomatoes", 2), ("milk", 1))
    assert refused(shop, MoreThanLeft, lambda: give_back(shop, order, {1: 99_999})).facts["field"] == "line-1"

    total = sum(amount for (amount,) in shop.rows("SELECT line_minor FROM order_line"))
    lines = dict(tuple(row) for row in shop.rows("SELECT line_no, line_minor FROM order_line"))
    decided = give_back(shop, order, lines)

    assert decided is not None
    assert decided.amount_minor == total
    refused(shop, MoreThanLeft, lambda: give_back(shop, order, {1: 1}, key="another"))


def test_not_all_of_a_line_that_can_still_be_collected(shop: Shop) -> None:
    order = shop.paid(("tomatoes", 2))

    refused(shop, StillHandedOut, lambda: give_back(shop, order, {1: 1180}))
    assert give_back(shop, order, {1: 1179}) is not None
    refused(shop, StillHandedOut, lambda: give_back(shop, order, {1: 1}, key="the last fen"))


def test_what_makes_no_sense_is_refused_and_nothing_changes(shop: Shop) -> None:
    order, unpaid = shop.paid(("tomatoes", 2)), shop.order(("milk", 2))

    refused(shop, NothingToRefund, lambda: give_back(shop, order, {}))
    refused(shop, NothingToRefund, lambda: give_back(shop, order, {1: 0}))
    refused(shop, NothingToRefund, lambda: give_back(shop, unpaid, {1: 5}))
    refused(shop, MoreThanLeft, lambda: give_back(shop, order, {7: 5}))
    refused(shop, ReasonNeeded, lambda: give_back(shop, order, {1: 5}, why="so"))
    refused(shop, NotFound, lambda: give_back(shop, PlacedOrder("nobody", "", 0, ""), {1: 5}))


def test_a_withdrawn_orders_money_waits_for_its_site(shop: Shop) -> None:
    order = shop.paid(("tomatoes", 2))
    with transaction(shop.engine) as conn:
        withdraw_by_hand(conn, order_id=order.order_id, reason="recall of the lot", person_id=PICKER, now=NOW)

    assert shop.state(order) == "expiring"
    assert shop.rows("SELECT * FROM refund") == []
    assert shop.rows("SELECT subject, after, reason FROM change") == [("order", "staff", "recall of the lot")]
    refused(shop, WithdrawalUnderWay, lambda: give_back(shop, order, {1: 5}))

    with transaction(shop.engine) as conn:
        close_withdrawn(conn, order_id=order.order_id, site_id=SITE, actor="gateway:x", now=NOW)
    assert shop.rows("SELECT cause, amount_minor FROM refund") == [("staff", order.total_minor)]


def test_an_order_is_withdrawn_once_and_only_with_a_reason(shop: Shop) -> None:
    order = shop.paid(("tomatoes", 2))

    def withdraw(why: str) -> None:
        with transaction(shop.engine) as conn:
            withdraw_by_hand(conn, order_id=order.order_id, reason=why, person_id=PICKER, now=NOW)

    refused(shop, ReasonNeeded, lambda: withdraw(""))
    withdraw("recall of the lot")
    refused(shop, IllegalMove, lambda: withdraw("recall of the lot"))


def test_a_failed_refund_is_tried_again_and_no_other(shop: Shop) -> None:
    order = shop.paid(("tomatoes", 2))
    decided = give_back(shop, order, {1: 300})
    assert decided is not None

    def retry(number: str) -> None:
        with transaction(shop.engine) as conn:
            retry_refund(conn, refund_no=number, person_id=PICKER, now=NOW)

    refused(shop, NotFailed, lambda: retry(decided.refund_no))
    refused(shop, NotFound, lambda: retry("R-0"))
    shop.run_sql("UPDATE refund SET failed = 'account closed', tries = 3")

    retry(decided.refund_no)

    assert send_refunds(shop.engine, shop.provider, now=NOW) == 1
    assert shop.rows("SELECT failed, done_at FROM refund") == [(None, NOW)]
    assert shop.rows("SELECT subject, field, before FROM change") == [("refund", "failed", "account closed")]
    refused(shop, NotFailed, lambda: retry(decided.refund_no))


def test_a_refund_decided_by_hand_stands_in_the_audit_with_its_reason(shop: Shop) -> None:
    order = shop.paid(("tomatoes", 2))

    decided = give_back(shop, order, {1: 300})

    assert decided is not None
    (row,) = shop.rows(
        "SELECT act, actor, order_id, why, convert_from(body, 'UTF8')::jsonb -> 'facts' AS facts FROM audit"
    )
    assert (row.act, row.actor, row.order_id, row.why) == (
        "refund_decided", f"person:{PICKER}", order.order_id, WHY,
    )  # fmt: skip
    assert row.facts == {"refund_no": decided.refund_no, "amount_minor": 300}
