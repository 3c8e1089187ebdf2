"""What a picker does: a wave at a time, product by product across its totes, then seal and label each.

Scanning is typing: the product, then the tote's label, in one field. Without a scanner two taps send the same. What is
wrong stops with a word and changes nothing.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import segno
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import gettext
from sqlalchemy import Row
from werkzeug.wrappers import Response

from app.db.pages import picking as pages
from app.db.pages import staff as staff_pages
from app.db.pages import supply as supply_pages
from app.domain.errors import DomainError, NotFound
from app.domain.lots import LotNotForThis
from app.domain.parcel_state import ParcelState
from app.domain.picking import InnerBag, MustBeWeighed, ShortReason, WrongProduct
from app.domain.roles import Role
from app.media.photo import LARGEST_IN_BYTES, reencode
from app.use_cases.packing.choose_lot import choose_lot
from app.use_cases.packing.pick_line import pick_line
from app.use_cases.packing.seal_parcel import seal_parcel
from app.use_cases.packing.short_line import short_line
from app.use_cases.packing.substitute_line import substitute_line
from app.use_cases.packing.unpick_line import unpick_line
from app.use_cases.packing.weigh_line import weigh_line
from app.web import words
from app.web.access import serves
from app.web.language import short
from app.web.parts import civil_now, parts, read, signed_in, write
from app.web.problems import allow
from locker_protocol.label import Label, write_label

blueprint = Blueprint("picking", __name__, url_prefix="/<lang_code>/picking")

LONGEST_CODE = 512
LARGEST_NUMBER = 99_999
# A photo in a form, and the form around it.
LARGEST_SEAL_FORM = LARGEST_IN_BYTES + 64 * 1024


@blueprint.get("")
@serves(Role.PICKER)
def runs_page() -> str:
    """List the runs, those with bags to fill first, each kind soonest first."""
    with read() as conn:
        runs = staff_pages.runs_at_work(conn, now=civil_now())
    return render_template("staff/picking_runs.html", runs=sorted(runs, key=lambda run: run.parcels_planned == 0))


@blueprint.get("/runs/<int(max=2147483647):run_no>")
@serves(Role.PICKER)
def run_page(run_no: int) -> str:
    """Show a run's waves, by when each is begun, and how far it is."""
    return render_template("staff/picking_run.html", found=_waves(run_no), now=civil_now())


@blueprint.get("/runs/<int(max=2147483647):run_no>/waves/<int(max=9999):wave_no>")
@serves(Role.PICKER)
def wave_page(run_no: int, wave_no: int) -> str:
    """Show one product of the walk and the totes it goes into; `have`: it was scanned, a tote comes next."""
    have, lot = request.args.get("have") == "1", request.args.get("lot", "")[:LONGEST_CODE]
    return _show_wave(run_no, wave_no, request.args.get("product", ""), have=have, lot=lot)


@blueprint.post("/runs/<int(max=2147483647):run_no>/waves/<int(max=9999):wave_no>")
@serves(Role.PICKER)
def scan(run_no: int, wave_no: int) -> Response | tuple[str, int]:
    """Take what was scanned, typed or tapped: the product or a lot of it first, then a tote."""
    asked = {name: request.form.get(name, "").strip()[:LONGEST_CODE] for name in ("product", "have", "code", "lot")}
    product_id, have, lot = asked["product"], asked["have"] == "1", asked["lot"]
    here = {"run_no": run_no, "wave_no": wave_no}
    try:
        if _is_lot(run_no, wave_no, product_id, asked["code"]):
            return _to("wave_page", **here, product=product_id, have=1, lot=asked["code"])
        if not have or asked["code"] == product_id:
            _refuse_other_product(run_no, wave_no, product_id, asked["code"])
            return _to("wave_page", **here, product=product_id, have=1)
        with write() as conn:
            pick_line(
                conn,
                run_no=run_no,
                product_id=product_id,
                label_text=asked["code"],
                person_id=signed_in().id,
                now=civil_now(),
                lot_code=lot,
            )
    except MustBeWeighed as weigh:
        return _to("line_page", **weigh.facts)
    except DomainError as refusal:
        return _show_wave(run_no, wave_no, product_id, have=have, lot=lot, refusal=refusal), refusal.status
    further = _further(run_no, wave_no, product_id)
    return _to("wave_page", **here, **further, lot=(lot or None) if further else None, put=asked["code"][-8:])


@blueprint.get("/parcels/<parcel_id>/lines/<int(max=32767):line_no>")
@serves(Role.PICKER)
def line_page(parcel_id: str, line_no: int) -> str:
    """Show one line of a tote: weigh it, say what is missing, pack something similar, or take a mark back."""
    return _show_line(parcel_id, line_no)


