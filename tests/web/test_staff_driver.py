"""The driver's screen against a real database: what a scan asks of a site, and how its answer is shown."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import g
from sqlalchemy import Engine, func, select, update

from app.db import tables as t
from app.db.people import person_of_session
from app.domain.roles import Role
from app.web.driver import driver_code
from locker_protocol.label import Label, write_label
from locker_protocol.token import RIGHT_LOAD, read_token
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, ask, day_at, load, make_settings, pack_all


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            pack_all(conn, made.order_id)
            # Loading time: the van stands at the site now.
            late = t.load_run.c.load_from - timedelta(hours=26)
            conn.execute(update(t.load_run).values(order_by=late, load_from=late))
        yield made


def path(day: Day, more: str = "") -> str:
    return f"/en/driver/{day.site_id}/{day.run_no}{more}"


def label(day: Day, parcel_id: str) -> str:
    with day.engine.begin() as conn:
        ref = conn.execute(select(t.parcel.c.ref).where(t.parcel.c.id == parcel_id)).scalar_one()
    return write_label(Label(1, day.run_no, ref))


def commands(day: Day) -> int:
    with day.engine.begin() as conn:
        return int(conn.execute(select(func.count()).select_from(t.remote_command)).scalar_one())


def word(page: str) -> str:
    found = re.search(r'data-word="(\w+)"', page)
    return found[1] if found else ""


def test_the_list_of_stops_leads_to_the_loop(day: Day) -> None:
    assert path(day) in day.client(Role.DRIVER).get("/en/driver").text


def test_the_loop_begins_with_scan_and_counts(day: Day) -> None:
    page = day.client(Role.DRIVER).get(path(day)).text
    assert word(page) == "scan"
    assert f"<strong>0</strong>/{len(day.parcels)}" in page


def test_a_scan_asks_the_site_once_and_waits(day: Day) -> None:
    client = day.client(Role.DRIVER)
    answer = client.post(path(day, "/scan"), data={"label": label(day, day.parcels[0])}, follow_redirects=True)
    assert word(answer.text) == "wait"
    assert commands(day) == 1


def test_the_answered_door_stands_in_large_digits_and_on_the_wall(day: Day) -> None:
    with day.engine.begin() as conn:
        ask(
            conn,
            gateway_id="gw-1",
            person_id=day.people[Role.DRIVER],
            label=label(day, day.parcels[0]),
            answered_at=NOW,
            answered_doors=[12],
        )
    page = day.client(Role.DRIVER).get(path(day)).text
    assert word(page) == "put"
    assert re.search(r'class="word-door">.*?12</p>', page)
    assert "Your doors: 12." in page


def test_a_loaded_bag_is_counted_and_the_next_is_asked_for(day: Day) -> None:
    with day.engine.begin() as conn:
        load(conn, day.parcels[0], 12)
        ask(
            conn,
            gateway_id="gw-1",
            person_id=day.people[Role.DRIVER],
            label=label(day, day.parcels[0]),
            answered_at=NOW,
            answered_doors=[12],
        )
    page = day.client(Role.DRIVER).get(path(day)).text
    assert word(page) == ("done" if len(day.parcels) == 1 else "next")
    assert f"<strong>1</strong>/{len(day.parcels)}" in page


def test_the_sites_refusal_is_said_in_words(day: Day) -> None:
    with day.engine.begin() as conn:
        ask(
            conn,
            gateway_id="gw-1",
            person_id=day.people[Role.DRIVER],
            label=label(day, day.parcels[0]),
            answered_at=NOW,
            refusal="no_free_door",
        )
    page = day.client(Role.DRIVER).get(path(day)).text
    assert word(page) == "refused"
    assert "No free door fits this bag." in page


@pytest.mark.parametrize("typed", ["", "hello", "P1-1-1-ZZZZZZZZ", "9" * 4000])
def test_a_label_that_is_none_of_ours_is_refused_and_nothing_is_asked(day: Day, typed: str) -> None:
    answer = day.client(Role.DRIVER).post(path(day, "/scan"), data={"label": typed})
    assert answer.status_code in {409, 422}
    assert word(answer.text) == "refused"
    assert commands(day) == 0


def test_a_bag_of_another_building_is_refused_at_once(day: Day) -> None:
    with day.engine.begin() as conn:
        elsewhere = conn.execute(select(t.load_run).where(t.load_run.c.site_id != day.site_id)).one()
    answer = day.client(Role.DRIVER).post(
        f"/en/driver/{elsewhere.site_id}/{elsewhere.run_no}/scan", data={"label": label(day, day.parcels[0])}
    )
    assert answer.status_code == 409
    assert word(answer.text) == "refused"
    assert commands(day) == 0


def test_only_the_loop_may_run_webassembly(day: Day) -> None:
    client = day.client(Role.DRIVER)
    assert "'wasm-unsafe-eval'" in client.get(path(day)).headers["Content-Security-Policy"]
    assert "unsafe" not in client.get("/en/driver").headers["Content-Security-Policy"]


def test_a_run_of_another_site_is_not_found(day: Day) -> None:
    assert day.client(Role.DRIVER).get(f"/en/driver/nowhere/{day.run_no}").status_code == 404


def test_my_code_is_a_picture_that_nobody_keeps(day: Day) -> None:
    answer = day.client(Role.DRIVER).get(f"/en/driver/{day.site_id}/code.svg")
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["Cache-Control"] == "no-store"
    assert day.client(Role.DRIVER).get("/en/driver/nowhere/code.svg").status_code == 404


def test_my_code_carries_my_number_and_ends_within_a_minute(day: Day, tmp_path: Path) -> None:
    settings = make_settings("", tmp_path)
    with day.app.test_request_context("/en/driver", headers=day.bearer(Role.DRIVER)):
        with day.engine.begin() as conn:
            g.visitor = person_of_session(conn, token=day.tokens[Role.DRIVER], now=NOW)
        token = read_token(driver_code(1), {1: settings.signing_key.public_key()})
    assert token.handle == 2
    assert token.rights == RIGHT_LOAD
    assert 0 < token.expires_s - NOW.timestamp() <= 120
