"""Lots: what came, held back, let go again, recalled. For operators' programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields

from app.db.pages import api_staff as pages
from app.db.pages import supply
from app.db.pages.api import Row
from app.domain.errors import IllegalMove, NotFound
from app.domain.lot_lines import MOST_LINES, MOST_PIECES, Fault, LinesWrong
from app.domain.lot_state import LotState
from app.domain.recalling import RecallCountWrong
from app.domain.roles import Role
from app.use_cases.site.ask_site import ReasonNeeded
from app.use_cases.supply.import_lots import import_lots
from app.use_cases.supply.move_lot import hold_lot, release_lot
from app.use_cases.supply.recall_lot import recall_lot
from app.web.access import serves
from app.web.api.bodies import refuse
from app.web.api.fields import Body, Several, Whole, Words
from app.web.api.listing import Part
from app.web.api.operations import Operations
from app.web.api.schemas import InBothLanguages, Reason, word
from app.web.ops_supply import fault_words
from app.web.parts import civil_now, read, signed_in, write

blueprint = Operations("lots", says="What came, and the recall of it")

MOST_ORDERS = 999_999
LARGEST_DELIVERY = 1024 * 1024
# The table's columns, as a delivery note has them (`domain.lot_lines`), and what they are called here.
COLUMNS: Mapping[str, str] = {
    "product": "product_id",
    "lot": "code",
    "quantity": "received",
    "expires_on": "expires_on",
    "harvested_at": "harvested_at",
    "origin": "origin_zh",
    "origin_en": "origin_en",
    "grower": "grower",
    "certificate": "certificate",
}


class WantedLot(Body):
    product_id = Words(longest=32, required=True)
    code = Words(longest=40, required=True)
    received = Whole(low=1, high=MOST_PIECES, required=True)
    expires_on = Words(longest=10, required=True, metadata={"description": "2026-11-30"})
    harvested_at = Words(
        longest=19, shortest=0, load_default="", metadata={"description": "2026-11-30 05:30, in the shop's own time."}
    )
    origin_zh = Words(longest=80, shortest=0, load_default="", metadata={"description": "Empty: the product's."})
    origin_en = Words(longest=80, shortest=0, load_default="")
    grower = Words(longest=80, shortest=0, load_default="")
    certificate = Words(longest=60, shortest=0, load_default="")


class WantedLots(Body):
    lots = Several(WantedLot, low=1, high=MOST_LINES, required=True)


class Taken(Schema):
    lots = fields.Integer(required=True)


class LotInList(Schema):
    id = fields.String(required=True)
    product_id = fields.String(required=True)
    code = fields.String(required=True)
    state = word(LotState, required=True)
    received = fields.Integer(required=True)
    taken = fields.Integer(required=True, metadata={"description": "Packed of it."})
    expires_on = fields.Date(required=True)
    received_at = fields.AwareDateTime(required=True)


class OrderOfLot(Schema):
    id = fields.String(required=True)
    order_no = fields.String(required=True)
    state = fields.String(required=True)
    pieces = fields.Integer(required=True)
    dealt_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "By its recall."})


class Lot(LotInList):
    origin = InBothLanguages(required=True)
    grower = fields.String(required=True)
    harvested_at = fields.AwareDateTime(required=True, allow_none=True)
    certificate = fields.String(required=True)
    recalled_at = fields.AwareDateTime(required=True, allow_none=True, attribute="begun_at")
    orders_count = fields.Integer(required=True, metadata={"description": "How many orders have it now."})
    orders = fields.List(fields.Nested(OrderOfLot), required=True)


class Recall(Body):
    orders = Whole(
        low=0, high=MOST_ORDERS, required=True, metadata={"description": "How many have it: `orders_count`."}
    )
    reason = Words(longest=200, required=True)


@blueprint.get("/lots")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.lists(LotInList, key=("received_at", "id"))
def list_lots(part: Part) -> Sequence[Row]:
    """List lots, newest first."""
    with read() as conn:
        return pages.lots(conn, after=part.after, limit=part.and_one)


@blueprint.post("/lots")
@serves(Role.OPERATOR)
@blueprint.once
@blueprint.arguments(WantedLots, largest_bytes=LARGEST_DELIVERY)
@blueprint.response(201, Taken)
def take_delivery(body: dict[str, Any]) -> dict[str, int]:
    """Take over what came: all of it, or nothing and every mistake."""
    try:
        with write() as conn:
            count = import_lots(conn, table=_as_table(body["lots"]), person_id=signed_in().id, now=civil_now())
    except LinesWrong as wrong:
        refuse(ValidationError({"json": {"lots": _by_line(wrong.faults)}}))
    return {"lots": count}


@blueprint.get("/lots/<lot_id>")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.response(200, Lot)
def show_lot(lot_id: str) -> dict[str, object]:
    """Show a lot and the orders that have it."""
    with read() as conn:
        found = supply.one_lot(conn, lot_id=lot_id)
        if found is None:
            raise NotFound
        count, orders = supply.orders_with(conn, lot_id=lot_id)
    return {**found._mapping, "orders_count": count, "orders": orders}  # noqa: SLF001  SQLAlchemy's public name


@blueprint.post("/lots/<lot_id>/hold")
@serves(Role.OPERATOR)
@blueprint.refuses(ReasonNeeded, IllegalMove)
@blueprint.once
@blueprint.arguments(Reason)
@blueprint.response(204)
def hold(lot_id: str, body: dict[str, Any]) -> None:
    """Hold a lot back: nothing more of it is packed."""
    with write() as conn:
        hold_lot(conn, lot_id=lot_id, reason=body["reason"], person_id=signed_in().id, now=civil_now())


@blueprint.post("/lots/<lot_id>/release")
@serves(Role.OPERATOR)
@blueprint.refuses(ReasonNeeded, IllegalMove)
@blueprint.once
@blueprint.arguments(Reason)
@blueprint.response(204)
def release(lot_id: str, body: dict[str, Any]) -> None:
    """Let a lot be packed again."""
    with write() as conn:
        release_lot(conn, lot_id=lot_id, reason=body["reason"], person_id=signed_in().id, now=civil_now())


@blueprint.post("/lots/<lot_id>/recall")
@serves(Role.OPERATOR)
@blueprint.refuses(ReasonNeeded, IllegalMove, RecallCountWrong)
@blueprint.once
@blueprint.arguments(Recall)
@blueprint.response(204)
def recall(lot_id: str, body: dict[str, Any]) -> None:
    """Recall a lot: its orders are withdrawn, refunded and told, one after another."""
    with write() as conn:
        recall_lot(conn, lot_id=lot_id, **body, person_id=signed_in().id, now=civil_now())


def _as_table(lots: Sequence[Mapping[str, object]]) -> str:
    """The delivery note that these lots would stand on, so that one place judges what a lot is."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    table.writerows([lot[name] for name in COLUMNS.values()] for lot in lots)
    return out.getvalue()


def _by_line(faults: Sequence[Fault]) -> dict[int, dict[str, list[str]]]:
    found: dict[int, dict[str, list[str]]] = {}
    for fault in faults:
        field = COLUMNS.get(fault.column, fault.column)
        found.setdefault(fault.line - 2, {}).setdefault(field, []).append(fault_words(fault))
    return found
