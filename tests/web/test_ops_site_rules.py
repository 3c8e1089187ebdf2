"""A site's taxes and what comes back of a cancelled order: changed with a reason, whole or not at all, and kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from app.db import tables as t
from app.db.site_rules import rules_now
from app.domain.roles import Role
from tests.web.staff_world import Day, day_at

REASON = "the market council decided"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        rate = {"tax_code": "food", "rate_bp": 900, "name_zh": "食品", "name_en": "Food"}
        with made.engine.begin() as conn:
            conn.execute(insert(t.tax_rate).values(site_id=made.site_id, **rate))
        yield made


def rules(day: Day) -> dict[str, int]:
    with day.engine.begin() as conn:
        return rules_now(conn, site_id=day.site_id)


def kept(day: Day) -> list[tuple[str, str | None, str | None]]:
    with day.engine.begin() as conn:
        wanted = select(t.change.c.field, t.change.c.before, t.change.c.after).where(t.change.c.subject == "site")
        return [tuple(row) for row in conn.execute(wanted.order_by(t.change.c.id))]


def send(day: Day, typed: dict[str, str], role: Role = Role.OPERATOR) -> Any:
    """The form as a browser sends it: what was shown, and what was typed over it."""
    shown = {"closed_percent": "100", "packed_percent": "100", "ready_percent": "100", "tax:food": "9"}
    seen = {f"seen-{name}": value for name, value in shown.items()}
    form = {**shown, **seen, "reason": REASON, **typed}
    return day.client(role).post(f"/en/ops/sites/{day.site_id}/rules", data=form)


def test_rules_are_changed_and_the_page_says_by_whom_and_why(day: Day) -> None:
    assert send(day, {"packed_percent": "50", "ready_percent": "0", "tax:food": "9,5"}).status_code == 303
    assert rules(day) == {"closed_percent": 100, "packed_percent": 50, "ready_percent": 0, "tax:food": 950}
    assert kept(day) == [("packed_percent", "100", "50"), ("ready_percent", "100", "0"), ("tax:food", "900", "950")]
    page = day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/rules").text
    assert "100 % → 50 %" in page
    assert "9 % → 9.5 %" in page
    assert REASON in page
    assert (
        f'href="/en/ops/sites/{day.site_id}/rules"'
        in day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}").text
    )


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        ({"packed_percent": "fifty"}, 422, "Enter a share from 0 to 100"),
        ({"tax:food": "101"}, 422, "Enter a share from 0 to 100"),
        ({"closed_percent": "50"}, 422, "Nobody gets more back for cancelling later"),
        ({}, 422, "Nothing was changed"),
        ({"packed_percent": "50", "ready_percent": "0", "reason": "no"}, 422, "reason"),
        (
            {"packed_percent": "50", "ready_percent": "0", "seen-tax:food": "8"},
            409,
            "Somebody else changed these rules",
        ),
        (
            {"packed_percent": "50", "ready_percent": "0", "seen-tax:food": "x"},
            409,
            "Somebody else changed these rules",
        ),
    ],
)
def test_what_is_refused_changes_nothing_and_keeps_what_was_typed(
    day: Day, typed: dict[str, str], status: int, said: str
) -> None:
    before = rules(day)
    answer = send(day, typed)
    assert answer.status_code == status
    assert said in answer.text
    for value in (value for name, value in typed.items() if not name.startswith("seen-")):
        assert f'value="{value}"' in answer.text
    assert rules(day) == before
    assert kept(day) == []


def test_only_operators_set_them_and_only_where_there_is_a_site(day: Day) -> None:
    for role in (Role.KEEPER, Role.DRIVER, Role.RESIDENT):
        assert send(day, {"ready_percent": "0"}, role).status_code == 403
    assert day.client(Role.OPERATOR).get("/en/ops/sites/nowhere/rules").status_code == 404
    assert day.client(Role.OPERATOR).post("/en/ops/sites/nowhere/rules", data={"reason": REASON}).status_code == 404
    assert kept(day) == []
