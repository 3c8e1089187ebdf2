"""What each person does in the browser, page by page. No database, no API: only what they could do themselves.

Selectors are of structure, not of words, so the same walk serves both languages.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.demo.seed import SCALES

SIX_DIGITS = re.compile(r"(?<!\d)\d{6}(?!\d)")
PHONE_WIDTH, PHONE_HEIGHT = 390, 844
SECONDS = 1000
ASKED_FOR_DOOR = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where the stack is, which language is spoken, where pictures go, and how wide the screen is."""

    browser: Browser
    web: str
    lockers: str
    language: str
    pictures: Path
    width: int

    def person(self) -> Page:
        """Somebody new with a browser of their own."""
        context: BrowserContext = self.browser.new_context(
            viewport={"width": self.width, "height": PHONE_HEIGHT},
            locale="zh-CN" if self.language == "zh-hans" else "en-IE",
        )
        page = context.new_page()
        page.set_default_timeout(15 * SECONDS)
        return page

    def url(self, path: str) -> str:
        """An address in the language spoken."""
        return f"{self.web}{self.language}{path}"

    def picture(self, page: Page, name: str, *, whole: bool = True) -> None:
        """Keep what is seen, for people to look at; and nothing may hang over the edge."""
        page.screenshot(path=self.pictures / f"{name}-{self.width}-{self.language}.png", full_page=whole)
        hanging = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert hanging <= 0, f"{name} is {hanging} px too wide at {self.width} px"


def sign_in(place: Place, page: Page, contact: str) -> None:
    """Ask for a code on the page one was sent to, read it in the demo's inbox, type it."""
    inbox = place.person()
    inbox.goto(place.url(f"/inbox?contact={contact}"))
    older = inbox.locator("article")
    newest = older.first.get_attribute("id") if older.count() else "none"
    page.fill("#f-contact", contact)
    page.click("main form button.big")
    inbox.locator(f"article:first-of-type:not(#{newest})").wait_for()  # the page asks again by itself
    found = SIX_DIGITS.search(inbox.locator("article .message-body").first.inner_text())
    assert found, "the newest message holds a code"
    inbox.context.close()
    page.fill("#f-code", found[0])
    page.click("main form button.big")
    page.wait_for_url(lambda url: "/sign-in" not in url)


def choose_goods(place: Place, page: Page, products: list[str]) -> None:
    """Choose the building, browse, put one of each into the basket, and go to it."""
    page.goto(place.url("/"))
    page.click("button[name=site_id][value=osmanthus]")
    place.picture(page, "shop")
    for number, product in enumerate(products, start=1):
        page.click(f"#p-{product} button.plus")
        expect(page.locator(f"#p-{product} output")).to_have_text("1")
        expect(page.locator("#basket-bar")).to_contain_text(str(number))
    page.click("#basket-bar a.button")
    expect(page.locator("li.basket-line")).to_have_count(len(products))


def order_and_pay(place: Place, page: Page, contact: str) -> str:
    """Choose the soonest window, sign in from the basket, pay at the provider; the order's path."""
    page.locator("input[name=window_id]:enabled").first.check()
    place.picture(page, "basket")
    page.click("#order a[href*='/sign-in']")
    page.wait_for_url("**/sign-in**")
    place.picture(page, "sign-in")
    sign_in(place, page, contact)
    page.click("button[form=order]")
    page.wait_for_url("**/sandbox/pay/**")
    place.picture(page, "pay")
    page.click("button[name=decision][value=pay]")
    page.wait_for_url(re.compile(r"/orders/[0-9a-f]{32}"))
    return "/orders/" + page.url.split("/orders/")[1][:32]


def pack_everything(place: Place, *, photo: bytes | None = None) -> None:
    """As the picker: look at the first run's labels, then pick and seal its first wave, each bag with this photo."""
    page = place.person()
    page.goto(place.url("/picking"))
    sign_in(place, page, "picker@caibox.example")
    page.locator("a.card").first.click()
    page.wait_for_url("**/runs/*")
    run = page.url
    place.picture(page, "picking")
    page.goto(f"{run}/labels")
    place.picture(page, "labels")
    page.goto(f"{run}/waves/1")
    pick_wave(place, page)
    for tote in [link.get_attribute("href") for link in page.locator(".bags a.button:not(.quiet)").all()]:
        page.goto(f"{place.web.rstrip('/')}{tote}")
        if photo is not None:
            page.set_input_files("#f-photo", {"name": "bag.jpg", "mimeType": "image/jpeg", "buffer": photo})
        page.locator("form[enctype] button.big").click()
        page.wait_for_url("**sealed=*")
    page.context.close()


