"""Receipts, the history of many orders, the same again, and what did not come: as their owner sees them."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize
from sqlalchemy import Engine, insert, select, text, update

from app.db import tables as t
from app.db.engine import transaction
from app.domain.refunding import RefundCause
from app.domain.roles import Role
from app.use_cases.money.decide_refund import decide_refund
from tests.web.after_world import goods, one, paid_for, with_receipts
from tests.web.evening_world import faults_of
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

PHONE = ViewportSize(width=390, height=844)
MANY = 1000


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        paid_for(made)
        yield made


@pytest.fixture
def owner(day: Day) -> Any:
    return day.client(Role.RESIDENT)


def taxed(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(text("INSERT INTO tax_rate SELECT id, 'vat-exempt', 900, '增值税 9%', 'VAT 9 %' FROM site"))
    assert with_receipts(day) == 1


def test_a_receipt_has_lines_and_taxes_in_both_languages(day: Day, owner: Any) -> None:
    taxed(day)
    english, chinese = (owner.get(f"/{lang}/orders/{day.order_id}/receipts/1").text for lang in ("en", "zh-hans"))
    assert "Receipt 1-1" in english
    assert "VAT 9 %" in english
    assert "收据 1-1" in chinese
    assert "增值税 9%" in chinese
    assert f"/en/orders/{day.order_id}/receipts/1" in owner.get(f"/en/orders/{day.order_id}").text


def test_a_receipt_is_a_file_whose_figures_add_up(day: Day, owner: Any) -> None:
    taxed(day)
    answer = owner.get(f"/en/orders/{day.order_id}/receipts/1.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="receipt-1-1.csv"'
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    lines = rows[2 : 2 + len(goods(day))]
    total = one(day, t.customer_order.c.total_minor)
    assert round(sum(float(row[3]) for row in lines) * 100) == total == round(float(rows[-1][4]) * 100)


def test_a_name_that_a_spreadsheet_would_run_is_given_as_words(day: Day, owner: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.product).values(name_en="=1+1"))
    taxed(day)
    assert "'=1+1" in owner.get(f"/en/orders/{day.order_id}/receipts/1.csv").text


@pytest.mark.parametrize("number", ["2", "x", "-1", "9" * 30])
def test_a_receipt_that_is_not_there_is_not_found(day: Day, owner: Any, number: str) -> None:
    taxed(day)
    assert owner.get(f"/en/orders/{day.order_id}/receipts/{number}").status_code == 404


def add_many(day: Day) -> None:
    """Orders of every minute before now, every third one refunded."""
    with day.engine.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO customer_order (id, order_no, person_id, site_id, run_no, window_id, state, currency,
                    total_minor, placed_at, hold_until)
                SELECT lpad(n::text, 32, '0'), 'N' || n, o.person_id, o.site_id, o.run_no, o.window_id,
                    CASE n % 3 WHEN 0 THEN 'refunded' ELSE 'collected' END, 'CNY', 100,
                    o.placed_at - n * interval '1 minute', o.hold_until
                FROM customer_order o, generate_series(1, :many) n
            """),
            {"many": MANY},
        )
        conn.execute(
            text("""
                INSERT INTO order_line (order_id, line_no, product_id, quantity, price_minor, line_minor)
                SELECT id, 1, 'spinach', 1, 100, 100 FROM customer_order WHERE order_no LIKE 'N%'
            """)
        )


def numbers(html: str) -> list[str]:
    return [part.split("<")[0] for part in html.split("No. ")[1:]]


def test_a_thousand_orders_come_twenty_at_a_time_each_once(day: Day, owner: Any) -> None:
    add_many(day)
    seen: list[str] = []
    url = "/en/orders"
    while url:
        html = owner.get(url).text
        seen += numbers(html)
        found = html.split('rel="next" href="')
        url = found[1].split('"')[0].replace("&amp;", "&") if len(found) > 1 else ""
    assert len(seen) == len(set(seen)) == MANY + 1
    assert seen[1:3] == ["N1", "N2"], "the newest first"


def test_the_history_is_filtered_and_says_what_all_of_it_comes_to(day: Day, owner: Any) -> None:
    add_many(day)
    html = owner.get("/en/orders?shown=refunded").text
    assert numbers(html)[:2] == ["N3", "N6"]
    assert "333 paid orders, ¥333.00 after refunds" in html
    assert "1001 paid orders" in owner.get("/en/orders").text
    assert numbers(owner.get("/en/orders?shown=let_go").text) == []


