"""The virtual locker in a real browser, with a real broker behind it: what a person in front of it can do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from playwright.sync_api import Browser, ConsoleMessage, Page

from firmware_sim.faults import KINDS
from locker_protocol.bus_messages import CodeScanned, DoorShut, KeysEntered, Show, UnlockDone
from locker_protocol.vocabulary import Refusal
from tests.firmware.bus_probe import BusProbe
from tests.firmware.simulator import Simulator

# As long and as odd as a real code, with a blank at its end that must not be lost.
CODE = ("L1" + "0A $%*+-./:Z" * 12)[:133] + " "


@pytest.fixture
def broker(nats_broker: object) -> object:
    """One kind of broker is enough for the page."""
    return nats_broker


@pytest.fixture
def locker(browser: Browser, simulator: Simulator, gateway: BusProbe) -> Iterator[Page]:
    """The page in English on a phone; whatever the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if _complains(line) else None)
    page.goto(simulator.page)
    page.wait_for_selector("#display[data-screen=idle]")
    yield page
    context.close()
    assert complaints == []


def _complains(line: ConsoleMessage) -> bool:
    """What the locker refuses is an answer, though the browser notes its status."""
    return line.type == "error" and not any(status in line.text for status in ("400", "409"))


def test_a_picture_of_a_code_is_read_and_a_typed_one_too(locker: Page, gateway: BusProbe, tmp_path: Path) -> None:
    segno.make(CODE, error="l").save(str(tmp_path / "code.png"), scale=4)
    locker.set_input_files("#scan-picture", tmp_path / "code.png")
    gateway.wait_for(CodeScanned(CODE))

    locker.fill("#scan-text", "TYPED ")
    locker.click("#scan-button")
    gateway.wait_for(CodeScanned("TYPED "))


def test_the_keypad_works_by_touch_and_by_keyboard(locker: Page, gateway: BusProbe) -> None:
    for key in ("0", "7", "4", "back", "8", "enter"):
        locker.click(f'[data-key="{key}"]')
    gateway.wait_for(KeysEntered("078"))

    locker.locator("h1").click()
    locker.keyboard.type("12")
    locker.locator("#digits", has_text="12").wait_for()
    locker.keyboard.press("Enter")
    gateway.wait_for(KeysEntered("12"))


def test_an_opened_door_swings_is_named_filled_and_pushed_shut(locker: Page, gateway: BusProbe) -> None:
    gateway.unlock("c1", 2)
    gateway.command(Show("opening", [2]))
    locker.wait_for_selector('[data-door="2"][data-state="open"][data-lit="yes"]')
    said = locker.inner_text("#display")
    assert "Door 2 is open" in said
    assert "column 1, second from the top" in said

    locker.click('[data-door="2"] .bay')
    locker.wait_for_selector('[data-door="2"][data-bags="1"]')
    locker.click("#all-doors summary")
    locker.click('[data-door-row="2"] [data-action="shut"]')
    locker.wait_for_selector('[data-door="2"][data-state="shut"]')
    gateway.wait_for(DoorShut(2))


def test_a_jammed_door_says_so_and_stays_shut(locker: Page, gateway: BusProbe) -> None:
    locker.click("#all-doors summary")
    locker.click('[data-door-row="2"] [data-action="jam"]')
    locker.wait_for_selector('[data-door="2"][data-state="jammed"]')
    gateway.unlock("c1", 2)
    gateway.wait_for(UnlockDone("c1", 2, "pulsed"))
    assert locker.get_attribute('[data-door="2"]', "data-state") == "jammed"


def test_a_refusal_is_told_in_both_languages_at_once(locker: Page, gateway: BusProbe) -> None:
    gateway.command(Show("refused", refusal=Refusal.WAIT, wait_s=30))
    locker.wait_for_selector('#display[data-refusal="wait"]')
    assert locker.inner_text("#display-title") == "Please wait 30 seconds before typing again."
    assert "请等 30 秒再输" in locker.inner_text("#display-other")

    locker.click("#language")
    assert locker.inner_text("#display-title") == "请等 30 秒再输。"
    assert locker.get_attribute("html", "lang") == "zh-Hans"


def test_power_and_network_are_switched_and_shown(locker: Page, gateway: BusProbe) -> None:
    locker.click('#switches [data-action="network"]')
    locker.wait_for_selector("#display[data-screen=offline]")
    locker.click('#switches [data-action="network"]')
    locker.wait_for_selector("#display[data-screen=idle]")
    locker.click('#switches [data-action="power"]')
    locker.wait_for_selector("#display[data-screen=dark]")
    assert locker.locator('.thermo[data-known="no"]').count() == 2
    locker.click('#switches [data-action="power"]')
    locker.wait_for_selector("#display[data-screen=idle]")