def pick_wave(place: Place, page: Page) -> None:
    """Take each product of the walk and put it into every bag that waits for it."""
    while page.locator(".pick-stop").count():
        product = page.locator(".pick-stop .id").inner_text()
        page.locator("#code").fill(product)
        page.keyboard.press("Enter")
        expect(page.locator("#loop")).to_have_attribute("data-word", "tote")
        place.picture(page, "walk")
        for ref in page.locator(".tote.wanted .bag-ref").all_text_contents():
            page.locator("#code").fill(ref)
            page.keyboard.press("Enter")
            page.locator(f"#f-gross, #loop[data-word=done], #loop[data-word=put]:has-text('{ref}')").first.wait_for()
            if page.locator("#f-gross").count():
                weigh(page)
        expect(page.locator(".pick-stop .id", has_text=re.compile(f"^{product}$"))).to_have_count(0)


def weigh(page: Page) -> None:
    """Half a kilogram on the packing room's scale."""
    page.fill("#f-gross", "520")
    page.fill("#f-tare", "20")
    page.fill("#f-scale", SCALES[0])
    page.keyboard.press("Enter")
    page.locator("#loop").wait_for()


def jump_to_load(place: Place) -> None:
    """Let the demo's clock go ahead to the next load."""
    page = place.person()
    page.goto(place.url("/demo/clock"))
    page.click("button[name=to][value=load]")
    page.wait_for_load_state()
    place.picture(page, "clock")
    page.context.close()


def load_everything(place: Place, locker: "VirtualLocker") -> None:
    """As the driver on a visit: wipe, count, type each label, put each bag behind the door that opens, leave."""
    page = place.person()
    page.goto(place.url("/driver"))
    sign_in(place, page, "driver@caibox.example")
    page.locator("form[action$='osmanthus/begin'] button").click()
    page.wait_for_url(re.compile("/driver/osmanthus$"))
    place.picture(page, "visit")
    page.click(".bar .button")
    sweep(page, locker)
    wipe(place, page, locker)
    page.fill("#f-crates_back", "3")
    page.fill("#f-ice_packs_back", "8")
    page.click(".bar button")
    page.click(".bar .button")
    expect(page.locator("ul.bags .bag-ref").first).to_be_attached()
    refs = [ref for ref in page.locator("ul.bags .bag-ref").all_text_contents() if ref]
    for ref in refs:
        ask_for_door(page, ref)
        door = int(page.locator("#loop[data-word=put] .word-door").inner_text().split()[-1])
        place.picture(page, "driver")
        locker.at(door).put_and_shut(door)
        expect(page.locator("#loop")).to_have_attribute("data-word", re.compile("next|done"))
    page.fill("#label", refs[0])
    page.press("#label", "Enter")
    expect(page.locator("#loop")).to_have_attribute("data-word", "refused")
    place.picture(page, "driver-refused")
    page.goto(place.url("/driver/osmanthus/leave"))
    place.picture(page, "leave")
    page.click(".bar button")
    page.wait_for_url(re.compile("ended="))
    expect(page.locator(".notice.ok")).to_be_visible()
    page.context.close()


def ask_for_door(page: Page, ref: str) -> None:
    """Type a label until a door opens: just after a jump of the clock nobody knows yet how cold the locker is."""
    put = page.locator("#loop[data-word=put]")
    for _ in range(ASKED_FOR_DOOR):
        page.fill("#label", ref)
        page.press("#label", "Enter")
        page.locator("#loop[data-word=put], #loop[data-word=refused]").wait_for()
        page.wait_for_timeout(0 if put.count() else 5 * SECONDS)
        if put.count():
            return
    expect(put).to_be_attached()