@pytest.mark.parametrize("after", ["x", "2026-11-22T00:00:00~", "~~~"])
def test_a_cursor_that_is_none_shows_the_first_page(day: Day, owner: Any, after: str) -> None:
    answer = owner.get(f"/en/orders?after={after}")
    assert (answer.status_code, day.order_id in answer.text) == (200, True)


def test_the_first_page_is_found_by_its_index(day: Day) -> None:
    add_many(day)
    with day.engine.begin() as conn:
        conn.execute(text("ANALYZE customer_order"))
        plan = conn.execute(
            text(
                "EXPLAIN SELECT id FROM customer_order WHERE person_id = :p ORDER BY placed_at DESC, id DESC LIMIT 21"
            ),
            {"p": day.people[Role.RESIDENT]},
        ).scalars()
        assert any("ix_customer_order_history" in line for line in plan)


def test_the_same_again_says_what_is_different(day: Day, owner: Any) -> None:
    gone, dearer, fewer, cheaper, *_ = goods(day)
    with day.engine.begin() as conn:
        here = t.run_stock.c.run_no == day.run_no
        for product, total in ((gone, 2), (fewer, 3)):
            conn.execute(update(t.run_stock).where(here, t.run_stock.c.product_id == product).values(total=total))
        for product, price in ((dearer, 9900), (cheaper, 10)):
            conn.execute(update(t.product).where(t.product.c.id == product).values(price_minor=price))
    location = owner.post(f"/en/orders/{day.order_id}/again").headers["Location"]
    shown = owner.get(location).text
    with owner.session_transaction() as session:
        assert gone not in session["basket"]
        assert session["basket"][fewer] == 1
    for words in ("not to be had, left out", "only 1 instead of 2", ": now ¥99.00, last time", ": only ¥0.10 now"):
        assert words in shown, words
    assert "和上次不一样的" in owner.get(location.replace("/en/", "/zh-hans/")).text


def test_the_same_again_of_another_person_says_nothing(day: Day) -> None:
    client = day.client()
    with client.session_transaction() as session:
        session.update(token=day.other, site=day.site_id)
    assert "Different from last time" not in client.get(f"/en/basket?again={day.order_id}").text
    assert client.post(f"/en/orders/{day.order_id}/again").status_code == 404


def test_three_taps_lead_from_the_last_order_to_the_paid_page(browser: Browser, day: Day, url: str) -> None:
    shown = browser.new_context(viewport=PHONE).new_page()
    shown.set_default_timeout(20_000)
    shown.goto(f"{url}/be/resident")
    with day.engine.begin() as conn:
        conn.execute(update(t.person).values(site_id=day.site_id))
        conn.execute(update(t.run_stock).values(taken=0))
        conn.execute(update(t.run_capacity).values(taken=0))
    shown.goto(f"{url}/en/")
    shown.locator("form.order-again button").click()
    shown.locator("button.bar-button").click()
    shown.locator("button[value=pay]").click()
    shown.wait_for_url("**/orders/*")
    with day.engine.begin() as conn:
        charges = conn.execute(select(t.sandbox_charge.c.state)).scalars().all()
    assert charges == ["captured"]


def test_what_did_not_come_is_shown_line_by_line_with_its_reason(day: Day, owner: Any) -> None:
    with transaction(day.engine) as conn:
        line = conn.execute(select(t.order_line).order_by(t.order_line.c.line_no).limit(1)).one()
        decide_refund(
            conn,
            order_id=day.order_id,
            cause=RefundCause.NOT_BROUGHT,
            cause_key="missing:x",
            lines={line.line_no: line.line_minor},
            actor="clock",
            now=NOW + timedelta(hours=30),
        )
        conn.execute(update(t.customer_order).values(state="collected"))
    shown = owner.get(f"/en/orders/{day.order_id}").text
    assert "we could not bring it" in shown
    assert f"Of {len(goods(day))} things 1 did not come whole" in shown
    assert "我们没能送到" in owner.get(f"/zh-hans/orders/{day.order_id}").text


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_these_pages_fit_a_phone_and_axe_finds_nothing(browser: Browser, day: Day, url: str, language: str) -> None:
    taxed(day)
    with day.engine.begin() as conn:
        conn.execute(
            insert(t.cancel_policy).values(site_id=day.site_id, closed_percent=0, packed_percent=0, ready_percent=0)
        )
    shown = browser.new_context(viewport=PHONE).new_page()
    shown.goto(f"{url}/be/resident")
    for path in ("orders", f"orders/{day.order_id}", f"orders/{day.order_id}/receipts/1"):
        shown.goto(f"{url}/{language}/{path}")
        assert faults_of(shown) == [], path
        shown.set_viewport_size(ViewportSize(width=320, height=700))
        assert faults_of(shown) == [], path
        shown.set_viewport_size(PHONE)
