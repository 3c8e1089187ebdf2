"""The collect page: the code, one's doors, the cold; by signing in and by link; and never too early."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.claims_world import paid
from tests.web.collect_world import CREDENTIAL, happen, link, make_ready, pulse_in_vain
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, ask, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def ready(day: Day) -> Day:
    """The order's parcels lie behind doors 6, 7, … of the first locker, and its code lives."""
    return make_ready(day)


def page(day: Day, language: str = "en") -> str:
    return str(day.client(Role.RESIDENT).get(f"/{language}/orders/{day.order_id}/collect").text)


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


# --- opening from the page, however somebody came


def commands(ready: Day) -> list[Any]:
    with ready.engine.begin() as conn:
        return list(conn.execute(select(t.remote_command)).all())


@pytest.mark.parametrize("linked", [True, False])
def test_a_tap_asks_for_the_doors_once_and_comes_back_to_the_page(ready: Day, *, linked: bool) -> None:
    client = ready.client(None if linked else Role.RESIDENT)
    base = f"/en/c/{link(ready)}" if linked else f"/en/orders/{ready.order_id}"
    answers = [client.post(f"{base}/open") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == (base if linked else f"{base}/collect")
    (row,) = commands(ready)
    assert (row.kind, row.order_id, row.credential_id) == ("collect", ready.order_id, CREDENTIAL)
    assert "Opening doors 6, 7" in client.get(answers[0].location).text


@pytest.mark.parametrize("what", ["open", "refund-now", "wrong-bag"])
def test_nobody_else_opens_refunds_or_reports(ready: Day, what: str) -> None:
    other = ready.client()
    with other.session_transaction() as session:
        session["token"] = ready.other
    assert other.post(f"/en/orders/{ready.order_id}/{what}").status_code == 404
    assert ready.client().post(f"/en/c/{link(ready)}x/{what}").status_code == 404
    assert ready.client().post(f"/en/c/{link(ready, days=3)}/{what}").status_code == 410
    assert commands(ready) == []


def test_before_it_is_loaded_a_tap_is_refused_in_words_on_the_page(day: Day) -> None:
    answer = day.client().post(f"/en/c/{link(day)}/open")
    assert answer.status_code == 409
    assert "This order has no code at the moment." in answer.text
    assert commands(day) == []


def test_the_page_says_what_the_doors_do_whoever_asked_for_them(ready: Day) -> None:
    happen(ready, "UnlockGranted")
    assert "Opening door 6" in page(ready)
    happen(ready, "DoorWasOpened")
    assert "Door 6 is open." in page(ready)
    assert "Open door 7" in page(ready)
    happen(ready, "DoorWasShut")
    assert "Door 6 is open." not in page(ready)


def test_a_slow_lock_and_a_door_left_open_are_said(ready: Day) -> None:
    happen(ready, "UnlockGranted", seconds=45)
    happen(ready, "DoorWasOpened", seconds=40)
    happen(ready, "UnlockGranted", seconds=8, door=7)
    assert "slower than usual" in page(ready)
    assert "Door 6 is still open. Push it until it clicks." in page(ready)


def test_a_door_that_stayed_shut_is_tried_again_and_then_staff_are_told_and_money_is_to_be_had(ready: Day) -> None:
    pulse_in_vain(ready, 1)
    shown = page(ready)
    assert "Door 6 did not open. Press its edge and try again." in shown
    assert "refund-now" not in shown
    pulse_in_vain(ready, 1)
    shown = page(ready)
    assert "Door 6 does not open. Staff have been told." in shown
    assert "refund-now" in shown
    assert "tel:" not in shown


def test_the_keeper_is_called_by_name_where_they_gave_a_number(ready: Day) -> None:
    pulse_in_vain(ready, 2)
    with ready.engine.begin() as conn:
        keeper = t.person.c.id == ready.people[Role.KEEPER]
        conn.execute(update(t.person).where(keeper).values(site_id=ready.site_id, display_name="阿珍"))
    shown = page(ready)
    assert 'href="tel:+86138' in shown
    assert "Call 阿珍" in shown


def test_refund_now_is_one_decision_and_the_code_is_gone(ready: Day) -> None:
    client, address = ready.client(), f"/en/c/{link(ready)}"
    assert client.post(f"{address}/refund-now").status_code == 409
    pulse_in_vain(ready, 2)
    assert [client.post(f"{address}/refund-now").status_code for _ in range(2)] == [303, 303]
    shown = client.get(address)
    assert "Your money is on its way" in shown.text
    assert "code-digits" not in shown.text
    assert "Collect-Keep-For" not in shown.headers


def test_a_refusal_of_the_locker_is_said_in_its_words(ready: Day) -> None:
    with ready.engine.begin() as conn:
        values: dict[str, Any] = {
            "kind": "collect",
            "order_id": ready.order_id,
            "credential_id": CREDENTIAL,
            "sent_at": NOW,
        }
        gone: dict[str, Any] = {"answered_at": NOW, "refusal": "locker_silent"}
        ask(conn, gateway_id="gw-1", person_id=ready.people[Role.RESIDENT], **values, **gone)
    assert "The locker does not answer. Nothing was opened." in page(ready)


def test_food_that_is_all_kept_shut_shows_no_code_and_no_button(ready: Day) -> None:
    with ready.engine.begin() as conn:
        for n, parcel_id in enumerate(ready.parcels):
            row: dict[str, Any] = {
                "id": f"q{n}",
                "parcel_id": parcel_id,
                "order_id": ready.order_id,
                "site_id": ready.site_id,
            }
            row |= {"locker_id": "G1", "door": 6 + n, "food_class": "chilled_tcs", "cause": "too_warm"}
            conn.execute(insert(t.quarantine).values(**row, since=NOW, found_at=NOW, due_at=NOW + timedelta(hours=2)))
        conn.execute(update(t.locker).values(online=False))
    shown = page(ready)
    assert "Your food stays shut for now" in shown
    assert "opens all the same" not in shown
    assert "code-digits" not in shown
    assert "open-sheet" not in shown
    assert ready.client().post(f"/en/c/{link(ready)}/open").status_code == 409


def test_one_bag_kept_shut_leaves_the_others_to_open(ready: Day) -> None:
    with ready.engine.begin() as conn:
        row: dict[str, Any] = {
            "id": "q1",
            "parcel_id": ready.parcels[0],
            "order_id": ready.order_id,
            "site_id": ready.site_id,
        }
        row |= {"locker_id": "G1", "door": 6, "food_class": "chilled_tcs", "cause": "too_warm"}
        conn.execute(insert(t.quarantine).values(**row, since=NOW, found_at=NOW, due_at=NOW + timedelta(hours=2)))
    shown = page(ready)
    assert "Door 6 stays shut for food safety" in shown
    assert "code-digits" in shown
    assert "Open door 7" in shown


def test_past_its_time_the_page_shows_no_code_and_says_what_happens(ready: Day) -> None:
    with ready.engine.begin() as conn:
        conn.execute(update(t.credential).values(expires_at=NOW - timedelta(minutes=1)))
    assert "The time to collect it is over" in page(ready)
    assert "code-digits" not in page(ready)


def test_only_the_linked_page_may_be_kept_by_the_phone_and_only_while_its_code_lives(ready: Day) -> None:
    address = f"/en/c/{link(ready)}"
    assert 0 < int(ready.client().get(address).headers["Collect-Keep-For"]) <= 20 * 3600
    assert "Collect-Keep-For" not in ready.client(Role.RESIDENT).get(f"/en/orders/{ready.order_id}/collect").headers
    with ready.engine.begin() as conn:
        conn.execute(update(t.credential).values(ended_at=NOW - timedelta(days=1)))
    assert "Collect-Keep-For" not in ready.client().get(address).headers


def test_somebody_elses_bag_is_reported_in_one_tap_and_the_code_ends(ready: Day) -> None:
    address = f"/en/c/{link(ready)}"
    assert ready.client().post(f"{address}/wrong-bag", data={"door": "6"}).status_code == 409
    assert ready.client().post(f"{address}/wrong-bag", data={"door": "x"}).status_code == 409
    with ready.engine.begin() as conn:
        conn.execute(update(t.parcel).where(t.parcel.c.id == ready.parcels[0]).values(opened_at=NOW))
    assert "Not your food behind the door?" in ready.client().get(address).text
    answer = ready.client().post(f"{address}/wrong-bag", data={"door": "6"})
    assert answer.location == f"{address}?wrong=6"
    told = ready.client().get(answer.location).text
    assert "Door 6 stays shut for whoever it belongs to" in told
    assert "code-digits" not in told


def test_the_worker_is_a_script_that_is_asked_for_anew(day: Day) -> None:
    answer = day.client().get("/collect_worker.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert len(answer.text.splitlines()) <= 150


def test_the_owner_finds_their_choices_behind_the_link_too_and_a_stranger_does_not(ready: Day) -> None:
    with ready.engine.begin() as conn:
        row = {"id": "offer1", "order_id": ready.order_id, "kind": "not_collected", "options": ["keep", "refund"]}
        conn.execute(insert(t.offer).values(**row, made_at=NOW, answer_by=NOW + timedelta(hours=2)))
    address = f"/en/c/{link(ready)}"
    assert "See your choices" in ready.client(Role.RESIDENT).get(address).text
    assert "See your choices" not in ready.client().get(address).text


def test_what_was_not_kept_cold_is_named_by_item_and_the_rest_can_be_collected(ready: Day) -> None:
    paid(ready, ready.order_id)
    with ready.engine.begin() as conn:
        line = conn.execute(select(t.order_line).where(t.order_line.c.order_id == ready.order_id)).first()
        assert line is not None
        row: dict[str, Any] = {"id": "r1", "refund_no": "R-1", "order_id": ready.order_id, "currency": "CNY"}
        row |= {"payment_id": f"pay-{ready.order_id}", "cause": "cold_chain", "cause_key": "cold:1"}
        row |= {"amount_minor": 100, "decided_at": NOW, "decided_by": "clock", "next_try_at": NOW}
        conn.execute(insert(t.refund).values(**row))
        part = {"refund_id": "r1", "order_id": ready.order_id, "line_no": line.line_no, "amount_minor": 100}
        conn.execute(insert(t.refund_line).values(**part))
    shown = page(ready)
    assert shown.count("not kept cold: do not eat it") == 1
    assert "¥1.00 goes back" in shown
    assert "code-digits" in shown
