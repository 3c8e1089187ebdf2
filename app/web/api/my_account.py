"""A person's own account: what we hold about them, and ending it. Nobody sees another's."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from marshmallow import Schema, fields

from app.db.pages import my_data
from app.domain.erasing import ClaimWaiting, MoneyUnderWay, NotSure, OrderUnderWay, StaffAccount
from app.domain.errors import NotFound
from app.domain.roles import Role
from app.use_cases.people.erase_account import erase_account
from app.use_cases.people.export_account import export_account
from app.web.access import serves_signed_in
from app.web.api.fields import Body, YesNo
from app.web.api.operations import Operations
from app.web.api.schemas import word
from app.web.parts import civil_now, read, signed_in, write

blueprint = Operations("my account", says="What we hold about a person, and ending their account")


class Me(Schema):
    phone = fields.String(required=True, allow_none=True)
    mail = fields.String(required=True, allow_none=True)
    display_name = fields.String(required=True)
    language = fields.String(required=True)
    role = word(Role, required=True)
    created_at = fields.AwareDateTime(required=True)


class HeldSection(Schema):
    kind = fields.String(required=True)
    rows = fields.List(fields.Dict(), required=True, metadata={"description": "Column and value, as we keep them."})


class HeldData(Schema):
    sections = fields.List(fields.Nested(HeldSection), required=True)
    photos = fields.Integer(required=True, metadata={"description": "How many there are; the account page has them."})


class Sure(Body):
    sure = YesNo(required=True, metadata={"description": "`true`: it cannot be undone."})


@blueprint.get("/me")
@serves_signed_in()
@blueprint.etag
@blueprint.response(200, Me)
def show_me() -> Any:  # noqa: ANN401  a row
    """Show who I am to you."""
    with read() as conn:
        found = my_data.me(conn, person_id=signed_in().id)
    if found is None:
        raise NotFound
    return found


@blueprint.post("/me/data")
@serves_signed_in()
@blueprint.response(200, HeldData)
def export_me() -> dict[str, object]:
    """Take all that you hold about me with me; that it was taken is kept."""
    with write() as conn:
        found = export_account(conn, person_id=signed_in().id, now=civil_now())
    sections = [
        {"kind": one.section.key, "rows": [_told(one.section.columns, row) for row in one.rows]} for one in found.held
    ]
    return {"sections": sections, "photos": len(found.photos)}


@blueprint.post("/me/erasure")
@serves_signed_in()
@blueprint.refuses(NotSure, StaffAccount, OrderUnderWay, MoneyUnderWay, ClaimWaiting)
@blueprint.arguments(Sure)
@blueprint.response(204)
def erase_me(body: dict[str, Any]) -> None:
    """Erase my account; this session ends with it."""
    if not body["sure"]:
        raise NotSure
    with write() as conn:
        erase_account(conn, person_id=signed_in().id, now=civil_now())


def _told(columns: Any, row: Sequence[Any]) -> dict[str, object]:  # noqa: ANN401  labels by column
    values = (value.isoformat() if isinstance(value, datetime | date) else value for value in row)
    return dict(zip(columns, values, strict=True))
