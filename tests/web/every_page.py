"""Visits pages in one browser and measures each: what axe says, and what it cannot see (every_page.js).

Which pages there are is read from the application's own map, so that a new page is measured or the census fails.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import session
from playwright.sync_api import Browser, CDPSession, Page, ViewportSize
from werkzeug.routing import Rule

from app.domain.roles import Role
from app.web.access import policy_of
from tests.web.every_page_world import Furnished
from tests.web.staff_world import Day

HERE = Path(__file__).resolve()
AXE = HERE.parents[2] / "node_modules/axe-core/axe.min.js"
MEASURES = HERE.with_name("every_page.js")
LANGUAGES: Mapping[str, str] = {"zh-hans": "zh-Hans", "en": "en"}
PHONE, NARROW = ViewportSize(width=390, height=844), ViewportSize(width=320, height=700)
# 200 % of the letters on a laptop's half window; a phone's own zoom is the reflow at 320.
HALF, WIDE = ViewportSize(width=640, height=800), ViewportSize(width=1280, height=900)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
THUMB, LARGE_THUMB = 44, 60
CHART_FOLLOWS_MS = 300  # a chart is drawn anew once its window has stopped changing
# What is no page: files, programs' own doors, streams; and addresses that only lead on.
NO_PAGES = frozenset(
    {
        "static",
        "streams.live",
        "health.healthz",
        "health.metrics",
        "api.openapi",
        "api.explain",  # for programmers, reached from a program's answer
        "api.docs",  # drawn by a program of others
        "front.root",
        "front.home",
        "at_locker.printed",
        "inbox.short_address",
        "demo_clock.clock_without_language",
    }
)
# What is printed has the size of its paper; nobody zooms in a label.
ON_PAPER = frozenset({"picking.labels_page", "at_locker.codes_page"})
FILES = (".csv", ".json", ".pdf", ".jpg", ".png", ".svg", ".js", ".ico", ".webmanifest")

Faults = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Seat:
    """A page, and as whom one sees it."""

    endpoint: str
    role: Role
    path: str


def seats(world: Furnished) -> list[Seat]:
    """Every page of the map, in English; raises KeyError for one whose address the furnished world cannot make."""
    with world.day.app.test_request_context("/en/"):
        return [_seat(world, rule) for rule in world.day.app.url_map.iter_rules() if is_page(rule)]


def is_page(rule: Rule) -> bool:
    """True for what a person opens in a browser."""
    return (
        "GET" in (rule.methods or set())
        and rule.endpoint not in NO_PAGES
        and not rule.rule.startswith("/api/v1")
        and not rule.rule.endswith(FILES)
    )


def _seat(world: Furnished, rule: Rule) -> Seat:
    app = world.day.app
    known = {**world.places, **world.of.get(rule.endpoint, {})}
    values = {name: known[name] for name in rule.arguments}
    path = app.url_map.bind("localhost").build(rule.endpoint, values)
    return Seat(rule.endpoint, _whose(policy_of(app.view_functions[rule.endpoint]) or frozenset()), path)


def _whose(allowed: frozenset[Role]) -> Role:
    """Whom a page is made for; residents' own where anybody may."""
    order = (Role.RESIDENT, Role.OPERATOR, Role.KEEPER, Role.DRIVER, Role.PICKER, Role.ADMIN)
    return next(role for role in order if not allowed or role in allowed)


def cookie_of(day: Day, role: Role, address: str, token: str | None = None) -> Any:
    """The cookie of somebody signed in (as `token`, else by role), with goods in the basket and a sign-in begun."""
    with day.app.test_request_context("/"):
        session["token"] = token or day.tokens[role]
        session["site"], session["basket"] = day.site_id, {"tomatoes": 2, "pork-belly": 1}
        session["sign_in"] = {"request_id": "0" * 32, "contact": "+8613800000001", "next": ""}
        signer = day.app.session_interface.get_signing_serializer(day.app)  # type: ignore[attr-defined]
        return {"name": "caibox", "value": signer.dumps(dict(session)), "url": address}


