"""A driver whose network goes in the middle of the bags: the locker's own scanner goes on, the phone keeps what it saw.

The real stack: gateways, controllers, brokers, PostgreSQL, a browser. Of each bag everything is recorded once.
"""

import asyncio
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text

from app.db.engine import make_engine
from app.demo.stack import Stack
from app.nemesis.cables import Cables
from app.replay.client import Client, decide_payment, sign_in
from locker_protocol.label import Label, write_label
from tests.journey.people import PHONE_WIDTH, SECONDS, Place, VirtualLocker, jump_to_load
from tests.journey.people import sign_in as sign_in_on

LOCKERS = {"osmanthus": {"G1": range(1, 25), "G2": range(25, 50)}, "sunny": {"Y1": range(1, 20)}}
COUNT_TAPS = """if (!sessionStorage.counting) addEventListener('pointerdown', () => {
  sessionStorage.taps = Number(sessionStorage.taps || 0) + 1; }, true)"""
PATIENCE = 60 * SECONDS


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Cables]]:
    """A stack whose cables can be cut."""
    cables = Cables()
    cables.begin()
    running = Stack(tmp_path_factory.mktemp("offline"), rewire=cables.rewire)
    try:
        running.start()
        yield running, cables
    finally:
        running.stop()
        cables.end()


@pytest.fixture
def engine(wired: tuple[Stack, Cables]) -> Iterator[Engine]:
    """The stack's database."""
    made = make_engine(wired[0].env["DATABASE_URL"])
    yield made
    made.dispose()


def packed_run(base: str, site_id: str, orders: int) -> int:
    """As `pack_orders`, in a thread: the browser's own loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, pack_orders(base, site_id, orders)).result()


async def pack_orders(base: str, site_id: str, orders: int) -> int:
    """Two bags an order, one chilled and one cool, paid and packed; their run."""
    async with aiohttp.ClientSession() as http:
        nobody = Client(http, base)
        resident = await sign_in(nobody, f"offline-{site_id}@demo.caibox.example")
        windows = await resident.all(f"/api/v1/sites/{site_id}/windows")
        window = min(windows, key=lambda each: each["opens_at"])
        lines = [{"product_id": sku, "quantity": 1} for sku in ("fresh-milk", "bananas")]
        for number in range(orders):
            body = {"window_id": window["id"], "lines": lines, "substitution": "refund"}
            order = await resident.post("/api/v1/orders", body, Idempotency_Key=f"offline-{site_id}-{number}")
            started = await resident.post(f"/api/v1/orders/{order['id']}/payment")
            await decide_payment(resident, started["pay_url"], paid=True)
        picker = await sign_in(nobody, "picker@caibox.example")
        run_no = int(window["run_no"])
        packed: set[str] = set()
        while len(packed) < orders * 2:
            for each in await picker.all(f"/api/v1/runs/{run_no}/parcels"):
                if each["state"] == "planned":
                    await picker.post(f"/api/v1/parcels/{each['id']}/packed")
                    packed.add(each["id"])
            await asyncio.sleep(0.5)
        return run_no


class Driver:
    """Somebody with a phone and a van at a site, in front of its lockers."""

    def __init__(self, place: Place, site_id: str, run_no: int) -> None:
        self.place = place
        self.doors = LOCKERS[site_id]
        self.lockers = VirtualLocker(place, self.doors)
        jump_to_load(place)
        self.page = place.person()
        self.page.set_default_timeout(PATIENCE)
        self.page.goto(place.url("/driver"))
        sign_in_on(place, self.page, "driver@caibox.example")
        self.page.locator(f"form[action$='{site_id}/begin'] button").click()
        self.page.wait_for_url(re.compile(f"/driver/{site_id}$"))
        expect(self.page.locator("#works-offline")).to_be_visible()
        self.page.add_init_script(COUNT_TAPS)
        self.page.goto(place.url(f"/driver/{site_id}/{run_no}"))
        expect(self.page.locator("#works-offline")).to_be_visible()
        self.refs: list[str] = self.page.locator("[data-bag] .bag-ref").all_text_contents()

    def shows_code(self) -> None:
        """Hold the phone's own code before the scanner of each locker."""
        self.page.locator("#my-code").evaluate(
            "(code) => { code.closest('details').open = true; return code.decode(); }"
        )
        picture = self.page.locator("#my-code").screenshot()
        for first in (doors[0] for doors in self.doors.values()):
            self.lockers.at(first).scan_picture(picture)
            expect(self.lockers.page.locator("#display")).to_have_attribute("data-screen", "visit")

    def types(self, ref: str) -> None:
        """A hand scanner types wherever the focus is."""
        self.page.keyboard.type(ref)
        self.page.keyboard.press("Enter")

    def shows(self, word: str) -> None:
        """The one word on the screen."""
        expect(self.page.locator("#loop")).to_have_attribute("data-word", re.compile(word))

    def loads(self, ref: str) -> None:
        """The phone asks, a door opens, the bag goes in."""
        self.types(ref)
        self.shows("put")
        door = int(self.page.locator("#loop[data-word=put] .word-door").inner_text().split()[-1])
        self.lockers.at(door).put_and_shut(door)
        self.shows("next|done")

    def loads_at_the_locker(self, ref: str, label: str) -> None:
        """Without a network: the phone keeps what it read, the locker's scanner opens the door."""
        self.types(ref)
        self.shows("saved")
        self.lockers.at(self.doors[next(iter(self.doors))][0]).scan(label)
        door = self._open_door()
        self.lockers.at(door).put_and_shut(door)

    def _open_door(self) -> int:
        for _ in range(100):
            for doors in self.doors.values():
                shown = self.lockers.at(doors[0]).page.locator("[data-door][data-state=open]")
                if shown.count():
                    return int(shown.first.get_attribute("data-door") or 0)
            self.page.wait_for_timeout(100)
        raise AssertionError("no door opened")

    @property
    def taps(self) -> int:
        """How often the glass was touched since the visit began."""
        return int(self.page.evaluate("Number(sessionStorage.taps || 0)"))

    def unsent(self) -> str:
        """What the page says of records that lie on the phone."""
        return self.page.locator("#unsent").inner_text()


