"""A request that is sent again under its key is done once; another under that key, or a refused one, is not hidden."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from app.db import tables as t
from app.db.engine import transaction
from app.domain.roles import Role
from app.use_cases.people.answer_once import forget_answers
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

WISH = {"reason": "the resident stands before it"}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def open_door(day: Day, *, door: int = 7, key: str | None = "one-of-mine", role: Role = Role.OPERATOR) -> Any:
    headers = day.bearer(role) | ({"Idempotency-Key": key} if key is not None else {})
    return day.client().post(f"/api/v1/sites/{day.site_id}/doors/{door}/open", json=WISH, headers=headers)


def asked(day: Day) -> int:
    with day.engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(t.remote_command)).scalar_one())


def kept(day: Day) -> int:
    with day.engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(t.answered_request)).scalar_one())


def test_the_same_request_again_is_answered_the_same_and_done_once(day: Day) -> None:
    answers = [open_door(day) for _ in range(3)]
    assert {(answer.status_code, answer.data, answer.mimetype) for answer in answers} == {
        (202, answers[0].data, "application/json")
    }
    assert asked(day) == 1


def test_without_a_key_each_request_is_done(day: Day) -> None:
    assert [open_door(day, key=None).status_code for _ in range(2)] == [202, 202]
    assert asked(day) == 2


def test_another_request_under_the_same_key_is_refused(day: Day) -> None:
    open_door(day)
    other = open_door(day, door=8)
    assert (other.status_code, other.json["code"]) == (422, "request_key_reused")
    assert asked(day) == 1


def test_two_people_may_have_the_same_key(day: Day) -> None:
    assert open_door(day).json != open_door(day, role=Role.ADMIN).json
    assert asked(day) == 2


@pytest.mark.parametrize("key", ["", "short", "x" * 129])
def test_a_key_of_another_form_is_refused(day: Day, key: str) -> None:
    answer = open_door(day, key=key)
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_invalid")
    assert asked(day) == 0


def test_a_request_that_is_being_done_is_not_done_beside_itself(day: Day) -> None:
    with day.engine.begin() as conn:
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:person || ' one-of-mine', 0))")
        conn.execute(lock, {"person": day.people[Role.OPERATOR]})
        answer = open_door(day)
    assert (answer.status_code, answer.json["code"]) == (409, "request_under_way")
    assert asked(day) == 0
    assert open_door(day).status_code == 202


def test_a_refusal_is_not_kept_so_the_key_may_be_tried_again(day: Day) -> None:
    headers = day.bearer(Role.PICKER) | {"Idempotency-Key": "one-of-mine"}
    url = f"/api/v1/parcels/{'0' * 32}/packed"
    assert day.client().post(url, headers=headers).status_code == 404
    assert kept(day) == 0
    url = f"/api/v1/parcels/{day.parcels[0]}/packed"
    again = [day.client().post(url, headers=headers) for _ in range(2)]
    assert [(answer.status_code, answer.data) for answer in again] == [(204, b"")] * 2
    assert kept(day) == 1


def test_answers_are_forgotten_after_a_day(day: Day) -> None:
    open_door(day)
    with transaction(day.engine) as conn:
        assert forget_answers(conn, now=NOW + timedelta(hours=23)) == 0
        assert forget_answers(conn, now=NOW + timedelta(hours=25)) == 1
    assert kept(day) == 0