@blueprint.post("/parcels/<parcel_id>/lines/<int(max=32767):line_no>")
@serves(Role.PICKER)
def change_line(parcel_id: str, line_no: int) -> Response | tuple[str, int]:
    """Do what the line's page offers, and go on with the walk."""
    run_no, wave_no, product_id = _place_of(parcel_id, line_no)
    try:
        _change(parcel_id, line_no)
    except (DomainError, ValueError) as refusal:
        status = refusal.status if isinstance(refusal, DomainError) else HTTPStatus.UNPROCESSABLE_ENTITY
        said = words.sentence(refusal) if isinstance(refusal, DomainError) else str(refusal)
        return _show_line(parcel_id, line_no, said), status
    return _to("wave_page", run_no=run_no, wave_no=wave_no, **_further(run_no, wave_no, product_id))


@blueprint.get("/parcels/<parcel_id>")
@serves(Role.PICKER)
def tote_page(parcel_id: str) -> str:
    """Show what is in a tote, bag by bag; seal it when all is done, or print its label."""
    return _show_tote(parcel_id)


@blueprint.post("/parcels/<parcel_id>")
@serves(Role.PICKER)
def seal(parcel_id: str) -> Response | tuple[str, int]:
    """Seal a tote: it is packed."""
    found, wave, _ = _tote(parcel_id)
    picture = request.files.get("photo")
    data = picture.read() if picture is not None else b""
    try:
        jpeg = reencode(data) if data else None
        with write() as conn:
            seal_parcel(
                conn,
                parcel_id=parcel_id,
                seal=request.form.get("seal", ""),
                jpeg=jpeg,
                person_id=signed_in().id,
                now=civil_now(),
                settings=parts().settings,
            )
    except DomainError as refusal:
        return _show_tote(parcel_id, words.sentence(refusal)), refusal.status
    return _to("wave_page", run_no=found.run.run_no, wave_no=wave.number, sealed=parcel_id)


@blueprint.get("/runs/<int(max=2147483647):run_no>/labels")
@serves(Role.PICKER)
def labels_page(run_no: int) -> str:
    """Show the labels of a run, of one `?wave=`, or the one of `?parcel=`, ready to print at 60 by 40 mm."""
    with read() as conn:
        sheet = staff_pages.run_sheet(conn, run_no=run_no)
    if sheet is None:
        raise NotFound
    wanted = _wanted_labels(run_no)
    bags = [bag for bag in sheet.bags if wanted is None or bag.id in wanted]
    if not bags:
        raise NotFound
    return render_template("staff/labels.html", sheet=sheet, bags=bags, label_qr=lambda bag: label_qr(sheet.run, bag))


def label_qr(run: Any, bag: staff_pages.Bag) -> str:  # noqa: ANN401  a row
    """Draw a label's QR as an inline SVG that scales with the label."""
    text = write_label(Label(run.site_no, run.run_no, bag.ref))
    drawn = segno.make(text, error="m", micro=False)
    return str(drawn.svg_inline(border=2, omitsize=True, svgclass="label-qr", lineclass=None))


def _to(endpoint: str, **values: Any) -> Response:  # noqa: ANN401  an address's parts
    return redirect(url_for(f".{endpoint}", **values), HTTPStatus.SEE_OTHER)


def _change(parcel_id: str, line_no: int) -> None:
    """Do what the form's button says. Raises a refusal, or ValueError with a sentence when a number cannot be read."""
    line: dict[str, Any] = {"parcel_id": parcel_id, "line_no": line_no, "person_id": signed_in().id, "now": civil_now()}
    act = request.form.get("act", "")
    with write() as conn:
        if act == "weigh":
            session["scale"] = request.form.get("scale", "").strip()[:32]
            scale = session["scale"]
            weigh_line(conn, **line, scale_id=scale, gross_g=_number("gross"), tare_g=_number("tare"))
        elif act in set(ShortReason):
            short_line(conn, **line, missing=_number("missing"), reason=ShortReason(act))
        elif act == "lot":
            lot = request.form.get("lot", "").strip()[:LONGEST_CODE]
            choose_lot(conn, parcel_id=parcel_id, line_no=line_no, lot_code=lot, pieces=_number("pieces"))
        elif act == "unpick":
            unpick_line(conn, **line)
        elif act.startswith("instead:"):
            substitute = act.removeprefix("instead:")
            substitute_line(conn, **line, substitute_id=substitute, quantity=_number("instead"))
        else:
            raise NotFound


def _number(field: str) -> int:
    text = request.form.get(field, "").strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_NUMBER)):
        raise ValueError(gettext("Type a whole number, digits only."))
    return int(text)


def _is_lot(run_no: int, wave_no: int, product_id: str, code: str) -> bool:
    """Whether a code is that of a lot of the product at hand. Raises LotNotForThis for one that is not to be taken."""
    with read() as conn:
        known = code != product_id and supply_pages.is_lot(conn, product_id=product_id, code=code)
    if known and code not in {lot.code for lot in _shelf(_wave(run_no, wave_no)[1].stop(product_id))}:
        raise LotNotForThis(lot=code)
    return known


