"""A site's rules for cancelling and its tax rates: shown, changed with a reason, and who changed them before.

Keeps what was typed when it is refused; decides nothing about an order.
"""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import site_rules as pages
from app.db.pages.site_rules import SiteRules
from app.domain.errors import DomainError, NotFound
from app.domain.roles import Role
from app.domain.site_rules import LONGEST, PERCENTS, SiteRulesMoved, read_percent, read_rate
from app.use_cases.money.set_site_rules import set_site_rules
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, read, signed_in, write

blueprint = Blueprint("ops_site_rules", __name__, url_prefix="/<lang_code>/ops/sites")


@blueprint.get("/<site_id>/rules")
@serves(Role.OPERATOR)
def rules_page(site_id: str) -> str:
    """Show what holds."""
    return _page(_found(site_id))


@blueprint.post("/<site_id>/rules")
@serves(Role.OPERATOR)
def set_rules(site_id: str) -> Response | tuple[str, int]:
    """Change it for all orders to come."""
    found = _found(site_id)
    try:
        wanted, seen = _typed(found, ""), _seen(found)
        with write() as conn:
            set_site_rules(
                conn,
                site_id=site_id,
                rules=wanted,
                seen=seen,
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
            )
    except DomainError as refusal:
        if isinstance(refusal, NotFound):
            raise
        field = "reason" if isinstance(refusal, ReasonNeeded) else str(refusal.facts.get("field", PERCENTS[0]))
        return _page(_found(site_id), {field: words.sentence(refusal)}), refusal.status
    return redirect(url_for(".rules_page", site_id=site_id), HTTPStatus.SEE_OTHER)


def _typed(found: SiteRules, prefix: str) -> dict[str, int]:
    """Each rule as the form has it."""
    return {
        name: (read_percent if name in PERCENTS else read_rate)(request.form.get(prefix + name, ""), field=name)
        for name in found.rules
    }


def _seen(found: SiteRules) -> dict[str, int]:
    """What the form showed before anybody typed. Raises SiteRulesMoved when that is no rule."""
    try:
        return _typed(found, "seen-")
    except DomainError as error:
        raise SiteRulesMoved from error


def _found(site_id: str) -> SiteRules:
    with read() as conn:
        found = pages.site_rules(conn, site_id=site_id)
    if found is None:
        raise NotFound
    return found


def _page(found: SiteRules, errors: Mapping[str, str] | None = None) -> str:
    shown = {name: _plain(name, value) for name, value in found.rules.items()}
    return render_template(
        "staff/ops_site_rules.html",
        found=found,
        shown=shown,
        typed={name: request.form.get(name, value)[:LONGEST] for name, value in shown.items()},
        plain=_plain,
        percents=PERCENTS,
        errors=errors or {},
        reason=request.form.get("reason", "")[:LONGEST_REASON],
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
        most=LONGEST,
    )


def _plain(name: str, value: int | str) -> str:
    """A rule as people type it: `50` percent, `9.5` percent of tax."""
    return f"{int(value)}" if name in PERCENTS else f"{int(value) / 100:g}"
