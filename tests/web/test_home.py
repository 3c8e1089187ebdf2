"""Home, the product's page and the states on the way to an order, over HTTP, in both languages."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.db.pages.zone_days import STEP, Degrees
from app.domain.roles import Role
from app.web.sparkline import HEIGHT, WIDTH, sparkline
from locker_protocol.vocabulary import Zone
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at
from tests.web.test_checkout import filled, form


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def bring_lot(day: Day, **changed: Any) -> None:
    lot = {
        "id": "lot-1",
        "product_id": "tomatoes",
        "code": "SG-1121",
        "origin_zh": "山东寿光稻田镇",
        "origin_en": "Daotian, Shouguang",
        "grower": "李建国",
        "harvested_at": NOW - timedelta(hours=29),
        "certificate": "HGZ-7781",
        "expires_on": date(2026, 11, 28),
        "received_at": NOW,
        "received": 40,
    }
    with day.engine.begin() as conn:
        conn.execute(insert(t.lot).values({**lot, **changed}))


def at_home(day: Day, role: Role | None = None) -> Any:
    client = day.client(role)
    client.post("/en/sites", data={"site_id": day.site_id})
    return client


@pytest.mark.parametrize(("language", "words"), [("en", "harvested 29 hours ago"), ("zh-hans", "29 小时前采收")])
def test_a_row_says_how_long_ago_it_was_harvested(day: Day, language: str, words: str) -> None:
    client = at_home(day)
    assert words not in client.get(f"/{language}/shop").text
    bring_lot(day)
    assert client.get(f"/{language}/shop").text.count(words) == 1


def test_a_product_says_what_its_lots_papers_say(day: Day) -> None:
    bring_lot(day)
    page = at_home(day).get("/en/products/tomatoes").text
    for words in ("Harvested 29 hours ago", "Daotian, Shouguang", "李建国", "SG-1121", "HGZ-7781", "28 Nov 2026"):
        assert words in page
    assert "Not provided" not in page
    assert "not measured in the last 24 hours" in page
    assert "Keep it cool and dry, not in the fridge." in page


def test_what_no_paper_says_is_not_provided(day: Day) -> None:
    client = at_home(day)
    page = client.get("/zh-hans/products/tomatoes").text
    assert page.count("未提供") == 5  # grower, harvest, lot, certificate, date
    bring_lot(day, grower="", certificate="", harvested_at=None)
    assert client.get("/zh-hans/products/tomatoes").text.count("未提供") == 3


def test_the_last_order_is_a_card_with_what_it_costs_now(day: Day) -> None:
    client = at_home(day, Role.RESIDENT)
    page = client.get("/en/shop").text
    assert "Order again" in page
    assert "All of it can be had, at the same prices." in page
    with day.engine.begin() as conn:
        total = conn.execute(select(t.customer_order.c.total_minor)).scalar_one()
        assert f"Check it, then pay ¥{total / 100:.2f}" in page
        conn.execute(update(t.product).values(price_minor=t.product.c.price_minor + 1, cap_minor=None))
    changed = client.get("/en/shop").text
    assert "things are not as last time" in changed
    assert "Order again" not in client.get("/en/shop?q=tofu").text
    assert "Order again" not in at_home(day).get("/en/shop").text


def test_a_session_that_is_over_keeps_what_was_chosen(day: Day) -> None:
    client = filled(day, day.client(Role.RESIDENT))
    with day.engine.begin() as conn:
        conn.execute(t.web_session.delete())
    answer = client.post("/en/basket", data=form(day, low_door="1"))
    assert answer.headers["Location"] == "/en/sign-in?next=/en/basket&over=1"
    assert "Signed out for safety. What you chose is kept" in client.get(answer.headers["Location"]).text
    with day.engine.connect() as conn:
        assert len(conn.execute(select(t.customer_order)).all()) == 1
    page = client.get("/en/basket").text
    assert "Tomatoes" in page
    assert 'name="low_door" value="1" checked' in page
    assert "Where do we tell you?" in page


def test_a_form_of_another_page_leads_back_to_that_page(day: Day) -> None:
    client = day.client()
    sent = client.post(
        f"/en/orders/{day.order_id}/give-up", headers={"Referer": f"http://localhost/en/orders/{day.order_id}"}
    )
    assert sent.headers["Location"] == f"/en/sign-in?next=/en/orders/{day.order_id}"
    elsewhere = client.post(f"/en/orders/{day.order_id}/give-up", headers={"Referer": "http://evil.example/trap"})
    assert elsewhere.headers["Location"] == "/en/sign-in?next=/"


def test_an_order_that_is_not_paid_is_kept_longer_once(day: Day) -> None:
    client = filled(day, day.client(Role.RESIDENT))
    client.post("/en/basket", data=form(day))
    with day.engine.connect() as conn:
        mine = t.customer_order.c.state == "awaiting_payment"
        order_id = conn.execute(select(t.customer_order.c.id).where(mine)).scalar_one()
    page = client.get(f"/en/orders/{order_id}").text
    assert "I need 10 minutes more" in page
    assert client.post(f"/en/orders/{order_id}/longer").status_code == 303
    again = client.get(f"/en/orders/{order_id}").text
    assert "I need 10 minutes more" not in again
    refused = client.post(f"/en/orders/{order_id}/longer")
    assert refused.status_code == 409
    assert "Ten minutes more were given already" in refused.text


def test_a_line_stays_within_its_picture_and_breaks_where_nobody_measured() -> None:
    until, since = NOW, NOW - timedelta(hours=24)
    hours = [0, 1, 2, 20, 21]
    points = [Degrees(since + timedelta(hours=hour), 2.0, 3.0 + hour, 4.0) for hour in hours]
    drawn = sparkline(points, zone=Zone.CHILLED, since=since, until=until, step=timedelta(hours=1))
    assert drawn.line.count("M") == 2
    assert drawn.last is not None
    assert 0 <= drawn.last[0] <= WIDTH
    assert 0 <= drawn.last[1] <= HEIGHT
    nothing = sparkline([], zone=Zone.FROZEN, since=since, until=until, step=STEP)
    assert (nothing.line, nothing.last) == ("", None)
