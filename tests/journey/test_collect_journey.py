"""From the message to an open door and to the money, on the whole stack: two taps, one photo, or a door that jams."""

import os
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
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
BASKET = ["tomatoes", "frozen-dumplings"]
LINK = re.compile(r"https?://\S+/c/[\w.-]+")
# A lock that is pulsed in vain is given up after ten to twenty seconds, twice.
JAM = 60 * SECONDS
COUNT_TAPS = """
window.taps = Number(sessionStorage.getItem('taps'));
addEventListener('click', () => sessionStorage.setItem('taps', ++window.taps), true);
"""


@pytest.fixture
def place(stack: Stack, browser: Browser, tmp_path: Path) -> Place:
    pictures = Path(os.environ.get("CAIBOX_PICTURES", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    return Place(browser, stack.urls["web"], stack.urls["lockers"], "en", pictures, PHONE_WIDTH)


def test_two_taps_open_the_doors_and_one_photo_brings_the_money_back(place: Place) -> None:
    contact = "two-taps@demo.caibox.example"
    locker = loaded(place, contact)
    phone = come_by_message(place, contact)
    doors = own_doors(phone)
    place.picture(phone, "collect-by-link")

    phone.locator("#open-sheet summary").click()
    place.picture(phone, "collect-sheet", whole=False)
    phone.locator("#open-sheet button").click()
    for door in doors:
        locker.at(door).shows_open(door)
    assert int(phone.evaluate("window.taps")) <= 2
    expect(phone.locator("#collect-bar .bar-line.ok")).to_be_visible()
    place.picture(phone, "collect-open", whole=False)
    for door in doors:
        locker.at(door).take_and_shut(door)

    tell = phone.locator("#collect-bar a.button")
    expect(tell).to_be_visible()
    place.picture(phone, "collect-done")
    tell.click()
    phone.locator("input[name=line]").first.check()
    phone.locator("input[name=kind]").first.check()
    phone.set_input_files("#f-photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": rotten()})
    phone.locator("main form button.big").click()
    number = re.search(r"R-\d+", phone.locator("#claims .notice.ok").inner_text())
    assert number, "its refund has a number"
    expect_refunded(place, number[0])


def test_a_door_that_jams_is_tried_again_and_then_refunded_once_and_never_opens_after(place: Place) -> None:
    contact = "jam@demo.caibox.example"
    locker = loaded(place, contact)
    phone = come_by_message(place, contact)
    doors = own_doors(phone)
    qr = phone.request.get(phone.url + "/qr.png").body()
    for door in doors:
        locker.at(door).act(door, "jam")

    phone.locator("#open-sheet summary").click()
    phone.locator("#open-sheet button").click()
    again = phone.get_by_role("button", name="Try again")
    expect(again).to_be_visible(timeout=JAM)
    place.picture(phone, "collect-again", whole=False)
    again.click()
    refund = phone.get_by_role("button", name="Refund")
    expect(refund).to_be_visible(timeout=JAM)
    expect(phone.locator("#collect-bar")).to_contain_text("Staff have been told.")
    place.picture(phone, "collect-stuck", whole=False)
    refund.click()
    expect(phone.locator("h1")).to_have_text("This order has ended", timeout=JAM)
    expect(phone.locator("main")).to_contain_text("was sent back the way you paid")
    expect(phone.locator(".code-digits")).to_have_count(0)

    for door in doors:
        locker.at(door).act(door, "unjam")
    locker.at(doors[0]).scan_picture(qr)
    locker.refuses("revoked")
    for door in doors:
        locker.at(door).shows_shut(door)


def loaded(place: Place, contact: str) -> VirtualLocker:
    """Order, pay, pack and load; somebody stands at the lockers."""
    resident = place.person()
    choose_goods(place, resident, BASKET)
    order_and_pay(place, resident, contact)
    pack_everything(place)
    jump_to_load(place)
    locker = VirtualLocker(place, DOORS)
    load_everything(place, locker)
    resident.context.close()
    return locker


def come_by_message(place: Place, contact: str) -> Page:
    """Open the link in the newest message on a phone that nobody is signed in on."""
    phone = place.person()
    phone.goto(place.url(f"/inbox?contact={contact}"))
    body = phone.locator("article .message-body", has_text="/c/").first
    body.wait_for()
    found = LINK.search(body.inner_text())
    assert found, "the message has the link"
    phone.context.add_init_script(COUNT_TAPS)
    phone.goto(found[0])
    expect(phone.locator(".code-digits")).to_be_visible()
    return phone


def own_doors(phone: Page) -> list[int]:
    return [int(text.split()[-1]) for text in phone.locator(".door-number").all_inner_texts()]


def rotten() -> bytes:
    """A photo as a phone sends it."""
    out = BytesIO()
    Image.new("RGB", (1200, 900), "darkred").save(out, "JPEG")
    return out.getvalue()


def expect_refunded(place: Place, number: str) -> None:
    """In the books within a minute, as operators see it."""
    operator = place.person()
    operator.goto(place.url("/ops/refunds"))
    sign_in(place, operator, "operator@caibox.example")
    row = operator.locator("ul.orders li.card", has_text=number)
    for _ in range(12):
        operator.goto(place.url("/ops/refunds?state=done"))
        if row.count():
            break
        operator.wait_for_timeout(5 * SECONDS)
    expect(row.first).to_contain_text("done")
    operator.context.close()
