"""What a demo publishes of itself; and that nothing else does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from locker_protocol.clock import read_anchor
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def test_a_demo_tells_its_time(day: Day) -> None:
    found = day.client().get("/api/v1/demo").json
    assert found["clock"]["civil"].startswith("2026-11-2")
    assert found["clock"]["rate"] == 1.0


def test_the_clock_goes_ahead(day: Day, tmp_path: Path) -> None:
    answer = day.client().post("/api/v1/demo/clock", json={"to": "2030-01-01T00:00:00+00:00", "rate": 60})
    assert answer.status_code == 200
    assert answer.json["civil"].startswith("2030-01-01T00:00")
    assert read_anchor(tmp_path / "clock.json").rate == 60


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "2020-01-01T00:00:00+00:00"}, 422, "no_such_jump"),
        ({"to": "9999-12-31T23:59:59-23:59"}, 422, "no_such_jump"),
        ({"to": "tomorrow"}, 400, "invalid_field"),
        ({"to": "2030-01-01T00:00:00+00:00", "rate": 0}, 400, "invalid_field"),
        ({"to": "2030-01-01T00:00:00+00:00", "rate": -60}, 400, "invalid_field"),
        ({}, 400, "invalid_field"),
    ],
)
def test_a_wrong_wish_changes_nothing(
    day: Day, tmp_path: Path, body: dict[str, object], status: int, code: str
) -> None:
    before = read_anchor(tmp_path / "clock.json")
    answer = day.client().post("/api/v1/demo/clock", json=body)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert read_anchor(tmp_path / "clock.json") == before


def test_a_demo_tells_which_invariants_are_broken(day: Day) -> None:
    wrong = f"order {day.order_id} stands at ready, its history at"
    assert not any(wrong in example for example in what_breaks_i1(day))

    with day.engine.begin() as conn:
        conn.execute(text("UPDATE customer_order SET state = 'ready'"))  # behind its history's back

    assert any(wrong in example for example in what_breaks_i1(day))


def what_breaks_i1(day: Day) -> list[str]:
    found = day.client().get("/api/v1/demo/audit").json
    assert found["violations"] == sum(each["violations"] for each in found["invariants"])
    return next(each["examples"] for each in found["invariants"] if each["invariant"] == "I1")


@pytest.mark.parametrize("path", ["/api/v1/demo", "/api/v1/demo/messages", "/api/v1/demo/audit"])
def test_outside_a_demo_there_is_no_such_thing(day: Day, path: str) -> None:
    parts = day.app.extensions["caibox"]
    day.app.extensions["caibox"] = replace(parts, settings=replace(parts.settings, demo=False))
    assert day.client().get(path).status_code == 404
    assert day.client().post("/api/v1/demo/clock", json={"to": "2030-01-01T00:00:00+00:00"}).status_code == 404
