"""The folded moves of a paid order leave what each move by itself would: history, and word to programs that ask."""

import pytest
from sqlalchemy import insert

from app.db import tables
from app.db.moves import MovedMeanwhile
from app.db.paid_moves import move_to_paid
from app.domain.order_state import OrderState
from app.domain.webhook_event import OF_MOVE, WebhookKind
from tests.use_cases.cast import NOW, PICKER, Shop


def test_payment_order_and_parcels_each_have_their_history(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1))

    moves = shop.rows(
        "SELECT subject, from_state, event, to_state, actor FROM history WHERE event <> 'placed' ORDER BY id"
    )
    assert moves == [
        ("payment", "open", "captured", "captured", "provider:sandbox"),
        ("order", "awaiting_payment", "payment_captured", "paid", "provider:sandbox"),
        ("parcel", "draft", "paid", "planned", "clock"),
        ("parcel", "draft", "paid", "planned", "clock"),
    ]
    assert shop.one("SELECT version FROM customer_order WHERE id = :id", id=order.order_id) == 2


def test_programs_that_ask_are_told_that_an_order_is_paid(shop: Shop) -> None:
    with shop.engine.begin() as conn:
        for name, ended in (("asks", None), ("asked", NOW)):
            kinds = [kind.value for kind in WebhookKind]
            row = {
                "id": name,
                "url": "https://x.example",
                "kinds": kinds,
                "salt": b"",
                "made_at": NOW,
                "ended_at": ended,
            }
            conn.execute(insert(tables.webhook_endpoint).values(**row, made_by=PICKER))

    order = shop.paid()

    told = shop.rows("SELECT endpoint_id, kind, facts, event_id FROM webhook_delivery")
    move = shop.one("SELECT id FROM history WHERE subject = 'order' AND to_state = 'paid'")
    assert told == [("asks", "order.paid", {"order_id": order.order_id}, f"move-{move}")]


def test_no_program_may_ask_for_the_other_folded_moves() -> None:
    """Were one of these told, the folded statements would have to tell it too."""
    assert {("payment", "captured"), ("parcel", "planned")} & OF_MOVE.keys() == set()


def test_an_order_that_was_released_meanwhile_is_not_paid_and_nothing_changed(shop: Shop) -> None:
    order = shop.order()
    shop.start(order)
    shop.run_sql("UPDATE customer_order SET state = 'released'")
    before = shop.everything()
    payment = shop.rows("SELECT * FROM payment")[0]

    with pytest.raises(MovedMeanwhile), shop.engine.begin() as conn:
        move_to_paid(conn, payment=payment, order_state=OrderState.AWAITING_PAYMENT, now=NOW)

    assert shop.everything() == before
