"""The demo's inbox shows what was sent; outside a demo neither it nor the list of staff exists."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def end_demo(day: Day) -> None:
    parts: Any = day.app.extensions["caibox"]
    day.app.extensions["caibox"] = replace(parts, settings=replace(parts.settings, demo=False))


def test_a_message_appears_with_its_code(day: Day) -> None:
    client = day.client()
    client.post("/en/sign-in", data={"contact": "somebody@example.org"})
    page = client.get("/en/inbox").text
    assert "somebody@example.org" in page
    assert "sign-in code" in page


def test_one_finds_ones_own_by_address_however_it_is_typed(day: Day) -> None:
    client = day.client()
    client.post("/en/sign-in", data={"contact": "somebody@example.org"})
    client.post("/zh-hans/sign-in", data={"contact": "13812345678"})
    assert client.get("/en/inbox?contact=138 1234-5678").text.count("<article") == 1
    assert client.get("/en/inbox?contact=somebody@").text.count("<article") == 1
    assert client.get("/en/inbox?contact=%25").text.count("<article") == 0


def test_outside_a_demo_there_is_no_inbox(day: Day) -> None:
    end_demo(day)
    assert day.client().get("/en/inbox").status_code == 404


def test_a_demo_names_its_staff_and_nothing_else_does(day: Day) -> None:
    assert "Demo: sign in as staff" in day.client().get("/en/sign-in").text
    end_demo(day)
    page = day.client().get("/en/sign-in").text
    assert "staff" not in page
    assert 'class="demo"' not in page
