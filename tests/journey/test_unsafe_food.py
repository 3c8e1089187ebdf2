"""Food that became unsafe: the plug is pulled, time passes, and nobody touches anything else.

The door stays shut, whoever ordered is told, the money is back in the books, and operators find the bag on their page.
"""

import os
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from app.demo.stack import Stack
from tests.journey.people import (
    PHONE_WIDTH,
    SECONDS,
    Place,
    VirtualLocker,
    choose_goods,
    jump_to_load,
    load_everything,
    order_and_pay,
    pack_everything,
    sign_in,
)

DOORS = {"G1": range(1, 25), "G2": range(25, 50)}
CONTACT = "breach@demo.caibox.example"
# Two civil hours and what it takes to notice, at 60 times the speed, on a machine that does other things too.
SOON = 240 * SECONDS


def test_a_pulled_plug_ends_with_a_shut_door_a_told_resident_a_refund_and_a_look(
    own_stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("CAIBOX_PICTURES", tmp_path))
    place = Place(browser, own_stack.urls["web"], own_stack.urls["lockers"], "en", pictures, PHONE_WIDTH)
    resident = place.person()
    choose_goods(place, resident, ["fresh-milk"])
    order = order_and_pay(place, resident, CONTACT)
    number = resident.locator("main p.muted").first.inner_text().split()[-1]
    pack_everything(place)
    jump_to_load(place)
    locker = VirtualLocker(place, DOORS)
    load_everything(place, locker)
    resident.locator("a.button.big").click()
    door = int(resident.locator(".door-number").first.inner_text().split()[-1])
    qr = resident.request.get(place.url(order + "/qr.png")).body()

    operator = place.person()
    operator.goto(place.url("/ops/cold"))
    sign_in(place, operator, "operator@caibox.example")
    plug(locker.at(door), pulled=True)
    run_clock(place, rate=60)

    expect(resident.locator(".notice.stop").first).to_contain_text("food safety", timeout=SOON)
    place.picture(resident, "collect-kept-shut")
    expect(operator.locator("#cold")).to_contain_text(f"Door {door}")
    place.picture(operator, "ops-kept-shut")

    refunded(place, operator, number)
    run_clock(place, rate=1)
    resident.goto(place.url(order))
    expect(resident.locator("main")).to_contain_text("goes back")
    place.picture(resident, "order-breach-refunded")
    inbox = place.person()
    inbox.goto(place.url(f"/inbox?contact={CONTACT}"))
    expect(inbox.locator("main")).to_contain_text("food safety")

    plug(locker, pulled=False)
    locker.scan_picture(qr)
    expect(locker.page.locator("#display")).to_have_attribute("data-refusal", re.compile("quarantined|revoked"))
    locker.shows_shut(door)
    locker.picture("locker-kept-shut")


def plug(locker: VirtualLocker, *, pulled: bool) -> None:
    """Pull the locker's plug, or put it in again."""
    button = locker.page.locator("#switches [data-action=power]")
    button.click()
    expect(button).to_have_attribute("aria-checked", "false" if pulled else "true")


def run_clock(place: Place, *, rate: int) -> None:
    """Let the demo's civil time run so many times as fast."""
    page = place.person()
    page.goto(place.url("/demo/clock"))
    page.click(f"button[name=rate][value='{rate}']")
    page.wait_for_load_state()
    page.context.close()


def refunded(place: Place, operator: Page, number: str) -> None:
    """Wait until the refund stands in the books, for the reason it has."""
    operator.goto(place.url("/ops/refunds"))
    row = operator.locator("ul.orders li.card", has_text=number)
    for _ in range(SOON // (5 * SECONDS)):
        if row.count():
            break
        operator.wait_for_timeout(5 * SECONDS)
        operator.reload()
    expect(row.first).to_contain_text("not kept cold")
    place.picture(operator, "ops-breach-refund")
