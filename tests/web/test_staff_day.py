"""The operator's day: what is at risk stands first with its next step; the numbers say what they do not know."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, load, pack_all


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def page(day: Day, path: str = "day", language: str = "en") -> str:
    answer = day.client(Role.OPERATOR).get(f"/{language}/ops/{path}")
    assert answer.status_code == 200
    return str(answer.text)


def set_run(day: Day, **values: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.load_run).where(t.load_run.c.run_no == day.run_no).values(**values))


def set_order(day: Day, **values: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).where(t.customer_order.c.id == day.order_id).values(**values))


def order_no(day: Day) -> str:
    with day.engine.begin() as conn:
        return str(conn.execute(select(t.customer_order.c.order_no)).scalar_one())


def captured(day: Day) -> str:
    with day.engine.begin() as conn:
        total = conn.execute(select(t.customer_order.c.total_minor)).scalar_one()
        conn.execute(
            insert(t.payment).values(
                id="pay",
                order_id=day.order_id,
                provider="sandbox",
                provider_ref="ref",
                state="captured",
                amount_minor=total,
                currency="CNY",
                made_at=NOW,
            )
        )
    return "pay"


def refund(day: Day, number: str, **values: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(
            insert(t.refund).values(
                **{
                    "id": number,
                    "refund_no": number,
                    "order_id": day.order_id,
                    "payment_id": "pay",
                    "cause": "staff",
                    "cause_key": number,
                    "amount_minor": 500,
                    "currency": "CNY",
                    "decided_at": NOW - timedelta(hours=1),
                    "decided_by": "clock",
                    "next_try_at": NOW,
                    **values,
                }
            )
        )


def test_operators_begin_their_day_here_and_a_quiet_one_says_so(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.parcel).values(planned_doors=[1]))
    assert day.client(Role.OPERATOR).get("/en/").headers["Location"].endswith("/en/ops/day")
    assert "Nothing is at risk" in page(day)
    assert "没有要处理的风险" in page(day, language="zh-hans")


def test_a_bag_whose_food_safe_time_ends_within_two_hours_comes_first(day: Day) -> None:
    captured(day)
    refund(day, "R-1", failed="account closed")
    with day.engine.begin() as conn:
        pack_all(conn, day.order_id)
        load(conn, day.parcels[0], 7)
        conn.execute(
            update(t.parcel).where(t.parcel.c.id == day.parcels[0]).values(collect_until=NOW + timedelta(hours=1))
        )
    set_order(day, state="ready")
    shown = words(page(day))
    assert "1 thing is at risk" in shown
    assert shown.index("Safe to eat until 13:00 today") < shown.index("Refund R-1 failed")
    assert "door 7" in shown
    assert f"order {order_no(day)}" in shown


@pytest.mark.parametrize(
    ("state", "run", "words_said"),
    [
        ("packed", {"order_by": -5, "load_from": -4, "load_until": -1}, "Packed, and its loading time is over"),
        ("paid", {"order_by": -5, "load_from": 0.5}, "Paid, not packed, and the van loads at 12:30 today"),
    ],
)
def test_an_order_that_is_behind_its_van_is_at_risk(
    day: Day, state: str, run: dict[str, float], words_said: str
) -> None:
    set_run(day, **{name: NOW + timedelta(hours=hours) for name, hours in run.items()})
    set_order(day, state=state)
    assert words_said in words(page(day))


def test_a_late_van_is_waited_for_until_the_promised_hour(day: Day) -> None:
    hour = timedelta(hours=1)
    set_run(day, order_by=NOW - 5 * hour, load_from=NOW - 4 * hour, load_until=NOW - hour, expected_at=NOW + hour)
    set_order(day, state="packed")
    assert "loading time is over" not in page(day)


def test_ready_past_its_window_expiring_in_silence_and_unpaid_are_told_apart(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(
            update(t.pickup_window).values(opens_at=NOW - timedelta(hours=3), closes_at=NOW - timedelta(hours=1))
        )
    set_order(day, state="ready")
    assert "its time to collect ended at 11:00 today" in words(page(day))
    with day.engine.begin() as conn:
        told = {"order_id": day.order_id, "subject": "order", "subject_id": day.order_id}
        conn.execute(
            insert(t.history).values(
                at=NOW - timedelta(minutes=5), event="withdrawn", to_state="expiring", actor="clock", **told
            )
        )
    set_order(day, state="expiring")
    assert "the money waits" in words(page(day))
    assert "its time to collect ended" not in words(page(day))
    captured(day)
    with day.engine.begin() as conn:
        conn.execute(update(t.payment).values(state="open", made_at=NOW - timedelta(minutes=31)))
    set_order(day, state="released")
    assert "Nobody knows whether it was paid" in words(page(day))
    with day.engine.begin() as conn:
        conn.execute(update(t.payment).values(checked_at=NOW - timedelta(minutes=29)))
    assert "Nobody knows whether it was paid" not in words(page(day))


def test_a_refund_that_is_not_done_is_late_after_a_quarter_of_an_hour(day: Day) -> None:
    captured(day)
    refund(day, "R-7", decided_at=NOW - timedelta(minutes=14))
    assert "R-7" not in page(day)
    refund(day, "R-8", decided_at=NOW - timedelta(minutes=16))
    assert "Refund R-8 is not done yet" in words(page(day))


def test_a_failed_refund_is_tried_again_with_one_button(day: Day) -> None:
    captured(day)
    refund(day, "R-1", failed="account closed", tries=4)
    assert 'action="/en/ops/refunds/R-1/retry"' in page(day)
    answer = day.client(Role.OPERATOR).post("/en/ops/refunds/R-1/retry")
    assert answer.status_code == 303
    with day.engine.begin() as conn:
        row = conn.execute(select(t.refund)).one()
    assert (row.failed, row.tries, row.done_at) == (None, 0, None)
    assert day.client(Role.OPERATOR).post("/en/ops/refunds/R-1/retry").status_code == 409
    assert day.client(Role.OPERATOR).post("/en/ops/refunds/R-9/retry").status_code == 404


def test_a_run_that_is_short_of_doors_says_which(day: Day) -> None:
    with day.engine.begin() as conn:
        here = (t.run_capacity.c.run_no == day.run_no) & (t.run_capacity.c.zone == "chilled")
        conn.execute(
            update(t.run_capacity)
            .where(here, t.run_capacity.c.size_or_larger == "L")
            .values(blocked=t.run_capacity.c.total - t.run_capacity.c.taken)
        )
    set_run(day, load_from=NOW + timedelta(hours=3), load_until=NOW + timedelta(hours=5), order_by=NOW)
    assert "short" not in words(page(day))
    with day.engine.begin() as conn:
        first = here & (t.run_capacity.c.size_or_larger == "S")
        conn.execute(update(t.run_capacity).where(first).values(taken=t.run_capacity.c.total, blocked=2))
    assert "2 doors short: chilled · size S or larger" in words(page(day))


def test_a_bag_without_a_planned_door_is_a_risk_the_day_before(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.parcel).where(t.parcel.c.id == day.parcels[0]).values(planned_doors=[]))
    assert "No door is planned" not in page(day)
    set_run(day, load_from=NOW + timedelta(hours=20), order_by=NOW)
    assert "No door is planned" in page(day)


def test_the_day_takes_few_statements(day: Day) -> None:
    client, counted = day.client(Role.OPERATOR), []
    engine = day.app.extensions["caibox"].engine
    event.listen(engine, "before_cursor_execute", lambda *_: counted.append(1))
    assert client.get("/en/ops/day").status_code == 200
    assert 10 < len(counted) <= 26


def test_what_is_not_measured_says_why_and_is_not_zero(day: Day) -> None:
    shown = words(page(day, "numbers"))
    assert "not measured: no electricity meter is connected" in shown
    assert "not measured: no probe told anything" in shown
    assert "nothing to count" in shown
    rows = list(
        csv.DictReader(io.StringIO(day.client(Role.OPERATOR).get("/en/ops/numbers.csv").get_data().decode("utf-8-sig")))
    )
    energy = next(row for row in rows if row["number"] == "energy")
    assert (energy["today"], energy["yesterday"], energy["seven_days"], energy["why_not"]) == ("", "", "", "no_meter")
    assert {row["site"] for row in rows} == {"osmanthus", "sunny"}


def test_a_number_has_its_days_as_a_chart_a_table_and_a_file(day: Day) -> None:
    client = day.client(Role.OPERATOR)
    shown = client.get("/en/ops/numbers/osmanthus/in_doors_in_time?days=14")
    assert re.search(r'data-days="2026-11-09=,.*2026-11-22="', shown.text)
    assert 'data-limit="98' in shown.text
    assert "when the time to collect began" in shown.text
    file = client.get("/en/ops/numbers/osmanthus/in_doors_in_time.csv?days=14").get_data().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [row["day"] for row in rows] == [f"2026-11-{day:02d}" for day in range(9, 23)]
    assert {(row["in_doors_in_time"], row["why_not"]) for row in rows} == {("", "nothing_to_count")}


@pytest.mark.parametrize("path", ["nowhere/waste", "osmanthus/nonsense", "osmanthus/second_order"])
def test_a_number_that_no_day_has_is_not_found(day: Day, path: str) -> None:
    for end in ("", ".csv"):
        assert day.client(Role.OPERATOR).get(f"/en/ops/numbers/{path}{end}").status_code == 404


def test_nobody_else_sees_the_day(day: Day) -> None:
    for role in (Role.KEEPER, Role.PICKER, Role.RESIDENT):
        for path in ("day", "numbers", "numbers.csv", "stock", "refunds", "people"):
            assert day.client(role).get(f"/en/ops/{path}").status_code == 403