def labels_of(engine: Engine, run_no: int) -> dict[str, str]:
    """Each bag's label by its reference."""
    with engine.connect() as conn:
        rows = conn.execute(
            text(
                "SELECT p.ref, s.site_no FROM parcel p JOIN customer_order o ON o.id = p.order_id"
                " JOIN site s ON s.id = o.site_id WHERE o.run_no = :run_no"
            ),
            {"run_no": run_no},
        )
        return {row.ref: write_label(Label(row.site_no, run_no, row.ref)) for row in rows}


def one(engine: Engine, sql: str, **values: Any) -> Any:
    with engine.connect() as conn:
        return conn.execute(text(sql), values).scalar_one()


def loads_told(engine: Engine, run_no: int) -> list[int]:
    """How often each bag of a run was told as loaded."""
    query = """
        SELECT count(*) FROM site_event e JOIN parcel p ON p.id = e.body->>'parcel_id'
        JOIN customer_order o ON o.id = p.order_id WHERE e.type = 'ParcelLoaded' AND o.run_no = :run_no GROUP BY p.id
    """
    with engine.connect() as conn:
        return list(conn.execute(text(query), {"run_no": run_no}).scalars())


def scans_kept(engine: Engine, run_no: int) -> list[int]:
    """How often each bag of a run was recorded as read by a phone."""
    query = """
        SELECT count(*) FROM visit_record r JOIN parcel p ON p.id = r.parcel_id
        JOIN customer_order o ON o.id = p.order_id WHERE r.kind = 'scan' AND o.run_no = :run_no GROUP BY p.id
    """
    with engine.connect() as conn:
        return list(conn.execute(text(query), {"run_no": run_no}).scalars())


def place_at(wired: tuple[Stack, Cables], browser: Browser, tmp_path: Path, language: str) -> Place:
    pictures = Path(os.environ.get("CAIBOX_PICTURES", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    urls = wired[0].urls
    return Place(browser, urls["web"], urls["lockers"], language, pictures, PHONE_WIDTH)


def all_sent(page: Page) -> None:
    expect(page.locator("#unsent")).to_be_hidden(timeout=PATIENCE)


@pytest.mark.timeout(1200)  # twenty bags by hand and a stack of its own, on a machine that may be busy
def test_twenty_bags_are_recorded_once_though_the_phone_lost_its_network_in_the_middle(
    wired: tuple[Stack, Cables], engine: Engine, browser: Browser, tmp_path: Path
) -> None:
    place = place_at(wired, browser, tmp_path, "zh-hans")
    run_no = packed_run(wired[0].urls["web"].rstrip("/"), "osmanthus", 10)
    driver = Driver(place, "osmanthus", run_no)
    labels = labels_of(engine, run_no)
    assert len(driver.refs) == 20
    driver.shows_code()
    for ref in driver.refs[:10]:
        driver.loads(ref)

    driver.page.context.set_offline(True)
    for number, ref in enumerate(driver.refs[10:], start=1):
        driver.loads_at_the_locker(ref, labels[ref])
        expect(driver.page.locator("#unsent")).to_have_text(f"离线：{number} 条已存在本机，有网自动上传。")
        if number == 5:
            driver.page.reload()
            expect(driver.page.locator("#unsent")).to_contain_text("5")
    place.picture(driver.page, "driver-offline")
    driver.types("P1-1-1-ZZZZZZZZ")
    driver.shows("foreign")
    place.picture(driver.page, "driver-wrong-bag")

    driver.page.context.set_offline(False)
    all_sent(driver.page)
    driver.shows("done")
    expect(driver.page.locator(".progress").first).to_contain_text("20/20")
    place.picture(driver.page, "driver-all-sent")
    assert driver.taps == 0
    assert loads_told(engine, run_no) == [1] * 20
    assert scans_kept(engine, run_no) == [1] * 10
    assert one(engine, "SELECT count(*) FROM parcel WHERE state = 'loaded'") == 20
    assert one(engine, "SELECT count(*) FROM remote_command WHERE kind = 'load'") == 10  # nothing opened late
    driver.page.context.close()


@pytest.mark.timeout(900)
def test_the_site_may_be_cut_off_too_and_all_is_recorded_once_when_both_are_back(
    wired: tuple[Stack, Cables], engine: Engine, browser: Browser, tmp_path: Path
) -> None:
    place = place_at(wired, browser, tmp_path, "en")
    run_no = packed_run(wired[0].urls["web"].rstrip("/"), "sunny", 3)
    driver = Driver(place, "sunny", run_no)
    labels = labels_of(engine, run_no)
    driver.shows_code()
    driver.loads(driver.refs[0])

    uplink = next(name for name in wired[1].names if name.startswith("gateway-sunny") and name.endswith("uplink"))
    wired[1].lose(uplink)
    driver.page.context.set_offline(True)
    for ref in driver.refs[1:]:
        driver.loads_at_the_locker(ref, labels[ref])
    driver.page.context.set_offline(False)
    all_sent(driver.page)  # the phone is back before the site
    assert scans_kept(engine, run_no) == [1] * 5
    assert loads_told(engine, run_no) == [1]

    wired[1].mend(uplink)
    driver.shows("done")
    assert loads_told(engine, run_no) == [1] * 6
    driver.page.context.close()
