"""The operator's day in a real browser, at 390 and 1280 px, in both languages: from a risk to what was done."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Connection, Engine, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, load, pack_all, place
from tests.web.test_staff_browser import AXE, RUN_AXE

WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=390, height=844)
VIEWS = [("en", NARROW), ("en", WIDE), ("zh-hans", NARROW), ("zh-hans", WIDE)]
NAMES = ["en-390", "en-1280", "zh-390", "zh-1280"]
PICTURES = os.environ.get("CAIBOX_PICTURES")


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    """A bad evening: a bag whose time ends, a failed refund, an order nobody packed, a run short of doors."""
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            late = place(conn, person_id=made.people[Role.RESIDENT], window_id=made.window_id, products=2)
            conn.execute(update(t.customer_order).where(t.customer_order.c.id == late).values(state="paid"))
            pack_all(conn, made.order_id)
            load(conn, made.parcels[0], 7)
            soon = NOW + timedelta(minutes=70)
            conn.execute(update(t.parcel).where(t.parcel.c.id == made.parcels[0]).values(collect_until=soon))
            mine = t.customer_order.c.id == made.order_id
            total = conn.execute(select(t.customer_order.c.total_minor).where(mine)).scalar_one()
            conn.execute(update(t.customer_order).where(mine).values(state="ready"))
            money = {"order_id": made.order_id, "currency": "CNY"}
            conn.execute(
                insert(t.payment).values(
                    id="pay",
                    provider="sandbox",
                    provider_ref="ref",
                    state="captured",
                    amount_minor=total,
                    made_at=NOW,
                    **money,
                )
            )
            conn.execute(
                insert(t.refund).values(
                    id="r1",
                    refund_no="R-901",
                    payment_id="pay",
                    cause="short",
                    cause_key="short",
                    amount_minor=390,
                    decided_at=NOW - timedelta(hours=1),
                    decided_by="clock",
                    next_try_at=NOW,
                    failed="account closed",
                    **money,
                )
            )
            run = t.load_run.c.run_no == made.run_no
            conn.execute(update(t.load_run).where(run).values(load_from=NOW + timedelta(minutes=40), order_by=NOW))
            chilled = (t.run_capacity.c.run_no == made.run_no) & (t.run_capacity.c.zone == "chilled")
            small = chilled & (t.run_capacity.c.size_or_larger == "S")
            conn.execute(update(t.run_capacity).where(small).values(blocked=t.run_capacity.c.total))
            supply(conn, made)
        yield made


def supply(conn: Connection, day: Day) -> None:
    """A supplier, and a lot of theirs that lies in the order's first bag."""
    line = conn.execute(select(t.order_line).where(t.order_line.c.order_id == day.order_id).limit(1)).one()
    conn.execute(insert(t.supplier).values(id="kunshan", name_zh="昆山合作社", name_en="Kunshan growers"))
    conn.execute(update(t.product).where(t.product.c.id == line.product_id).values(supplier_id="kunshan"))
    days = {"expires_on": (NOW + timedelta(days=4)).date(), "received_at": NOW, "harvested_at": NOW}
    origin = {"origin_zh": "江苏昆山", "origin_en": "Kunshan, Jiangsu", "grower": "沈家田", "certificate": "HGZ-7"}
    counts = {"received": 40, "taken": 2}
    conn.execute(insert(t.lot).values(id="lot", product_id=line.product_id, code="1122-A", **origin, **days, **counts))
    conn.execute(insert(t.line_lot).values(order_id=day.order_id, line_no=line.line_no, lot_id="lot", quantity=2))


def open_page(browser: Browser, url: str, path: str, viewport: ViewportSize, role: Role = Role.ADMIN) -> Page:
    page = browser.new_context(viewport=viewport, accept_downloads=True).new_page()
    page.goto(f"{url}/be/{role}")
    page.goto(url + path)
    return page


def seen(page: Page, name: str) -> None:
    """Leave a picture for people to look at, where asked."""
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/ops-{name}.png", full_page=True)


@pytest.mark.parametrize(("language", "viewport"), VIEWS, ids=NAMES)
def test_every_page_of_the_day_fits_and_is_accessible(
    day: Day, url: str, browser: Browser, language: str, viewport: ViewportSize
) -> None:
    page = open_page(browser, url, f"/{language}/ops/day", viewport)
    devtools = page.context.new_cdp_session(page)  # past the page's content policy, which stays on
    faults = []
    paths = {
        "day": "day",
        "numbers": "numbers",
        "stock": "stock",
        "run": f"stock?run={day.run_no + 1}",
        "refunds": "refunds",
        "people": "people",
        "person": f"people/{day.people[Role.KEEPER]}",
        "refund": f"orders/{day.order_id}/refund",
        "order": f"orders/{day.order_id}",
        "door": f"sites/{day.site_id}/doors/7",
        "openings": "openings",
        "suppliers": "suppliers",
        "supplier": "suppliers/kunshan",
        "needs": f"suppliers/kunshan/runs/{day.run_no}",
        "lots": "lots",
        "lot": "lots/lot",
    }
    for name, path in paths.items():
        answer = page.goto(f"{url}/{language}/ops/{path}")
        assert answer is not None
        assert answer.ok, path
        seen(page, f"{name}-{language}-{viewport['width']}")
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append(f"{path} is wider than the screen")
        devtools.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
        found = devtools.send(
            "Runtime.evaluate", {"expression": f"({RUN_AXE})()", "awaitPromise": True, "returnByValue": True}
        )
        faults += [f"{path}: {fault}" for fault in found["result"]["value"]]
    assert faults == []
    page.context.close()


