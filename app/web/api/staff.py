"""What staff's programs ask for: a run's parcels, packing, opening a door, and what became of it."""

from collections.abc import Sequence
from typing import Any

from app.db.pages import api as pages
from app.domain.errors import IllegalMove, NotFound
from app.domain.remote_opening import TooManyWaiting
from app.domain.roles import Role
from app.use_cases.packing.pack_parcel import pack_parcel
from app.use_cases.site.ask_site import open_doors
from app.web.access import serves
from app.web.api import schemas
from app.web.api.listing import Part
from app.web.api.operations import Operations
from app.web.ops import command_state
from app.web.parts import civil_now, civil_rate, parts, read, signed_in, write
from locker_protocol.ids import random_bytes
from locker_protocol.label import Label, write_label
from locker_protocol.vocabulary import Right

blueprint = Operations("staff", says="Packing, opening")

SEES_ALL_COMMANDS = frozenset({Role.OPERATOR, Role.ADMIN})


@blueprint.get("/runs/<int(max=2147483647):run_no>/parcels")
@serves(Role.PICKER, Role.DRIVER, Role.OPERATOR)
@blueprint.etag
@blueprint.lists(schemas.StaffParcel, key=("order_no", "ref"))
def list_parcels(run_no: int, part: Part) -> Sequence[pages.Row]:
    """List a run's parcels."""
    with read() as conn:
        found = pages.parcels_of_run(conn, run_no=run_no, after=part.after, limit=part.and_one)
    if found is None:
        raise NotFound
    return [{**row, "label": write_label(Label(row["site_no"], run_no, row["ref"]))} for row in found]


@blueprint.post("/parcels/<parcel_id>/packed")
@serves(Role.PICKER)
@blueprint.refuses(IllegalMove)
@blueprint.once
@blueprint.response(204)
def mark_packed(parcel_id: str) -> None:
    """Say that a parcel is packed."""
    with write() as conn:
        pack_parcel(conn, parcel_id=parcel_id, person_id=signed_in().id, now=civil_now(), settings=parts().settings)


@blueprint.post("/sites/<site_id>/doors/<int(max=999):door_no>/open")
@serves(Role.OPERATOR)
@blueprint.refuses(TooManyWaiting)
@blueprint.once
@blueprint.arguments(schemas.Reason)
@blueprint.response(202, schemas.CommandAsked)
def ask_to_open(site_id: str, door_no: int, body: dict[str, Any]) -> dict[str, str]:
    """Ask a site to open a door."""
    with write() as conn:
        command_id = open_doors(
            conn,
            site_id=site_id,
            doors=[door_no],
            right=Right.STAFF,
            person_id=signed_in().id,
            reason=body["reason"],
            now=civil_now(),
            random=random_bytes,
            rate=civil_rate(),
        )
    return {"command_id": command_id}


@blueprint.get("/commands/<command_id>")
@serves(Role.DRIVER, Role.OPERATOR)
@blueprint.etag
@blueprint.response(200, schemas.Command)
def show_command(command_id: str) -> dict[str, Any]:
    """Show what a site answered."""
    with read() as conn:
        found = pages.command(conn, command_id=command_id)
    if found is None or not (signed_in().role in SEES_ALL_COMMANDS or found.person_id == signed_in().id):
        raise NotFound
    return {
        **{name: getattr(found, name) for name in ("id", "kind", "refusal", "asked_at", "not_after", "answered_at")},
        "state": command_state(found),
        "door": next(iter(found.answered_doors or found.doors), None),
        "doors": list(found.answered_doors or found.doors),
    }
