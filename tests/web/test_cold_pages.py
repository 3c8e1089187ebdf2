"""What residents see of their food's temperature: figures that were measured, gaps as gaps, dead readings as dead."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from app.db import tables as t
from app.domain.roles import Role
from locker_protocol.ids import random_id
from tests.web.cold_world import LOADED, keep, keep_shut, lay_down
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&#39;", "'")


def section(page: str) -> str:
    found = re.search(r'<section class="card cold".*?</section>', page, re.DOTALL)
    return found[0] if found else ""


def order(day: Day, language: str = "en") -> str:
    return str(day.client(Role.RESIDENT).get(f"/{language}/orders/{day.order_id}").text)


def test_an_order_that_lies_nowhere_has_no_temperature(day: Day) -> None:
    assert section(order(day)) == ""


def test_the_page_says_between_what_and_since_when(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        keep(conn, locker_id=door.locker_id, zone="chilled", since=LOADED, minutes=120)
    shown = section(order(day))
    assert "Kept between 2.1 and 2.9 °C since 10:00 today; measured every minute." in words(shown)
    assert 'class="cold-line"' in shown
    assert "cold-gap" in shown  # from packing to the door nobody measured
    assert "On its way to the locker nobody measured it." in words(shown)
    assert "hatched" not in words(shown)
    assert "一直在 2.1 到 2.9 °C 之间" in words(section(order(day, "zh-hans")))


def test_the_collect_page_shows_the_same(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        keep(conn, locker_id=door.locker_id, zone="chilled", since=LOADED, minutes=120)
    page = day.client(Role.RESIDENT).get(f"/en/orders/{day.order_id}/collect").text
    assert "Kept between 2.1 and 2.9 °C" in words(section(page))


def test_what_the_driver_read_in_the_crate_is_shown(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        visit_id = random_id()
        conn.execute(
            insert(t.visit).values(
                id=visit_id,
                site_id=day.site_id,
                person_id=day.people[Role.DRIVER],
                began_at=LOADED - timedelta(minutes=20),
                ended_at=LOADED + timedelta(minutes=20),
            )
        )
        conn.execute(
            insert(t.crate_reading).values(
                id=random_id(),
                visit_id=visit_id,
                zone="chilled",
                product_c=1.6,
                read_at=LOADED - timedelta(minutes=15),
                person_id=day.people[Role.DRIVER],
            )
        )
        keep(conn, locker_id=door.locker_id, zone="chilled", since=LOADED, minutes=120)
    shown = section(order(day))
    assert "In the van at 09:45 today: 1.6 °C." in words(shown)
    assert 'class="cold-van"' in shown


def test_a_stretch_nobody_measured_is_drawn_as_a_gap_and_counted(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        keep(conn, locker_id=door.locker_id, zone="chilled", since=LOADED, minutes=120, without=(30, 53))
    shown = section(order(day))
    assert "For 23 minutes nobody measured; that is hatched." in words(shown)
    assert "Not measured from 10:30 to 10:53." in words(shown)
    line = re.search(r'class="cold-line" d="([^"]+)"', shown)
    assert line is not None
    assert line[1].count("M") == 2


def test_a_dead_reading_looks_dead(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        keep(conn, locker_id=door.locker_id, zone="chilled", since=LOADED, minutes=62)
    shown = section(order(day))
    assert "Not measured since 11:02 today. How cold it is now is unknown." in words(shown)
    assert 'class="cold-picture stale"' in shown
    assert "cold-now" not in shown
    assert "measured every minute" not in words(shown)


def test_minutes_outside_the_band_are_counted(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        warm = dict.fromkeys(range(40, 52), 9.5)
        keep(conn, locker_id=door.locker_id, zone="chilled", since=LOADED, minutes=120, values=warm)
    assert re.search(r"For 12 minutes it left 0\.0 to \d\.0 °C\. This food stands that\.", words(section(order(day))))


@pytest.mark.parametrize(
    ("values", "en", "zh"),
    [
        ({}, "stays shut for food safety: it was too warm behind it. Staff look at it by 13:30 today.", "为了食品安全"),
        (
            {"state": "condemned", "decided_at": NOW, "decided_by": "clock", "cause": "undecided"},
            "is not handed out, for food safety: nobody could say in time whether it is still good. Its money",
            "不再交付",
        ),
    ],
)
def test_a_shut_door_says_why_and_what_happens_with_the_money(
    day: Day, values: dict[str, object], en: str, zh: str
) -> None:
    with day.engine.begin() as conn:
        keep_shut(conn, day, lay_down(conn, day), **values)
    assert en in words(order(day))
    assert zh in words(order(day, "zh-hans"))
    assert "This food stands that" not in order(day)


def test_nobody_sees_the_temperature_of_anothers_food(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        keep(conn, locker_id=door.locker_id, zone="chilled", since=LOADED, minutes=120)
    stranger = day.app.test_client()
    with stranger.session_transaction() as session:
        session["token"] = day.other
    answer = stranger.get(f"/en/orders/{day.order_id}")
    assert answer.status_code == 404
    assert "2.9 °C" not in answer.text


def test_the_api_says_which_bag_is_kept_shut_and_why(day: Day) -> None:
    with day.engine.begin() as conn:
        keep_shut(conn, day, lay_down(conn, day))
    told = day.client().get(f"/api/v1/orders/{day.order_id}", headers=day.bearer(Role.RESIDENT)).json
    assert [bag["kept_shut"] for bag in told["parcels"]] == ["too_warm"] + [None] * (len(day.parcels) - 1)
