"""Staff pages in a real browser at 390 px: the driver's loop by hand and by camera, and what axe has to say."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import segno
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Connection, Engine, select, text, update

from app.db import tables as t
from app.domain.roles import Role
from locker_protocol.label import Label, write_label
from tests.conftest import BROWSER_FLAGS
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, load, pack_all

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
PHONE = ViewportSize(width=390, height=844)
NARROW = 320
DOOR = 12
RUN_AXE = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})).violations
  .map((found) => `${found.id}: ${found.nodes.map((node) => node.html).join(' | ')}`)"""


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            pack_all(conn, made.order_id)
            now = t.load_run.c.load_from - timedelta(hours=26)
            conn.execute(update(t.load_run).values(order_by=now, load_from=now))
        yield made


def open_page(browser: Browser, url: str, role: Role, path: str, **context: Any) -> Page:
    page = browser.new_context(viewport=context.pop("viewport", PHONE), **context).new_page()
    page.goto(f"{url}/be/{role}")
    page.goto(url + path)
    return page


def label_of(day: Day, parcel_id: str) -> str:
    with day.engine.begin() as conn:
        ref = conn.execute(select(t.parcel.c.ref).where(t.parcel.c.id == parcel_id)).scalar_one()
    return write_label(Label(1, day.run_no, ref))


def notify(conn: Connection, day: Day) -> None:
    conn.execute(text("SELECT pg_notify('caibox', :topic)"), {"topic": f"site:{day.site_id}"})


def answer(day: Day, **values: Any) -> None:
    """What the site would say to the last question."""
    with day.engine.begin() as conn:
        conn.execute(update(t.remote_command).values(sent_at=NOW, answered_at=NOW, **values))
        notify(conn, day)


def lay(day: Day, parcel_id: str) -> None:
    with day.engine.begin() as conn:
        load(conn, parcel_id, DOOR)
        notify(conn, day)


def test_a_driver_loads_with_the_keyboard_alone(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, Role.DRIVER, f"/en/driver/{day.site_id}/{day.run_no}")
    expect(page.locator(".word-big")).to_have_text("Scan")
    page.keyboard.type(label_of(day, day.parcels[0]))
    page.keyboard.press("Enter")
    expect(page.locator(".word-big")).to_have_text("Wait")
    answer(day, answered_doors=[DOOR])
    expect(page.locator(".word-door")).to_contain_text(str(DOOR))
    expect(page.locator(".word-door")).to_be_in_viewport()
    expect(page.locator(f"#door-G1-{DOOR}")).to_have_class("leaf empty yours")
    lay(day, day.parcels[0])
    expect(page.locator(".word-big")).to_have_text("Next one")
    expect(page.locator(".progress strong")).to_have_text("1")
    expect(page.locator("#label")).to_be_focused()
    page.context.close()


def test_a_wrong_bag_stops_the_driver_in_words(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, Role.DRIVER, f"/zh-hans/driver/{day.site_id}/{day.run_no}")
    page.keyboard.type("P1-9-9-ZZZZZZZZ")
    page.keyboard.press("Enter")
    expect(page.locator("#loop")).to_have_attribute("data-word", "refused")
    expect(page.locator(".word-big")).to_have_text("不是这袋")
    page.context.close()


def test_the_drivers_own_code_is_a_picture_that_can_be_scanned(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, Role.DRIVER, f"/en/driver/{day.site_id}/{day.run_no}")
    page.get_by_text("Without network: at the").click()
    expect(page.locator("#my-code")).to_be_visible()
    assert page.locator("#my-code").evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") > 0
    page.context.close()