def _shelf(stop: pages.Stop | None) -> Sequence[Row[Any]]:
    """The lots that totes of a stop may take from; none in a shop that works without lots."""
    if stop is None or not stop.open:
        return ()
    with read() as conn:
        return supply_pages.on_shelf(conn, product_id=stop.product_id, parcel_ids=[tote.id for tote, _ in stop.open])


def _refuse_other_product(run_no: int, wave_no: int, product_id: str, code: str) -> None:
    stop = _wave(run_no, wave_no)[1].stop(product_id)
    if stop is None or product_id != stop.product_id:
        raise NotFound
    if code != product_id:
        raise WrongProduct(scanned=code)


def _further(run_no: int, wave_no: int, product_id: str) -> dict[str, Any]:
    """Stay with a product while a tote waits for it, and leave it in the picker's hand."""
    stop = _wave(run_no, wave_no)[1].stop(product_id)
    more = stop is not None and stop.product_id == product_id and stop.open
    return {"product": product_id, "have": 1} if more else {}


def _place_of(parcel_id: str, line_no: int) -> tuple[int, int, str]:
    found, wave, tote = _tote(parcel_id)
    return found.run.run_no, wave.number, _line(tote, line_no).product_id


def _wanted_labels(run_no: int) -> set[str] | None:
    if "wave" in request.args:
        wanted = [wave for wave in _waves(run_no).waves if str(wave.number) == request.args["wave"]]
        return {tote.id for wave in wanted for tote in wave.totes}
    return {request.args["parcel"]} if "parcel" in request.args else None


def _waves(run_no: int) -> pages.RunWaves:
    with read() as conn:
        found = pages.run_waves(conn, run_no=run_no)
    if found is None:
        raise NotFound
    return found


def _wave(run_no: int, wave_no: int) -> tuple[pages.RunWaves, pages.WavePage]:
    found = _waves(run_no)
    wave = found.wave(wave_no)
    if wave is None:
        raise NotFound
    return found, wave


def _tote(parcel_id: str) -> tuple[pages.RunWaves, pages.WavePage, pages.Tote]:
    with read() as conn:
        run_no = pages.run_of_parcel(conn, parcel_id=parcel_id)
    if run_no is None:
        raise NotFound
    found = _waves(run_no)
    place = found.tote(parcel_id)
    if place is None:
        raise NotFound
    return (found, *place)


def _line(tote: pages.Tote, line_no: int) -> pages.ToteLine:
    for line in tote.lines:
        if line.line_no == line_no:
            return line
    raise NotFound


def _show_wave(
    run_no: int, wave_no: int, product_id: str, *, have: bool, lot: str = "", refusal: DomainError | None = None
) -> str:
    allow("script-src", "'wasm-unsafe-eval'")  # the camera's reader is compiled WebAssembly
    found, wave = _wave(run_no, wave_no)
    stop = wave.stop(product_id)
    have = have and stop is not None and stop.product_id == product_id and bool(stop.open)
    said = _sentence(refusal, stop) if refusal else ""
    shelf = _shelf(stop)
    lot = lot if have else ""
    return render_template(
        "staff/picking_wave.html", found=found, wave=wave, stop=stop, have=have, shelf=shelf, lot=lot, refusal=said
    )


def _sentence(refusal: DomainError, stop: pages.Stop | None) -> str:
    name = stop.first.name[short()] if stop else ""
    return words.of_code(refusal.code, {"name": name, **refusal.facts})


def _show_line(parcel_id: str, line_no: int, refused: str = "") -> str:
    found, wave, tote = _tote(parcel_id)
    line = _line(tote, line_no)
    missing = line.missing or line.quantity
    similar = []
    with read() as conn:
        lots = supply_pages.in_line(conn, parcel_id=parcel_id, line_no=line_no)
        shelf = supply_pages.on_shelf(conn, product_id=line.product_id, parcel_ids=[parcel_id])
    if tote.waits and tote.wants_similar and line.substitute is None:
        with read() as conn:
            similar = list(pages.candidates(conn, parcel_id=parcel_id, line_no=line_no, quantity=missing))
    return render_template(
        "staff/picking_line.html",
        found=found,
        wave=wave,
        tote=tote,
        line=line,
        missing=missing,
        lots=lots,
        shelf=shelf,
        similar=similar,
        typed=request.form,
        scale=session.get("scale", ""),
        refused=refused,
    )


def _show_tote(parcel_id: str, refused: str = "") -> str:
    found, wave, tote = _tote(parcel_id)
    return render_template(
        "staff/picking_tote.html", found=found, wave=wave, tote=tote, typed=request.form, refused=refused
    )


@blueprint.url_value_preprocessor
def _let_a_photo_in(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    # Before anything reads the form: the check of its token does.
    if endpoint == f"{blueprint.name}.{seal.__name__}":
        request.max_content_length = LARGEST_SEAL_FORM


@blueprint.context_processor
def _states() -> dict[str, Any]:
    return {"S": ParcelState, "reasons": list(ShortReason), "B": InnerBag}
