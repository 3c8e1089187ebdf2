"""One person's marks through the real stack, from the sign-in page to the open door; then they erase their account, and
neither any column of any table nor any file that a program wrote holds one of them.
"""

import io
import json
import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, create_engine, text

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
from tests.privacy.canaries import NAME, PHONE, found_in, found_in_database

DOORS = {"G1": range(1, 25), "G2": range(25, 50)}
POSTGRES = "postgres"  # its own files hold what was deleted until they are overwritten: docs/privacy.md
JOURNAL = ".journal"  # a controller's memory holds what its scanner read until it is written anew: docs/privacy.md


@pytest.mark.timeout(900)  # an order's whole way and a scan of everything, on a machine that may be busy
def test_of_an_erased_account_no_column_and_no_file_holds_a_mark(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("CAIBOX_PICTURES", tmp_path))
    place = Place(browser, stack.urls["web"], stack.urls["lockers"], "zh-hans", pictures, PHONE_WIDTH)
    resident = place.person()
    order = collect_an_order(place, resident)
    engine = create_engine(stack.plan.postgres.url)
    before = {line.partition(":")[0] for line in found_in_database(engine)}
    assert before >= {"notification.contact", "person.display_name", "person.phone", "sign_in_code.contact"}
    assert photos_of(engine, order) > 0
    take_along(place, resident, order)

    resident.goto(place.url("/account"))
    place.picture(resident, "account")
    resident.click("a[href$='/account/erase']")
    place.picture(resident, "account-erase")
    resident.check("#f-sure")
    resident.click("button.danger")
    resident.wait_for_url("**/account/erased")
    place.picture(resident, "account-erased")

    assert found_in_database(engine) == []
    assert photos_of(engine, order) == 0
    assert found_in_files(stack.data) == {}
    engine.dispose()


def collect_an_order(place: Place, resident: Page) -> str:
    """The whole way of an order, with marks wherever people write; its number in addresses."""
    choose_goods(place, resident, ["fresh-milk"])
    order = order_and_pay(place, resident, PHONE)
    resident.goto(place.url("/account"))
    resident.fill("#f-name", NAME)
    resident.click("main form button:not(.danger) >> nth=0")
    expect(resident.locator("#f-name")).to_have_value(NAME)
    refuse_while_under_way(place, resident)
    pack_everything(place, photo=picture())
    jump_to_load(place)
    locker = VirtualLocker(place, DOORS)
    load_everything(place, locker)
    say_too_much(place)
    resident.goto(place.url(order))
    resident.locator("a.button.big").click()
    resident.locator(".door-number").first.wait_for()
    doors = [int(text.split()[-1]) for text in resident.locator(".door-number").all_inner_texts()]
    locker.at(doors[0]).scan(PHONE)  # somebody shows the scanner what is no code
    locker.refuses("malformed")
    locker.scan_picture(resident.request.get(place.url(order + "/qr.png")).body())
    for door in doors:
        locker.at(door).take_and_shut(door)
    resident.goto(place.url(order))
    expect(resident.locator(".timeline, main")).to_contain_text("已取")
    return order.removeprefix("/orders/")


def refuse_while_under_way(place: Place, resident: Page) -> None:
    """The page says which order and until when, and offers no button."""
    resident.goto(place.url("/account/erase"))
    expect(resident.locator(".notice.look")).to_contain_text("还没结束")
    expect(resident.locator("button.danger")).to_have_count(0)
    place.picture(resident, "account-not-yet")


def say_too_much(place: Place) -> None:
    """An operator names the resident in a reason that would be kept for good."""
    operator = place.person()
    operator.goto(place.url("/ops"))
    sign_in(place, operator, "operator@caibox.example")
    operator.goto(place.url("/ops/sites/osmanthus/doors/24"))
    operator.fill("#f-reason", f"住户 {PHONE} 来电")
    operator.locator("form[action$=open] button").click()
    expect(operator.locator("#e-reason")).to_contain_text("不能写出是谁")
    expect(operator.locator("#f-reason")).to_have_value(f"住户 {PHONE} 来电")
    operator.context.close()


def take_along(place: Place, resident: Page, order_id: str) -> None:
    """The download holds what they wrote, their order and the photo of its bag."""
    resident.goto(place.url("/account"))
    with resident.expect_download() as download:
        resident.click("form[action$='data.zip'] button")
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        page, data = archive.read("my-data.html").decode(), json.loads(archive.read("my-data.json"))
        assert [name for name in archive.namelist() if name.startswith("photos/")]
    assert PHONE in page
    assert NAME in page
    assert data["account"]["rows"][0]["display_name"] == NAME
    assert len(data["orders"]["rows"]) == 1
    assert data["openings"]["rows"], order_id


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 48), "green").save(out, "JPEG")
    return out.getvalue()


def photos_of(engine: Engine, order_id: str) -> int:
    count = text("SELECT count(*) FROM photo p JOIN parcel x ON x.id = p.parcel_id WHERE x.order_id = :id")
    with engine.begin() as conn:
        found: int = conn.execute(count, {"id": order_id}).scalar_one()
    return found


def found_in_files(data: Path) -> dict[str, list[bytes]]:
    """Every file below, the gateways' stores and their logs, the brokers' and the programs' output."""
    files = [file for file in data.rglob("*") if file.is_file() and POSTGRES not in file.relative_to(data).parts]
    files = [file for file in files if file.suffix != JOURNAL]
    assert any(file.suffix == ".log" for file in files)
    assert any("sqlite" in file.name for file in files)
    marked = {str(file.relative_to(data)): found_in(file.read_bytes()) for file in files}
    return {name: marks for name, marks in marked.items() if marks}
