"""What the office's programs see and do: runs, everybody's orders, refunds, doors, and who is what.

Tells of no order who placed it, and of no resident anything.
"""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.db.pages import api_staff as pages
from app.db.pages.api import Row
from app.domain.errors import IllegalMove, NotFound
from app.domain.hand_refund import MoreThanLeft, StillHandedOut, WithdrawalUnderWay
from app.domain.order_state import OrderState
from app.domain.refunding import NothingToRefund, RefundCause
from app.domain.roles import LastAdmin, OwnRole, Role
from app.use_cases.evening.withdraw_by_hand import withdraw_by_hand
from app.use_cases.money.refund_by_hand import NotFailed, refund_by_hand, retry_refund
from app.use_cases.people.change_role import change_role
from app.use_cases.site.ask_site import ReasonNeeded
from app.web.access import serves
from app.web.api.fields import Body, OneOf, Several, Whole, Words
from app.web.api.listing import Part, PartWanted
from app.web.api.operations import Operations
from app.web.api.product_fields import DEAREST_MINOR
from app.web.api.schemas import NAME, InBothLanguages, Reason, word
from app.web.parts import civil_now, read, signed_in, write
from locker_protocol.ids import random_bytes, random_id
from locker_protocol.vocabulary import DoorCondition, SizeClass, Zone

blueprint = Operations("office", says="Runs, everybody's orders, refunds, doors, and who is what")

MOST_LINE = 32_767
MOST_REFUNDED_LINES = 200
MOST_LINE_MINOR = DEAREST_MINOR * 99


class RunsWanted(PartWanted):
    site_id = Words(longest=32, load_default=None, pattern=NAME)


class Run(Schema):
    run_no = fields.Integer(required=True)
    site_id = fields.String(required=True)
    kind = fields.String(required=True)
    local_date = fields.Date(required=True)
    order_by = fields.AwareDateTime(required=True)
    load_from = fields.AwareDateTime(required=True)
    load_until = fields.AwareDateTime(required=True)
    removal_from = fields.AwareDateTime(required=True)
    expected_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "Of a late van."})
    called_off_at = fields.AwareDateTime(required=True, allow_none=True)


class OrdersWanted(PartWanted):
    state = OneOf(OrderState, load_default=None)
    site_id = Words(longest=32, load_default=None, pattern=NAME)


class OfficeOrder(Schema):
    id = fields.String(required=True)
    order_no = fields.String(required=True)
    state = word(OrderState, required=True)
    site_id = fields.String(required=True)
    run_no = fields.Integer(required=True)
    window_id = fields.Integer(required=True)
    currency = fields.String(required=True)
    total_minor = fields.Integer(required=True)
    placed_at = fields.AwareDateTime(required=True)


class RefundsWanted(PartWanted):
    order_id = Words(longest=32, load_default=None, pattern=NAME)


class Refund(Schema):
    refund_no = fields.String(required=True)
    order_id = fields.String(required=True)
    cause = word(RefundCause, required=True)
    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    decided_at = fields.AwareDateTime(required=True)
    done_at = fields.AwareDateTime(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": ["open", "failed", "done"]})
    failed = fields.String(required=True, allow_none=True, metadata={"description": "Why the provider will not."})


class RefundedLine(Body):
    line_no = Whole(low=1, high=MOST_LINE, required=True)
    amount_minor = Whole(low=1, high=MOST_LINE_MINOR, required=True)


class WantedRefund(Body):
    lines = Several(RefundedLine, low=1, high=MOST_REFUNDED_LINES, required=True)
    reason = Words(longest=200, required=True)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_kwargs: Any) -> None:  # noqa: ANN401
        if len({line["line_no"] for line in data["lines"]}) < len(data["lines"]):
            raise ValidationError(str(_("the same line stands here twice")), "lines")


class DecidedRefund(Schema):
    refund_no = fields.String(required=True)
    amount_minor = fields.Integer(required=True)


class Person(Schema):
    id = fields.String(required=True)
    role = word(Role, required=True)
    staff_no = fields.Integer(required=True, allow_none=True)
    display_name = fields.String(required=True, allow_none=True)
    site_id = fields.String(required=True, allow_none=True)


class WantedRole(Body):
    role = OneOf(Role, required=True)


class LockerNow(Schema):
    id = fields.String(required=True)
    name = InBothLanguages(required=True)
    online = fields.Boolean(required=True)
    heard_at = fields.AwareDateTime(required=True, allow_none=True)


class ZoneNow(Schema):
    locker_id = fields.String(required=True)
    zone = word(Zone, required=True)
    air_c = fields.Float(required=True, allow_none=True)
    product_c = fields.Float(required=True, allow_none=True)
    read_at = fields.AwareDateTime(required=True)


class DoorNow(Schema):
    door = fields.Integer(required=True)
    locker_id = fields.String(required=True)
    zone = word(Zone, required=True)
    size = word(SizeClass, required=True)
    condition = word(DoorCondition, required=True)
    state = fields.String(required=True, attribute="door_state", validate=validate.OneOf(["open", "shut", "unknown"]))
    changed_at = fields.AwareDateTime(required=True, allow_none=True, attribute="door_changed_at")
    trouble = fields.String(required=True, allow_none=True)


