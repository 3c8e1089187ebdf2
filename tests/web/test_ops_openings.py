"""Operators see who opened what and why, and another one decides what waits; nobody decides their own."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.db.audit_log import append
from app.db.engine import transaction
from app.domain.audit_record import chain_of, read_unlock
from app.domain.roles import Role
from app.use_cases.site.wire_time import to_wire
from locker_protocol.codec import encode
from locker_protocol.site_events import UnlockGranted
from locker_protocol.vocabulary import Right, Via
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

WHY = "the resident stands in front"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            for role, name in ((Role.OPERATOR, "顾宁"), (Role.ADMIN, "Ada"), (Role.DRIVER, "老马")):
                conn.execute(update(t.person).where(t.person.c.id == made.people[role]).values(display_name=name))
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def ask(day: Day, door: int = 7, *, by: Role = Role.OPERATOR) -> Any:
    return day.client(by).post(f"/en/ops/sites/{day.site_id}/doors/{door}/open", data={"reason": WHY})


def held(day: Day) -> str:
    """Open one door three times, and a fourth time, which waits."""
    for _ in range(4):
        ask(day)
    query = select(t.remote_command.c.id).where(t.remote_command.c.hold_state == "waiting")
    with day.engine.begin() as conn:
        return str(conn.execute(query).scalar_one())


def states(day: Day) -> list[str | None]:
    query = select(t.remote_command.c.hold_state).where(t.remote_command.c.hold_state.is_not(None))
    with day.engine.begin() as conn:
        return list(conn.execute(query).scalars())


def unlock(day: Day, **facts: Any) -> None:
    """What a site told of an unlock, as the intake writes it."""
    said = {"grant_id": "g1", "controller": "G1", "doors": [7], "via": Via.SCANNER, **facts}
    record = read_unlock(to_wire(NOW), encode(UnlockGranted(**said)), site_id=day.site_id)
    with transaction(day.engine) as conn:
        append(conn, chain=chain_of("gw-1", "log-a"), records=[(record, 1)])


def openings(day: Day, language: str = "en", query: str = "") -> str:
    answer = day.client(Role.OPERATOR).get(f"/{language}/ops/openings{query or f'?site={day.site_id}'}")
    assert answer.status_code == 200
    return words(answer.text)


def test_the_fourth_opening_says_that_it_waits(day: Day) -> None:
    held(day)
    page = words(day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/doors/7").text)
    assert "waits for a second person" in page
    assert f"Asked, waits for a second person door 7 · 顾宁 · by staff {WHY}" in page


@pytest.mark.parametrize("path", ["ops", "ops/day", "ops/openings"])
@pytest.mark.parametrize(
    ("language", "waits", "yours"),
    [
        ("en", "1 opening waits for a second person", "somebody else must say yes"),
        ("zh-hans", "1 次开门等另一个人确认", "要由别人确认"),
    ],
)
def test_it_stands_at_the_top_of_the_operators_pages_and_only_another_may_decide(
    day: Day, path: str, language: str, waits: str, yours: str
) -> None:
    command = held(day)
    mine = day.client(Role.OPERATOR).get(f"/{language}/{path}").text
    assert waits in words(mine)
    assert yours in words(mine)
    assert f"openings/{command}/" not in mine
    others = day.client(Role.ADMIN).get(f"/{language}/{path}").text
    assert waits in words(others)
    assert yours not in words(others)
    assert f"{command}/confirm" in others
    assert f"{command}/decline" in others
    assert WHY in others


def test_another_confirms_and_both_names_are_shown(day: Day) -> None:
    answer = day.client(Role.ADMIN).post(f"/en/ops/openings/{held(day)}/confirm", follow_redirects=True)
    assert answer.status_code == 200
    assert states(day) == ["confirmed"]
    assert f"Confirmed door 7 · 顾宁 · by staff confirmed by Ada {WHY}" in words(answer.text)


def test_another_declines_and_the_one_who_asked_is_told(day: Day) -> None:
    answer = day.client(Role.ADMIN).post(f"/zh-hans/ops/openings/{held(day)}/decline", follow_redirects=True)
    assert "由Ada拒绝" in words(answer.text)
    assert states(day) == ["declined"]
    page = day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/doors/7").text
    assert "a second person said no" in page


def test_what_nobody_confirmed_is_told_as_such(day: Day) -> None:
    command = held(day)
    with day.engine.begin() as conn:
        late = {"hold_until": NOW - timedelta(seconds=1), "hold_state": "expired"}
        conn.execute(update(t.remote_command).where(t.remote_command.c.id == command).values(**late))
    page = day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/doors/7").text
    assert "nobody confirmed it in time" in page
    assert "waits for a second person" not in words(day.client(Role.ADMIN).get("/en/ops").text)


def test_nobody_decides_their_own_twice_or_what_is_not_there(day: Day) -> None:
    command = held(day)
    own = day.client(Role.OPERATOR).post(f"/en/ops/openings/{command}/confirm")
    assert (own.status_code, states(day)) == (403, ["waiting"])
    assert "You asked for it yourself" in own.text
    keeper = day.client(Role.KEEPER).post(f"/en/ops/openings/{command}/confirm")
    assert (keeper.status_code, states(day)) == (403, ["waiting"])
    assert day.client(Role.ADMIN).post("/en/ops/openings/nothing/confirm").status_code == 404
    day.client(Role.ADMIN).post(f"/en/ops/openings/{command}/decline")
    again = day.client(Role.ADMIN).post(f"/en/ops/openings/{command}/confirm")
    assert (again.status_code, states(day)) == (409, ["declined"])
    assert "decided it already" in again.text


def test_the_sixth_that_would_wait_is_refused_and_the_reason_typed_is_kept(day: Day) -> None:
    for _ in range(8):
        assert ask(day).status_code == 303
    answer = ask(day)
    assert answer.status_code == 429
    assert "5 of your openings wait for a second person already" in answer.text
    assert f'value="{WHY}"' in answer.text
    assert states(day) == ["waiting"] * 5


def test_the_programs_way_in_is_held_as_well_and_says_so(day: Day) -> None:
    held(day)
    header = day.bearer(Role.OPERATOR)
    asked = day.app.test_client().post(
        f"/api/v1/sites/{day.site_id}/doors/7/open", json={"reason": WHY}, headers=header
    )
    command = asked.json["command_id"] if asked.json else ""
    shown = day.app.test_client().get(f"/api/v1/commands/{command}", headers=header)
    assert shown.json is not None
    assert shown.json["state"] == "held"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"actor": "code-7", "right": Right.COLLECT}, "Unlocked door 7 · whoever had the code · by code · order {no}"),
        ({"actor": "staff-2", "right": Right.LOAD}, "Unlocked door 7 · 老马 · to load"),
        ({"actor": "staff-99", "right": Right.CHECK}, "Unlocked door 7 · staff-99 · to wipe"),
    ],
)
def test_an_unlock_names_who_by_what_right_and_which_order(day: Day, facts: dict[str, Any], said: str) -> None:
    with day.engine.begin() as conn:
        number = conn.execute(select(t.customer_order.c.order_no)).scalar_one()
        conn.execute(update(t.person).where(t.person.c.id == day.people[Role.DRIVER]).values(staff_no=20))
        conn.execute(update(t.person).where(t.person.c.staff_no == 2).values(staff_no=None))
        conn.execute(update(t.person).where(t.person.c.id == day.people[Role.DRIVER]).values(staff_no=2))
    unlock(day, order_id=day.order_id if facts["right"] is Right.COLLECT else None, **facts)
    assert said.format(no=number) in openings(day)
    door = words(day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/doors/7").text)
    assert said.format(no=number) in door
    assert "Nobody has opened it yet." in words(
        day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/doors/8").text
    )


def test_an_unlock_that_could_not_be_read_and_a_time_beyond_the_calendar_are_shown_as_they_are(day: Day) -> None:
    record = read_unlock(2**53 - 1, b'{"type":"UnlockGranted"}', site_id=day.site_id)
    with transaction(day.engine) as conn:
        append(conn, chain=chain_of("gw-1", "log-a"), records=[(record, 1)])
    assert "Unlocked · unknown" in openings(day)


def test_older_openings_are_a_page_further(day: Day) -> None:
    for number in range(61):
        said = UnlockGranted(f"g{number}", "G1", [7], "p", Right.STAFF, Via.REMOTE, f"reason-{number}")
        record = read_unlock(to_wire(NOW) + number, encode(said), site_id=day.site_id)
        with transaction(day.engine) as conn:
            append(conn, chain=chain_of("gw-1", "log-a"), records=[(record, number)])
    client = day.client(Role.OPERATOR)
    first = client.get(f"/en/ops/openings?site={day.site_id}").text
    assert ("reason-60" in first, "reason-0<" in first) == (True, False)
    older = re.search(r'href="([^"]*before=\d+)"', first)
    assert older is not None
    second = client.get(older[1].replace("&amp;", "&")).text
    assert ("reason-60" in second, "reason-0<" in second) == (False, True)


@pytest.mark.parametrize("query", ["?site=nowhere", "?before=x", "?before=99999999999999999999"])
def test_a_place_or_time_that_is_none_gets_a_clear_answer(day: Day, query: str) -> None:
    answer = day.client(Role.OPERATOR).get(f"/en/ops/openings{query}")
    assert answer.status_code == (404 if "site" in query else 200)
