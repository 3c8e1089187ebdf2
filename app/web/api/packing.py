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
from app.web.api import blueprint, schemas
from app.web.api.contract import operation
from app.web.parts import civil_now, parts, read, signed_in, write

LINE = "/parcels/<parcel_id>/lines/<int(max=32767):line_no>"


@blueprint.get("/runs/<int(max=2147483647):run_no>/waves")
@serves(Role.PICKER)
@operation("List a run's waves, in the order in which they are packed", answer=schemas.Wave, many=True)
def list_waves(run_no: int) -> Sequence[pages.WavePage]:
    with read() as conn:
        found = pages.run_waves(conn, run_no=run_no)
    if found is None:
        raise NotFound
    return found.waves


@blueprint.post("/runs/<int(max=2147483647):run_no>/picks")
@serves(Role.PICKER)
@operation(
    "Say that a product lies in the bag with this label",
    body=schemas.ScannedPick,
    answer=schemas.Picked,
    status=201,
    refusals=(LabelMalformed, WrongTote, PickedAlready, MustBeWeighed, IllegalMove),
)
def pick(run_no: int, body: dict[str, Any]) -> dict[str, Any]:
    asked = {"product_id": body["product_id"], "label_text": body["label"]}
    with write() as conn:
        parcel_id, line_no = pick_line(conn, run_no=run_no, **asked, person_id=signed_in().id, now=civil_now())
    return {"parcel_id": parcel_id, "line_no": line_no}


@blueprint.post(f"{LINE}/unpick")
@serves(Role.PICKER)
@operation("Take back what was said of a line", status=204, refusals=(NotPicked, IllegalMove))
def unpick(parcel_id: str, line_no: int) -> None:
    with write() as conn:
        unpick_line(conn, **_line(parcel_id, line_no))


@blueprint.post(f"{LINE}/weighings")
@serves(Role.PICKER)
@operation(
    "Weigh what lies in the bag of a line",
    body=schemas.Reading,
    answer=schemas.Weighed,
    status=201,
    refusals=(NotSoldByWeight, ScaleUnknown, ScaleNotVerified, WeightAbsurd, PickedAlready, IllegalMove),
)
def weigh(parcel_id: str, line_no: int, body: dict[str, Any]) -> dict[str, int]:
    with write() as conn:
        return {"net_g": weigh_line(conn, **_line(parcel_id, line_no), **body)}


@blueprint.post(f"{LINE}/short")
@serves(Role.PICKER)
@operation(
    "Say that pieces of a line are missing, and why",
    body=schemas.Short,
    status=204,
    refusals=(MissingAbsurd, PickedAlready, IllegalMove),
)
def say_short(parcel_id: str, line_no: int, body: dict[str, Any]) -> None:
    reason = ShortReason(body["reason"])
    with write() as conn:
        short_line(conn, **_line(parcel_id, line_no), missing=body["missing"], reason=reason)


@blueprint.post(f"{LINE}/substitute")
@serves(Role.PICKER)
@operation(
    "Pack something similar instead",
    body=schemas.WantedLine,
    status=204,
    refusals=(SubstituteNotWanted, SubstituteUnsuitable, MissingAbsurd, SoldOut, PickedAlready, IllegalMove),
)
def substitute(parcel_id: str, line_no: int, body: dict[str, Any]) -> None:
    instead = {"substitute_id": body["product_id"], "quantity": body["quantity"]}
    with write() as conn:
        substitute_line(conn, **_line(parcel_id, line_no), **instead)


@blueprint.post("/parcels/<parcel_id>/seal")
@serves(Role.PICKER)
@operation(
    "Seal a parcel whose lines are all done",
    body=schemas.SealedWith,
    status=204,
    refusals=(LinesOpen, MustBeWeighed, SealAbsurd, IllegalMove),
)
def seal(parcel_id: str, body: dict[str, Any]) -> None:
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
