"""Staff look at food that is kept shut: what they see, what they must say, and what follows."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.claims_world import TOMATO, collected_day
from tests.web.shop_world import NOW
from tests.web.staff_world import Day

WHY = "cold to the touch, smells fresh"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    """The first order lies behind its door, and that is kept shut."""
    with collected_day(db, tmp_path) as made:
        with made.engine.begin() as conn:
            conn.execute(update(t.parcel).where(t.parcel.c.order_id == made.order_id).values(state="loaded"))
            conn.execute(update(t.customer_order).where(t.customer_order.c.id == made.order_id).values(state="ready"))
            bag = conn.execute(select(t.parcel).where(t.parcel.c.id == made.parcels[0])).one()
            behind = (t.compartment.c.site_id == made.site_id, t.compartment.c.door == bag.door)
            locker = conn.execute(select(t.compartment.c.locker_id).where(*behind)).scalar_one()
            values = {"id": "q1", "parcel_id": bag.id, "order_id": made.order_id, "site_id": made.site_id}
            values |= {"locker_id": locker, "door": bag.door, "food_class": "chilled_tcs", "cause": "too_warm"}
            times = {"since": NOW - timedelta(hours=1), "found_at": NOW, "due_at": NOW + timedelta(hours=2)}
            conn.execute(insert(t.quarantine).values(**values, **times))
            keeper = update(t.person).where(t.person.c.id == made.people[Role.KEEPER])
            conn.execute(keeper.values(site_id=made.site_id))
        yield made


def lines(day: Day) -> list[str]:
    with day.engine.begin() as conn:
        found = conn.execute(select(t.order_line.c.line_no).where(t.order_line.c.parcel_id == day.parcels[0]))
        return [str(no) for no in found.scalars()]


def said(**changed: Any) -> dict[str, Any]:
    form = {"probe_c": "3,5", "reason": WHY, "photo": (BytesIO(TOMATO), "food.jpg"), "decision": "release", **changed}
    return {name: value for name, value in form.items() if value is not None}


def decide(day: Day, role: Role = Role.OPERATOR, **changed: Any) -> Any:
    path = "/en/ops/cold/q1"
    return day.client(role).post(path, data=said(**changed), content_type="multipart/form-data")


def quarantine(day: Day) -> Any:
    with day.engine.begin() as conn:
        return conn.execute(select(t.quarantine)).one()


def entries(day: Day) -> list[bytes]:
    with day.engine.begin() as conn:
        return [bytes(each) for each in conn.execute(select(t.outbox.c.entry).order_by(t.outbox.c.id)).scalars()]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.KEEPER])
def test_staff_see_what_is_kept_shut_and_until_when(day: Day, role: Role) -> None:
    page = day.client(role).get("/en/ops/cold").text

    assert "1 bag is kept shut and waits for a look" in page
    assert f"Door {quarantine(day).door}" in page
    look = day.client(role).get("/en/ops/cold/q1")
    assert look.status_code == 200
    assert "it was too warm" in look.text
    assert "必须冷藏" in day.client(role).get("/zh-hans/ops/cold/q1").text


def test_a_keeper_sees_and_decides_nothing_of_another_building(day: Day) -> None:
    with day.engine.begin() as conn:
        other = conn.execute(select(t.site.c.id).where(t.site.c.id != day.site_id).limit(1)).scalar_one()
        conn.execute(update(t.person).where(t.person.c.id == day.people[Role.KEEPER]).values(site_id=other))

    assert "Nothing is kept shut" in day.client(Role.KEEPER).get("/en/ops/cold").text
    assert day.client(Role.KEEPER).get("/en/ops/cold/q1").status_code == 404
    assert decide(day, Role.KEEPER, line=lines(day)).status_code == 404
    assert quarantine(day).state == "open"


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.PICKER, Role.DRIVER])
def test_nobody_else_looks_or_decides(day: Day, role: Role) -> None:
    assert day.client(role).get("/en/ops/cold/q1").status_code == 403
    assert decide(day, role, line=lines(day)).status_code == 403
    assert quarantine(day).state == "open"


def test_what_is_ticked_is_released_and_the_photo_is_kept(day: Day) -> None:
    assert decide(day, line=lines(day)).status_code == 303

    row = quarantine(day)
    assert (row.state, row.probe_c, row.reason) == ("released", 3.5, WHY)
    assert row.decided_by == f"person:{day.people[Role.OPERATOR]}"
    assert b"ReleaseParcel" in entries(day)[-1]
    photo = day.client(Role.OPERATOR).get("/en/ops/cold/q1.jpg")
    assert photo.data.startswith(b"\xff\xd8")
    page = day.client(Role.OPERATOR).get("/en/ops/cold/q1").text
    assert WHY in page
    assert "What did you find?" not in page


def test_a_keeper_throws_all_of_it_away(day: Day) -> None:
    assert decide(day, Role.KEEPER, decision="discard", line=lines(day)).status_code == 303

    assert quarantine(day).state == "condemned"
    assert b"CondemnParcel" in entries(day)[-1]
    assert "To be thrown away, still behind its door" in day.client(Role.KEEPER).get("/en/ops/cold").text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"line": []}, "Tick what stays in the bag"),
        ({"line": ["99"]}, "That is not in this bag"),
        ({"line": ["x"]}, "That is not in this bag"),
        ({"probe_c": "warm"}, "Enter the temperature as a number"),
        ({"probe_c": "nan"}, "No food has that temperature"),
        ({"probe_c": "9"}, "9.0 °C is past its limit"),
        ({"photo": None}, "nobody decides without one"),
        ({"photo": (BytesIO(b"no picture"), "x.jpg")}, "no picture we can read"),
        ({"reason": "ok"}, "Say why, in 5 to 200 characters"),
    ],
)
def test_a_form_that_says_too_little_changes_nothing_and_is_shown_again(
    day: Day, changed: dict[str, Any], words: str
) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.product).values(food_class="chilled_tcs"))
    before, sent = quarantine(day), {"line": lines(day), **changed}
    answer = decide(day, **sent)

    assert answer.status_code in (409, 422)
    assert words in answer.text
    assert sent.get("reason", WHY) in answer.text
    assert (quarantine(day), entries(day)) == (before, entries(day))


def test_a_second_decision_is_refused(day: Day) -> None:
    decide(day, decision="discard")
    before = quarantine(day)
    answer = decide(day, line=lines(day))

    assert answer.status_code == 409
    assert "decided already" in answer.text
    assert quarantine(day) == before


def test_the_door_is_asked_for_by_the_right_of_staff_with_a_reason(day: Day) -> None:
    client = day.client(Role.KEEPER)
    assert client.post("/en/ops/cold/q1/open", data={"why": "x"}).status_code == 422
    assert client.post("/en/ops/cold/q1/open", data={"why": "to look at warm food"}).status_code == 303

    with day.engine.begin() as conn:
        asked = conn.execute(select(t.remote_command.c.right, t.remote_command.c.doors)).all()
    assert [tuple(each) for each in asked] == [("staff", [quarantine(day).door])]
