"""The code printed on a column: the same for everybody, and at its page one tap for those whose food is here."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, update

from app.db import tables as t
from app.domain.collect_link import make_collect_link
from app.domain.column_code import ColumnPlace, read_column_code, write_column_code
from app.domain.errors import NotFound
from app.domain.roles import Role
from tests.web.cold_world import keep_shut
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

SECRET = "a secret for tests"
CODE = write_column_code(SECRET, ColumnPlace("G1", 2))


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
        credential = {"order_id": day.order_id, "site_id": day.site_id, "handle": 7, "generation": 1, "typed": True}
        until = NOW + timedelta(hours=20)
        conn.execute(insert(t.credential).values(id="00112233445566aa", **credential, made_at=NOW, expires_at=until))
    return day


def link(day: Day) -> str:
    return make_collect_link(SECRET, order_id=day.order_id, ends_at=NOW + timedelta(days=2))


def asked(day: Day) -> int:
    with day.engine.begin() as conn:
        return int(conn.execute(select(func.count()).select_from(t.remote_command)).scalar_one())


def test_the_code_names_a_column_and_nothing_else() -> None:
    assert CODE.startswith("G1-2.")
    assert read_column_code(SECRET, CODE) == ColumnPlace("G1", 2)


@pytest.mark.parametrize("code", ["G1-2", "G1-2.", f"{CODE}x", CODE.replace("G1-2", "G1-3"), "", "é.é"])
def test_a_column_that_was_counted_and_not_read_leads_nowhere(code: str) -> None:
    with pytest.raises(NotFound):
        read_column_code(SECRET, code)


def test_what_is_printed_speaks_no_language_and_goes_on_in_the_readers(day: Day) -> None:
    client = day.client()
    english = client.get(f"/at/{CODE}", headers={"Accept-Language": "en"})
    chinese = client.get(f"/at/{CODE}", headers={"Accept-Language": "zh-CN"})
    assert (english.location, chinese.location) == (f"/en/at/{CODE}", f"/zh-hans/at/{CODE}")


def test_a_stranger_is_told_the_two_ways_and_sees_nothing_of_anybody(ready: Day) -> None:
    shown = ready.client().get(f"/en/at/{CODE}")
    assert shown.status_code == 200
    assert "Two ways to open it" in shown.text
    assert "Open my door" not in shown.text
    assert "Sign in to open your doors here" in shown.text
    with ready.engine.begin() as conn:
        order_no = conn.execute(select(t.customer_order.c.order_no)).scalar_one()
    assert order_no not in shown.text


def test_a_column_that_is_not_there_and_a_forged_code_answer_alike(day: Day) -> None:
    gone = day.client().get(f"/en/at/{write_column_code(SECRET, ColumnPlace('G1', 99))}")
    forged = day.client().get("/en/at/G1-2.forged")
    assert (gone.status_code, forged.status_code) == (404, 404)


def test_who_is_signed_in_has_one_button_for_all_their_doors(ready: Day) -> None:
    shown = ready.client(Role.RESIDENT).get(f"/en/at/{CODE}").text
    assert "Your food is here" in shown
    assert "Open my door" in shown
    assert "column 2 from the left, row 1 from the top" in shown
    assert shown.count(f'action="/en/orders/{ready.order_id}/open"') == 1


def test_who_opened_their_link_before_is_known_again_without_signing_in(ready: Day) -> None:
    client = ready.client()
    client.get(f"/en/c/{link(ready)}")
    shown = client.get(f"/en/at/{CODE}").text
    assert f'action="/en/c/{link(ready)}/open"' in shown
    assert "Open my door" not in ready.client().get(f"/en/at/{CODE}").text


def test_one_tap_asks_for_the_doors_once_and_shows_what_becomes_of_it(ready: Day) -> None:
    client = ready.client()
    client.get(f"/en/c/{link(ready)}")
    client.get(f"/en/at/{CODE}")
    answer = client.post(f"/en/c/{link(ready)}/open")
    assert answer.status_code == 303
    assert asked(ready) == 1


def test_an_owner_asks_as_its_owner(ready: Day) -> None:
    client = ready.client(Role.RESIDENT)
    client.get(f"/en/at/{CODE}")
    answer = client.post(f"/en/orders/{ready.order_id}/open")
    assert answer.location.endswith(f"/en/orders/{ready.order_id}/collect")
    assert asked(ready) == 1


def test_food_that_is_kept_shut_has_no_button(ready: Day) -> None:
    with ready.engine.begin() as conn:
        for parcel_id in ready.parcels[1:]:
            conn.execute(update(t.parcel).where(t.parcel.c.id == parcel_id).values(state="collected"))
        door = conn.execute(select(t.compartment).where(t.compartment.c.door == 6).limit(1)).one()
        keep_shut(conn, ready, door)
    shown = ready.client(Role.RESIDENT).get(f"/en/at/{CODE}").text
    assert "is kept shut for your safety" in shown
    assert "Open my door" not in shown
    assert asked(ready) == 0


def test_looking_opens_nothing(ready: Day) -> None:
    ready.client(Role.RESIDENT).get(f"/en/at/{CODE}")
    assert asked(ready) == 0


def test_an_order_that_is_not_here_yet_is_said_to_be_on_its_way(day: Day) -> None:
    shown = day.client(Role.RESIDENT).get(f"/en/at/{CODE}").text
    assert "is not in the locker yet" in shown
    assert "Open my door" not in shown


def test_in_front_of_another_building_it_says_where_the_food_is(ready: Day) -> None:
    elsewhere = write_column_code(SECRET, ColumnPlace("Y1", 1))
    shown = ready.client(Role.RESIDENT).get(f"/en/at/{elsewhere}").text
    assert "lies in another building: Osmanthus Court" in shown
    assert "Open my door" not in shown


def test_an_order_that_is_over_leaves_the_two_ways(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="refunded"))
    assert "Two ways to open it" in ready.client(Role.RESIDENT).get(f"/en/at/{CODE}").text


def test_no_other_household_is_shown_anything(ready: Day) -> None:
    client = ready.client()
    with client.session_transaction() as session:
        session["token"] = ready.other
    assert "Open my door" not in client.get(f"/en/at/{CODE}").text


def test_signing_out_forgets_the_links(ready: Day) -> None:
    client = ready.client(Role.RESIDENT)
    client.get(f"/en/c/{link(ready)}")
    client.post("/en/sign-out")
    assert "Open my door" not in client.get(f"/en/at/{CODE}").text


def test_the_codes_of_a_site_are_printed_one_a_column_in_both_languages(day: Day) -> None:
    shown = day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/column-codes").text
    with day.engine.begin() as conn:
        columns = conn.execute(
            select(
                func.count(func.distinct(t.compartment.c.locker_id + "-" + func.text(t.compartment.c.column_no)))
            ).where(t.compartment.c.site_id == day.site_id)
        ).scalar_one()
    assert shown.count('class="label-qr"') == columns
    assert shown.count("扫码开您的门") == shown.count("Scan to open your doors") == columns


def test_only_operators_print_them(day: Day) -> None:
    assert day.client(Role.RESIDENT).get(f"/en/ops/sites/{day.site_id}/column-codes").status_code == 403
    assert day.client(Role.OPERATOR).get("/en/ops/sites/nowhere/column-codes").status_code == 404