def sweep(page: Page, locker: "VirtualLocker") -> None:
    """Take out what nobody came for, door by door; nothing where there is none."""
    page.wait_for_url(re.compile("/(sweep|check|count)$"))
    word = page.locator("#loop")
    while page.url.endswith("/sweep"):
        expect(word).to_have_attribute("data-word", re.compile("open|done"))
        if word.get_attribute("data-word") == "done":
            page.click("#acts .button")
            page.wait_for_url(re.compile("/(check|count)$"))
            return
        door = int(page.locator(".word-door").first.inner_text().split()[-1])
        page.click("#acts button")
        locker.at(door).take_and_shut(door)


def wipe(place: Place, page: Page, locker: "VirtualLocker") -> None:
    """Open the doors that people emptied, shut each, and go on; nothing where none was."""
    page.wait_for_url(re.compile("/(check|count)$"))
    form = page.locator("#acts form[action$='/check/open']")
    wiped = False
    while form.count():
        doors = form.locator("input[name=door]").evaluate_all("all => all.map((each) => Number(each.value))")
        form.locator("button").click()
        for door in doors:
            locker.at(door).shows_open(door)
            locker.act(door, "shut")
            locker.shows_shut(door)
        expect(form.locator(f"input[value='{doors[0]}']")).to_have_count(0)
        place.picture(page, "wiped")
        wiped = True
    if wiped:
        page.click("#acts .button")


class VirtualLocker:
    """Somebody in front of the lockers of one site, with a page open for each."""

    def __init__(self, place: Place, doors: dict[str, range]) -> None:
        self._place = place
        self._doors = doors
        self._pages = {locker: place.person() for locker in doors}
        self._locker = next(iter(doors))
        language = "zh" if place.language == "zh-hans" else "en"
        for locker, page in self._pages.items():
            page.goto(f"{place.lockers}{locker}?lang={language}")
            page.locator("html[data-ready=yes]").wait_for()

    @property
    def page(self) -> Page:
        """The locker one stands at."""
        return self._pages[self._locker]

    def at(self, door: int) -> "VirtualLocker":
        """Step in front of the locker that has this door."""
        self._locker = next(locker for locker, doors in self._doors.items() if door in doors)
        return self

    def shows_open(self, door: int) -> None:
        """See the door open."""
        expect(self.page.locator(f"[data-door='{door}']")).to_have_attribute("data-state", "open")

    def shows_shut(self, door: int) -> None:
        """See the door shut."""
        expect(self.page.locator(f"[data-door='{door}']")).to_have_attribute("data-state", "shut")

    def act(self, door: int, action: str) -> None:
        """Do something to a door by its row in the list of doors."""
        if self.page.locator("#all-doors[open]").count() == 0:
            self.page.click("#all-doors summary")
        self.page.locator(f"[data-door-row='{door}'] [data-action={action}]").click()

    def put_and_shut(self, door: int) -> None:
        """Put a bag in and push the door shut."""
        self.shows_open(door)
        self.act(door, "put")
        self.act(door, "shut")
        self.shows_shut(door)

    def take_and_shut(self, door: int) -> None:
        """Take the bag and push the door shut."""
        self.shows_open(door)
        self.act(door, "take")
        self.act(door, "shut")
        self.shows_shut(door)

    def scan(self, text: str) -> None:
        """Hold a text before the scanner."""
        self.page.fill("#scan-text", text)
        self.page.click("#scan-button")

    def scan_picture(self, picture: bytes) -> None:
        """Hold a picture of a QR before the scanner; the page's own decoder reads it."""
        self.page.set_input_files("#scan-picture", {"name": "code.png", "mimeType": "image/png", "buffer": picture})

    def type_digits(self, code: str) -> None:
        """Press the keys of a typed code and confirm."""
        for digit in code.replace(" ", ""):
            self.page.click(f"[data-key='{digit}']")
        self.page.click("[data-key='enter']")

    def refuses(self, refusal: str) -> None:
        """The display says why not."""
        expect(self.page.locator("#display")).to_have_attribute("data-refusal", refusal)

    def picture(self, name: str) -> None:
        """Keep what is seen."""
        self.page.evaluate("document.querySelectorAll('*').forEach((each) => each.scrollTo(0, 0))")
        self._place.picture(self.page, name, whole=False)
