"""What a resident does after ordering: change it, cancel it, claim, and read receipts. Only their own."""

import base64
import binascii
from hashlib import sha256
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from marshmallow import Schema, ValidationError, fields

from app.db.pages import claims as claim_pages
from app.db.pages.cancelling import CancelPage, cancel_page
from app.db.pages.receipts import one_receipt, receipts_of
from app.domain.basket import BasketLine, IdempotencyKeyInvalid, checked_key
from app.domain.cancelling import CancelTermsChanged, NotToBeCancelled, Stage, TooLateToCancel
from app.domain.claim_state import ClaimState
from app.domain.claims import (
    LONGEST_WORDS,
    ClaimKind,
    ClaimLineUnknown,
    ClaimPhotoNeeded,
    ClaimQuantityAbsurd,
    ClaimTooLate,
    NotCollectedYet,
    NothingLeftToClaim,
    TooManyClaims,
    Wish,
)
from app.domain.editing import (
    EditClosed,
    EditMeanwhile,
    MovedOrder,
    NothingChanged,
    NotToBeEdited,
    PartlyRefunded,
    PickingBegan,
    TooManyEdits,
)
from app.domain.errors import NotFound
from app.domain.holding import NotToBePaid
from app.media.photo import LARGEST_IN_BYTES, PhotoTooLarge, PhotoUnreadable, reencode
from app.use_cases.claims.make_claim import make_claim
from app.use_cases.money.pay_edit import pay_edit
from app.use_cases.ordering.cancel_order import cancel_order
from app.use_cases.ordering.edit_order import edit_order
from app.web.access import serves_signed_in
from app.web.api.bodies import refuse
from app.web.api.fields import Body, OneOf, Several, Whole, Words
from app.web.api.once import HEADER
from app.web.api.operations import Operations
from app.web.api.orders import PLACING, own_order
from app.web.api.product_fields import DEAREST_MINOR
from app.web.api.schemas import LARGEST_KEY, MOST_LINES, MOST_OF_ONE, InBothLanguages, Payment, WantedLine, word
from app.web.parts import civil_now, parts, read, signed_in, write

blueprint = Operations("after ordering", says="Changing and cancelling an order, claims, receipts")

MOST_MINOR = DEAREST_MINOR * MOST_OF_ONE * MOST_LINES
MOST_RECEIPT = 999_999_999
MOST_LINE_NO = 9_999
# A photo in base64, and what else stands beside it.
LARGEST_CLAIM = LARGEST_IN_BYTES * 4 // 3 + 64 * 1024


class WantedEdit(Body):
    window_id = Whole(low=1, high=LARGEST_KEY, required=True)
    lines = Several(
        WantedLine, low=1, high=MOST_LINES, required=True, metadata={"description": "The whole order as it shall be."}
    )
    shown_minor = Whole(
        low=-MOST_MINOR,
        high=MOST_MINOR,
        load_default=None,
        allow_none=True,
        metadata={"description": "What it costs more, as shown; when it is another sum, nothing is done."},
    )


class Edit(Schema):
    edit_id = fields.String(required=True)
    difference_minor = fields.Integer(required=True, metadata={"description": "Costs more; below 0: comes back."})
    to_pay = fields.Boolean(required=True, metadata={"description": "Nothing is changed until that is paid."})


class StillThere(Schema):
    line_no = fields.Integer(required=True)
    left_minor = fields.Integer(required=True, metadata={"description": "Charged and not given back."})
    back_minor = fields.Integer(required=True)


class Terms(Schema):
    stage = word(Stage, required=True)
    percent = fields.Integer(required=True)
    back_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    lines = fields.List(fields.Nested(StillThere), required=True)


class Cancellation(Body):
    back_minor = Whole(
        low=0, high=MOST_MINOR, required=True, metadata={"description": "As in the terms, or nothing is done."}
    )


class ReceiptInList(Schema):
    number = fields.Integer(required=True)
    gross_minor = fields.Integer(required=True, metadata={"description": "Below 0: it corrects an earlier one."})
    currency = fields.String(required=True)
    issued_at = fields.AwareDateTime(required=True)