def test_a_camera_reads_the_label(day: Day, url: str, browser: Browser, tmp_path: Path) -> None:
    """Debian's Chromium has no reader of its own, so this is the one we carry, under the page's content policy."""
    film = film_of(label_of(day, day.parcels[0]), tmp_path / "label.y4m")
    flags = [
        *BROWSER_FLAGS,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    camera = browser.browser_type.launch(executable_path=executable(), args=flags)
    page = open_page(camera, url, Role.DRIVER, f"/en/driver/{day.site_id}/{day.run_no}", permissions=["camera"])
    page.get_by_role("button", name="Camera").click()
    expect(page.locator(".word-big")).to_have_text("Wait", timeout=15_000)
    answer(day, refusal="no_free_door")
    expect(page.locator(".word-says")).to_contain_text("No free door fits this bag.")
    camera.close()


def test_what_changes_at_a_site_changes_on_the_operators_page(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, Role.OPERATOR, "/en/ops")
    expect(page.locator("h1")).to_have_text("Everything is as it should be")
    long_ago = NOW - timedelta(minutes=3)
    with day.engine.begin() as conn:
        seventh = (t.compartment.c.site_id == day.site_id) & (t.compartment.c.door == 7)
        conn.execute(update(t.compartment).where(seventh).values(door_state="open", door_changed_at=long_ago))
        notify(conn, day)
    expect(page.locator("h1")).to_contain_text("1 to watch")
    expect(page.locator("#door-G1-7")).to_have_class("leaf open")
    page.context.close()


def test_an_operator_opens_a_door_and_sees_what_became_of_it(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, Role.OPERATOR, f"/en/ops/sites/{day.site_id}/doors/7")
    page.get_by_label("Reason").fill("the resident stands in front")
    page.get_by_role("button", name="Open door 7").click()
    expect(page.locator("#asked")).to_contain_text("asking…")
    answer(day, answered_doors=[7])
    expect(page.locator("#asked")).to_contain_text("unlocked")
    page.context.close()


def test_each_label_is_one_sheet_of_60_by_40_mm(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, Role.PICKER, f"/en/picking/runs/{day.run_no}/labels")
    sheets = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", page.pdf(prefer_css_page_size=True))
    assert len(sheets) == len(day.parcels)
    assert [round(float(points) / 72 * 25.4) for points in sheets[0]] == [60, 40]
    page.context.close()


def pages_of(day: Day) -> list[tuple[Role, str]]:
    return [
        (Role.PICKER, "picking"),
        (Role.PICKER, f"picking/runs/{day.run_no}"),
        (Role.PICKER, f"picking/runs/{day.run_no}/labels"),
        (Role.DRIVER, "driver"),
        (Role.DRIVER, f"driver/{day.site_id}/{day.run_no}"),
        *((Role.DRIVER, f"driver/{day.site_id}{step}") for step in ("", "/sweep", "/check", "/count", "/leave")),
        (Role.OPERATOR, "ops"),
        (Role.OPERATOR, f"ops/sites/{day.site_id}/doors/7"),
        (Role.OPERATOR, "ops/orders"),
        (Role.OPERATOR, f"ops/orders/{day.order_id}"),
        (Role.OPERATOR, "ops/rejected"),
        (Role.RESIDENT, "demo/clock"),
    ]


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh-hans", "dark")])
def test_every_staff_page_is_accessible_and_fits(
    day: Day, url: str, browser: Browser, language: str, scheme: Any
) -> None:
    page = browser.new_context(viewport=PHONE, color_scheme=scheme).new_page()
    devtools = page.context.new_cdp_session(page)  # past the page's content policy, which stays on
    axe, faults = AXE.read_text(encoding="utf-8"), []
    for role, path in pages_of(day):
        page.set_viewport_size(PHONE)
        page.goto(f"{url}/be/{role}")
        page.goto(f"{url}/{language}/{path}")
        devtools.send("Runtime.evaluate", {"expression": axe})
        faults += [f"{path} {fault}" for fault in page.evaluate(RUN_AXE)]
        page.set_viewport_size(ViewportSize(width=NARROW, height=700))
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append(f"{path} is wider than {NARROW} px")
    page.context.close()
    assert faults == []


def test_what_a_driver_touches_is_large(day: Day, url: str, browser: Browser) -> None:
    page = open_page(browser, url, Role.DRIVER, f"/en/driver/{day.site_id}/{day.run_no}")
    sizes = page.locator(".driver button:visible, .driver summary:visible, .driver input:visible").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 64
    words = page.locator(".driver :visible").evaluate_all(
        "(all) => all.map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(words) >= 20
    page.context.close()


def executable() -> str:
    return next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))


def film_of(text_of_code: str, film: Path, *, width: int = 640, height: int = 480, scale: int = 10) -> Path:
    """Draw a QR in the middle of a grey picture and write it as a film of two frames (Y4M, 4:2:0)."""
    rows = [bytes(row) for row in segno.make(text_of_code, error="m", micro=False).matrix_iter(scale=scale, border=4)]
    left, top = (width - len(rows[0])) // 2, (height - len(rows)) // 2
    luma = bytearray(b"\xb0" * (width * height))
    for number, row in enumerate(rows):
        start = (top + number) * width + left
        luma[start : start + len(row)] = bytes(16 if dark else 235 for dark in row)
    frame = b"FRAME\n" + bytes(luma) + b"\x80" * (width * height // 2)
    film.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420\n".encode() + frame * 2)
    return film
