"""The cold chain's limits, class by class, as a form; what crosses is refused in words and shown again as it was typed.

Decides what the form's fields mean. A row without a temperature is no limit; minutes and hours are whole minutes.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import cold_policy as pages
from app.domain.errors import DomainError
from app.domain.roles import Role
from app.use_cases.cold_chain.set_cold_policy import (
    ColdLimitsCross,
    ColdPolicyMoved,
    ColdPolicySame,
    set_cold_policy,
)
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, read, signed_in, write
from locker_protocol.cold_chain.policy import AirWarning, ClassPolicy, ColdPolicy, Counted, Line, Side

blueprint = Blueprint("ops_cold_policy", __name__, url_prefix="/<lang_code>/ops/cold/policy")

# A limit more than now may be added at a time.
SPARE = 1
SIDES: tuple[Side, ...] = ("above", "below")
COUNTED: tuple[Counted, ...] = ("cumulative", "continuous", "at_once")
KINDS = ("quarantine", "discard")
LONGEST_NUMBER = 8

Answer = Response | tuple[str, int]


class ColdNumberUnreadable(DomainError):
    """A field of the form holds no number. Facts: `food_class`, `field`."""

    code = "cold_number_unreadable"
    status = 422


@blueprint.get("")
@serves(Role.OPERATOR)
def policy_page() -> str:
    """Show the limits that hold, and their history."""
    return _page({}, None)


@blueprint.post("")
@serves(Role.OPERATOR)
def change() -> Answer:
    """Set others, for all sites."""
    with read() as conn:
        before = pages.policy_page(conn).policy
    try:
        policy = _read_policy(before)
        with write() as conn:
            set_cold_policy(
                conn,
                policy=policy,
                seen_version=_whole(request.form.get("version", "")),
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
            )
    except (ColdNumberUnreadable, ColdLimitsCross, ColdPolicyMoved, ColdPolicySame, ReasonNeeded) as refusal:
        return _page(_errors(refusal), dict(request.form)), refusal.status
    return redirect(url_for(".policy_page"), HTTPStatus.SEE_OTHER)


def _page(errors: dict[str, str], typed: dict[str, str] | None) -> str:
    with read() as conn:
        page = pages.policy_page(conn)
    fields = _fields(page.policy)
    return render_template(
        "staff/ops_cold_policy.html",
        page=page,
        typed={**fields, **(typed or {})},
        errors=errors,
        rows={(rules.food_class, kind): _rows(rules, kind) for rules in page.policy.classes for kind in KINDS},
        kinds=KINDS,
        sides=SIDES,
        counted=COUNTED,
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
    )


def _rows(rules: ClassPolicy, kind: str) -> range:
    return range(len(getattr(rules, kind)) + SPARE)


def _fields(policy: ColdPolicy) -> dict[str, str]:
    """Every field of the form by its name, as it is typed."""
    found = {"version": str(policy.version), "reason": "", "decide": str(policy.decide_within_s // 60)}
    for rules in policy.classes:
        name = rules.food_class
        found |= {f"{name}-low": f"{rules.target_low_c:g}", f"{name}-high": f"{rules.target_high_c:g}"}
        warn = rules.warn or AirWarning(None, None, 0)
        found |= {f"{name}-warn-above": _typed(warn.above_c), f"{name}-warn-below": _typed(warn.below_c)}
        found[f"{name}-warn-min"] = str(warn.for_s // 60) if rules.warn else ""
        for kind in KINDS:
            for n, line in enumerate(getattr(rules, kind)):
                found |= {
                    f"{name}-{kind}-{n}-c": f"{line.limit_c:g}",
                    f"{name}-{kind}-{n}-min": str(line.for_s // 60),
                    f"{name}-{kind}-{n}-side": line.side,
                    f"{name}-{kind}-{n}-counted": line.counted,
                }
    return found


def _typed(degrees: float | None) -> str:
    return "" if degrees is None else f"{degrees:g}"


def _read_policy(before: ColdPolicy) -> ColdPolicy:
    classes = [_read_class(rules) for rules in before.classes]
    return msgspec.structs.replace(before, classes=classes, decide_within_s=_minutes("", "decide"))


def _read_class(before: ClassPolicy) -> ClassPolicy:
    name = before.food_class
    above, below = _degrees(name, f"{name}-warn-above"), _degrees(name, f"{name}-warn-below")
    warned = above is not None or below is not None
    return msgspec.structs.replace(
        before,
        target_low_c=_needed(name, f"{name}-low"),
        target_high_c=_needed(name, f"{name}-high"),
        warn=AirWarning(above, below, _minutes(name, f"{name}-warn-min")) if warned else None,
        quarantine=_read_lines(before, "quarantine"),
        discard=_read_lines(before, "discard"),
    )


def _read_lines(before: ClassPolicy, kind: str) -> list[Line]:
    name, found = before.food_class, []
    for n in _rows(before, kind):
        stem = f"{name}-{kind}-{n}"
        limit = _degrees(name, f"{stem}-c")
        if limit is None:
            continue
        counted = _one_of(COUNTED, name, f"{stem}-counted")
        for_s = 0 if counted == "at_once" else _minutes(name, f"{stem}-min")
        found.append(Line(_one_of(SIDES, name, f"{stem}-side"), limit, for_s, counted))
    return found


def _one_of(words_: tuple[Any, ...], food_class: str, field: str) -> Any:  # noqa: ANN401  a word of these
    said = request.form.get(field, "")
    if said not in words_:
        raise ColdNumberUnreadable(food_class=food_class, field=field)
    return said


def _needed(food_class: str, field: str) -> float:
    found = _degrees(food_class, field)
    if found is None:
        raise ColdNumberUnreadable(food_class=food_class, field=field)
    return found


def _degrees(food_class: str, field: str) -> float | None:
    """A temperature as typed, a true or a plain minus; `None` for an empty field. Raises ColdNumberUnreadable."""
    said = request.form.get(field, "").strip().replace("−", "-").replace(",", ".")
    if not said:
        return None
    if len(said) > LONGEST_NUMBER or not said.isascii() or not said.removeprefix("-").replace(".", "", 1).isdigit():
        raise ColdNumberUnreadable(food_class=food_class, field=field)
    return float(said)


def _minutes(food_class: str, field: str) -> int:
    said = request.form.get(field, "").strip()
    if not (said.isascii() and said.isdigit() and len(said) <= LONGEST_NUMBER):
        raise ColdNumberUnreadable(food_class=food_class, field=field)
    return int(said) * 60


def _whole(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) <= LONGEST_NUMBER else -1


def _errors(refusal: DomainError) -> dict[str, str]:
    """The sentence at the field, or at the first field of its class."""
    if isinstance(refusal, ReasonNeeded):
        field = "reason"
    else:
        food_class = str(refusal.facts.get("food_class", ""))
        field = str(refusal.facts.get("field", "")) or (f"{food_class}-high" if food_class else "")
    if isinstance(refusal, ColdLimitsCross):
        return {field: words.of_code(str(refusal.facts["mistake"]))}
    return {field: words.sentence(refusal)}
