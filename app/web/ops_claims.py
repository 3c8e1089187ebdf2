"""Claims that wait for a person, each beside its packing photo and temperatures; alarms of a batch; a site's rules.

Decides what the page shows and reads; what may be granted is `domain.claims`', and that others are refunded first takes
a look at who they are.
"""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from babel.numbers import get_currency_precision
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.claim_lines import policy_of
from app.db.pages import ops_claims as pages
from app.db.pages.ops_claims import AlarmFile, ClaimFile
from app.domain.claims import POLICY_BOUNDS, ClaimAnswerUnknown, RefusalAnswer, read_batch
from app.domain.errors import DomainError, NotFound
from app.domain.hand_off import HandOff
from app.domain.pricing import read_amount, read_count
from app.domain.roles import Role
from app.use_cases.claims.answer_claim import grant_claim, refuse_claim
from app.use_cases.claims.correct_hand_off import correct_hand_off
from app.use_cases.claims.refund_batch import close_alarm, refund_batch
from app.use_cases.claims.set_claim_policy import set_claim_policy
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, parts, read, signed_in, write

blueprint = Blueprint("ops_claims", __name__, url_prefix="/<lang_code>/ops/claims")

Answer = str | tuple[str, int] | Response


@blueprint.get("")
@serves(Role.OPERATOR)
def claims_page() -> str:
    """Show alarms and who waits, then who was answered and what it costs."""
    with read() as conn:
        now = pages.claims_now(conn, now=civil_now())
        sites = pages.sites(conn)
    return render_template("staff/ops_claims.html", now=now, sites=sites)


@blueprint.get("/<claim_id>")
@serves(Role.OPERATOR)
def claim_page(claim_id: str) -> str:
    """Show one claim beside everything that is kept of its bag."""
    return _show(claim_id)


@blueprint.post("/<claim_id>/grant")
@serves(Role.OPERATOR)
def grant(claim_id: str) -> Answer:
    """Give back all or a part."""
    file = _file(claim_id)
    try:
        digits = get_currency_precision(file.claim.currency)
        amount = read_amount(request.form.get("amount", ""), digits=digits, field="amount")
        with write() as conn:
            grant_claim(
                conn,
                claim_id=claim_id,
                amount_minor=amount,
                reason=request.form.get("reason", ""),
                person_id=signed_in().id,
                now=civil_now(),
            )
    except DomainError as refusal:
        return _refused(claim_id, refusal, reason="reason")
    return _back(claim_id)


@blueprint.post("/<claim_id>/refuse")
@serves(Role.OPERATOR)
def refuse(claim_id: str) -> Answer:
    """Say no, with one of the answers that both languages have."""
    said = request.form.get("answer", "")
    try:
        if said not in set(RefusalAnswer):
            raise ClaimAnswerUnknown(field="answer")
        with write() as conn:
            refuse_claim(
                conn,
                claim_id=claim_id,
                answer=RefusalAnswer(said),
                reason=request.form.get("reason", ""),
                person_id=signed_in().id,
                now=civil_now(),
            )
    except DomainError as refusal:
        return _refused(claim_id, refusal, reason="refuse-reason")
    return _back(claim_id)


@blueprint.post("/<claim_id>/hand-off")
@serves(Role.OPERATOR)
def hand_off(claim_id: str) -> Answer:
    """Correct who bears the cost."""
    said = request.form.get("hand_off", "")
    if said not in set(HandOff):
        raise NotFound
    with write() as conn:
        correct_hand_off(conn, claim_id=claim_id, hand_off=HandOff(said), person_id=signed_in().id, now=civil_now())
    return _back(claim_id)


@blueprint.get("/alarms/<alarm_id>")
@serves(Role.OPERATOR)
def alarm_page(alarm_id: str) -> str:
    """Show who claimed a batch and who else bought of it."""
    return _show_alarm(alarm_id)