class Surveyor:
    """One tab that goes through all pages and writes down what is wrong, by what was looked for and on which page."""

    def __init__(self, browser: Browser, day: Day, address: str) -> None:
        self._day = day
        self.faults: Faults = defaultdict(lambda: defaultdict(list))
        self._address = address
        self._page = browser.new_context(viewport=PHONE).new_page()
        self._page.set_default_timeout(60_000)
        self._devtools: CDPSession = self._page.context.new_cdp_session(self._page)  # past the pages' content policy
        self._at, self._role = "", ""
        self._been: set[tuple[str, str]] = set()
        self._page.on("request", self._note_request)
        self._page.on("console", lambda line: self._note_console(line.type, line.text))
        self._page.on("pageerror", lambda error: self._note("console", str(error)))

    def survey(self, seats: Sequence[Seat], *, language: str, names: Sequence[str]) -> None:
        """Go to each page in this language and measure it."""
        for seat in sorted(seats, key=lambda one: one.role):
            path = seat.path.replace("/en/", f"/{language}/", 1)
            spoken = language if path != seat.path else "en"  # what is for programmers speaks English
            if (spoken, path) in self._been or not self._open(seat, path):
                continue
            self._been.add((spoken, path))
            self._note("frame", *self._call(f"caibox.frame('{LANGUAGES[spoken]}')"))
            self._note("foreign words", *self._call(f"caibox.foreign({list(names)!r})"))
            if spoken == "zh-hans":
                self._as_it_looks()
            elif seat.endpoint not in ON_PAPER:
                self._as_it_stands()

    def see_longer_words(self, seats: Sequence[Seat]) -> None:
        """Go to each page in a language with longer words, on a phone."""
        for seat in sorted(seats, key=lambda one: one.role):
            if seat.endpoint not in ON_PAPER and self._open(seat, seat.path):
                self._note("longer words", *self._measure("readable()"))

    def _as_it_looks(self) -> None:
        """Colours and what programs read aloud: in light, dark and with large letters."""
        self._axe("axe, light", *RULES)
        self._page.emulate_media(color_scheme="dark")
        self._measure("settled()")  # colours that fade are no colours yet
        self._axe("axe, dark", "color-contrast")
        self._page.emulate_media(color_scheme="light")
        self._measure("large(true)")
        self._axe("axe, large letters", "target-size")
        self._note("small for a large thumb", *self._measure(f"small({LARGE_THUMB})"))
        self._resize(NARROW)
        self._note("large letters at 320 px", *self._measure("readable()"))
        self._measure("large(false)")
        self._resize(PHONE)

    def _as_it_stands(self) -> None:
        """Sizes and places, in the language with the longer words."""
        self._note("small for a thumb", *self._measure(f"small({THUMB})"))
        self._note("focus", *self._measure("hiddenFocus()"))
        for size in (NARROW, PHONE, WIDE):
            self._resize(size)
            self._note(f"{size['width']} px", *self._measure("readable()"))
        self._resize(HALF)
        self._note("letters of 200 %", *self._measure("doubled()"))
        self._resize(PHONE)
        self._note("wide spacing", *self._measure("spaced()"))

    def close(self) -> None:
        self._page.context.close()

    def _open(self, seat: Seat, path: str) -> bool:
        if seat.role != self._role:
            self._page.goto("about:blank")  # or the page before would ask again as somebody whose it is not
            self._page.context.add_cookies([cookie_of(self._day, seat.role, self._address)])
            self._role = seat.role
        self._at = seat.endpoint
        answer = self._page.goto(self._address + path)
        assert answer is not None
        if answer.status != 200 or not self._page.url.endswith(path):
            self._note("opening", f"{path}: {answer.status} at {self._page.url}")
            return False
        for script in (AXE, MEASURES):
            self._devtools.send("Runtime.evaluate", {"expression": script.read_text(encoding="utf-8")})
        return True

    def _resize(self, size: ViewportSize) -> None:
        self._page.set_viewport_size(size)
        if self._page.locator(".u-wrap").count():
            self._page.wait_for_timeout(CHART_FOLLOWS_MS)

    def _axe(self, what: str, *rules: str) -> None:
        self._note(what, *self._measure(f"axe({', '.join(repr(rule) for rule in rules)})"))

    def _measure(self, call: str) -> list[str]:
        return self._call(f"caibox.{call}")

    def _call(self, expression: str) -> list[str]:
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer: dict[str, Any] = self._devtools.send("Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, (self._at, answer["exceptionDetails"])
        found = answer["result"].get("value")
        return found if isinstance(found, list) else []

    def _note(self, what: str, *faults: str) -> None:
        self.faults[what][self._at] += faults

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith((self._address, "data:", "blob:")):
            self._note("elsewhere", request.url)

    def _note_console(self, kind: str, words: str) -> None:
        if kind in {"error", "warning"}:
            self._note("console", words)


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page for people to look at."""
    file = HERE.parents[2] / "build/screens" / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file, full_page=True)
