"""What stands in front of a person at the locker: usable at once, said in words and by voice, for the next one as new.

The demo's first cabinet, in a real browser with a real broker behind it. Pictures of every state go to `build/screens`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.sites import lockers_as_json
from locker_protocol.bus_messages import DoorOpened, KeysEntered, Show
from locker_protocol.vocabulary import Refusal
from tests.firmware.bus_probe import BusProbe
from tests.firmware.simulator import LOCKER, Simulator

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "build/screens"
AXE = ROOT / "node_modules/axe-core/axe.min.js"
RUN_AXE = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})).violations
  .map((found) => `${found.id}: ${found.nodes.map((node) => node.html).join(' | ')}`)"""
# A headless browser has no voices: what it is asked to say is written down instead.
LISTEN = """window.spoken = [];
  speechSynthesis.speak = (speech) => window.spoken.push([speech.lang, speech.text]);"""
# Parts of which something is beyond their own edge, or beyond the screen's.
CUT_OFF = """['.layout', '.display-glass', '.keypad', '.scanner', '.help'].filter((part) => {
  const each = document.querySelector(part);
  return each.scrollHeight > each.clientHeight + 1 || each.getBoundingClientRect().bottom > innerHeight + 1;
})"""
PORTRAIT, PHONE, DESK = (1080, 1920), (390, 844), (1280, 800)


@pytest.fixture
def broker(nats_broker: object) -> object:
    """One kind of broker is enough for the page."""
    return nats_broker


