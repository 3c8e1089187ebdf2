"""Suppliers and lots: what we need of whom for a run, what came, and the recall of a lot on one screen.

Decides what the forms mean; a table with one mistake is shown again whole, with every mistake of every line.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.db.pages import stock as stock_pages
from app.db.pages import supply as pages
from app.domain.errors import DomainError, NotFound
from app.domain.lot_lines import Fault, LinesWrong, Wrong
from app.domain.lot_state import LotState
from app.domain.recalling import LONGEST_COUNT, RecallStep
from app.domain.roles import Role
from app.domain.supplying import SupplierFieldWrong, SupplierTerms
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded
from app.use_cases.supply.import_lots import import_lots
from app.use_cases.supply.keep_lot_photo import keep_lot_photo
from app.use_cases.supply.move_lot import hold_lot, release_lot
from app.use_cases.supply.put_supplier import add_supplier, change_supplier, set_brings
from app.use_cases.supply.recall_lot import recall_lot
from app.web import words
from app.web.access import serves
from app.web.page import local
from app.web.parts import civil_now, read, signed_in, write
from app.web.uploads import photo_sent, takes_photo

blueprint = Blueprint("ops_supply", __name__, url_prefix="/<lang_code>/ops")

LONGEST_SEARCH = 40
LONGEST_TABLE = 120_000
# A cell that begins so is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Answer = str | tuple[str, int] | AnyResponse


@blueprint.get("/suppliers")
@serves(Role.OPERATOR)
def suppliers_page() -> str:
    """List suppliers, and what each brings for which run."""
    return _suppliers()


@blueprint.post("/suppliers")
@serves(Role.OPERATOR)
def add() -> Answer:
    """Write a supplier down."""
    try:
        with write() as conn:
            found = add_supplier(conn, wanted=_terms(), person_id=signed_in().id, now=civil_now())
    except DomainError as refusal:
        return _suppliers({str(refusal.facts.get("field", "")): words.sentence(refusal)}), refusal.status
    return redirect(url_for(".supplier_page", supplier_id=found), HTTPStatus.SEE_OTHER)


@blueprint.get("/suppliers/<supplier_id>")
@serves(Role.OPERATOR)
def supplier_page(supplier_id: str) -> str:
    """Show one supplier: their terms, their products, the runs that need them."""
    return _supplier(supplier_id)


@blueprint.post("/suppliers/<supplier_id>")
@serves(Role.OPERATOR)
def change(supplier_id: str) -> Answer:
    """Change what is kept of a supplier."""
    try:
        with write() as conn:
            change_supplier(conn, supplier_id=supplier_id, wanted=_terms(), person_id=signed_in().id, now=civil_now())
    except NotFound:
        raise
    except DomainError as refusal:
        field = str(refusal.facts.get("field", ""))
        return _supplier(supplier_id, {field: words.sentence(refusal)}), refusal.status
    return redirect(url_for(".supplier_page", supplier_id=supplier_id, saved=1), HTTPStatus.SEE_OTHER)


@blueprint.post("/suppliers/<supplier_id>/products")
@serves(Role.OPERATOR)
def change_products(supplier_id: str) -> AnyResponse:
    """Say that a supplier brings a product, or no longer does."""
    with write() as conn:
        set_brings(
            conn,
            supplier_id=supplier_id,
            product_id=request.form.get("product", ""),
            brings=request.form.get("act") == "add",
            person_id=signed_in().id,
            now=civil_now(),
        )
    return redirect(url_for(".supplier_page", supplier_id=supplier_id, _anchor="brings"), HTTPStatus.SEE_OTHER)


@blueprint.get("/suppliers/<supplier_id>/runs/<int(max=2147483647):run_no>")
@serves(Role.OPERATOR)
def needs_page(supplier_id: str, run_no: int) -> str:
    """Show what is needed of a supplier for a run, to print."""
    return render_template("staff/ops_supplier_run.html", found=_needs(supplier_id, run_no))


@blueprint.get("/suppliers/<supplier_id>/runs/<int(max=2147483647):run_no>.csv")
@serves(Role.OPERATOR)
def needs_file(supplier_id: str, run_no: int) -> Response:
    """Give the same as a table that a spreadsheet opens."""
    found = _needs(supplier_id, run_no)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([_("SKU"), _("Product"), _("Unit"), _("Ordered"), _("Please bring")])
    for need in found.needs:
        row = (need.product.id, local(need.product), local(need.product, "unit"))
        table.writerow([*map(_harmless, row), need.ordered, need.wanted])
    answer = Response("\ufeff" + out.getvalue(), mimetype="text/csv")  # the mark tells spreadsheets that it is UTF-8
    answer.headers["Content-Disposition"] = f'attachment; filename="run-{run_no}.csv"'
    return answer


@blueprint.get("/lots")
@serves(Role.OPERATOR)
def lots_page() -> str:
    """List lots, and take over what came."""
    return _lots()


@blueprint.post("/lots")
@serves(Role.OPERATOR)
def take_over() -> Answer:
    """Take a delivery's table over, all of it or nothing."""
    file = request.files.get("file")
    data = file.read(LONGEST_TABLE) if file is not None else b""
    table = (_decoded(data) if data else request.form.get("table", ""))[:LONGEST_TABLE]
    try:
        with write() as conn:
            count = import_lots(conn, table=table.replace("\x00", ""), person_id=signed_in().id, now=civil_now())
    except LinesWrong as refusal:
        return _lots(table, refusal), refusal.status
    return redirect(url_for(".lots_page", came=count), HTTPStatus.SEE_OTHER)


