"""Packing on the real pages: what goes into which bag, what a label says, and that packing moves the order."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.db import tables as t
from app.domain.roles import Role
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def parcel_states(day: Day) -> list[str]:
    with day.engine.begin() as conn:
        return list(conn.execute(select(t.parcel.c.state).where(t.parcel.c.order_id == day.order_id)).scalars())


def order_state(day: Day) -> str:
    with day.engine.begin() as conn:
        query = select(t.customer_order.c.state).where(t.customer_order.c.id == day.order_id)
        return str(conn.execute(query).scalar_one())


def test_the_list_says_how_far_each_run_is(day: Day) -> None:
    page = day.client(Role.PICKER).get("/en/picking").text
    assert "Osmanthus Court" in page
    assert f"<strong>0</strong>/{len(day.parcels)} bags packed" in page


@pytest.mark.parametrize(("language", "words"), [("en", "Packed"), ("zh-hans", "打包好了")])
def test_a_run_shows_each_bag_with_its_lines(day: Day, language: str, words: str) -> None:
    page = day.client(Role.PICKER).get(f"/{language}/picking/runs/{day.run_no}").text
    with day.engine.begin() as conn:
        refs = conn.execute(select(t.parcel.c.ref)).scalars().all()
        lines = conn.execute(select(t.order_line)).all()
    assert all(ref in page for ref in refs)
    assert page.count("× 2") == len(lines)
    assert words in page


def test_packing_the_last_bag_packs_the_order(day: Day) -> None:
    client = day.client(Role.PICKER)
    for parcel_id in day.parcels:
        answer = client.post(f"/en/picking/parcels/{parcel_id}/packed")
        assert answer.status_code == 303
        assert answer.location.endswith("#next")
    assert set(parcel_states(day)) == {"packed"}
    assert order_state(day) == "packed"
    assert "Every bag of this run is packed." in client.get(f"/en/picking/runs/{day.run_no}").text


def test_packing_twice_is_refused_and_changes_nothing(day: Day) -> None:
    client = day.client(Role.PICKER)
    client.post(f"/en/picking/parcels/{day.parcels[0]}/packed")
    before = parcel_states(day)
    assert client.post(f"/en/picking/parcels/{day.parcels[0]}/packed").status_code == 409
    assert parcel_states(day) == before


@pytest.mark.parametrize("path", ["runs/999", "runs/999/labels", "runs/99999999999999"])
def test_an_unknown_run_is_not_found(day: Day, path: str) -> None:
    assert day.client(Role.PICKER).get(f"/en/picking/{path}").status_code == 404


def test_an_unknown_parcel_is_not_found(day: Day) -> None:
    assert day.client(Role.PICKER).post("/en/picking/parcels/nobody/packed").status_code == 404
    assert set(parcel_states(day)) == {"planned"}


def test_labels_carry_a_code_and_the_words_a_person_needs(day: Day) -> None:
    client = day.client(Role.PICKER)
    page = client.get(f"/en/picking/runs/{day.run_no}/labels").text
    assert page.count('class="label-qr"') == len(day.parcels)
    one = client.get(f"/en/picking/runs/{day.run_no}/labels?parcel={day.parcels[0]}").text
    assert one.count('class="label-qr"') == 1
    assert "Evening run" in re.sub(r"\s+", " ", one)
    assert client.get(f"/en/picking/runs/{day.run_no}/labels?parcel=nobody").status_code == 404


def test_a_get_never_packs(day: Day) -> None:
    assert day.client(Role.PICKER).get(f"/en/picking/parcels/{day.parcels[0]}/packed").status_code == 405
    assert set(parcel_states(day)) == {"planned"}
