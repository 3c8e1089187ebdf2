"""What pickers' programs do: read a run's waves, and pick, weigh, replace and seal as the pages do."""

from collections.abc import Sequence
from typing import Any

from app.db.pages import picking as pages
from app.domain.basket import SoldOut
from app.domain.errors import IllegalMove, NotFound
from app.domain.loading import LabelMalformed
from app.domain.picking import (
    LinesOpen,
    MissingAbsurd,
    MustBeWeighed,
    NotPicked,
    PickedAlready,
    SealAbsurd,
    ShortReason,
    SubstituteNotWanted,
    SubstituteUnsuitable,
    WrongTote,
)
from app.domain.roles import Role
from app.domain.weighing import NotSoldByWeight, ScaleNotVerified, ScaleUnknown, WeightAbsurd
from app.use_cases.packing.pick_line import pick_line
from app.use_cases.packing.seal_parcel import seal_parcel
from app.use_cases.packing.short_line import short_line
from app.use_cases.packing.substitute_line import substitute_line
from app.use_cases.packing.unpick_line import unpick_line
from app.use_cases.packing.weigh_line import weigh_line
from app.web.access import serves
from app.web.api import schemas
from app.web.api.listing import Part
from app.web.api.operations import Operations
from app.web.parts import civil_now, parts, read, signed_in, write

blueprint = Operations("packing", says="Waves, picking, weighing, sealing")

LINE = "/parcels/<parcel_id>/lines/<int(max=32767):line_no>"


@blueprint.get("/runs/<int(max=2147483647):run_no>/waves")
@serves(Role.PICKER)
@blueprint.etag
@blueprint.lists(schemas.Wave, key=("number",))
def list_waves(run_no: int, part: Part) -> Sequence[pages.WavePage]:
    """List a run's waves, in the order in which they are packed."""
    with read() as conn:
        found = pages.run_waves(conn, run_no=run_no)
    if found is None:
        raise NotFound
    (last,) = part.after or (0,)
    return [wave for wave in found.waves if wave.number > last][: part.and_one]


@blueprint.post("/runs/<int(max=2147483647):run_no>/picks")
@serves(Role.PICKER)
@blueprint.refuses(LabelMalformed, WrongTote, PickedAlready, MustBeWeighed, IllegalMove)
@blueprint.once
@blueprint.arguments(schemas.ScannedPick)
@blueprint.response(201, schemas.Picked)
def pick(run_no: int, body: dict[str, Any]) -> dict[str, Any]:
    """Say that a product lies in the bag with this label."""
    asked = {"product_id": body["product_id"], "label_text": body["label"]}
    with write() as conn:
        parcel_id, line_no = pick_line(conn, run_no=run_no, **asked, person_id=signed_in().id, now=civil_now())
    return {"parcel_id": parcel_id, "line_no": line_no}


@blueprint.post(f"{LINE}/unpick")
@serves(Role.PICKER)
@blueprint.refuses(NotPicked, IllegalMove)
@blueprint.once
@blueprint.response(204)
def unpick(parcel_id: str, line_no: int) -> None:
    """Take back what was said of a line."""
    with write() as conn:
        unpick_line(conn, **_line(parcel_id, line_no))


@blueprint.post(f"{LINE}/weighings")
@serves(Role.PICKER)
@blueprint.refuses(NotSoldByWeight, ScaleUnknown, ScaleNotVerified, WeightAbsurd, PickedAlready, IllegalMove)
@blueprint.once
@blueprint.arguments(schemas.Reading)
@blueprint.response(201, schemas.Weighed)
def weigh(parcel_id: str, line_no: int, body: dict[str, Any]) -> dict[str, int]:
    """Weigh what lies in the bag of a line."""
    with write() as conn:
        return {"net_g": weigh_line(conn, **_line(parcel_id, line_no), **body)}


@blueprint.post(f"{LINE}/short")
@serves(Role.PICKER)
@blueprint.refuses(MissingAbsurd, PickedAlready, IllegalMove)
@blueprint.once
@blueprint.arguments(schemas.Short)
@blueprint.response(204)
def say_short(parcel_id: str, line_no: int, body: dict[str, Any]) -> None:
    """Say that pieces of a line are missing, and why."""
    reason = ShortReason(body["reason"])
    with write() as conn:
        short_line(conn, **_line(parcel_id, line_no), missing=body["missing"], reason=reason)


@blueprint.post(f"{LINE}/substitute")
@serves(Role.PICKER)
@blueprint.refuses(SubstituteNotWanted, SubstituteUnsuitable, MissingAbsurd, SoldOut, PickedAlready, IllegalMove)
@blueprint.once
@blueprint.arguments(schemas.WantedLine)
@blueprint.response(204)
def substitute(parcel_id: str, line_no: int, body: dict[str, Any]) -> None:
    """Pack something similar instead."""
    instead = {"substitute_id": body["product_id"], "quantity": body["quantity"]}
    with write() as conn:
        substitute_line(conn, **_line(parcel_id, line_no), **instead)


@blueprint.post("/parcels/<parcel_id>/seal")
@serves(Role.PICKER)
@blueprint.refuses(LinesOpen, MustBeWeighed, SealAbsurd, IllegalMove)
@blueprint.once
@blueprint.arguments(schemas.SealedWith)
@blueprint.response(204)
def seal(parcel_id: str, body: dict[str, Any]) -> None:
    """Seal a parcel whose lines are all done."""
    with write() as conn:
        seal_parcel(
            conn,
            parcel_id=parcel_id,
            seal=body["seal"],
            jpeg=None,
            person_id=signed_in().id,
            now=civil_now(),
            settings=parts().settings,
        )


def _line(parcel_id: str, line_no: int) -> dict[str, Any]:
    return {"parcel_id": parcel_id, "line_no": line_no, "person_id": signed_in().id, "now": civil_now()}
