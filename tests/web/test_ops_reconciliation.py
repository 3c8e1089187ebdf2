"""Differences on their page: said in both languages, closed with a note, kept when the note is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert, select, text

from app.cli import cli
from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

WHY = "another stall of ours"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            row = {"provider": "sandbox", "movement": "charge", "state": "found", "found_at": NOW, "seen_at": NOW}
            theirs = {"theirs_minor": 500, "theirs_currency": "CNY"}
            unknown = {"id": "d1", "kind": "unknown_here", "subject": "sb_1", "heals": False, **theirs}
            conn.execute(insert(t.payment_difference).values(**row, **unknown))
        yield made


def differences(day: Day) -> list[Any]:
    with day.engine.begin() as conn:
        return list(conn.execute(select(t.payment_difference)).all())


def close(day: Day, note: str, *, difference: str = "d1") -> Any:
    return day.client(Role.OPERATOR).post(f"/en/ops/reconciliation/{difference}/close", data={"note": note})


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Money came in that no order of ours asked for", "here nothing", "there ¥5.00", "waits for you 1"]),
        ("zh-hans", ["收到一笔钱，没有订单对应", "等你处理 1", "还没有核对过"]),
    ],
)
def test_a_difference_is_said_in_words_in_both_languages(day: Day, language: str, words: list[str]) -> None:
    page = day.client(Role.OPERATOR).get(f"/{language}/ops/reconciliation").text

    assert [word for word in words if word not in page] == []


def test_a_difference_is_closed_with_a_note_that_stays_to_be_read(day: Day) -> None:
    assert close(day, WHY).status_code == 303

    (difference,) = differences(day)
    assert (difference.state, difference.note) == ("decided", WHY)
    assert WHY in day.client(Role.OPERATOR).get("/en/ops/reconciliation?state=decided").text
    assert WHY not in day.client(Role.OPERATOR).get("/en/ops/reconciliation?state=found").text


def test_a_note_that_says_nothing_is_refused_and_kept(day: Day) -> None:
    before = differences(day)

    answer = close(day, "no")

    assert answer.status_code == 422
    assert 'value="no"' in answer.text
    assert "Say why" in answer.text
    assert differences(day) == before


def test_what_was_closed_before_says_so_and_changes_nothing(day: Day) -> None:
    close(day, WHY)
    before = differences(day)

    answer = close(day, "something else")

    assert answer.status_code == 409
    assert "closed already" in answer.text
    assert differences(day) == before


def test_a_difference_of_nobody_is_not_found(day: Day) -> None:
    assert close(day, WHY, difference="nobody").status_code == 404


def test_the_command_compares_names_what_waits_and_exits_by_it(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "DATABASE_URL": day.engine.url.render_as_string(hide_password=False),
        "CAIBOX_UPLINK_URL": "mqtt://127.0.0.1:1",
        "CAIBOX_SECRET_KEY": "not a secret",
        "CAIBOX_SIGNING_KEYS": "1:" + "c3M" * 14 + "c=",
        "CAIBOX_SANDBOX_SECRET": "not a secret",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    waits = CliRunner().invoke(cli, ["reconcile", "--day", "2026-11-20"])
    close(day, WHY)
    nothing_waits = CliRunner().invoke(cli, ["reconcile"])
    too_early = CliRunner().invoke(cli, ["reconcile", "--day", "2999-01-01"])
    with day.engine.begin() as conn:
        conn.execute(text("""INSERT INTO sandbox_switch VALUES (1, '{"unknown": 1.0}')"""))
    no_report = CliRunner().invoke(cli, ["reconcile"])

    assert (waits.exit_code, nothing_waits.exit_code, too_early.exit_code, no_report.exit_code) == (1, 0, 2, 2)
    assert "unknown_here charge sb_1" in waits.output
    assert "0 differences found" in nothing_waits.output
    assert "has not begun" in too_early.output
    assert "gives no report" in no_report.output
