"""Refunds: which wait, failed or are done; money given back by hand, looked at before it is sent; orders withdrawn.

Decides what the page shows and reads; how much may go back is `domain.hand_refund`'s.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from babel.numbers import get_currency_precision
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import ops as ops_pages
from app.db.pages import refunds as pages
from app.db.pages.refunds import RefundState
from app.domain.errors import DomainError, NotFound
from app.domain.pricing import read_amount
from app.domain.refunding import NothingToRefund, RefundCause
from app.domain.roles import Role
from app.use_cases.evening.record_emptied import record_emptied
from app.use_cases.evening.withdraw_by_hand import withdraw_by_hand
from app.use_cases.money.refund_by_hand import refund_by_hand, retry_refund
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded, checked_reason
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, read, signed_in, write
from locker_protocol.ids import random_id

blueprint = Blueprint("ops_money", __name__, url_prefix="/<lang_code>/ops")

LONGEST_KEY = 64

Answer = str | tuple[str, int] | Response


@blueprint.get("/refunds")
@serves(Role.OPERATOR)
def refunds_page() -> str:
    """List refunds, with their sums; by state or cause."""
    state, cause = request.args.get("state", ""), request.args.get("cause", "")
    state = state if state in set(RefundState) else ""
    cause = cause if cause in set(RefundCause) else ""
    with read() as conn:
        found = pages.refunds(conn, state=state, cause=cause)
        sums = pages.sums(conn)
    return render_template(
        "staff/ops_refunds.html", refunds=found, sums=sums, state=state, cause=cause, states=list(RefundState)
    )


@blueprint.post("/refunds/<refund_no>/retry")
@serves(Role.OPERATOR)
def try_again(refund_no: str) -> Response:
    """Ask the provider once more for a refund that failed."""
    with write() as conn:
        order_id = retry_refund(conn, refund_no=refund_no, person_id=signed_in().id, now=civil_now())
    return redirect(url_for("ops.order_page", order_id=order_id, _anchor="refunds"), HTTPStatus.SEE_OTHER)


@blueprint.get("/orders/<order_id>/refund")
@serves(Role.OPERATOR)
def refund_page(order_id: str) -> str:
    """Ask which lines, how much of each, and why."""
    return _form(order_id)


@blueprint.post("/orders/<order_id>/refund/preview")
@serves(Role.OPERATOR)
def preview(order_id: str) -> Answer:
    """Show what would be sent, before it is."""
    try:
        order, money = _load(order_id)
        lines = _read_lines(order.currency, money)
        reason = checked_reason(request.form.get("reason", ""))
    except (ReasonNeeded, DomainError) as refusal:
        return _refused(order_id, refusal)
    chosen = [{"line": line, "amount_minor": lines[line.line_no]} for line in money.lines if line.line_no in lines]
    return render_template(
        "staff/ops_refund_preview.html",
        order=order,
        chosen=chosen,
        total=sum(lines.values()),
        reason=reason,
        key=random_id(),
    )


@blueprint.post("/orders/<order_id>/refund")
@serves(Role.OPERATOR)
def send(order_id: str) -> Answer:
    """Decide it, once; the provider is asked by the worker."""
    try:
        order, money = _load(order_id)
        lines = _read_lines(order.currency, money)
        with write() as conn:
            refund_by_hand(
                conn,
                order_id=order_id,
                lines=lines,
                reason=request.form.get("reason", ""),
                key=request.form["key"][:LONGEST_KEY],
                person_id=signed_in().id,
                now=civil_now(),
            )
    except DomainError as refusal:
        return _refused(order_id, refusal)
    return redirect(url_for("ops.order_page", order_id=order_id, _anchor="refunds"), HTTPStatus.SEE_OTHER)


@blueprint.post("/orders/<order_id>/withdraw")
@serves(Role.OPERATOR)
def withdraw(order_id: str) -> Answer:
    """Stop handing out an order; its money goes back when its site has confirmed."""
    try:
        with write() as conn:
            withdraw_by_hand(
                conn,
                order_id=order_id,
                reason=request.form.get("reason", ""),
                person_id=signed_in().id,
                now=civil_now(),
            )
    except ReasonNeeded as refusal:
        return _form(order_id, {"withdraw-reason": words.sentence(refusal)}), refusal.status
    return redirect(url_for("ops.order_page", order_id=order_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/orders/<order_id>/emptied")
@serves(Role.OPERATOR)
def emptied(order_id: str) -> Response:
    """Record that somebody looked: nothing of a withdrawn order lies in its silent site's lockers any more."""
    with write() as conn:
        record_emptied(conn, order_id=order_id, person_id=signed_in().id, now=civil_now())
    return redirect(url_for("ops.order_page", order_id=order_id), HTTPStatus.SEE_OTHER)


def _refused(order_id: str, refusal: DomainError) -> Answer:
    if isinstance(refusal, NotFound):
        raise refusal
    field = "reason" if isinstance(refusal, ReasonNeeded) else str(refusal.facts.get("field", ""))
    return _form(order_id, {field: words.sentence(refusal)}), refusal.status


def _form(order_id: str, errors: Mapping[str, str] | None = None) -> str:
    order, money = _load(order_id)
    return render_template(
        "staff/ops_refund.html",
        order=order,
        money=money,
        errors=errors or {},
        typed={name: value[:LONGEST_REASON] for name, value in request.form.items()},
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
    )


def _load(order_id: str) -> tuple[Any, pages.OrderMoney]:
    with read() as conn:
        file = ops_pages.order(conn, order_id=order_id)
        money = pages.of_order(conn, order_id=order_id)
    if file is None:
        raise NotFound
    return file.order, money


def _read_lines(currency: str, money: pages.OrderMoney) -> dict[int, int]:
    """Minor units by line number: of each line that has an amount typed. Raises AmountUnreadable or NothingToRefund."""
    digits = get_currency_precision(currency)
    typed = {line.line_no: request.form.get(f"line-{line.line_no}", "").strip() for line in money.lines}
    lines = {
        line_no: read_amount(amount, digits=digits, field=f"line-{line_no}")
        for line_no, amount in typed.items()
        if amount
    }
    if not lines:
        raise NothingToRefund
    return lines
