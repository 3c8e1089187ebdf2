"""Prices and stock change from now on, by whom is kept, and what people ordered stays as it was."""

from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.errors import DomainError, NotFound
from app.domain.pricing import CapBelowPrice, Prices
from app.use_cases.catalogue.change_product import Terms, change_product
from app.use_cases.catalogue.change_stock import RunClosed, StockBelowTaken, change_stock
from tests.use_cases.cast import NOW, ORDER_BY, PICKER, Shop, at_once


def change(shop: Shop, product: str = "pork", *, stock: int = 99, active: bool = True, **prices: Any) -> Terms:
    wanted = Prices(**{"price_minor": 1980, "unit_price_minor": None, "cap_minor": 2178, **prices})
    with transaction(shop.engine) as conn:
        return change_product(
            conn, product_id=product, wanted=Terms(wanted, stock, active=active), person_id=PICKER, now=NOW
        )


def stock(shop: Shop, total: int, *, product: str = "tomatoes", run_no: int | None = None, now: Any = NOW) -> None:
    with transaction(shop.engine) as conn:
        change_stock(
            conn,
            run_no=shop.run_no if run_no is None else run_no,
            product_id=product,
            total=total,
            person_id=PICKER,
            now=now,
        )


def refused(shop: Shop, refusal: type[DomainError], doing: Any) -> DomainError:
    before = shop.everything()
    with pytest.raises(refusal) as caught:
        doing()
    assert shop.everything() == before
    return caught.value


def test_a_new_price_holds_for_new_orders_and_moves_the_cap_along(shop: Shop) -> None:
    earlier = shop.order(("pork", 2))

    assert change(shop, price_minor=1000) == Terms(Prices(1000, None, 1100), 99, active=True)

    assert shop.order(("pork", 2)).total_minor == 2200
    assert shop.rows("SELECT price_minor FROM order_line WHERE order_id = :id", id=earlier.order_id) == [(2178,)]
    kept = shop.rows("SELECT person_id, subject_id, field, before, after FROM change ORDER BY field")
    assert kept == [
        (PICKER, "pork", "cap_minor", "2178", "1100"),
        (PICKER, "pork", "price_minor", "1980", "1000"),
    ]


def test_what_does_not_change_is_not_written_down(shop: Shop) -> None:
    change(shop)

    assert shop.rows("SELECT * FROM change") == []


def test_a_product_that_is_taken_off_can_be_put_on_again(shop: Shop) -> None:
    change(shop, "oysters", price_minor=3900, cap_minor=None, active=False)
    shop.run_sql("DELETE FROM run_stock WHERE product_id = 'oysters'")

    change(shop, "oysters", price_minor=3900, cap_minor=None, stock=7)

    assert set(shop.rows("SELECT total FROM run_stock WHERE product_id = 'oysters'")) == {(7,)}


def test_a_cap_below_the_price_and_an_unknown_product_are_refused(shop: Shop) -> None:
    refused(shop, CapBelowPrice, lambda: change(shop, price_minor=2000, cap_minor=1999))
    refused(shop, NotFound, lambda: change(shop, "gold"))


def test_a_runs_stock_goes_up_and_down_to_what_is_ordered(shop: Shop) -> None:
    shop.order(("tomatoes", 4))

    stock(shop, 20)
    stock(shop, 4)

    assert shop.one("SELECT total FROM run_stock WHERE run_no = :r AND product_id = 'tomatoes'", r=shop.run_no) == 4
    assert refused(shop, StockBelowTaken, lambda: stock(shop, 3)).facts == {"field": "total", "taken": 4}
    kept = shop.rows("SELECT subject, subject_id, before, after FROM change ORDER BY id")
    assert kept == [("stock", f"{shop.run_no}/tomatoes", "10", "20"), ("stock", f"{shop.run_no}/tomatoes", "20", "4")]


def test_the_stock_of_a_closed_run_or_of_none_stays(shop: Shop) -> None:
    refused(shop, RunClosed, lambda: stock(shop, 20, now=ORDER_BY))
    refused(shop, NotFound, lambda: stock(shop, 20, product="gold"))
    refused(shop, NotFound, lambda: stock(shop, 20, run_no=9999))


def test_buyers_and_an_operator_at_once_never_oversell(shop: Shop) -> None:
    doings: list[Any] = [lambda: shop.order(("tomatoes", 1)) for _ in range(9)] + [lambda: stock(shop, 5)] * 3

    found = at_once(*doings)

    assert {type(each).__name__ for each in found} <= {"PlacedOrder", "SoldOut", "StockBelowTaken", "NoneType"}

    total, taken = shop.rows(
        "SELECT total, taken FROM run_stock WHERE product_id = 'tomatoes' AND run_no = :r", r=shop.run_no
    )[0]
    assert 0 < taken <= total
    assert taken == shop.one("SELECT coalesce(sum(quantity), 0) FROM order_line WHERE product_id = 'tomatoes'")