class ReceiptLine(Schema):
    name = InBothLanguages(required=True)
    quantity = fields.Integer(required=True, allow_none=True)
    price_minor = fields.Integer(required=True, allow_none=True)
    gross_minor = fields.Integer(required=True)
    tax_code = fields.String(required=True)


class ReceiptTax(Schema):
    tax_code = fields.String(required=True)
    rate_bp = fields.Integer(required=True, metadata={"description": "Hundredths of a percent."})
    net_minor = fields.Integer(required=True)
    tax_minor = fields.Integer(required=True)
    gross_minor = fields.Integer(required=True)


class Receipt(ReceiptInList):
    site_no = fields.Integer(required=True)
    order_no = fields.String(required=True)
    tax_minor = fields.Integer(required=True)
    lines = fields.List(fields.Nested(ReceiptLine), required=True)
    taxes = fields.List(fields.Nested(ReceiptTax), required=True)


class Receipts(Schema):
    items = fields.List(fields.Nested(ReceiptInList), required=True)


class WantedClaim(Body):
    line_no = Whole(low=1, high=MOST_LINE_NO, required=True)
    kind = OneOf(ClaimKind, required=True)
    quantity = Whole(low=1, high=MOST_OF_ONE, required=True)
    words = Words(longest=LONGEST_WORDS, shortest=0, load_default="")
    photo = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "A picture, base64. What is spoiled or damaged needs one."},
    )


class ClaimMade(Schema):
    claim_id = fields.String(required=True)


class Claim(Schema):
    id = fields.String(required=True)
    state = word(ClaimState, required=True)
    kind = word(ClaimKind, required=True)
    name = InBothLanguages(required=True)
    quantity = fields.Integer(required=True)
    granted_minor = fields.Integer(required=True, allow_none=True)
    currency = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)
    refunded_at = fields.AwareDateTime(required=True, allow_none=True)


class ClaimableLine(Schema):
    line_no = fields.Integer(required=True)
    product_id = fields.String(required=True)
    came = fields.Integer(required=True, metadata={"description": "How many came."})


class Claims(Schema):
    items = fields.List(fields.Nested(Claim), required=True)
    may_claim = fields.List(fields.Nested(ClaimableLine), required=True)
    until = fields.AwareDateTime(required=True, allow_none=True)


@blueprint.post("/orders/<order_id>/edits")
@serves_signed_in()
@blueprint.refuses(
    IdempotencyKeyInvalid,
    *PLACING,
    EditClosed,
    EditMeanwhile,
    MovedOrder,
    NothingChanged,
    NotToBeEdited,
    PartlyRefunded,
    PickingBegan,
    TooManyEdits,
)
@blueprint.needs_header(HEADER)
@blueprint.arguments(WantedEdit)
@blueprint.response(201, Edit)
def change_order(order_id: str, body: dict[str, Any]) -> dict[str, object]:
    """Change an order of mine until its cut-off."""
    with write() as conn:
        edited = edit_order(
            conn,
            order_id=order_id,
            person_id=signed_in().id,
            lines=[BasketLine(line["product_id"], line["quantity"]) for line in body["lines"]],
            window_id=body["window_id"],
            idempotency_key=request.headers.get(HEADER, ""),
            shown_minor=body["shown_minor"],
            provider=parts().provider.name,
            now=civil_now(),
        )
    return {
        "edit_id": edited.edit_id,
        "difference_minor": edited.difference_minor,
        "to_pay": edited.payment_id is not None,
    }


@blueprint.post("/orders/<order_id>/edits/<edit_id>/payment")
@serves_signed_in()
@blueprint.refuses(NotToBePaid, EditClosed)
@blueprint.response(201, Payment)
def begin_edit_payment(order_id: str, edit_id: str) -> dict[str, str]:
    """Start paying for a change."""
    pay_url = pay_edit(
        parts().engine,
        parts().provider,
        order_id=order_id,
        edit_id=edit_id,
        person_id=signed_in().id,
        return_url=parts().settings.public_url + url_for("orders.order_page", order_id=order_id),
        now=civil_now(),
    )
    return {"pay_url": pay_url}


@blueprint.get("/orders/<order_id>/cancellation")
@serves_signed_in()
@blueprint.refuses(NotToBeCancelled)
@blueprint.etag
@blueprint.response(200, Terms)
def show_cancellation(order_id: str) -> dict[str, object]:
    """Show what comes back if I cancel now."""
    with read() as conn:
        page = cancel_page(conn, order_id=order_id, person_id=signed_in().id, now=civil_now())
    if page is None:
        raise NotFound
    return _terms(page)