def test_every_fault_is_a_button_named_in_both_languages(locker: Page) -> None:
    for summary in locker.locator("#faults summary").all():
        summary.click()
    names = {button.get_attribute("data-fault"): button.inner_text() for button in locker.locator("[data-fault]").all()}
    assert names.keys() == KINDS.keys()
    assert names["springs_late"] == "Springs open late: 3000 ms"
    locker.click("#language")
    chinese = [button.inner_text() for button in locker.locator("[data-fault]").all()]
    assert len(set(chinese)) == len(KINDS)
    assert "弹开得晚：3000 毫秒" in chinese


def test_a_doors_fault_is_switched_by_keyboard_alone_and_told(locker: Page, simulator: Simulator) -> None:
    locker.focus("#faults-doors summary")
    locker.keyboard.press("Enter")
    locker.keyboard.press("Tab")
    assert locker.evaluate("document.activeElement.id") == "faults-door"
    locker.keyboard.press("ArrowDown")
    locker.keyboard.press("Tab")
    locker.keyboard.press("Enter")
    locker.wait_for_selector('[data-fault="jams_shut"][aria-pressed="true"]')
    assert locker.inner_text("#faults-said") == "On now: Jams shut (door 2)"
    assert locker.evaluate("document.activeElement.dataset.fault") == "jams_shut"
    assert simulator.state()["doors"][1]["state"] == "jammed"
    locker.keyboard.press("Enter")
    locker.wait_for_selector('[data-fault="jams_shut"][aria-pressed="false"]')
    assert locker.inner_text("#faults-said") == "Nothing is wrong."


def test_faults_of_locker_and_probes_are_switched_and_all_cleared_at_once(locker: Page, simulator: Simulator) -> None:
    locker.click("#faults-locker summary")
    locker.click('[data-fault="locks_dead"]')
    locker.wait_for_selector('#switches [data-action="lock_supply"][aria-checked="false"]')
    locker.click("#faults-probes summary")
    locker.select_option("#faults-zone", "ambient")
    locker.select_option("#faults-probe", "product")
    locker.click('[data-fault="probe_reads_85"]')
    locker.wait_for_selector('[data-fault="probe_reads_85"][aria-pressed="true"]')
    said = locker.inner_text("#faults-said")
    assert "Locks have no supply" in said
    assert "Probe reads 85.0 (Ambient, food)" in said
    locker.click("#faults-clear")
    locker.locator("#faults-said", has_text="Nothing is wrong.").wait_for()
    assert simulator.state()["faults"] == []


def test_a_compressor_is_stopped_by_hand_and_a_zones_faults_are_among_the_faults(
    locker: Page, simulator: Simulator
) -> None:
    chilled = '#zones [data-zone="chilled"]'
    assert locker.locator('#zones [data-zone="ambient"] [data-action="compressor_dead"]').count() == 0
    locker.click(f'{chilled} [data-action="compressor_dead"]')
    locker.wait_for_selector(f'{chilled} [data-action="compressor_dead"][aria-pressed="true"]')
    assert locker.inner_text("#faults-said") == "On now: Compressor does not run (Chilled)"
    locker.click("#faults-cold summary")
    locker.select_option("#faults-cold-zone", "ambient")
    locker.click('[data-fault="thermostat_off"]')
    locker.locator("#toast", has_text="This zone is not cooled.").wait_for()
    locker.click('[data-fault="gasket_leaks"]')
    locker.wait_for_selector('#zones [data-zone="ambient"] [data-action="gasket_leaks"][aria-pressed="true"]')
    locker.click("#faults-clear")
    locker.wait_for_selector(f'{chilled} [data-action="compressor_dead"][aria-pressed="false"]')
    assert simulator.state()["faults"] == []
    assert locker.text_content('[data-fact="energy"]') == f"{simulator.state()['energy_wh'] / 1000:.1f} kWh"


def test_what_the_locker_refuses_is_said(locker: Page) -> None:
    locker.click("#faults-doors summary")
    locker.click('[data-fault="pried_open"]')
    locker.wait_for_selector('[data-door="1"][data-state="open"]')
    locker.click('[data-fault="pried_open"]')
    locker.locator("#toast", has_text="The door is already open.").wait_for()


@pytest.mark.parametrize("width", [320, 390, 1080, 1280])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_is_wider_than_the_screen(locker: Page, simulator: Simulator, width: int, language: str) -> None:
    locker.set_viewport_size({"width": width, "height": 1920 if width == 1080 else 800})
    locker.goto(f"{simulator.page}?lang={language}")
    locker.wait_for_selector("html[data-ready=yes]")
    locker.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert locker.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    outside = """[...document.querySelectorAll('.card *')].filter((each) => each.clientWidth > 2
        && each.getBoundingClientRect().right > each.closest('.card').getBoundingClientRect().right + 1).length"""
    assert locker.evaluate(outside) == 0
