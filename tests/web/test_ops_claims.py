"""Operators answer claims beside what is known of the bag, deal with alarms, and set the rules."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.claims_world import another_order, cheap_line, claims_of, collected_day, form, picture_of
from tests.web.cold_world import keep
from tests.web.shop_world import NOW
from tests.web.staff_world import Day

WHY = "looked at both photos"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with collected_day(db, tmp_path) as made:
        yield made


def claim(day: Day, **changed: Any) -> Any:
    """A claim of the first order that waits for a person."""
    sent = form(cheap_line(day).line_no, **{"kind": "short_weight", "words": "only half of it", **changed})
    path = f"/en/orders/{day.order_id}/claim"
    assert day.client(Role.RESIDENT).post(path, data=sent, content_type="multipart/form-data").status_code == 303
    return claims_of(day)[-1]


def post(day: Day, path: str, **data: str) -> Any:
    return day.client(Role.OPERATOR).post(f"/en/ops/claims{path}", data=data)


def page(day: Day, path: str = "") -> str:
    answer = day.client(Role.OPERATOR).get(f"/en/ops/claims{path}")
    assert answer.status_code == 200
    return str(answer.text)


def everything(day: Day) -> list[Any]:
    with day.engine.begin() as conn:
        return [
            conn.execute(select(each)).all() for each in (t.claim, t.refund, t.ledger_entry, t.claim_alarm, t.change)
        ]


def test_a_claim_stands_beside_its_packing_photo_and_an_honest_temperature(day: Day) -> None:
    made = claim(day)
    assert "1 claim waits for a person" in page(day)
    assert "1 claim waits for a person" in day.client(Role.OPERATOR).get("/en/ops/day").text
    shown = page(day, f"/{made.id}")
    assert f"/photos/claims/{made.id}.jpg" in shown
    assert "/photos/bags/packing-photo.jpg" in shown
    assert "Unknown: no reading is kept from load to collection." in shown
    assert "only half of it" in shown
    assert "how much is missing must be judged" in shown


def test_a_reading_over_the_limit_is_shown(day: Day) -> None:
    with day.engine.begin() as conn:
        door = conn.execute(
            select(t.compartment).where(t.compartment.c.site_id == day.site_id, t.compartment.c.door == 12)
        ).one()
        here = (t.zone_reading.c.locker_id == door.locker_id) & (t.zone_reading.c.zone == door.zone)
        at = text("(SELECT max(collected_at) FROM parcel)")
        conn.execute(update(t.zone_reading).where(here).values(product_c=40.0, read_at=at))
    made = claim(day, kind="warm")
    shown = page(day, f"/{made.id}")
    assert "Over the limit while it lay there." in shown
    assert "40.0 °C" in shown
    assert made.hand_off == "locker"


@pytest.mark.parametrize(("warmest", "said"), [(40.0, "Over the limit"), (None, "Nothing over the limit was read")])
def test_the_minutes_behind_its_door_are_shown_by_quarters(day: Day, warmest: float | None, said: str) -> None:
    loaded = NOW - timedelta(hours=4, minutes=30)
    with day.engine.begin() as conn:
        here = (t.compartment.c.site_id == day.site_id) & (t.compartment.c.door == 12)
        door = conn.execute(select(t.compartment).where(here)).one()
        usual = {"frozen": -20.0, "chilled": 3.0, "cool": 12.0, "ambient": 20.0}[door.zone]
        values = {100: warmest} if warmest else {}
        place = {"locker_id": door.locker_id, "zone": door.zone}
        keep(conn, **place, since=loaded, minutes=240, product_c=usual, values=values)
    made = claim(day, kind="warm")
    shown = page(day, f"/{made.id}")
    assert said in shown
    assert shown.count('<li class="between"><time>') == 16
    assert (made.hand_off == "locker") is (warmest is not None)


def test_a_part_is_given_back_with_a_reason_and_the_household_told(day: Day) -> None:
    made = claim(day)
    before = everything(day)
    for typed, said in (
        ({"amount": "1.00", "reason": "no"}, "Say why"),
        ({"amount": "x", "reason": WHY}, "Enter an amount above zero"),
        ({"amount": "99", "reason": WHY}, "More than is left of this line"),
    ):
        refused = post(day, f"/{made.id}/grant", **typed)
        assert refused.status_code == 422
        assert said in refused.text
        assert f'value="{typed["amount"]}"' in refused.text
    assert everything(day) == before

    assert post(day, f"/{made.id}/grant", amount="1.00", reason=WHY).status_code == 303

    assert "¥1.00 went back, ref" in page(day, f"/{made.id}")
    shown = day.client(Role.RESIDENT).get(f"/zh-hans/orders/{day.order_id}").text
    assert "¥1.00" in shown
    assert post(day, f"/{made.id}/grant", amount="1.00", reason=WHY).status_code == 409


def test_a_refusal_needs_an_answer_that_both_languages_have(day: Day) -> None:
    made = claim(day)
    before = everything(day)
    assert "Choose what the household is told." in post(day, f"/{made.id}/refuse", reason=WHY).text
    assert "Choose what the household is told." in post(day, f"/{made.id}/refuse", answer="no", reason=WHY).text
    assert "Say why" in post(day, f"/{made.id}/refuse", answer="packed_complete", reason="").text
    assert everything(day) == before

    assert post(day, f"/{made.id}/refuse", answer="packed_complete", reason=WHY).status_code == 303

    shown = day.client(Role.RESIDENT).get(f"/zh-hans/orders/{day.order_id}/claim").text
    assert "打包照片上东西齐全" in shown
    assert WHY not in shown


def test_the_hand_off_is_corrected_and_nothing_else(day: Day) -> None:
    made = claim(day)
    assert post(day, f"/{made.id}/hand-off", hand_off="moon").status_code == 404
    assert post(day, "/nobody/hand-off", hand_off="transport").status_code == 404
    assert post(day, f"/{made.id}/hand-off", hand_off="transport").status_code == 303
    assert claims_of(day)[0].hand_off == "transport"
    assert "corrected by a person" in page(day, f"/{made.id}")


def test_a_photo_that_came_with_another_order_is_pointed_out(day: Day) -> None:
    other, token = another_order(day, "+8613900000001")
    send_as(day, other, token, form(1))
    made = claim(day, kind="spoiled")
    assert made.why_held == "photo_known"
    shown = page(day, f"/{made.id}")
    assert "The same picture came with another order:" in shown
    assert "of another household" in shown


def send_as(day: Day, order_id: str, token: str, sent: dict[str, Any]) -> None:
    client = day.client()
    with client.session_transaction() as session:
        session["token"] = token
    path = f"/en/orders/{order_id}/claim"
    assert client.post(path, data=sent, content_type="multipart/form-data").status_code == 303


@pytest.fixture
def alarm(day: Day) -> str:
    """Three of five households claim the same."""
    for number in range(5):
        order_id, token = another_order(day, f"+861390000001{number}")
        if number < 3:
            send_as(day, order_id, token, form(1, photo=picture_of(f"#a0{number}000")))
    with day.engine.begin() as conn:
        return str(conn.execute(select(t.claim_alarm.c.id)).scalar_one())


def test_three_households_alarm_on_the_operators_pages(day: Day, alarm: str) -> None:
    for path in ("/en/ops/day", "/en/ops/claims"):
        shown = day.client(Role.OPERATOR).get(path).text
        assert "1 batch is claimed by several households" in shown
        assert f"/ops/claims/alarms/{alarm}" in shown


def test_the_others_are_refunded_after_they_were_looked_at(day: Day, alarm: str) -> None:
    shown = page(day, f"/alarms/{alarm}")
    others = shown.count('class="hit" href="/en/ops/orders/')
    assert f"Refund {others} order" in shown
    before = everything(day)
    assert "Say why" in post(day, f"/alarms/{alarm}/refund", shown=str(others), reason="").text
    changed = post(day, f"/alarms/{alarm}/refund", shown="9", reason=WHY)
    assert changed.status_code == 409
    assert f"There are {others} orders now, not 9." in changed.text
    assert post(day, f"/alarms/{alarm}/refund", shown="x", reason=WHY).status_code == 422
    assert everything(day) == before

    assert post(day, f"/alarms/{alarm}/refund", shown=str(others), reason=WHY).status_code == 303

    assert sum(each.first_by == alarm for each in claims_of(day)) >= others
    assert "claimed by several households" not in page(day)
    assert "dealt with" in page(day, f"/alarms/{alarm}")
    assert post(day, f"/alarms/{alarm}/refund", shown="0", reason=WHY).status_code == 409


def test_an_alarm_is_closed_with_a_reason(day: Day, alarm: str) -> None:
    assert post(day, f"/alarms/{alarm}/close", reason="").status_code == 422
    assert post(day, f"/alarms/{alarm}/close", reason="one bad crate").status_code == 303
    assert post(day, f"/alarms/{alarm}/close", reason="one bad crate").status_code == 409
    assert post(day, "/alarms/nobody/close", reason="one bad crate").status_code == 404
    assert page(day, f"/alarms/{alarm}").count("one bad crate") == 1


def test_the_rules_of_a_site_are_set_and_kept_with_who_did_it(day: Day) -> None:
    rules = {
        "claim_within_h": "24",
        "automatic_most_minor": "15.50",
        "automatic_times": "1",
        "automatic_days": "30",
        "alarm_claims": "3",
        "alarm_within_h": "2",
    }
    path = f"/rules/{day.site_id}"
    assert 'value="20.00"' in page(day, path)
    for wrong in ({"claim_within_h": "0"}, {"claim_within_h": "many"}, {"automatic_most_minor": "much"}):
        answer = post(day, path, **{**rules, **wrong})
        assert answer.status_code == 422
        assert f'value="{next(iter(wrong.values()))}"' in answer.text
    with day.engine.begin() as conn:
        assert conn.execute(select(t.claim_policy)).all() == []
    assert post(day, path, **rules).status_code == 303
    assert 'value="15.50"' in page(day, path)
    assert post(day, path, **{**rules, "automatic_most_minor": "0"}).status_code == 303
    assert post(day, "/rules/nowhere", **rules).status_code == 404
    with day.engine.begin() as conn:
        assert conn.execute(select(t.claim_policy.c.automatic_most_minor)).scalar_one() == 0


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.PICKER, Role.DRIVER, Role.KEEPER])
def test_claims_are_answered_by_operators_only(day: Day, role: Role) -> None:
    made = claim(day)
    assert day.client(role).get("/en/ops/claims").status_code == 403
    assert (
        day.client(role).post(f"/en/ops/claims/{made.id}/grant", data={"amount": "1", "reason": WHY}).status_code == 403
    )
    assert claims_of(day)[0].state == "waiting"


def test_the_orders_page_tells_of_its_claims(day: Day) -> None:
    claim(day)
    shown = day.client(Role.OPERATOR).get(f"/en/ops/orders/{day.order_id}").text
    assert "waits for a person" in shown


def test_a_weighing_is_shown_beside(day: Day) -> None:
    line = cheap_line(day)
    with day.engine.begin() as conn:
        conn.execute(insert(t.scale).values(id="S1", verified_until=NOW.date()))
        row = {"order_id": day.order_id, "line_no": line.line_no, "at": NOW, "person_id": day.people[Role.PICKER]}
        conn.execute(insert(t.weighing).values(**row, scale_id="S1", gross_g=510, tare_g=10))
    assert "weighed 500 g" in page(day, f"/{claim(day).id}")