@blueprint.post("/orders/<order_id>/cancellation")
@serves_signed_in()
@blueprint.refuses(NotToBeCancelled, TooLateToCancel, CancelTermsChanged)
@blueprint.once
@blueprint.arguments(Cancellation)
@blueprint.response(204)
def cancel(order_id: str, body: dict[str, Any]) -> None:
    """Cancel an order of mine on those terms."""
    with write() as conn:
        cancel_order(conn, order_id=order_id, person_id=signed_in().id, shown_minor=body["back_minor"], now=civil_now())


@blueprint.get("/orders/<order_id>/receipts")
@serves_signed_in()
@blueprint.etag
@blueprint.response(200, Receipts)
def list_receipts(order_id: str) -> dict[str, object]:
    """List an order's receipts, all of them."""
    own_order(order_id)
    with read() as conn:
        return {"items": receipts_of(conn, order_id=order_id)}


@blueprint.get(f"/orders/<order_id>/receipts/<int(max={MOST_RECEIPT}):receipt_no>")
@serves_signed_in()
@blueprint.etag
@blueprint.response(200, Receipt)
def show_receipt(order_id: str, receipt_no: int) -> Any:  # noqa: ANN401  a row
    """Show a receipt with its tax lines."""
    with read() as conn:
        found = one_receipt(conn, order_id=order_id, number=receipt_no, person_id=signed_in().id)
    if found is None:
        raise NotFound
    return found


@blueprint.get("/orders/<order_id>/claims")
@serves_signed_in()
@blueprint.etag
@blueprint.response(200, Claims)
def list_claims(order_id: str) -> dict[str, object]:
    """List an order's claims, and what may still be claimed."""
    order = own_order(order_id)
    with read() as conn:
        found = claim_pages.of_order(conn, order_id=order_id, site_id=order["site_id"], now=civil_now())
    claims = [dict(each._mapping) for each in found.claims]  # noqa: SLF001  SQLAlchemy's public name begins so
    return {"items": claims, "may_claim": found.lines, "until": found.until}


@blueprint.post("/orders/<order_id>/claims")
@serves_signed_in()
@blueprint.refuses(
    IdempotencyKeyInvalid,
    ClaimLineUnknown,
    ClaimPhotoNeeded,
    ClaimQuantityAbsurd,
    ClaimTooLate,
    NotCollectedYet,
    NothingLeftToClaim,
    TooManyClaims,
    PhotoTooLarge,
    PhotoUnreadable,
)
@blueprint.needs_header(HEADER)
@blueprint.arguments(WantedClaim, largest_bytes=LARGEST_CLAIM)
@blueprint.response(201, ClaimMade)
def claim(order_id: str, body: dict[str, Any]) -> dict[str, str]:
    """Say what was wrong with a line of an order of mine."""
    own_order(order_id)
    key = checked_key(request.headers.get(HEADER, ""))
    jpeg = _photo(body["photo"])
    wish = Wish(ClaimKind(body["kind"]), body["quantity"], photo=jpeg is not None, words=body["words"])
    with write() as conn:
        made = make_claim(
            conn,
            order_id=order_id,
            line_no=body["line_no"],
            wish=wish,
            jpeg=jpeg,
            key=sha256(key.encode()).hexdigest(),
            actor=f"person:{signed_in().id}",
            now=civil_now(),
            settings=parts().settings,
        )
    return {"claim_id": made.claim_id}


def _photo(encoded: str | None) -> bytes | None:
    if encoded is None:
        return None
    try:
        return reencode(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        refuse(ValidationError({"json": {"photo": [_("this must be a picture in base64")]}}))


def _terms(page: CancelPage) -> dict[str, object]:
    lines = [
        {"line_no": row.line_no, "left_minor": row.left_minor, "back_minor": page.back.get(row.line_no, 0)}
        for row in page.lines
    ]
    return {
        "stage": page.stage.value,
        "percent": page.percent,
        "back_minor": page.back_minor,
        "currency": page.order.currency,
        "lines": lines,
    }
