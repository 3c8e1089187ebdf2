"""A resident's own orders. Somebody else's order is answered exactly like one that does not exist."""

from collections.abc import Sequence
from typing import Any

from flask import request, url_for

from app.db.pages import api as pages
from app.domain.basket import (
    BasketLine,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    LiveGoods,
    OrderCycleClosed,
    ProductUnavailable,
    QuantityAbsurd,
    SoldOut,
    Substitution,
    TooManyLines,
    WindowFull,
)
from app.domain.capacity import RunFull
from app.domain.errors import IllegalMove, NotFound
from app.domain.holding import HoldEnded, NotToBePaid
from app.domain.parcelling import TooLargeForLockers
from app.domain.shelf_life import KeepsTooShort
from app.use_cases.collecting.issue_credential import NoLiveCode
from app.use_cases.collecting.show_code import ShownCode, show_code
from app.use_cases.money.start_payment import start_payment
from app.use_cases.ordering.give_up_order import give_up_order
from app.use_cases.ordering.place_order import place_order
from app.use_cases.ordering.quote_basket import Quote, quote_basket
from app.web.access import serves_signed_in
from app.web.api import schemas
from app.web.api.listing import Part
from app.web.api.once import HEADER
from app.web.api.operations import Operations
from app.web.parts import civil_now, parts, read, signed_in, write
from locker_protocol.ids import random_bytes

blueprint = Operations("orders", says="A resident's own orders")

PLACING = (
    NotFound,
    OrderCycleClosed,
    WindowFull,
    RunFull,
    SoldOut,
    ProductUnavailable,
    LiveGoods,
    KeepsTooShort,
    TooLargeForLockers,
    TooManyLines,
    QuantityAbsurd,
)


@blueprint.post("/orders")
@serves_signed_in()
@blueprint.refuses(IdempotencyKeyInvalid, IdempotencyKeyReused, *PLACING)
@blueprint.needs_header(HEADER)
@blueprint.arguments(schemas.WantedOrder)
@blueprint.response(201, schemas.Order)
def create_order(body: dict[str, Any]) -> pages.Row:
    """Place an order."""
    with write() as conn:
        placed = place_order(
            conn,
            **_wanted(body),
            person_id=signed_in().id,
            idempotency_key=request.headers.get(HEADER, ""),
            now=civil_now(),
            random=random_bytes,
        )
    return own_order(placed.order_id)


@blueprint.get("/orders")
@serves_signed_in()
@blueprint.etag
@blueprint.lists(schemas.OrderInList, key=("placed_at", "id"))
def list_orders(part: Part) -> Sequence[pages.Row]:
    """List my orders, newest first."""
    with read() as conn:
        return pages.orders_of(conn, person_id=signed_in().id, after=part.after, limit=part.and_one)


@blueprint.get("/orders/<order_id>")
@serves_signed_in()
@blueprint.etag
@blueprint.response(200, schemas.Order)
def show_order(order_id: str) -> pages.Row:
    """Show one of my orders."""
    return own_order(order_id)


@blueprint.post("/orders/<order_id>/giving-up")
@serves_signed_in()
@blueprint.refuses(IllegalMove)
@blueprint.once
@blueprint.response(204)
def give_up(order_id: str) -> None:
    """Give up an order of mine that is not paid; what it held is free again."""
    with write() as conn:
        give_up_order(conn, order_id=order_id, person_id=signed_in().id, now=civil_now())


@blueprint.post("/quotes")
@serves_signed_in()
@blueprint.refuses(*PLACING)
@blueprint.arguments(schemas.WantedOrder)
@blueprint.response(200, schemas.Quote)
def quote(body: dict[str, Any]) -> Quote:
    """Check a basket: what it would cost now, and behind how many doors it would lie. Holds nothing."""
    with write() as conn:
        return quote_basket(conn, **_wanted(body), person_id=signed_in().id, now=civil_now(), random=random_bytes)


@blueprint.post("/orders/<order_id>/payment")
@serves_signed_in()
@blueprint.refuses(NotToBePaid, HoldEnded)
@blueprint.response(201, schemas.Payment)
def begin_payment(order_id: str) -> dict[str, str]:
    """Start paying an order."""
    pay_url = start_payment(
        parts().engine,
        parts().provider,
        order_id=order_id,
        person_id=signed_in().id,
        return_url=parts().settings.public_url + url_for("orders.order_page", order_id=order_id),
        now=civil_now(),
        random=random_bytes,
    )
    return {"pay_url": pay_url}


@blueprint.get("/orders/<order_id>/code")
@serves_signed_in()
@blueprint.refuses(NoLiveCode)
@blueprint.etag
@blueprint.response(200, schemas.PickupCode)
def show_pickup_code(order_id: str) -> ShownCode:
    """Show the code that opens my doors."""
    with read() as conn:
        return show_code(conn, order_id=order_id, person_id=signed_in().id, now=civil_now(), settings=parts().settings)


def own_order(order_id: str) -> pages.Row:
    """Read an order of whoever is signed in. Raises NotFound."""
    with read() as conn:
        found = pages.order_of(conn, person_id=signed_in().id, order_id=order_id)
    if found is None:
        raise NotFound
    return found


def _wanted(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "window_id": body["window_id"],
        "lines": [BasketLine(line["product_id"], line["quantity"]) for line in body["lines"]],
        "low_door": body["low_door"],
        "substitution": Substitution(body["substitution"]),
    }