@blueprint.get("/lots/<lot_id>")
@serves(Role.OPERATOR)
def lot_page(lot_id: str) -> str:
    """Show a lot: where it comes from, and every order with it and where its bags are now."""
    return _lot(lot_id)


@blueprint.post("/lots/<lot_id>/hold")
@serves(Role.OPERATOR)
def hold(lot_id: str) -> Answer:
    """Hold a lot back, or give it back to the pickers."""
    move = release_lot if request.form.get("act") == "release" else hold_lot
    reason = request.form.get("hold-reason", "")
    try:
        with write() as conn:
            move(conn, lot_id=lot_id, reason=reason, person_id=signed_in().id, now=civil_now())
    except ReasonNeeded as refusal:
        return _lot(lot_id, {"hold-reason": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".lot_page", lot_id=lot_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/lots/<lot_id>/recall")
@serves(Role.OPERATOR)
def recall(lot_id: str) -> Answer:
    """Recall a lot; the worker deals with its orders from this moment."""
    typed = request.form.get("orders", "").strip()
    known = typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_COUNT
    try:
        with write() as conn:
            recall_lot(
                conn,
                lot_id=lot_id,
                orders=int(typed) if known else -1,
                reason=request.form.get("reason", ""),
                person_id=signed_in().id,
                now=civil_now(),
            )
    except NotFound:
        raise
    except DomainError as refusal:
        field = "reason" if isinstance(refusal, ReasonNeeded) else str(refusal.facts.get("field", ""))
        return _lot(lot_id, {field: words.sentence(refusal)}), refusal.status
    return redirect(url_for(".lot_page", lot_id=lot_id, _anchor="orders"), HTTPStatus.SEE_OTHER)


@blueprint.post("/lots/<lot_id>/photo")
@serves(Role.OPERATOR)
@takes_photo
def keep_photo(lot_id: str) -> Answer:
    """Keep the photo of the day."""
    try:
        jpeg = photo_sent("photo")
    except DomainError as refusal:
        return _lot(lot_id, {"photo": words.sentence(refusal)}), refusal.status
    if jpeg is not None:
        with write() as conn:
            keep_lot_photo(conn, lot_id=lot_id, jpeg=jpeg, person_id=signed_in().id, now=civil_now())
    return redirect(url_for(".lot_page", lot_id=lot_id), HTTPStatus.SEE_OTHER)


def fault_words(fault: Fault) -> str:
    """Say one mistake of an imported table."""
    said = {
        Wrong.COLUMN_MISSING: _("this column is missing in the heading"),
        Wrong.EMPTY: _("this is missing"),
        Wrong.TOO_LONG: _("this is too long, or no plain text"),
        Wrong.NO_COUNT: _("this must be a whole number from 1 to 100000"),
        Wrong.NO_DATE: _("this must be a date such as 2026-11-30, or with a time 2026-11-30 05:30"),
        Wrong.OVER: _("it has expired already"),
        Wrong.NOT_YET: _("this lies in the future"),
        Wrong.NO_SUCH_PRODUCT: _("there is no such product"),
        Wrong.KNOWN: _("this lot of this product is there already"),
        Wrong.TWICE: _("this lot stands in the table twice"),
        Wrong.TOO_MANY: _("too many lines; send at most %(most)s at once", most=fault.value),
    }[fault.wrong]
    return f"{said} ({fault.value})" if fault.value and fault.wrong is not Wrong.TOO_MANY else str(said)


def _terms() -> SupplierTerms:
    form = request.form
    margin = form.get("margin", "").strip() or "0"
    if not (margin.isascii() and margin.isdecimal() and len(margin) <= 3):
        raise SupplierFieldWrong(field="margin", most=100)
    return SupplierTerms(
        form.get("name_zh", ""), form.get("name_en", ""), form.get("contact", ""), int(margin), "active" in form
    )


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _decoded(data: bytes) -> str:
    """A file's text: spreadsheets in China save GB 18030 where one does not ask for UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")


def _needs(supplier_id: str, run_no: int) -> pages.RunNeeds:
    with read() as conn:
        found = pages.run_needs(conn, supplier_id=supplier_id, run_no=run_no, now=civil_now())
    if found is None:
        raise NotFound
    return found


def _suppliers(errors: Mapping[str, str] | None = None) -> str:
    with read() as conn:
        found = pages.suppliers(conn)
    return render_template(
        "staff/ops_suppliers.html", suppliers=found, errors=errors or {}, typed=request.form if errors else {}
    )


def _supplier(supplier_id: str, errors: Mapping[str, str] | None = None) -> str:
    with read() as conn:
        found = pages.one_supplier(conn, supplier_id=supplier_id)
        if found is None:
            raise NotFound
        brings, others = pages.products_of(conn, supplier_id=supplier_id)
        runs = pages.coming_runs(conn, now=civil_now())
    typed = request.form if errors else {**found._mapping, "margin": found.margin_percent}  # noqa: SLF001  its public name
    return render_template(
        "staff/ops_supplier.html",
        supplier=found,
        brings=brings,
        others=others,
        runs=runs,
        errors=errors or {},
        typed=typed,
        saved=request.args.get("saved"),
    )


def _lots(table: str = "", refusal: LinesWrong | None = None) -> str:
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH].replace("\x00", "")
    faults: Sequence[Fault] = refusal.faults if refusal else ()
    with read() as conn:
        found = pages.lots(conn, q=q, today=_today(stock_pages.house(conn).timezone))
    return render_template(
        "staff/ops_lots.html",
        lots=found,
        q=q,
        table=table,
        faults=faults,
        refused=words.sentence(refusal) if refusal else "",
        came=request.args.get("came", "") if request.args.get("came", "").isdecimal() else "",
    )


def _lot(lot_id: str, errors: Mapping[str, str] | None = None) -> str:
    with read() as conn:
        found = pages.one_lot(conn, lot_id=lot_id)
        if found is None:
            raise NotFound
        count, orders = pages.orders_with(conn, lot_id=lot_id)
        zone = stock_pages.house(conn).timezone
    return render_template(
        "staff/ops_lot.html",
        lot=found,
        count=count,
        orders=orders,
        zone=zone,
        over=found.expires_on < _today(zone),
        errors=errors or {},
        typed={name: value[:LONGEST_REASON] for name, value in request.form.items()},
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
    )


def _today(zone: str) -> date:
    return civil_now().astimezone(ZoneInfo(zone)).date()


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"fault_words": fault_words, "L": LotState, "R": RecallStep}
