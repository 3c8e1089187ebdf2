"""A receipt as a page to print, and as a file. Only its order's owner sees it."""

import csv
import io
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from flask import Blueprint, Response, render_template
from flask_babel import gettext
from sqlalchemy import Row

from app.db.pages.receipts import one_receipt
from app.domain.errors import NotFound
from app.web.access import serves_signed_in
from app.web.page import local
from app.web.parts import read, signed_in

blueprint = Blueprint("receipts", __name__, url_prefix="/<lang_code>/orders/<order_id>/receipts")

MOST_DIGITS = 9
# A sheet that begins a cell so runs it as a formula.
FORMULAS = ("=", "+", "-", "@")


@blueprint.get("/<number>")
@serves_signed_in()
def receipt_page(order_id: str, number: str) -> str:
    """Show one receipt."""
    return render_template("receipt.html", receipt=_receipt(order_id, number))


@blueprint.get("/<number>.csv")
@serves_signed_in()
def receipt_file(order_id: str, number: str) -> Response:
    """Give the same as a file for a spreadsheet, amounts as plain numbers."""
    found = _receipt(order_id, number)
    name = f"receipt-{found.site_no}-{found.number}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + _as_csv(found), mimetype="text/csv", headers=headers)


def _receipt(order_id: str, number: str) -> Row[Any]:
    if not (number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS):
        raise NotFound(what="receipt")
    with read() as conn:
        found = one_receipt(conn, order_id=order_id, number=int(number), person_id=signed_in().id)
    if found is None:
        raise NotFound(what="receipt")
    return found


def _as_csv(found: Row[Any]) -> str:
    def amount(minor: int | None) -> str:
        return "" if minor is None else str(Decimal(minor).scaleb(-get_currency_precision(found.currency)))

    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([gettext("Receipt"), f"{found.site_no}-{found.number}", gettext("Order"), found.order_no])
    writer.writerow([gettext("What"), gettext("How many"), gettext("Price"), gettext("Amount"), gettext("Tax code")])
    for line in found.lines:
        words = [_plain(local(line)), line["quantity"], amount(line["price_minor"]), amount(line["gross_minor"])]
        writer.writerow([*words, _plain(line["tax_code"])])
    writer.writerow([gettext("Tax code"), "%", gettext("Net"), gettext("Tax"), gettext("Gross")])
    for row in found.taxes:
        sums = [amount(row[name]) for name in ("net_minor", "tax_minor", "gross_minor")]
        writer.writerow([_plain(row["tax_code"]), Decimal(row["rate_bp"]) / 100, *sums])
    writer.writerow([gettext("Total"), found.currency, "", amount(found.tax_minor), amount(found.gross_minor)])
    return file.getvalue()


def _plain(words: str) -> str:
    return f"'{words}" if words.startswith(FORMULAS) else words
