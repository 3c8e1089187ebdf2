"""Residents change an order, cancel it or order the same again, on the pages and as far as their wants go.

Each wish is noted with what must come of it. Decides nothing a page decides: what is refused there is counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.replay.browser import Browser, Form, Page, needed_form
from app.replay.client import Refused
from app.replay.extras import Cancels, Edits
from app.replay.residents import Placed

# What a page may say to a change that came too late or found the last piece gone; nothing has happened then.
CONFLICT = 409
MOST_OF_ONE = 99
MOST_TRIES = 4
ORDER_IN_PATH = re.compile(r"/orders/([0-9a-f]{32})")
FREE_WINDOW = re.compile(r'name="window_id" value="(\d+)" required(?: checked)?>')
PAY_PAGE = "/sandbox/pay/"


@dataclass(slots=True)
class Edit:
    """A change that was asked for: what the order cost before, and what it shall cost. `pressed`: it was paid for."""

    placed: Placed
    before_minor: int
    after_minor: int
    pressed: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """An order that was made from an earlier one. `pressed`: it was paid for."""

    order_id: str
    window: int
    pressed: bool


@dataclass(slots=True)
class SecondThoughts:
    """Who changed their mind. `browser_of` gives somebody's own tab."""

    browser_of: Callable[[Placed], Browser]
    deeds: Counter[str]
    edits: list[Edit] = field(default_factory=list)

    # --- edits ------------------------------------------------------------------------------------------------------

    async def edit(self, placed: Placed) -> None:
        """Change an order on its page, and pay for it where somebody wants to. Raises Refused."""
        browser, wants = self.browser_of(placed), placed.wants.edits
        await placed.look()
        before = placed.total_minor
        page = await browser.open(f"en/orders/{placed.order_id}/edit")
        page, shown = await self._step(browser, page, larger=wants is not Edits.SMALLER)
        if not shown:
            self.deeds["edit_impossible"] += 1
            return
        form = needed_form(page, "/edit")
        page = await browser.send(page, form)
        if page.refused:
            self._count_refusal(page, "edit")
            return
        edit = Edit(placed, before, before + shown)
        self.edits.append(edit)
        if shown > 0:
            await self._pay(browser, page, edit)
        else:
            edit.settled = True
            self.deeds["edit_smaller"] += 1
            await placed.look()
            if placed.total_minor != edit.after_minor:
                raise Refused(page.status, "edit", f"order {placed.order_id} costs {placed.total_minor} after an edit")

    async def _step(self, browser: Browser, page: Page, *, larger: bool) -> tuple[Page, int]:
        """Press plus, or minus where something is left, until the price moves; the amount on the button."""
        for _ in range(3):
            form = page.form("/edit")
            button = _step_button(form, larger=larger) if form else None
            if form is None or button is None:
                return page, 0
            page = await browser.send(page, form, {"set": button}, action=f"{form.action}/draft")
            after = page.form("/edit")
            shown = after.fields.get("shown_minor", "") if after else ""
            if shown not in {"", "0"}:
                return page, int(shown)
        return page, 0

    async def _pay(self, browser: Browser, page: Page, edit: Edit) -> None:
        if edit.placed.wants.edits is Edits.NEVER_PAID:
            self.deeds["edit_never_paid"] += 1
            return
        _, edit.pressed = await self._pay_page(browser, page, "/edit/")
        self.deeds["edit_larger" if edit.pressed else "edit_pay_page_away"] += 1

    async def settle(self, edit: Edit) -> bool:
        """Whether a change that waited for its money is done, dropped or given back by now. Raises Refused."""
        if edit.settled:
            return True
        placed = edit.placed
        page = await self.browser_of(placed).open(f"en/orders/{placed.order_id}")
        if page.form("/edit/") is not None:
            return False
        await placed.look()
        if placed.total_minor not in (edit.before_minor, edit.after_minor):
            raise Refused(page.status, "edit", f"order {placed.order_id} costs {placed.total_minor} after an edit")
        edit.settled = True
        done = placed.total_minor == edit.after_minor
        if done and not edit.pressed:
            raise Refused(page.status, "edit", f"order {placed.order_id} was changed and nobody paid for it")
        self.deeds["edit_paid_and_done" if done else "edit_given_back" if edit.pressed else "edit_dropped"] += 1
        return True

    # --- cancelling -------------------------------------------------------------------------------------------------

    async def cancel(self, placed: Placed, stage: Cancels) -> None:
        """Cancel an order on its page, for what the page says comes back."""
        browser = self.browser_of(placed)
        page = await browser.open(f"en/orders/{placed.order_id}/cancel")
        form = page.form("/cancel")
        if page.refused or form is None:
            self._count_refusal(page, "cancel")
            return
        page = await browser.send(page, form)
        if page.refused:
            self._count_refusal(page, "cancel")
            return
        self.deeds[f"cancelled_{stage.value}"] += 1

    # --- again ------------------------------------------------------------------------------------------------------

    async def order_again(self, placed: Placed, windows: Collection[int]) -> Again | None:
        """Order the same once more with one tap, for the first of these windows that the page says has room."""
        browser = self.browser_of(placed)
        page = await browser.open("en/sites")
        await browser.send(page, needed_form(page, "/sites"), {"site_id": placed.site_id})
        page = await browser.open(f"en/orders/{placed.order_id}")
        page = await browser.send(page, needed_form(page, "/again"))
        form = next((each for each in page.forms if each.name == "order"), None)
        if form is None:  # nothing of it is sold for that time any more
            self.deeds["again_not_to_be_had"] += 1
            return None
        for window in [int(each) for each in FREE_WINDOW.findall(page.html) if int(each) in windows]:
            sent = await browser.send(page, form, {"window_id": str(window)})
            if sent.refused:
                self._count_refusal(sent, "again")
                continue
            page, pressed = await self._pay_page(browser, sent, "/pay")
            self.deeds["ordered_again"] += 1
            return Again(_order_of(page), window, pressed)
        return None

    async def _pay_page(self, browser: Browser, page: Page, form_part: str) -> tuple[Page, bool]:
        """Pay where a page leads to the provider's; where that is away, the order's page leads there again."""
        for _ in range(MOST_TRIES):
            form = page.form(form_part)
            if PAY_PAGE in page.url or form is None:
                break
            page = await browser.send(page, form)
        return await press_pay(browser, page)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def read(self, placed: Placed) -> None:
        """Read the list of orders, one's order and each of its receipts. Raises Refused for a missing page."""
        browser = self.browser_of(placed)
        paths = ["en/orders", f"en/orders/{placed.order_id}"]
        page = await browser.open(paths[-1])
        receipts = sorted(set(re.findall(rf"/en/orders/{placed.order_id}/receipts/\d+", page.html)))
        for path in [*paths, *receipts, *(f"{each}.csv" for each in receipts)]:
            page = await browser.open(path)
            if page.refused:
                raise Refused(page.status, "page", f"{path}: {page.says()}")
        self.deeds["read_orders"] += 1
        self.deeds["read_receipts"] += len(receipts)

    def _count_refusal(self, page: Page, what: str) -> None:
        if page.status not in (200, CONFLICT, 422):
            raise Refused(page.status, what, page.says())
        self.deeds[f"{what}_refused"] += 1


async def press_pay(browser: Browser, page: Page) -> tuple[Page, bool]:
    """Press "pay" on the provider's page, and where that leads; False when it is not that page, or was decided."""
    form = next((each for each in page.forms if ("decision", "pay") in each.buttons), None)
    if PAY_PAGE not in page.url or form is None:
        return page, False
    return await browser.send(page, form, {"decision": "pay"}, action=page.url), True


def _step_button(form: Form, *, larger: bool) -> str | None:
    """The first button that adds a piece; or the first that takes one out and leaves something in the order."""
    had = {name.removeprefix("q-"): int(value) for name, value in form.fields.items() if name.startswith("q-")}
    for name, value in form.buttons:
        product, _, number = value.rpartition(":")
        if name != "set" or product not in had:
            continue
        step = int(number) - had[product]
        if larger and step > 0 and int(number) <= MOST_OF_ONE:
            return value
        if not larger and step < 0 and (sum(had.values()) > 1):
            return value
    return None


def _order_of(page: Page) -> str:
    """The order whose page it is. Raises Refused."""
    found = ORDER_IN_PATH.search(urlsplit(page.url).path)
    if found is None:
        raise Refused(page.status, "again", f"no order stands on {page.url}: {page.says()}")
    return found.group(1)
