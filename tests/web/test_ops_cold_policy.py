"""The cold chain's limits: who changed what is kept, every site is told, and what crosses is refused in words."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import tables as t
from app.db.cold_policy import policy_now
from app.domain.roles import Role
from locker_protocol.codec import decode
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, ColdPolicy
from locker_protocol.cold_messages import SetColdPolicy
from locker_protocol.site_entries import Entry
from tests.web.staff_world import Day, day_at

URL = "/en/ops/cold/policy"
WHY = "the new butcher wants it colder"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def form(day: Day, **changed: str) -> dict[str, str]:
    """The form as the page gives it, with some fields typed over (`_` stands for `-`)."""
    page = day.client(Role.OPERATOR).get(URL).text
    found = dict(re.findall(r'<input [^>]*name="([^"]+)" value="([^"]*)"', page))
    for name, options in re.findall(r'<select [^>]*name="([^"]+)">(.*?)</select>', page):
        chosen = re.search(r'value="(\w+)" selected', options) or re.search(r'value="(\w+)"', options)
        found[name] = chosen[1] if chosen else ""
    typed = {name.replace("__", " ").replace(" ", "-"): value for name, value in changed.items()}
    unknown = set(typed) - set(found)
    assert unknown == set()
    return {**found, "reason": WHY, **typed}


def kept(day: Day) -> tuple[list[Any], list[Any]]:
    with day.engine.connect() as conn:
        return (
            list(conn.execute(select(t.cold_policy).order_by(t.cold_policy.c.version)).all()),
            list(conn.execute(select(t.outbox)).all()),
        )


def now(day: Day) -> ColdPolicy:
    with day.engine.connect() as conn:
        return policy_now(conn, site_id=day.site_id)


def send(day: Day, typed: dict[str, str]) -> Any:
    return day.client(Role.OPERATOR).post(URL, data=typed)


def test_it_begins_with_what_caibox_came_with(day: Day) -> None:
    assert now(day) == DEFAULT_POLICY
    assert "Nobody has changed them" in day.client(Role.OPERATOR).get(URL).text


def test_the_form_sent_back_as_it_came_changes_nothing(day: Day) -> None:
    answer = send(day, form(day))
    assert answer.status_code == 422
    assert "These are the limits that hold already" in answer.text
    assert kept(day) == ([], [])


def test_a_change_is_kept_with_who_and_why_and_told_to_every_site(day: Day) -> None:
    assert send(day, form(day, chilled_tcs__high="3.5")).status_code == 303
    policies, entries = kept(day)
    assert [(row.version, row.site_id, row.made_by, row.reason) for row in policies] == [
        (1, None, day.people[Role.OPERATOR], WHY)
    ]
    assert now(day).of("chilled_tcs").target_high_c == 3.5  # type: ignore[union-attr]
    told = [decode(row.entry, Entry) for row in entries]
    assert len(told) == 2
    assert all(isinstance(one, SetColdPolicy) and one.policy == now(day) for one in told)
    page = words(day.client(Role.OPERATOR).get(URL).text)
    assert "Version 1" in page
    assert "where it belongs: 0 … 4 °C → 0 … 3.5 °C" in page
    assert "2 sites have not confirmed it yet" in page


def test_a_limit_can_be_added_and_taken_away(day: Day) -> None:
    added = {
        "chilled_quality-quarantine-2-c": "12",
        "chilled_quality-quarantine-2-min": "30",
        "chilled_quality-quarantine-2-side": "above",
        "chilled_quality-quarantine-2-counted": "continuous",
        "chilled_quality-discard-0-c": "",
    }
    assert send(day, {**form(day), **added}).status_code == 303
    rules = now(day).of("chilled_quality")
    assert rules is not None
    assert (rules.quarantine[2].limit_c, rules.quarantine[2].for_s, rules.quarantine[2].counted) == (
        12,
        1800,
        "continuous",
    )
    assert rules.discard == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("chilled_tcs-high", "-2", "The coldest must be below the warmest"),
        ("chilled_tcs-high", "", "Enter a number"),
        ("chilled_tcs-high", "nan", "Enter a number"),
        ("chilled_tcs-high", "1e3", "Enter a number"),
        ("chilled_tcs-quarantine-0-c", "3", "A limit lies inside where this food belongs"),
        ("chilled_tcs-quarantine-0-c", "400", "No food is kept that cold or that warm"),
        ("chilled_tcs-quarantine-0-min", "-5", "Enter a number"),
        ("chilled_tcs-quarantine-0-side", "sideways", "Enter a number"),
        ("chilled_tcs-warn-above", "9", "People would be told too early or too late"),
        ("chilled_tcs-discard-0-min", "5", "It would be thrown away before it is kept shut"),
        ("decide", "99999", "Enter at least one minute and at most seven days"),
        ("reason", "no", "Say why"),
        ("version", "7", "Somebody else changed the limits meanwhile"),
    ],
)
def test_what_makes_no_sense_is_refused_changes_nothing_and_keeps_what_was_typed(
    day: Day, field: str, value: str, said: str
) -> None:
    answer = send(day, {**form(day), "frozen-high": "-19", field: value})
    assert answer.status_code in {409, 422}
    assert said in words(answer.text)
    assert 'name="frozen-high" value="-19"' in answer.text
    assert kept(day) == ([], [])
    assert now(day) == DEFAULT_POLICY


def test_of_two_who_change_at_once_the_second_is_told(day: Day) -> None:
    first, second = form(day, chilled_tcs__high="3.5"), form(day, chilled_tcs__high="3")
    assert send(day, first).status_code == 303
    answer = send(day, second)
    assert answer.status_code == 409
    assert now(day).of("chilled_tcs").target_high_c == 3.5  # type: ignore[union-attr]
    assert len(kept(day)[0]) == 1
