"""Each payment has its receipt and each refund its negative one, numbered by site without a gap, and never changed."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from app.db.engine import transaction
from app.domain.picking import ShortReason
from app.use_cases.packing.short_line import short_line
from tests.use_cases.cast import BOB, LOAD_FROM, NOW, PICKER, SITE, Shop, at_once
from tests.use_cases.changes import Changes

RATES = "INSERT INTO tax_rate VALUES (:s, 'vat-9', 900, '9%', '9 %')"


@pytest.fixture(autouse=True)
def taxed(shop: Shop) -> None:
    shop.run_sql(RATES, s=SITE)
    shop.run_sql("UPDATE product SET tax_code = CASE id WHEN 'milk' THEN 'vat-9' ELSE 'vat-exempt' END")


def test_a_payment_has_one_receipt_with_its_taxes(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2), ("tomatoes", 1))
    assert (changes.issue(), changes.issue()) == (1, 0)
    (found,) = changes.receipts(order)
    assert (found.number, found.gross_minor, found.tax_minor) == (1, 3350, 228)
    assert [(row["tax_code"], row["net_minor"], row["tax_minor"]) for row in found.taxes] == [
        ("vat-9", 2532, 228),
        ("vat-exempt", 590, 0),
    ]
    assert [(row["product_id"], row["quantity"], row["gross_minor"]) for row in found.lines] == [
        ("milk", 2, 2760),
        ("tomatoes", 1, 590),
    ]


def test_a_refund_is_a_negative_receipt_that_names_the_first(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2))
    changes.issue()
    changes.edit(order, ("milk", 1))
    assert changes.issue() == 0, "not before the money went"
    shop.send_refunds()
    assert changes.issue() == 1
    back = changes.receipts(order)[-1]
    assert (back.number, back.refers_to, back.gross_minor, back.tax_minor) == (2, 1, -1380, -114)
    assert back.lines[0]["quantity"] == -1


def test_the_first_receipt_says_what_was_paid_even_when_it_is_changed_at_once(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2))
    changes.pay(order, changes.edit(order, ("milk", 1), ("pork", 1)))
    changes.issue()
    first, second = changes.receipts(order)
    assert [(row["product_id"], row["quantity"]) for row in first.lines] == [("milk", 2)]
    assert [(row["product_id"], row["quantity"]) for row in second.lines] == [("milk", -1), ("pork", 1)]
    assert (first.gross_minor, second.gross_minor) == (2760, 2178 - 1380)


def test_a_difference_given_back_by_two_payments_is_one_receipt(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    changes.pay(order, changes.edit(order, ("milk", 3), now=NOW + timedelta(minutes=1)))
    changes.edit(order, ("potatoes", 1))
    shop.send_refunds()
    changes.issue()
    assert [one.gross_minor for one in changes.receipts(order)] == [1380, 2760, 360 - 3 * 1380]


def test_a_payment_that_went_back_whole_sold_nothing(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("tomatoes", 1))
    edited = changes.edit(order, ("tomatoes", 5))
    shop.order(("tomatoes", 9), person=BOB)
    changes.pay(order, edited)
    shop.send_refunds()
    changes.issue()
    assert [one.gross_minor for one in changes.receipts(order)] == [590]


def test_what_was_sold_under_a_rate_goes_back_under_it(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2))
    changes.issue()
    shop.run_sql("UPDATE tax_rate SET rate_bp = 1300")
    shop.run_sql("UPDATE product SET tax_code = 'vat-exempt'")
    changes.edit(order, ("milk", 1))
    shop.send_refunds()
    changes.issue()
    assert changes.receipts(order)[-1].tax_minor == -114


def test_what_is_missing_goes_back_by_line(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2), ("potatoes", 1))
    (bag,) = shop.parcels(order)
    with transaction(shop.engine) as conn:
        reason = ShortReason.SPOILED
        short_line(conn, parcel_id=bag.id, line_no=1, missing=1, reason=reason, person_id=PICKER, now=NOW)
    shop.pack(bag.id)
    shop.send_refunds(now=LOAD_FROM)
    changes.issue()
    first, back = changes.receipts(order)
    assert (first.gross_minor, back.gross_minor) == (2 * 1380 + 360, -1380)
    assert [(row["product_id"], row["quantity"], row["gross_minor"]) for row in back.lines] == [("milk", None, -1380)]


def test_numbers_have_no_gap_whoever_issues_at_once(shop: Shop, changes: Changes) -> None:
    orders = [shop.paid(("milk", 1)) for _ in range(4)]
    shop.run_sql(f"ALTER TABLE receipt ADD CONSTRAINT test_fails CHECK (order_id <> '{orders[1].order_id}')")
    at_once(*[changes.issue] * 4)
    shop.run_sql("ALTER TABLE receipt DROP CONSTRAINT test_fails")
    at_once(*[changes.issue] * 4)
    assert shop.rows("SELECT number FROM receipt ORDER BY number") == [(1,), (2,), (3,), (4,)]
    assert shop.one("SELECT last_no FROM receipt_counter") == 4


def test_a_receipt_is_never_changed(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    changes.issue()
    for act in ("UPDATE receipt SET gross_minor = 1", "DELETE FROM receipt"):
        with pytest.raises(DBAPIError, match="insert-only"):
            shop.run_sql(act)
    assert changes.receipts(order)[0].gross_minor == 1380
