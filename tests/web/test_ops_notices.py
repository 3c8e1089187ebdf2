"""What could not be told: operators see it without its text, and have it tried again."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from app.db import tables as t
from app.domain.roles import Role
from app.notify.channel import ByContact
from app.use_cases.telling.send_due import send_due
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def fail(day: Day, notice_id: str, *, kind: str = "order_ready", **values: Any) -> None:
    """A notice to nobody reachable: there is no provider."""
    row = {"id": notice_id, "contact": "+8613800000001", "kind": kind, "language": "en", "subject": "s", "body": "7310"}
    with day.engine.begin() as conn:
        conn.execute(insert(t.notification).values(**row, made_at=NOW, next_try_at=NOW, **values))
    send_due(day.engine, ByContact(mail=None, text=None), now=NOW)


def state(day: Day, notice_id: str) -> tuple[Any, ...]:
    n = t.notification.c
    with day.engine.connect() as conn:
        return tuple(conn.execute(select(n.failed, n.tries, n.sent_at).where(n.id == notice_id)).one())


@pytest.mark.parametrize(("language", "words"), [("en", "1 try: no provider"), ("zh-hans", "试了 1 次：no provider")])
def test_operators_see_whom_nobody_told_and_why_but_not_the_text(day: Day, language: str, words: str) -> None:
    fail(day, "n1", order_id=day.order_id)
    page = day.client(Role.OPERATOR).get(f"/{language}/ops/notices").text
    assert words in page
    assert "+8613800000001" in page
    assert f"/{language}/ops/orders/{day.order_id}" in page
    assert "7310" not in page


def test_an_empty_page_says_that_all_is_well(day: Day) -> None:
    assert "Everybody was told" in day.client(Role.OPERATOR).get("/en/ops/notices").text


def test_a_notice_that_is_tried_again_begins_with_its_first_try(day: Day) -> None:
    fail(day, "n1")
    answer = day.client(Role.OPERATOR).post("/en/ops/notices/n1/retry")
    assert answer.status_code == 303
    assert state(day, "n1") == (None, 0, None)
    assert send_due(day.engine, Keeps(), now=NOW + timedelta(hours=1)) >= 1
    assert state(day, "n1")[0] is None
    assert state(day, "n1")[2] is not None


class Keeps:
    """A channel that takes everything."""

    keeps_text = False

    def send(self, _message: object) -> None:
        """Take it."""


def test_a_sign_in_code_is_not_sent_again_and_neither_is_what_was_sent(day: Day) -> None:
    fail(day, "code", kind="sign_in")
    fail(day, "sent")
    with day.engine.begin() as conn:
        conn.execute(t.notification.update().where(t.notification.c.id == "sent").values(failed=None, sent_at=NOW))
    client = day.client(Role.OPERATOR)
    assert "/notices/code/retry" not in client.get("/en/ops/notices").text
    before = [state(day, one) for one in ("code", "sent")]
    for one in ("code", "sent"):
        assert client.post(f"/en/ops/notices/{one}/retry").status_code == 409
    assert client.post("/en/ops/notices/unknown/retry").status_code == 404
    assert [state(day, one) for one in ("code", "sent")] == before