@blueprint.post("/alarms/<alarm_id>/refund")
@serves(Role.OPERATOR)
def refund_others(alarm_id: str) -> Answer:
    """Refund the others; each of their orders is a transaction of its own."""
    try:
        refund_batch(
            parts().engine,
            alarm_id=alarm_id,
            shown=read_count(request.form.get("shown", ""), field="shown"),
            reason=request.form.get("reason", ""),
            person_id=signed_in().id,
            now=civil_now(),
        )
    except DomainError as refusal:
        return _refused_alarm(alarm_id, refusal, reason="reason")
    return redirect(url_for(".alarm_page", alarm_id=alarm_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/alarms/<alarm_id>/close")
@serves(Role.OPERATOR)
def close(alarm_id: str) -> Answer:
    """Say that nothing more is to be done."""
    try:
        with write() as conn:
            close_alarm(
                conn,
                alarm_id=alarm_id,
                reason=request.form.get("reason", ""),
                person_id=signed_in().id,
                now=civil_now(),
            )
    except DomainError as refusal:
        return _refused_alarm(alarm_id, refusal, reason="close-reason")
    return redirect(url_for(".claims_page"), HTTPStatus.SEE_OTHER)


@blueprint.get("/rules/<site_id>")
@serves(Role.OPERATOR)
def rules_page(site_id: str) -> str:
    """Show a site's rules for claims."""
    return _show_rules(site_id)


@blueprint.post("/rules/<site_id>")
@serves(Role.OPERATOR)
def set_rules(site_id: str) -> Answer:
    """Set them."""
    site = _site(site_id)
    try:
        with write() as conn:
            numbers = {name: _read_rule(name, site.currency) for name in POLICY_BOUNDS}
            set_claim_policy(conn, site_id=site_id, numbers=numbers, person_id=signed_in().id, now=civil_now())
    except DomainError as refusal:
        return _show_rules(site_id, {str(refusal.facts.get("field", "")): words.sentence(refusal)}), refusal.status
    return redirect(url_for(".claims_page"), HTTPStatus.SEE_OTHER)


def _read_rule(name: str, currency: str) -> int:
    """A number as typed; the amount in the currency's own unit. Raises AmountUnreadable or CountUnreadable."""
    typed = request.form.get(name, "")
    if name == "automatic_most_minor" and typed.strip() not in {"0", "0.00"}:
        return read_amount(typed, digits=get_currency_precision(currency), field=name)
    return read_count("0" if name == "automatic_most_minor" else typed, field=name)


def _back(claim_id: str) -> Response:
    return redirect(url_for(".claim_page", claim_id=claim_id), HTTPStatus.SEE_OTHER)


def _file(claim_id: str) -> ClaimFile:
    with read() as conn:
        found = pages.claim_file(conn, claim_id=claim_id, now=civil_now())
    if found is None:
        raise NotFound
    return found


def _show(claim_id: str, errors: Mapping[str, str] | None = None) -> str:
    file = _file(claim_id)
    return render_template(
        "staff/ops_claim.html",
        file=file,
        all_of_it=_plain(file.left_minor, file.claim.currency),
        errors=errors or {},
        typed=_typed(),
        answers=list(RefusalAnswer),
        hand_offs=list(HandOff),
        **_bounds(),
    )


def _refused(claim_id: str, refusal: DomainError, *, reason: str) -> Answer:
    if isinstance(refusal, NotFound):
        raise refusal
    return _show(claim_id, _errors(refusal, reason)), refusal.status


def _show_alarm(alarm_id: str, errors: Mapping[str, str] | None = None) -> str:
    with read() as conn:
        found: AlarmFile | None = pages.alarm_file(conn, alarm_id=alarm_id)
    if found is None:
        raise NotFound
    return render_template(
        "staff/ops_claim_alarm.html",
        file=found,
        batch=read_batch(found.alarm.batch),
        errors=errors or {},
        typed=_typed(),
        **_bounds(),
    )


def _refused_alarm(alarm_id: str, refusal: DomainError, *, reason: str) -> Answer:
    if isinstance(refusal, NotFound):
        raise refusal
    return _show_alarm(alarm_id, _errors(refusal, reason)), refusal.status


def _show_rules(site_id: str, errors: Mapping[str, str] | None = None) -> str:
    site = _site(site_id)
    with read() as conn:
        numbers: dict[str, Any] = asdict(policy_of(conn, site_id=site_id))
    numbers["automatic_most_minor"] = _plain(numbers["automatic_most_minor"], site.currency)
    shown = {name: request.form.get(name, str(value)) for name, value in numbers.items()}
    return render_template("staff/ops_claim_rules.html", site=site, shown=shown, errors=errors or {})


def _site(site_id: str) -> Any:  # noqa: ANN401  a row
    with read() as conn:
        found = next((site for site in pages.sites(conn) if site.id == site_id), None)
    if found is None:
        raise NotFound
    return found


def _plain(minor: int, currency: str) -> str:
    """An amount as it is typed: `3.90`."""
    return str(Decimal(minor).scaleb(-get_currency_precision(currency)))


def _errors(refusal: DomainError, reason: str) -> dict[str, str]:
    field = reason if isinstance(refusal, ReasonNeeded) else str(refusal.facts.get("field", ""))
    return {field: words.sentence(refusal)}


def _typed() -> dict[str, str]:
    return {name: value[:LONGEST_REASON] for name, value in request.form.items()}


def _bounds() -> dict[str, Any]:
    return {"shortest": SHORTEST_REASON, "longest": LONGEST_REASON}
