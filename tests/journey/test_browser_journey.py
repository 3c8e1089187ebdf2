"""Tomatoes, from the shop to an open door, by hand in a browser, in both languages."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

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
KEYPAD_WAIT_MS = 5_000  # after one wrong try
BASKET = ["tomatoes", "fresh-milk", "frozen-dumplings"]


@pytest.fixture(params=["en", "zh-hans"])
def place(request: pytest.FixtureRequest, stack: Stack, browser: Browser, tmp_path: Path) -> Place:
    """A phone in front of the stack; pictures go to CAIBOX_PICTURES where that is set."""
    pictures = Path(os.environ.get("CAIBOX_PICTURES", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    return Place(browser, stack.urls["web"], stack.urls["lockers"], request.param, pictures, PHONE_WIDTH)


def test_tomatoes_are_ordered_loaded_and_collected(place: Place, stack: Stack) -> None:
    resident = place.person()
    contact = f"journey-{place.language}@demo.caibox.example"
    choose_goods(place, resident, BASKET)
    order = order_and_pay(place, resident, contact)
    heading = resident.locator("h1")
    paid = heading.inner_text()
    place.picture(resident, "order-paid")

    pack_everything(place)
    expect(heading).not_to_have_text(paid)  # nobody touched the resident's page: it moved by itself
    jump_to_load(place)
    locker = VirtualLocker(place, DOORS)
    load_everything(place, locker)

    expect(resident.locator("a.button.big")).to_be_visible()
    place.picture(resident, "order-ready")
    resident.locator("a.button.big").click()
    expect(resident.locator(".code-digits")).to_be_visible()
    place.picture(resident, "collect")
    doors = [int(text.split()[-1]) for text in resident.locator(".door-number").all_inner_texts()]
    typed = resident.locator(".code-digits").inner_text()
    qr = resident.request.get(place.url(order + "/qr.png")).body()

    locker.at(doors[0]).scan("L1" + "0" * 132)
    locker.refuses("malformed")
    locker.picture("locker-refused")
    locker.type_digits(typed[:-1] + str((int(typed[-1]) + 1) % 10))
    locker.refuses("wrong_code")

    locker.scan_picture(qr)
    for door in doors:
        locker.at(door).shows_open(door)
    locker.at(doors[0]).picture("locker-open")
    for door in doors:
        locker.at(door).take_and_shut(door)
    expect(resident.locator(".code-digits")).to_be_visible()  # for 15 minutes more
    expect(resident.locator(".door-card.gone")).to_have_count(len(doors))
    place.picture(resident, "collected")

    locker.page.wait_for_timeout(KEYPAD_WAIT_MS)
    locker.at(doors[0]).type_digits(typed)  # one bag left behind, perhaps
    for door in doors:
        locker.at(door).shows_open(door)
        locker.act(door, "shut")
        locker.shows_shut(door)

    operate(place, locker)
    follow(stack.data / "log", order.removeprefix("/orders/"))


def follow(logs: Path, order_id: str) -> None:
    """One order's id runs through the logs of all programs, a JSON object a line."""
    for program in ("web", "worker", "gateway-osmanthus", "lockers"):
        lines = [line for line in (logs / f"{program}.log").read_text().splitlines() if order_id in line]
        assert lines, f"{program} says nothing of the order"
        assert all(json.loads(line)["order_id"] == order_id for line in lines)


def operate(place: Place, locker: VirtualLocker) -> None:
    """As the operator: see the fleet, open a door with a reason, find it recorded."""
    operator = place.person()
    operator.goto(place.url("/ops"))
    sign_in(place, operator, "operator@caibox.example")
    place.picture(operator, "fleet")
    operator.goto(place.url("/ops/sites/osmanthus/doors/24"))
    operator.fill("#f-reason", "resident called, wants to look inside")
    operator.locator("form[action$=open] button").click()
    locker.at(24).shows_open(24)
    expect(operator.locator("#told")).to_contain_text("resident called")
    place.picture(operator, "door")
    locker.act(24, "shut")
    operator.context.close()
