"""The collect page: the code, one's doors, the cold; by signing in and by link; and never too early."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from app.db import tables as t
from app.domain.collect_link import make_collect_link
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

CREDENTIAL = "00112233445566aa"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def ready(day: Day) -> Day:
    """The order's parcels lie behind doors 6, 7, … of the first locker, and its code lives."""
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="ready"))
        for door, parcel_id in enumerate(day.parcels, start=6):
            here = update(t.parcel).where(t.parcel.c.id == parcel_id)
            conn.execute(here.values(state="loaded", door=door, loaded_at=NOW))
        credential = {"id": CREDENTIAL, "order_id": day.order_id, "site_id": day.site_id, "handle": 7, "generation": 1}
        until = NOW + timedelta(hours=20)
        conn.execute(insert(t.credential).values(**credential, made_at=NOW, expires_at=until, typed=True))
    return day


def page(day: Day, language: str = "en") -> str:
    return str(day.client(Role.RESIDENT).get(f"/{language}/orders/{day.order_id}/collect").text)


def link(day: Day, **late: int) -> str:
    ends = NOW - timedelta(**late) if late else NOW + timedelta(days=2)
    return make_collect_link("a secret for tests", order_id=day.order_id, ends_at=ends)


def test_before_it_is_loaded_there_is_no_code(day: Day) -> None:
    assert "Not in the locker yet" in page(day)
    assert "code-digits" not in page(day)
    assert day.client(Role.RESIDENT).get(f"/en/orders/{day.order_id}/qr.png").status_code == 404


def test_the_page_has_the_code_the_doors_and_the_deadline(ready: Day) -> None:
    shown = page(ready)
    assert ">07 " in shown
    assert "Collect it until 08:00 tomorrow." in shown
    assert "Your doors: 6" in shown
    assert "column 2 from the left, row 1 from the top" in shown
    assert "3.2 °C" in shown


def test_the_chinese_page_says_the_same(ready: Day) -> None:
    shown = page(ready, "zh-hans")
    assert "请在明天 08:00 前取走。" in shown
    assert "左起第 2 列，上起第 1 格" in shown


def test_the_qr_is_a_picture_one_can_keep(ready: Day) -> None:
    answer = ready.client(Role.RESIDENT).get(f"/en/orders/{ready.order_id}/qr.png")
    assert answer.mimetype == "image/png"
    assert answer.data.startswith(b"\x89PNG")
    width = int.from_bytes(answer.data[16:20])
    assert width == (37 + 2 * 4) * 8  # version 5 has 37 modules; quiet zone 4, scale 8
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_link_shows_the_page_without_signing_in(ready: Day) -> None:
    answer = ready.client().get(f"/en/c/{link(ready)}")
    assert answer.status_code == 200
    assert ">07 " in answer.text
    assert ready.client().get(f"/en/c/{link(ready)}/qr.png").mimetype == "image/png"
    assert f"link={link(ready)}" in answer.text.replace("%2E", ".")


def test_an_old_link_and_a_forged_one_show_nothing(ready: Day) -> None:
    old = ready.client().get(f"/en/c/{link(ready, days=3)}")
    forged = ready.client().get(f"/en/c/{link(ready)}x")
    assert (old.status_code, forged.status_code) == (410, 404)
    assert "too old" in old.text
    assert ">07 " not in old.text + forged.text


def test_a_silent_lockers_temperature_looks_dead(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.locker).values(online=False))
    shown = page(ready)
    assert 'class="stale"' in shown
    assert "now unknown" in shown
    assert "opens all the same" in shown


def test_an_old_temperature_looks_dead_too(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.zone_reading).values(read_at=NOW - timedelta(minutes=14)))
    assert "last heard 14 min ago, now unknown" in page(ready)


def test_other_peoples_doors_are_drawn_without_their_state(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.compartment).where(t.compartment.c.door == 1).values(door_state="open"))
    shown = page(ready)
    door = shown.partition('id="door-G1-1"')[2].partition(">")[0]
    assert "open" not in door
    assert "yours" in shown.partition('id="door-G1-6"')[2].partition(">")[0]


def test_a_collected_order_says_how_to_come_back_for_a_bag(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="collected"))
        conn.execute(update(t.parcel).values(state="collected"))
    assert "15 minutes the same code opens the same doors" in page(ready)


def test_a_refunded_order_shows_no_code(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="refunded"))
    assert "There is nothing to collect any more." in page(ready)
    assert ">07 " not in page(ready)


def test_without_a_live_code_the_page_still_stands(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.credential).values(ended_at=NOW - timedelta(days=1)))
    answer: Any = ready.client(Role.RESIDENT).get(f"/en/orders/{ready.order_id}/collect")
    assert answer.status_code == 200
    assert "code-digits" not in answer.text
