"""Ten minutes more to pay: once, for its owner, while the order is still held."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from app.db.engine import transaction
from app.domain.errors import NotFound
from app.domain.holding import HOLD, HoldEnded, HoldProlonged, NotToBePaid
from app.use_cases.ordering.prolong_hold import prolong_hold
from app.use_cases.ordering.release_holds import release_holds
from tests.use_cases.cast import ALICE, BOB, NOW, Shop, open_shop


@pytest.fixture
def shop(db: Engine) -> Shop:
    return open_shop(db)


def ask(shop: Shop, order_id: str, *, person: str = ALICE, now: datetime = NOW) -> datetime:
    with transaction(shop.engine) as conn:
        return prolong_hold(conn, order_id=order_id, person_id=person, now=now)


def test_what_is_held_is_kept_ten_minutes_more_once(shop: Shop) -> None:
    order = shop.order()

    assert ask(shop, order.order_id) == NOW + 2 * HOLD
    with transaction(shop.engine) as conn:
        release_holds(conn, now=NOW + HOLD + timedelta(minutes=1))
    assert shop.state(order) == "awaiting_payment"

    with pytest.raises(HoldProlonged):
        ask(shop, order.order_id, now=NOW + HOLD)
    assert shop.one("SELECT hold_until FROM customer_order") == NOW + 2 * HOLD


def test_beginning_to_pay_takes_nothing_of_it_away(shop: Shop) -> None:
    order = shop.order()
    ask(shop, order.order_id)
    shop.start(order)
    assert shop.one("SELECT hold_until FROM customer_order") == NOW + 2 * HOLD


def test_it_is_for_its_owner_and_while_it_is_held(shop: Shop) -> None:
    order, paid = shop.order(), shop.paid()
    with pytest.raises(NotFound):
        ask(shop, order.order_id, person=BOB)
    with pytest.raises(NotToBePaid):
        ask(shop, paid.order_id)
    with pytest.raises(HoldEnded):
        ask(shop, order.order_id, now=NOW + HOLD)
    assert shop.rows("SELECT DISTINCT hold_prolonged FROM customer_order") == [(False,)]
