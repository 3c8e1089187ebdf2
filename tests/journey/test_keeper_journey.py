"""A keeper at the real stack: food rescued from a door and given from the cold bag, the rest opened for its owner."""

import os
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from app.demo.stack import Stack
from tests.journey.people import (
    PHONE_WIDTH,
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
CONTACT = "grandmother@demo.caibox.example"


def test_a_keeper_rescues_a_bag_and_opens_the_rest(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("CAIBOX_PICTURES", tmp_path))
    place = Place(browser, stack.urls["web"], stack.urls["lockers"], "en", pictures, PHONE_WIDTH)
    resident = place.person()
    choose_goods(place, resident, ["fresh-milk", "frozen-dumplings"])
    order_and_pay(place, resident, CONTACT)
    number = resident.locator("main p.muted").first.inner_text().split()[-1]
    pack_everything(place)
    jump_to_load(place)
    locker = VirtualLocker(place, DOORS)
    load_everything(place, locker)
    resident.locator("a.button.big").click()
    resident.locator(".door-number").first.wait_for()
    doors = [int(text.split()[-1]) for text in resident.locator(".door-number").all_inner_texts()]

    keeper = place.person()
    keeper.goto(place.url("/keeper"))
    sign_in(place, keeper, "keeper@caibox.example")
    rescue(place, keeper, locker, doors[0])
    expect(resident.locator("#collect .notice.yours")).to_contain_text("is with 阿珍 in a cold bag")
    place.picture(resident, "collect-rescued")

    keeper.goto(place.url("/keeper/bag"))
    keeper.locator("article a.button.big").click()
    expect(keeper.locator("#f-number")).to_have_value(number)
    keeper.fill("#f-said", CONTACT)
    keeper.click("main form button.big")
    keeper.locator("form[action$=give] button").click()
    expect(keeper.locator("form[action$=give]")).to_have_count(0)

    keeper.locator("form[action$=open] button").click()
    for door in doors[1:]:
        locker.at(door).take_and_shut(door)
    expect(keeper.locator("#found .notice.ok")).to_contain_text("All of it is given out.")
    place.picture(keeper, "keeper-given-out")
    expect(resident.locator("h1")).to_contain_text("Collected")


def rescue(place: Place, keeper: Page, locker: VirtualLocker, door: int) -> None:
    """Take one door's food into the bag, as the page says."""
    keeper.goto(place.url("/keeper/rescue"))
    keeper.check(f"input[name=doors][value='{door}']")
    keeper.locator("form[action$=rescue] button.big").click()
    locker.at(door).take_and_shut(door)
    expect(keeper.locator("#follow .notice.ok")).to_be_visible()
    place.picture(keeper, "keeper-rescued")
