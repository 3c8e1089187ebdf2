"""When a person sees a page on a slow line and an old phone: 1.6 Mbit/s, 150 ms a round trip, a quarter of the speed.

A real browser with an empty cache against gunicorn as shipped; line and processor are slowed by the browser's own
tools. Measured are the largest contentful paint (the moment the page's main thing stands there) and the bytes that
came.

python -m benchmarks.page_load [--rounds 5] [--json OUT]
"""

import argparse
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from benchmarks.races import commit, machine
from benchmarks.shop import ServedShop, served_shop
from benchmarks.viewers import Viewers, make_viewers

ROUNDS = 5
BYTES_A_SECOND = 1_600_000 / 8
ROUND_TRIP_MS = 150
TIMES_SLOWER = 4
SETTLE_MS = 500  # a paint that comes after all is loaded still counts
PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=800)
LOOKED_AT: Mapping[str, ViewportSize] = {"shop": PHONE, "order": PHONE, "collect": PHONE, "fleet": DESK}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PAINTS = """() => new Promise((tell) => {
  new PerformanceObserver((list) => tell(list.getEntries().at(-1).startTime))
    .observe({ type: 'largest-contentful-paint', buffered: true });
  setTimeout(() => tell(null), 5000);
})"""


def measure(rounds: int = ROUNDS) -> dict[str, object]:
    """Milliseconds to the largest paint, by page; the first round only warms the server up."""
    with served_shop(people=10) as shop, sync_playwright() as playwright:
        viewers = make_viewers(shop)
        executable = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        measured = {page: _page(browser, shop, viewers, page, rounds) for page in LOOKED_AT}
        browser.close()
    return {
        "what": f"python -m benchmarks.page_load --rounds {rounds}",
        "commit": commit(),
        "machine": machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "line": f"{BYTES_A_SECOND * 8 / 1e6} Mbit/s, {ROUND_TRIP_MS} ms, processor {TIMES_SLOWER} times slower",
        "pages": measured,
    }


def _page(browser: Browser, shop: ServedShop, viewers: Viewers, page: str, rounds: int) -> dict[str, float]:
    seen = [_once(browser, shop, viewers, page) for _ in range(rounds + 1)][1:]
    paints = [paint for paint, _ in seen]
    return {"lcp_p50_ms": round(median(paints)), "lcp_worst_ms": round(max(paints)), "kb": seen[-1][1]}


def _once(browser: Browser, shop: ServedShop, viewers: Viewers, page: str) -> tuple[float, float]:
    """Open the page with an empty cache; when its largest thing was painted, and the kilobytes that came."""
    path, cookie = viewers.address(page)
    context = browser.new_context(viewport=LOOKED_AT[page])
    name, _, value = cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": f"http://{shop.address}"}])
    tab = context.new_page()
    devtools = context.new_cdp_session(tab)
    received = [0]
    devtools.on("Network.loadingFinished", lambda told: received.append(int(told["encodedDataLength"])))
    devtools.send("Network.enable")
    line = {"downloadThroughput": BYTES_A_SECOND, "uploadThroughput": BYTES_A_SECOND, "latency": ROUND_TRIP_MS}
    devtools.send("Network.emulateNetworkConditions", {"offline": False, **line})
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": TIMES_SLOWER})
    tab.goto(f"http://{shop.address}{path}", wait_until="load", timeout=120_000)
    tab.wait_for_timeout(SETTLE_MS)
    paint = tab.evaluate(PAINTS)
    context.close()
    if paint is None:
        raise AssertionError(f"{page}: nothing was painted")
    return float(paint), round(sum(received) / 1024, 1)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    words = json.dumps(measure(asked.rounds), indent=1)
    print(words)
    if asked.json:
        asked.json.write_text(words + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
