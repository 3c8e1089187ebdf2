"""How many bytes a page sends to a phone that sees it for the first time: really sent, packed as they travel.

A real browser with an empty cache counts them. Sizes are no timings: these hold on any machine.
"""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize
from sqlalchemy import Engine, text

from app.db.tables import metadata
from app.domain.roles import Role
from tests.web.every_page import PHONE, cookie_of
from tests.web.every_page_world import Furnished, furnished
from tests.web.served import served

KB = 1024
# A resident's first view; a font is one of the words' own sizes, pictures are what the window shows.
MOST = {"total": 120 * KB, "Script": 30 * KB, "Stylesheet": 15 * KB, "Document": 15 * KB, "Font": 18 * KB}
DRIVER_MOST = 650 * KB
RESIDENTS = {
    "sites": "/sites",
    "shop": "/shop",
    "product": "/products/tomatoes",
    "basket": "/basket",
    "sign in": "/sign-in",
    "orders": "/orders",
    "order": "/orders/{order}",
    "collect": "/orders/{order}/collect",
    "link": "/c/{link}",
    "claim": "/c/{link}/claim",
    "receipt": "/orders/{order}/receipts/1",
    "account": "/account",
}


@pytest.fixture(scope="module")
def world(db_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    with db_engine.begin() as conn:
        conn.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    with furnished(db_engine, tmp_path_factory.mktemp("budgets")) as made:
        yield made


@pytest.fixture(scope="module")
def address(world: Furnished, browser: Browser) -> Iterator[str]:
    with served(world.day.app, browser) as address:
        yield address


def sent(
    browser: Browser, world: Furnished, address: str, role: Role, path: str, size: ViewportSize = PHONE
) -> Counter[str]:
    """Bytes by kind, as they came over the wire, headers and all."""
    context = browser.new_context(viewport=size)
    context.add_cookies([cookie_of(world.day, role, address)])
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    kinds: dict[str, str] = {}
    counted: Counter[str] = Counter()
    devtools.on("Network.responseReceived", lambda told: kinds.update({told["requestId"]: told["type"]}))
    devtools.on(
        "Network.loadingFinished",
        lambda told: counted.update({kinds.get(told["requestId"], "?"): round(told["encodedDataLength"])}),
    )
    devtools.send("Network.enable")
    answer = page.goto(address + path, wait_until="load")
    assert answer is not None
    assert answer.ok, (path, answer.status)
    page.wait_for_timeout(200)  # what a script loads
    context.close()
    counted["total"] = sum(counted.values())
    return counted


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("name", RESIDENTS)
def test_a_residents_first_view_is_light(
    browser: Browser, world: Furnished, address: str, name: str, language: str
) -> None:
    places = {"order": world.day.order_id, "link": world.places["link"]}
    path = f"/{language}{RESIDENTS[name].format(**places)}"
    counted = sent(browser, world, address, Role.RESIDENT, path)
    assert counted["Document"] > 500, "nothing was counted"
    assert {kind: counted[kind] for kind, most in MOST.items() if counted[kind] > most} == {}


def test_the_drivers_loop_with_its_camera_is_light(world: Furnished) -> None:
    """All the page may ever load, the reader of labels included, as it is kept for a lobby without network."""
    client = world.day.client(Role.DRIVER)
    loading = world.of["driver.loop_page"]
    takes = {"Accept-Encoding": "gzip"}
    shown = client.get(f"/en/driver/{loading['site_id']}/{loading['run_no']}")
    files = set(re.findall(r"[\"'](/static/[^\"']+)[\"']", shown.text))
    assert any(".wasm" in file for file in files)
    sizes = {file: len(client.get(file, headers=takes).data) for file in files}
    assert sum(sizes.values()) + len(client.get(shown.request.path, headers=takes).data) <= DRIVER_MOST, sizes
