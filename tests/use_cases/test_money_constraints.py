"""What the database itself keeps of money, whatever the code does: sums, history, refunds within the capture."""

import pytest
from sqlalchemy.exc import IntegrityError, InternalError

from tests.use_cases.cast import Shop, at_once


def test_a_ledger_transaction_that_does_not_sum_to_zero_is_not_committed(shop: Shop) -> None:
    order = shop.paid()
    before = shop.balances()

    with pytest.raises(IntegrityError, match="sum to zero"):
        shop.run_sql(
            "INSERT INTO ledger_entry (transaction_id, at, kind, order_id, account, amount_minor, currency)"
            " VALUES ('odd', now(), 'capture', :id, 'sales', 5, 'CNY')",
            id=order.order_id,
        )

    assert shop.balances() == before


@pytest.mark.parametrize("table", ["ledger_entry", "history"])
@pytest.mark.parametrize("verb", ["DELETE FROM {table}", "UPDATE {table} SET at = now()"])
def test_the_ledger_and_the_history_are_insert_only(shop: Shop, table: str, verb: str) -> None:
    shop.paid()

    with pytest.raises((IntegrityError, InternalError), match="insert-only"):
        shop.run_sql(verb.format(table=table))


def test_refunds_of_a_payment_together_never_exceed_it_whatever_the_code_does(shop: Shop) -> None:
    order = shop.paid()
    pay = shop.one("SELECT id FROM payment")

    def give_back(number: int, amount: int) -> None:
        shop.run_sql(
            "INSERT INTO refund (id, refund_no, order_id, payment_id, cause, cause_key, amount_minor, currency,"
            " decided_at, decided_by, next_try_at)"
            " VALUES (:id, :id, :order, :pay, 'staff', :id, :amount, 'CNY', now(), 'x', now())",
            id=f"r{number}", order=order.order_id, pay=pay, amount=amount,
        )  # fmt: skip

    outcomes = at_once(*[lambda number=number: give_back(number, 400) for number in range(8)], workers=8)

    assert sum(outcome is None for outcome in outcomes) == 3
    assert all(isinstance(outcome, IntegrityError) for outcome in outcomes if outcome is not None)
    assert shop.one("SELECT sum(amount_minor) FROM refund") == 1200
    assert shop.one("SELECT refund_minor FROM payment") == 1200


def test_nothing_goes_back_of_what_was_not_captured(shop: Shop) -> None:
    order = shop.order()
    shop.start(order)
    before = shop.everything()

    with pytest.raises(IntegrityError, match="refund_of_captured"):
        shop.run_sql(
            "INSERT INTO refund (id, refund_no, order_id, payment_id, cause, cause_key, amount_minor, currency,"
            " decided_at, decided_by, next_try_at)"
            " SELECT 'r', 'r', :order, id, 'staff', 'r', 1, 'CNY', now(), 'x', now() FROM payment",
            order=order.order_id,
        )

    assert shop.everything() == before
