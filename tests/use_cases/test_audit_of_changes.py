"""The audit finds nothing wrong after changes, cancellations and receipts, and every kind of damage done to them."""

import pytest

from tests.use_cases.cast import BOB, SITE, Shop
from tests.use_cases.changes import Changes


@pytest.fixture
def changed(shop: Shop, changes: Changes) -> Changes:
    """Two orders, one of them made larger and smaller again; all money went where it belongs."""
    shop.run_sql("INSERT INTO tax_rate VALUES (:s, '', 900, '9%', '9 %')", s=SITE)
    shop.paid(("milk", 1), person=BOB)
    order = shop.paid(("milk", 2), ("tomatoes", 1))
    changes.pay(order, changes.edit(order, ("milk", 4), ("tomatoes", 1)))
    changes.edit(order, ("milk", 1))
    shop.send_refunds()
    changes.issue()
    return changes


def test_a_sound_day_has_no_finding(changed: Changes) -> None:
    assert changed.broken() == {}


@pytest.mark.parametrize(
    ("invariant", "damage"),
    [
        ("I18", ["UPDATE customer_order SET total_minor = total_minor + 1"]),
        ("I18", ["UPDATE order_line SET quantity = quantity + 1, line_minor = line_minor + price_minor"]),
        (
            "I18",
            [
                "UPDATE order_line SET price_minor = price_minor + 1, line_minor = line_minor + quantity",
                "UPDATE customer_order SET total_minor = (SELECT sum(line_minor) FROM order_line WHERE order_id = id)",
            ],
        ),
        ("I19", ["UPDATE run_capacity SET taken = 0"]),
        ("I19", ["UPDATE run_stock SET taken = 0"]),
        ("I19", ["UPDATE pickup_window SET orders_taken = 0"]),
        ("I20", ["UPDATE receipt_counter SET last_no = last_no + 1"]),
        (
            "I20",
            [
                "ALTER TABLE receipt DISABLE TRIGGER insert_only",
                "DELETE FROM receipt WHERE number = 2",
                "ALTER TABLE receipt ENABLE TRIGGER insert_only",
            ],
        ),
        (
            "I20",
            [
                "ALTER TABLE receipt DISABLE TRIGGER insert_only",
                "UPDATE receipt SET gross_minor = gross_minor + 100 WHERE number = 1",
                "ALTER TABLE receipt ENABLE TRIGGER insert_only",
            ],
        ),
    ],
)
def test_the_audit_sees_what_was_damaged(changed: Changes, invariant: str, damage: list[str]) -> None:
    for statement in damage:
        changed.shop.run_sql(statement)
    assert invariant in changed.broken()