@pytest.mark.parametrize(("language", "viewport"), [VIEWS[0], VIEWS[3]], ids=[NAMES[0], NAMES[3]])
def test_from_the_days_first_risk_money_goes_back_by_keyboard(
    day: Day, url: str, browser: Browser, language: str, viewport: ViewportSize
) -> None:
    page = open_page(browser, url, f"/{language}/ops/day", viewport, Role.OPERATOR)
    page.locator(".risks li").first.locator("a").press("Enter")
    page.locator("a[href$='/refund']").press("Enter")
    page.locator("#f-line-2").fill("1,5")
    page.locator("#f-reason").fill("no")
    page.locator("#f-reason").evaluate("(field) => field.form.noValidate = true")
    page.locator("#f-reason").press("Enter")
    expect(page.locator(".summary")).to_be_focused()
    expect(page.locator("#f-line-2")).to_have_value("1,5")
    page.locator("#f-reason").fill("two were soft")
    page.locator("#f-reason").press("Enter")
    expect(page.locator("h1")).to_contain_text("¥1.50")
    seen(page, f"preview-{language}-{viewport['width']}")
    page.locator("main button").press("Enter")
    expect(page.locator("section[aria-labelledby=refunds]")).to_contain_text("two were soft")
    with day.engine.begin() as conn:
        made = conn.execute(select(t.refund.c.amount_minor).where(t.refund.c.cause == "staff")).scalars().all()
    assert made == [150]
    page.context.close()


@pytest.mark.parametrize(("language", "viewport"), [VIEWS[1], VIEWS[2]], ids=[NAMES[1], NAMES[2]])
def test_a_price_is_changed_by_keyboard_and_the_row_is_found_again(
    day: Day, url: str, browser: Browser, language: str, viewport: ViewportSize
) -> None:
    page = open_page(browser, url, f"/{language}/ops/stock", viewport, Role.OPERATOR)
    row = page.locator(".rows li").nth(7)
    row.locator("input[name=price]").fill("free")
    row.locator("input[name=price]").press("Enter")
    expect(page.locator(".summary")).to_be_focused()
    expect(page.locator("input[aria-invalid=true]")).to_have_value("free")
    page.locator(".summary a").press("Enter")
    page.locator("input[aria-invalid=true]").fill("7.8")
    page.locator("input[aria-invalid=true]").press("Enter")
    expect(page.locator(".saved")).to_be_in_viewport()
    expect(row.locator("input[name=price]")).to_have_value("7.80")
    seen(page, f"saved-{language}-{viewport['width']}")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/ops-row-{language}-{viewport['width']}.png")
    page.context.close()


def test_a_failed_refund_is_tried_again_from_the_list(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, "/en/ops/refunds?state=failed", NARROW, Role.OPERATOR)
    page.get_by_role("button", name="Try again R-901").click()
    expect(page.locator("section[aria-labelledby=refunds]")).to_contain_text("on its way")
    page.context.close()


@pytest.mark.parametrize(
    ("language", "viewport", "open_it", "confirmed"),
    [("en", NARROW, "Open it", "confirmed by admin"), ("zh-hans", WIDE, "确认开门", "由admin确认")],
    ids=[NAMES[0], NAMES[3]],
)
def test_a_fourth_opening_waits_until_another_operator_opens_it_by_keyboard(
    day: Day, url: str, browser: Browser, language: str, viewport: ViewportSize, open_it: str, confirmed: str
) -> None:
    other = open_page(browser, url, f"/{language}/ops", viewport, Role.ADMIN)
    page = open_page(browser, url, f"/{language}/ops/sites/{day.site_id}/doors/7", viewport, Role.OPERATOR)
    for asked in range(1, 5):
        page.locator("#f-reason").fill("the hinge is stuck")
        page.locator("#f-reason").press("Enter")
        expect(page.locator("#asked .events li")).to_have_count(asked)
    expect(page.locator("#asked .pill.look")).to_have_count(1)

    button = other.get_by_role("button", name=open_it)  # it came by itself
    expect(button).to_be_visible()
    assert not other.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    seen(other, f"held-{language}-{viewport['width']}")
    button.press("Enter")

    expect(other.locator("#opened .events li").first).to_contain_text(confirmed)
    seen(other, f"openings-{language}-{viewport['width']}")
    expect(page.locator("#asked .pill.look")).to_have_count(0)  # whoever asked sees it too
    expect(page.locator("#told .events").first).to_contain_text(confirmed)
    for each in (page, other):
        each.context.close()
