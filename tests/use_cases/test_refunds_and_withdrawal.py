"""Money goes back once per cause, never more than was paid, and never before the site said nothing is handed out."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.errors import IllegalMove, NotFound
from app.domain.refunding import ChargedLine, RefundCause, shares
from app.payments.provider import Unavailable
from app.payments.sandbox import SandboxProvider
from app.use_cases.evening.withdraw_order import close_withdrawn, withdraw_order
from app.use_cases.money.decide_refund import Decided, decide_refund
from app.use_cases.ordering.place_order import PlacedOrder
from locker_protocol.site_entries import CancelOrder
from tests.use_cases.cast import LOAD_FROM, NOW, OTHER_SITE, SITE, Shop, at_once


def withdraw(shop: Shop, order: PlacedOrder, *, now: Any = NOW) -> None:
    with transaction(shop.engine) as conn:
        withdraw_order(conn, order_id=order.order_id, cause=RefundCause.GIVEN_UP, actor="person:x", now=now)


def confirm(shop: Shop, order: PlacedOrder, *, site: str = SITE) -> bool:
    with transaction(shop.engine) as conn:
        return close_withdrawn(conn, order_id=order.order_id, site_id=site, actor="gateway:x", now=LOAD_FROM)


def refund(shop: Shop, order: PlacedOrder, key: str, lines: dict[int, int] | None) -> Decided | None:
    with transaction(shop.engine) as conn:
        return decide_refund(
            conn,
            order_id=order.order_id,
            cause=RefundCause.STAFF,
            cause_key=key,
            lines=lines,
            actor="person:x",
            now=NOW,
        )


def test_a_line_gives_back_at_most_what_is_left_of_it() -> None:
    lines = [ChargedLine(1, 500, 0), ChargedLine(2, 500, 400), ChargedLine(3, 500, 500)]
    assert shares(lines, None) == {1: 500, 2: 100}
    assert shares(lines, {1: 20, 2: 300, 3: 1, 9: 5}) == {1: 20, 2: 100}


def test_an_order_that_is_withdrawn_waits_for_its_site_and_then_goes_back_whole(shop: Shop) -> None:
    order = shop.packed(("milk", 2))

    withdraw(shop, order)

    assert shop.state(order) == "expiring"
    assert shop.entries()[-1] == CancelOrder(order.order_id)
    assert shop.one("SELECT count(*) FROM credential WHERE ended_at IS NULL") == 0
    assert shop.one("SELECT count(*) FROM refund") == 0
    assert confirm(shop, order)
    assert shop.state(order) == "refunded"
    assert {parcel.state for parcel in shop.parcels(order)} == {"cancelled"}
    assert shop.send_refunds(now=LOAD_FROM) == 1
    assert shop.balances() == {"provider_clearing": order.total_minor, "refunds": -order.total_minor}
    assert shop.one("SELECT count(*) FROM notification WHERE kind = 'order_refunded'") == 1


def test_what_was_collected_before_the_site_heard_is_paid_for(shop: Shop) -> None:
    order = shop.packed(("milk", 1), ("dumplings", 1))
    first, second = shop.parcels(order)
    withdraw(shop, order)
    shop.run_sql("UPDATE parcel SET state = 'collected', door = 1 WHERE id = :id", id=first.id)
    shop.run_sql("UPDATE parcel SET state = 'loaded', door = 2 WHERE id = :id", id=second.id)

    assert confirm(shop, order)

    left = shop.one("SELECT sum(line_minor)::int FROM order_line WHERE parcel_id = :id", id=second.id)
    assert shop.state(order) == "collected"
    assert [parcel.state for parcel in shop.parcels(order)] == ["collected", "loaded"]
    assert shop.one("SELECT sum(amount_minor)::int FROM refund") == left
    shop.send_refunds(now=LOAD_FROM)
    total = order.total_minor
    assert shop.balances() == {"provider_clearing": total, "sales": left - total, "refunds": -left}


def test_a_word_of_another_site_or_a_second_word_ends_nothing(shop: Shop) -> None:
    order = shop.paid()
    assert not confirm(shop, order)
    withdraw(shop, order)
    before = shop.everything()
    assert not confirm(shop, order, site=OTHER_SITE)
    assert shop.everything() == before
    assert confirm(shop, order)
    before = shop.everything()
    assert not confirm(shop, order)
    assert shop.everything() == before


def test_an_order_withdrawn_while_orders_are_open_gives_its_place_to_others(shop: Shop) -> None:
    before = shop.taken()
    order = shop.paid()
    withdraw(shop, order)
    assert shop.taken() == before


@pytest.mark.parametrize("state", ["awaiting_payment", "released", "collected", "refunded", "expiring"])
def test_only_an_order_under_way_is_withdrawn(shop: Shop, state: str) -> None:
    order = shop.paid()
    shop.run_sql("UPDATE customer_order SET state = :state", state=state)
    before = shop.everything()
    with pytest.raises(IllegalMove):
        withdraw(shop, order)
    assert shop.everything() == before


def test_an_order_nobody_placed_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound), transaction(shop.engine) as conn:
        withdraw_order(conn, order_id="nobody", cause=RefundCause.STAFF, actor="x", now=NOW)


def test_a_cause_gives_back_once_however_many_ask_at_once(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    found = at_once(*[lambda: refund(shop, order, "same", {1: 100})] * 8)
    assert [each.amount_minor for each in found if each is not None] == [100]


def test_many_causes_together_never_give_back_more_than_was_paid(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    found = at_once(*[lambda key=key: refund(shop, order, f"cause-{key}", {1: 500}) for key in range(6)])
    assert sum(each.amount_minor for each in found if each is not None) == order.total_minor
    assert refund(shop, order, "one more", None) is None


def test_earned_money_is_owed_again_before_it_goes_back(shop: Shop) -> None:
    order = shop.packed(("milk", 1))
    withdraw(shop, order)
    shop.run_sql("UPDATE parcel SET state = 'collected', door = 1")
    confirm(shop, order)
    assert shop.balances()["sales"] == -order.total_minor

    refund(shop, order, "sour", {1: 300})

    assert shop.balances()["sales"] == 300 - order.total_minor
    assert shop.send_refunds() == 1
    assert shop.balances()["refunds"] == -300


class ClosedProvider(SandboxProvider):
    """Never refunds."""

    def refund(self, ref: str, *, amount_minor: int, idempotency_key: str) -> str:  # noqa: ARG002  the protocol's
        raise Unavailable("the account is closed", permanent=True)


def test_a_refund_the_provider_will_never_do_is_left_to_staff(shop: Shop) -> None:
    order = shop.paid()
    refund(shop, order, "k", None)
    shop.provider = ClosedProvider(shop.engine, shop.clock, shop.settings)

    assert shop.send_refunds() == 0
    assert shop.send_refunds(now=NOW + timedelta(days=1)) == 0

    assert shop.rows("SELECT failed, tries FROM refund") == [("the account is closed", 1)]
