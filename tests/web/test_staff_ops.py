"""What operators see: what is wrong first, nothing old shown as good, openings with their reasons, no secrets."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, ask, day_at, tell


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_quiet_day_says_so(day: Day) -> None:
    page = day.client(Role.OPERATOR).get("/en/ops").text
    assert "Everything is as it should be" in page
    assert "−19.4 °C" in page
    assert page.count('role="img"') == 3


def test_a_silent_site_shows_nothing_as_good(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.gateway).values(online=False, heard_at=NOW - timedelta(minutes=14)))
    page = day.client(Role.OPERATOR).get("/en/ops").text
    assert "3 not heard" in page
    assert page.count("Site silent") == 3  # the cause once above, and a line a site
    assert "14 min ago" in page
    assert "3.2 °C" not in page
    walls, _the_key_of_the_marks = page.split('class="plain cluster wall-key"')
    assert 'class="leaf empty"' not in walls


def test_a_clock_that_ends_codes_early_is_told(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.gateway).values(ahead_s=150))
    assert "Clock ahead" not in day.client(Role.OPERATOR).get("/en/ops").text
    with day.engine.begin() as conn:
        conn.execute(update(t.gateway).values(ahead_s=86_400))
    assert "Clock ahead: codes end early Osmanthus Court · 1440 minutes" in words(
        day.client(Role.OPERATOR).get("/en/ops").text
    )


def test_an_old_temperature_is_unknown_with_its_age(day: Day) -> None:
    with day.engine.begin() as conn:
        old = NOW - timedelta(minutes=20)
        conn.execute(update(t.zone_reading).where(t.zone_reading.c.zone == "frozen").values(read_at=old))
    page = words(day.client(Role.OPERATOR).get("/en/ops").text)
    assert "frozen ? °C last heard 20 min ago" in page
    assert "−19.4 °C" not in page
    assert "3.2 °C" in page


def test_what_is_worst_stands_first(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.locker).where(t.locker.c.id == "Y1").values(online=False))
        conn.execute(update(t.compartment).where(t.compartment.c.door == 7).values(door_state="open"))
        for _ in range(5):
            tell(
                conn,
                site_id=day.site_id,
                at=NOW,
                kind="AccessRefused",
                body={"via": "keypad", "refusal": "wrong_code", "times": 1},
            )
    page = words(day.client(Role.OPERATOR).get("/en/ops").text).partition("Worst first")[2]
    said = ("Locker silent", "Door left open", "Refused again and again", "That code is not right")
    order = [page.index(part) for part in said]
    assert order == sorted(order)


def test_a_door_that_is_out_of_order_is_told_with_what_is_wrong_in_both_languages(day: Day) -> None:
    with day.engine.begin() as conn:
        wrong = {"trouble": "miswired", "trouble_door": 8, "trouble_at": NOW}
        conn.execute(update(t.compartment).where(t.compartment.c.door == 7).values(wrong))
    client = day.client(Role.OPERATOR)
    assert "Doors answer for each other Osmanthus Court · doors 7 and 8" in words(client.get("/en/ops").text)
    assert "门的接线串了 桂花苑 · 7 号门和 8 号门" in words(client.get("/zh-hans/ops").text)


def test_an_operator_is_told_of_an_open_door_after_two_minutes(day: Day) -> None:
    client = day.client(Role.OPERATOR)
    for open_s, told in ((100, False), (120, True)):  # the clock goes on while the page is made
        with day.engine.begin() as conn:
            since = {"door_state": "open", "door_changed_at": NOW - timedelta(seconds=open_s)}
            conn.execute(update(t.compartment).where(t.compartment.c.door == 7).values(since))
        assert ("Door left open Osmanthus Court · door 7" in words(client.get("/en/ops").text)) is told


def test_what_happens_at_the_sites_is_not_for_keepers(day: Day) -> None:
    keeper = day.client(Role.KEEPER)
    for path in ("", f"/sites/{day.site_id}/doors/7", "/orders", "/rejected"):
        assert keeper.get(f"/en/ops{path}").status_code == 403
    assert keeper.post(f"/en/ops/sites/{day.site_id}/doors/7/open", data={"reason": "let me in"}).status_code == 403
    assert commands(day) == []


def commands(day: Day) -> list[tuple[str, list[int], str]]:
    columns = (t.remote_command.c.kind, t.remote_command.c.doors, t.remote_command.c.reason)
    with day.engine.begin() as conn:
        return [tuple(row) for row in conn.execute(select(*columns))]


def test_a_door_is_asked_for_with_its_reason(day: Day) -> None:
    client = day.client(Role.OPERATOR)
    url = f"/en/ops/sites/{day.site_id}/doors/7"
    answer = client.post(f"{url}/open", data={"reason": "the resident stands in front"}, follow_redirects=True)
    assert commands(day) == [("open", [7], "the resident stands in front")]
    assert "asking…" in answer.text
    assert "the resident stands in front" in answer.text


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, "abc"])
def test_without_a_proper_reason_nothing_is_asked(day: Day, reason: str) -> None:
    answer = day.client(Role.OPERATOR).post(f"/zh-hans/ops/sites/{day.site_id}/doors/7/open", data={"reason": reason})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert commands(day) == []


@pytest.mark.parametrize("door", ["998", "0", "12345"])
def test_a_door_that_is_not_there_is_not_found(day: Day, door: str) -> None:
    client = day.client(Role.OPERATOR)
    assert client.get(f"/en/ops/sites/{day.site_id}/doors/{door}").status_code == 404
    url = f"/en/ops/sites/{day.site_id}/doors/{door}/open"
    assert client.post(url, data={"reason": "long enough"}).status_code == 404
    assert commands(day) == []


@pytest.mark.parametrize(
    ("answer", "words_said"),
    [
        ({"answered_at": NOW, "answered_doors": [7]}, "unlocked"),
        ({"answered_at": NOW, "refusal": "locker_silent"}, "The locker does not answer."),
        ({"at": NOW - timedelta(minutes=2)}, "no answer"),
    ],
)
def test_what_became_of_an_opening_is_said(day: Day, answer: dict[str, object], words_said: str) -> None:
    with day.engine.begin() as conn:
        ask(
            conn,
            gateway_id="gw-1",
            person_id=day.people[Role.OPERATOR],
            kind="open",
            doors=[7],
            right="staff",
            reason="because",
            **answer,  # type: ignore[arg-type]
        )
    assert words_said in day.client(Role.OPERATOR).get(f"/en/ops/sites/{day.site_id}/doors/7").text


def test_an_order_is_shown_whole_without_contact_or_secret(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(
            insert(t.credential).values(
                id="00" * 8,
                order_id=day.order_id,
                site_id=day.site_id,
                handle=7,
                generation=1,
                made_at=NOW,
                expires_at=NOW + timedelta(days=1),
                typed=True,
            )
        )
        contact = conn.execute(select(t.person.c.phone).where(t.person.c.id == day.people[Role.RESIDENT])).scalar_one()
    page = day.client(Role.OPERATOR).get(f"/en/ops/orders/{day.order_id}").text
    assert "handle 07" in page
    assert contact not in page
    assert contact[3:] not in page
    assert "00" * 8 not in page
    assert day.client(Role.OPERATOR).get("/en/ops/orders/nobody").status_code == 404


def test_orders_are_found_by_state_and_number(day: Day) -> None:
    client = day.client(Role.OPERATOR)
    with day.engine.begin() as conn:
        number = conn.execute(select(t.customer_order.c.order_no)).scalar_one()
    assert number in client.get("/en/ops/orders").text
    assert number in client.get(f"/en/ops/orders?state=paid&q={number[:3].lower()}").text
    assert number not in client.get("/en/ops/orders?state=ready").text
    assert "No such order." in client.get("/en/ops/orders?q=%25").text
    assert number in client.get("/en/ops/orders?state=nonsense").text


def test_rejected_messages_are_counted(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(
            insert(t.rejected_message).values(
                received_at=NOW, topic="caibox/v1/s0/x/up", fault="malformed", reason="not JSON", payload=b"\xff"
            )
        )
        assert conn.execute(select(func.count()).select_from(t.rejected_message)).scalar_one() == 1
    client = day.client(Role.OPERATOR)
    assert "1 message was rejected" in client.get("/en/ops").text
    assert "not JSON" in client.get("/en/ops/rejected").text