@pytest.fixture
def lockers_file(tmp_path: Path) -> Path:
    """The demo's first cabinet under the tests' name."""
    cabinet = json.loads(lockers_as_json())[0] | {"locker_id": LOCKER}
    path = tmp_path / "lockers.json"
    path.write_text(json.dumps([cabinet]), encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class Lobby:
    """A browser in front of the cabinet, and the gateway behind it."""

    browser: Browser
    simulator: Simulator
    gateway: BusProbe

    def screen(self, size: tuple[int, int] = PORTRAIT, query: str = "?kiosk&lang=en", **more: Any) -> Page:
        """Somebody new stands there; time on the page is ours to move."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", locale="en-GB", **more
        )
        context.add_init_script(LISTEN)
        page = context.new_page()
        page.clock.install()
        page.goto(self.simulator.page + query)
        page.wait_for_selector("html[data-ready=yes]")
        page.wait_for_selector("#display[data-screen=idle]")
        return page

    def opens(self, *doors: int) -> None:
        """The gateway grants an order's doors, and they spring open."""
        for door in doors:
            self.gateway.unlock(f"c{door}", door)
        self.gateway.command(Show("opening", list(doors)))
        self.gateway.wait_for(*(DoorOpened(door, f"c{door}") for door in doors))


@pytest.fixture
def lobby(browser: Browser, simulator: Simulator, gateway: BusProbe) -> Iterator[Lobby]:
    yield Lobby(browser, simulator, gateway)
    for context in list(browser.contexts):
        context.close()


def faults_of(page: Page) -> list[str]:
    """What axe finds, and whether the page is wider than its window."""
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found = list(page.evaluate(RUN_AXE))
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("wider than its window")
    return found


# --- the screen on end ------------------------------------------------------------------------------------------------


def test_on_the_upright_screen_everything_is_in_reach_without_a_scroll(lobby: Lobby) -> None:
    page = lobby.screen()
    assert page.evaluate(CUT_OFF) == []
    for part in ("#display", "#keypad", "#scanner", "#help-open", "#language", "#letters", "#cold", "#wall"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= PORTRAIT[1], part
    keys = page.locator("#keys").bounding_box()
    assert keys is not None
    assert keys["y"] > PORTRAIT[1] / 2
    small = """[...document.querySelectorAll('button, a[href]')].filter((each) => each.offsetParent
        && Math.min(each.offsetWidth, each.offsetHeight) < 44).map((each) => each.id || each.textContent)"""
    assert page.evaluate(small) == []
    assert not page.locator("#hands").is_visible()
    assert not page.locator("#faults").is_visible()


def test_a_lobbys_screen_has_no_way_out_of_it(lobby: Lobby) -> None:
    page = lobby.screen()
    reachable = """[...document.querySelectorAll('a[href], input, select, textarea')]
        .filter((each) => each.checkVisibility()).map((each) => each.getAttribute('href') ?? each.id)"""
    assert page.evaluate(reachable) == ["tel:051200001234"]


def test_the_number_of_a_human_is_always_in_view_and_says_what_to_do(lobby: Lobby) -> None:
    page = lobby.screen()
    expect(page.locator("#help > p")).to_contain_text("0512-0000 1234")
    lobby.gateway.command(Show("refused", refusal=Refusal.EXPIRED))
    page.wait_for_selector('#display[data-refusal="expired"]')
    page.focus("#help-open")
    page.keyboard.press("Enter")
    expect(page.locator("#help-dialog")).to_be_visible()
    expect(page.locator("#help-dialog")).to_contain_text("Not your food behind the door?")
    assert faults_of(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog")).not_to_be_visible()
    assert page.evaluate("document.activeElement.id") == "help-open"


def test_a_code_is_typed_by_keyboard_alone(lobby: Lobby) -> None:
    page = lobby.screen()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key") == "1":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#display-title")).to_have_text("1")
    page.keyboard.type("2345678")
    expect(page.locator("#display-title")).to_have_text("12 345 678")
    page.focus('[data-key="enter"]')
    page.keyboard.press("Space")
    lobby.gateway.wait_for(KeysEntered("12345678"))


# --- what is said -----------------------------------------------------------------------------------------------------


def until_said(page: Page, sentences: int) -> None:
    """Wait for so many; a condition as a text may not be evaluated under the page's content policy."""
    for _ in range(150):
        if page.evaluate("window.spoken.length") == sentences:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the voice has not said {sentences} sentences")


def test_the_voice_says_the_words_of_the_display_in_the_language_chosen(lobby: Lobby) -> None:
    page = lobby.screen()
    lobby.opens(6)
    page.wait_for_selector("#display[data-screen=opening]")
    until_said(page, 1)
    language, words = page.evaluate("window.spoken[0]")
    assert language == "en-GB"
    assert words.startswith("Door 6 is open Door 6, column 2, first from the top.")
    live = page.locator("#display-said")
    assert live.get_attribute("aria-live") == "polite"
    assert "column 2, first from the top" in live.inner_text()

    page.click("#language")
    lobby.gateway.command(Show("left_open", [6]))
    until_said(page, 2)
    language, words = page.evaluate("window.spoken[1]")
    assert language == "zh-CN"
    assert words.startswith("6 号门没关 6 号门, 左起第 2 列，上起第 1 格.")


def test_a_muted_voice_says_nothing_and_the_words_are_there(lobby: Lobby) -> None:
    page = lobby.screen()
    page.click("#voice")
    lobby.gateway.command(Show("visit"))
    page.wait_for_selector("#display[data-screen=visit]")
    assert page.evaluate("window.spoken") == []
    assert page.inner_text("#display-title") == "Welcome. You can begin"


def test_a_door_that_did_not_open_is_named_by_its_own_contact_and_one_that_did_is_not(lobby: Lobby) -> None:
    page = lobby.screen()
    lobby.simulator.do("doors/7", action="jam")
    lobby.gateway.unlock("c6", 6)
    lobby.gateway.unlock("c7", 7)
    lobby.gateway.command(Show("opening", [6, 7]))
    page.wait_for_selector("#display[data-screen=opening]")
    page.wait_for_selector("#display[data-screen=stuck]", timeout=15_000)
    assert page.inner_text("#display-title") == "Door 7 did not open"
    assert "Press its edge" in page.inner_text("#display-do")
    expect(page.locator("#display-doors li")).to_have_count(2)
    expect(page.locator('#display-doors li[data-is="stuck"] .display-number')).to_have_text("7")
    expect(page.locator('#display-doors li[data-is="open"] .display-number')).to_have_text("6")
    assert page.get_attribute('[data-door="7"]', "data-arrow") == "stuck"
    assert page.get_attribute('[data-door="6"]', "data-arrow") == "yes"
    assert "Door 7 did not open" in page.evaluate("window.spoken.at(-1)[1]")


def test_a_door_pushed_shut_again_did_open_whoever_shows_the_same_words_once_more(lobby: Lobby) -> None:
    page = lobby.screen()
    lobby.simulator.do("doors/7", action="jam")
    lobby.opens(6)
    lobby.gateway.command(Show("opening", [6, 7]))
    page.wait_for_selector("#display[data-screen=stuck]", timeout=15_000)
    lobby.simulator.do("doors/6", action="shut")
    lobby.simulator.until(lambda state: state["doors"][5]["contact"] == "shut")
    lobby.gateway.command(Show("opening", [6, 7]))
    state = lobby.simulator.until(lambda state: state["shown"] == 3 and bool(state["stuck"]))
    assert state["stuck"] == [7]


def test_the_pause_of_the_keypad_is_counted_down_and_its_end_is_told(lobby: Lobby) -> None:
    page = lobby.screen()
    lobby.gateway.command(Show("refused", refusal=Refusal.WRONG_CODE, wait_s=120))
    expect(page.locator("#display-timer")).to_have_text("Typing again in 2:00")
    page.clock.fast_forward(90_000)
    expect(page.locator("#display-timer")).to_be_visible()
    assert lobby.simulator.state()["wait_left_ms"] > 100_000


# --- gone -------------------------------------------------------------------------------------------------------------


def test_typed_digits_are_kept_for_a_minute_with_a_warning_and_wait_keeps_them(lobby: Lobby) -> None:
    page = lobby.screen()
    page.click('[data-key="0"]')
    page.click('[data-key="7"]')
    expect(page.locator("#display-title")).to_have_text("07")
    page.clock.fast_forward(38_000)
    assert not page.locator("#leaving").is_visible()
    page.clock.fast_forward(3_000)
    expect(page.locator("#leaving")).to_be_visible()
    expect(page.locator("#leaving-said")).to_have_text("Still there? What you typed and chose is cleared soon.")
    page.click("#leaving-wait")
    expect(page.locator("#leaving")).not_to_be_visible()
    page.clock.fast_forward(38_000)
    assert lobby.simulator.state()["digits"] == "07"

    page.clock.fast_forward(23_000)
    page.wait_for_selector("#display[data-screen=idle]")
    assert lobby.simulator.state()["digits"] == ""


def test_the_next_person_finds_language_and_letters_as_they_were(lobby: Lobby) -> None:
    page = lobby.screen()
    page.click("#language")
    page.click("#letters")
    page.click("#voice")
    page.click("#help-open")
    assert page.get_attribute("html", "lang") == "zh-Hans"
    page.clock.fast_forward(61_000)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-large", "no")
    expect(page.locator("#help-dialog")).not_to_be_visible()
    expect(page.locator("#voice")).to_have_attribute("aria-pressed", "true")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.get_attribute("html", "data-large") == "no"


def test_at_a_desk_what_was_chosen_stays(lobby: Lobby) -> None:
    page = lobby.screen(DESK, "?lang=en")
    page.click("#letters")
    page.clock.fast_forward(61_000)
    assert page.get_attribute("html", "data-large") == "yes"
    assert not page.locator("#leaving").is_visible()


# --- every state, looked at -------------------------------------------------------------------------------------------

REFUSALS = {
    "wrong-code": (Refusal.WRONG_CODE, 5),
    "too-many-tries": (Refusal.WAIT, 120),
    "code-dead": (Refusal.CODE_DEAD, 0),
    "expired": (Refusal.EXPIRED, 0),
    "unsafe": (Refusal.QUARANTINED, 0),
    "not-loaded": (Refusal.NOT_LOADED, 0),
    "spent": (Refusal.SPENT, 0),
    "too-many-pulses": (Refusal.TOO_MANY_PULSES, 0),
    "door-broken": (Refusal.DOOR_BROKEN, 0),
    "staff-only": (Refusal.STAFF_ONLY, 0),
}


def nothing(_lobby: Lobby) -> None:
    """It is like this by itself."""


def typed(lobby: Lobby) -> None:
    for key in ("clear", "0", "7", "4"):
        lobby.simulator.do("keys", key=key)


def two_open(lobby: Lobby) -> None:
    lobby.opens(6, 12)


def one_sticks(lobby: Lobby) -> None:
    lobby.simulator.do("doors/7", action="jam")
    lobby.opens(6)
    lobby.gateway.unlock("c7", 7)


def cut_off(lobby: Lobby) -> None:
    lobby.simulator.do("network", on=False)


def unplugged(lobby: Lobby) -> None:
    lobby.simulator.do("power", on=False)


@dataclass(frozen=True, slots=True)
class State:
    """How a state is reached: what happens once, what is done and shown for each look, and how it is known."""

    known_by: str
    begins: Callable[[Lobby], None] = nothing
    show: Show | None = None
    does: Callable[[Lobby], None] = nothing


STATES: dict[str, State] = {
    "idle": State("idle"),
    "help": State("idle"),
    "typing": State("typing", does=typed),
    "leaving": State("typing", does=typed),
    "opening": State("opening", two_open, Show("opening", [6, 12])),
    "stuck": State("stuck", one_sticks, Show("opening", [6, 7])),
    "left-open": State("left_open", two_open, Show("left_open", [6])),
    "done": State("done", show=Show("done", [6])),
    "offline": State("offline", cut_off),
    "dark": State("dark", unplugged),
    **{
        name: State("refused", show=Show("refused", refusal=refusal, wait_s=wait_s))
        for name, (refusal, wait_s) in REFUSALS.items()
    },
}
LOOKS: dict[str, tuple[tuple[int, int], str, Literal["light", "dark"], bool]] = {
    "portrait-zh": (PORTRAIT, "?kiosk&lang=zh", "light", False),
    "portrait-zh-large": (PORTRAIT, "?kiosk&lang=zh", "light", True),
    "portrait-en-dark": (PORTRAIT, "?kiosk&lang=en", "dark", False),
    "phone-zh-dark": (PHONE, "?lang=zh", "dark", False),
    "phone-en-large": (PHONE, "?lang=en", "light", True),
    "desk-en": (DESK, "?lang=en", "light", False),
}


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_readable_for_everybody(lobby: Lobby, state: str) -> None:
    pages = {look: lobby.screen(size, query, color_scheme=scheme) for look, (size, query, scheme, _) in LOOKS.items()}
    STATES[state].begins(lobby)
    SCREENS.mkdir(parents=True, exist_ok=True)
    found = {look: look_at(lobby, page, state, look) for look, page in pages.items()}
    assert {look: faults for look, faults in found.items() if faults} == {}


def look_at(lobby: Lobby, page: Page, state: str, look: str) -> list[str]:
    """Have it shown (a screen lasts 30 s), keep a picture, and tell what is wrong with it."""
    if LOOKS[look][3]:
        page.click("#letters")
    STATES[state].does(lobby)
    if show := STATES[state].show:
        lobby.gateway.command(show)
    page.wait_for_selector(f"#display[data-screen={STATES[state].known_by}]", timeout=15_000)
    if state == "leaving":
        page.clock.fast_forward(45_000)
        page.wait_for_selector("#leaving:not([hidden])")
    if state == "help":
        page.click("#help-open")
    page.screenshot(path=SCREENS / f"kiosk-{state}-{look}.png", full_page=look.startswith("phone"))
    beyond = page.evaluate(CUT_OFF) if look.startswith("portrait") else []
    return [*faults_of(page), *(f"{part} is cut off" for part in beyond)]
