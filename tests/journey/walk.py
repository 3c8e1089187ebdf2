"""A walk: one person's way through their pages in one language at one width, kept as pictures, its taps counted.

Pictures land in `build/screens/{person}/{language}-{width}-{step}.png`, the newest walk over the one before.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from tests.journey.people import Place

SCREENS = Path(__file__).resolve().parents[2] / "build/screens"
# The shop's sixty products say nothing more than its first twenty.
TALLEST = 2_400
COUNT_TAPS = "addEventListener('pointerdown', (event) => event.isTrusted && window.tapped(), true)"
HTML_LANGUAGE = {"en": "en", "zh-hans": "zh-Hans"}
# What stands outside the window although nothing scrolls there: axe does not see it, people do.
CUT_OFF = """() => [...document.querySelectorAll('main *, .bar *')].filter((each) => {
  const box = each.getBoundingClientRect();
  if (!box.width || !box.height || !each.textContent.trim() || each.closest('.hidden, .skip')) return false;
  if (!each.checkVisibility()) return false; // what is folded away has a box too
  for (let up = each; up; up = up.parentElement) if (getComputedStyle(up).overflowX !== 'visible') return false;
  return box.right > innerWidth + 1 || box.left < -1;
}).map((each) => each.outerHTML.slice(0, 120))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk(Place):
    """A place seen by one person; `taps` grows with each tap of theirs."""

    who: str = "nobody"
    taps: list[str] = field(default_factory=list)

    def by(self, who: str) -> "Walk":
        """The same place, walked by somebody else."""
        return replace(self, who=who, taps=[])

    def person(self) -> Page:
        """Somebody with a browser of their own, whose taps are counted."""
        page = Place.person(self)
        context: BrowserContext = page.context
        context.expose_binding("tapped", lambda source: self.taps.append(source["page"].url))
        context.add_init_script(COUNT_TAPS)
        return page

    def picture(self, page: Page, name: str, *, whole: bool = True) -> None:
        """Keep the page; nothing of it hangs over an edge, it has one heading and speaks one language."""
        if name.startswith("locker"):  # the locker's own page has its own tests
            page.screenshot(path=self._file(name))
            return
        expect(page.locator("html")).to_have_attribute("lang", HTML_LANGUAGE[self.language])
        expect(page.locator("h1:visible")).to_have_count(1)
        self._draw(page, self._file(name), whole=whole)
        hanging = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        cut_off = page.evaluate(CUT_OFF)
        assert (hanging, cut_off) == (0, []), f"{name} at {self.width} px: {json.dumps(cut_off, ensure_ascii=False)}"

    def _draw(self, page: Page, file: Path, *, whole: bool) -> None:
        """What stays at the lower edge stays there in the picture too: the window grows to the page."""
        before = page.viewport_size
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        if not whole or before is None or height <= before["height"]:
            page.screenshot(path=file)
            return
        page.set_viewport_size(ViewportSize(width=self.width, height=min(height, TALLEST)))
        page.screenshot(path=file)
        page.set_viewport_size(before)

    def _file(self, step: str) -> Path:
        folder = SCREENS / self.who
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.language}-{self.width}-{step}.png"
