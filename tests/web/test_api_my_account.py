"""A person's account by a program: what we hold, and its end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def erase(day: Day, headers: dict[str, str], *, sure: bool = True) -> Any:
    return day.client().post("/api/v1/me/erasure", json={"sure": sure}, headers=headers)


def erased(day: Day) -> int:
    with day.engine.begin() as conn:
        return len(conn.execute(select(t.person.c.id).where(t.person.c.erased_at.is_not(None))).all())


def test_i_see_who_i_am_and_all_that_is_held(day: Day) -> None:
    headers = day.bearer(Role.RESIDENT)
    me = day.client().get("/api/v1/me", headers=headers).json
    assert me["role"] == "resident"
    held = day.client().post("/api/v1/me/data", headers=headers).json
    orders = next(one for one in held["sections"] if one["kind"] == "orders")
    with day.engine.begin() as conn:
        assert str(conn.execute(select(t.customer_order.c.order_no)).scalar_one()) in repr(orders["rows"])


def test_an_account_with_an_order_under_way_stays_and_so_does_one_who_is_not_sure(day: Day) -> None:
    mine = day.bearer(Role.RESIDENT)
    assert erase(day, mine).json["code"] == "order_under_way"
    stranger = {"Authorization": f"Bearer {day.other}"}
    assert erase(day, stranger, sure=False).json["code"] == "not_sure"
    assert erase(day, day.bearer(Role.OPERATOR)).json["code"] == "staff_account"
    assert erased(day) == 0


def test_an_account_is_erased_and_its_session_ends(day: Day) -> None:
    stranger = {"Authorization": f"Bearer {day.other}"}
    assert erase(day, stranger).status_code == 204
    assert erased(day) == 1
    assert day.client().get("/api/v1/me", headers=stranger).status_code == 401


def test_nobody_else_is_shown(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.person).where(t.person.c.role == "admin").values(display_name="Somebody Else"))
    shown = day.client().post("/api/v1/me/data", headers={"Authorization": f"Bearer {day.other}"}).text
    assert "Somebody Else" not in shown
    assert day.order_id not in shown