class Doors(Schema):
    """A site as last told; what is unknown is said so."""

    online = fields.Boolean(required=True, metadata={"description": "Its gateway is connected."})
    heard_at = fields.AwareDateTime(required=True, allow_none=True)
    lockers = fields.List(fields.Nested(LockerNow), required=True)
    zones = fields.List(fields.Nested(ZoneNow), required=True)
    doors = fields.List(fields.Nested(DoorNow), required=True)


@blueprint.get("/runs")
@serves(Role.PICKER, Role.DRIVER, Role.OPERATOR)
@blueprint.etag
@blueprint.lists(Run, key=("run_no",), query=RunsWanted)
def list_runs(part: Part) -> Sequence[Row]:
    """List load runs, the latest first."""
    with read() as conn:
        return pages.runs(conn, site_id=part.query["site_id"], after=part.after, limit=part.and_one)


@blueprint.get("/sites/<site_id>/doors")
@serves(Role.DRIVER, Role.OPERATOR)
@blueprint.etag
@blueprint.response(200, Doors)
def show_doors(site_id: str) -> Row:
    """Show how a site's gateway, lockers, zones and doors are."""
    with read() as conn:
        return _known(pages.lockers(conn, site_id=site_id))


@blueprint.get("/office/orders")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.lists(OfficeOrder, key=("id",), query=OrdersWanted)
def list_office_orders(part: Part) -> Sequence[Row]:
    """List everybody's orders, newest first."""
    wanted = {"state": part.query["state"], "site_id": part.query["site_id"]}
    with read() as conn:
        return pages.orders(conn, **wanted, after=part.after, limit=part.and_one)


@blueprint.get("/office/orders/<order_id>")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.response(200, OfficeOrder)
def show_office_order(order_id: str) -> Row:
    """Show where an order stands."""
    with read() as conn:
        return _known(pages.order(conn, order_id=order_id))


@blueprint.post("/office/orders/<order_id>/withdrawal")
@serves(Role.OPERATOR)
@blueprint.refuses(ReasonNeeded, IllegalMove)
@blueprint.once
@blueprint.arguments(Reason)
@blueprint.response(204)
def withdraw(order_id: str, body: dict[str, Any]) -> None:
    """Withdraw an order: nothing of it is handed out any more, and its money goes back."""
    with write() as conn:
        withdraw_by_hand(conn, order_id=order_id, reason=body["reason"], person_id=signed_in().id, now=civil_now())


@blueprint.post("/office/orders/<order_id>/refunds")
@serves(Role.OPERATOR)
@blueprint.refuses(ReasonNeeded, NothingToRefund, MoreThanLeft, StillHandedOut, WithdrawalUnderWay)
@blueprint.once
@blueprint.arguments(WantedRefund)
@blueprint.response(201, DecidedRefund)
def give_back(order_id: str, body: dict[str, Any]) -> Any:  # noqa: ANN401  what the schema reads from
    """Give money back for lines of an order."""
    with write() as conn:
        return refund_by_hand(
            conn,
            order_id=order_id,
            lines={line["line_no"]: line["amount_minor"] for line in body["lines"]},
            reason=body["reason"],
            key=random_id(),
            person_id=signed_in().id,
            now=civil_now(),
            random=random_bytes,
        )


@blueprint.get("/refunds")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.lists(Refund, key=("decided_at", "id"), query=RefundsWanted)
def list_refunds(part: Part) -> Sequence[Row]:
    """List refunds, newest first."""
    with read() as conn:
        return pages.refunds(conn, order_id=part.query["order_id"], after=part.after, limit=part.and_one)


@blueprint.post("/refunds/<refund_no>/again")
@serves(Role.OPERATOR)
@blueprint.refuses(NotFailed)
@blueprint.once
@blueprint.response(204)
def try_refund_again(refund_no: str) -> None:
    """Ask the provider once more for a refund that failed."""
    with write() as conn:
        retry_refund(conn, refund_no=refund_no, person_id=signed_in().id, now=civil_now())


@blueprint.get("/people")
@serves(Role.ADMIN)
@blueprint.etag
@blueprint.lists(Person, key=("role", "id"))
def list_staff(part: Part) -> Sequence[Row]:
    """List everybody who is not a resident."""
    with read() as conn:
        return pages.staff(conn, after=part.after, limit=part.and_one)


@blueprint.get("/people/<person_id>")
@serves(Role.ADMIN)
@blueprint.etag
@blueprint.response(200, Person)
def show_person(person_id: str) -> Row:
    """Show what somebody is."""
    with read() as conn:
        return _known(pages.one_person(conn, person_id=person_id))


@blueprint.put("/people/<person_id>/role")
@serves(Role.ADMIN)
@blueprint.refuses(OwnRole, LastAdmin)
@blueprint.etag
@blueprint.arguments(WantedRole)
@blueprint.response(200, Person)
def set_role(person_id: str, body: dict[str, Any]) -> Row:
    """Give somebody a role; they sign in again."""
    with write() as conn:
        blueprint.check_etag(_known(pages.one_person(conn, person_id=person_id)), Person)
        change_role(conn, person_id=person_id, role=Role(body["role"]), actor_id=signed_in().id, now=civil_now())
        return _known(pages.one_person(conn, person_id=person_id))


def _known(found: Row | None) -> Row:
    if found is None:
        raise NotFound
    return found
