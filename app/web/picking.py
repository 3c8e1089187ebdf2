"""What a picker does: choose a run, fill its bags one by one, seal and label each. One page a run, one step a bag."""

from http import HTTPStatus
from typing import Any

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import staff as pages
from app.domain.errors import NotFound
from app.domain.parcel_state import ParcelState
from app.domain.roles import Role
from app.use_cases.pack_parcel import pack_parcel
from app.web.access import serves
from app.web.parts import civil_now, parts, read, signed_in, write
from locker_protocol.label import Label, write_label

blueprint = Blueprint("picking", __name__, url_prefix="/<lang_code>/picking")


@blueprint.get("")
@serves(Role.PICKER)
def runs_page() -> str:
    """List the runs, those with bags to fill first, each kind soonest first."""
    with read() as conn:
        runs = pages.runs_at_work(conn, now=civil_now())
    return render_template("staff/picking_runs.html", runs=sorted(runs, key=lambda run: run.parcels_planned == 0))


@blueprint.get("/runs/<int(max=2147483647):run_no>")
@serves(Role.PICKER)
def run_page(run_no: int) -> str:
    """Show every order of a run, what goes into which bag, and which bags are done."""
    sheet = _sheet(run_no)
    return render_template("staff/picking_run.html", sheet=sheet, packed=request.args.get("packed", ""))


@blueprint.get("/runs/<int(max=2147483647):run_no>/labels")
@serves(Role.PICKER)
def labels_page(run_no: int) -> str:
    """Show the labels of a run, or the one of `?parcel=`, ready to print at 60 by 40 mm."""
    sheet, wanted = _sheet(run_no), request.args.get("parcel", "")
    bags = [bag for bag in sheet.bags if wanted in {"", bag.id}]
    if not bags:
        raise NotFound
    return render_template("staff/labels.html", sheet=sheet, bags=bags, label_qr=lambda bag: label_qr(sheet.run, bag))


@blueprint.post("/parcels/<parcel_id>/packed")
@serves(Role.PICKER)
def packed(parcel_id: str) -> Response:
    """Note that a bag is filled and sealed, and come back to the next one."""
    with write() as conn:
        run_no = pages.run_of_parcel(conn, parcel_id=parcel_id)
        if run_no is None:
            raise NotFound
        pack_parcel(conn, parcel_id=parcel_id, person_id=signed_in().id, now=civil_now(), settings=parts().settings)
    return redirect(url_for(".run_page", run_no=run_no, packed=parcel_id, _anchor="next"), HTTPStatus.SEE_OTHER)


def label_qr(run: Any, bag: pages.Bag) -> str:  # noqa: ANN401  a row
    """Draw a label's QR as an inline SVG that scales with the label."""
    text = write_label(Label(run.site_no, run.run_no, bag.ref))
    drawn = segno.make(text, error="m", micro=False)
    return str(drawn.svg_inline(border=2, omitsize=True, svgclass="label-qr", lineclass=None))


def _sheet(run_no: int) -> pages.RunSheet:
    with read() as conn:
        sheet = pages.run_sheet(conn, run_no=run_no)
    if sheet is None:
        raise NotFound
    return sheet


@blueprint.context_processor
def _states() -> dict[str, Any]:
    return {"S": ParcelState}
