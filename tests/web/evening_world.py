"""The staff world's order in its last hour: it is noon, it lies in the locker, and the last window closes at one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import Table, insert, text, update

from app.db import tables as t
from app.db.engine import transaction
from app.domain.choice_link import make_choice_link
from app.use_cases.evening.call_off_run import call_off_run
from app.use_cases.evening.offer_not_collected import offer_not_collected
from tests.web.shop_world import NOW
from tests.web.staff_world import Day

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
RUN_AXE = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})).violations
  .map((found) => `${found.id}: ${found.nodes.map((node) => node.html).join(' | ')}`)"""
SHIFT = timedelta(hours=32, minutes=30)
KEEPS_UNTIL = NOW + timedelta(hours=25, minutes=30)


def last_hour(day: Day) -> None:
    """Bring the order into the locker, and its evening near its end."""
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="ready"))
        for door, parcel_id in enumerate(day.parcels, start=6):
            here = update(t.parcel).where(t.parcel.c.id == parcel_id)
            lies = {"state": "loaded", "door": door, "loaded_at": NOW - timedelta(hours=4)}
            conn.execute(here.values(**lies, collect_until=KEEPS_UNTIL))
        code = {"id": "00112233445566aa", "order_id": day.order_id, "site_id": day.site_id, "handle": 7}
        conn.execute(insert(t.credential).values(**code, generation=1, made_at=NOW, expires_at=KEEPS_UNTIL, typed=True))
        conn.execute(update(t.load_run).values(**earlier(t.load_run, "order_by", "load_from", "load_until")))
        conn.execute(update(t.load_run).values(removal_from=KEEPS_UNTIL))
        conn.execute(update(t.pickup_window).values(**earlier(t.pickup_window, "opens_at", "closes_at")))


def earlier(table: Table, *columns: str) -> dict[str, Any]:
    """These times, `SHIFT` before."""
    return {name: table.c[name] - SHIFT for name in columns}


def ask(day: Day) -> str:
    """Ask whoever has not collected; the path of the page, from its language on."""
    with transaction(day.engine) as conn:
        assert offer_not_collected(conn, now=NOW, settings=day.app.extensions["caibox"].settings) == 1
    return choice_path(day)


def called_off(day: Day) -> str:
    """Call the run off; the path of the choice."""
    with transaction(day.engine) as conn:
        settings = day.app.extensions["caibox"].settings
        assert call_off_run(conn, run_no=day.run_no, actor="person:x", now=NOW, settings=settings) == 1
    return choice_path(day)


def choice_path(day: Day) -> str:
    """The newest offer's page."""
    with day.engine.begin() as conn:
        offer_id = conn.execute(text("SELECT id FROM offer ORDER BY made_at DESC, id DESC LIMIT 1")).scalar_one()
    settings = day.app.extensions["caibox"].settings
    return "choice/" + make_choice_link(settings.secret_key, offer_id=offer_id, ends_at=KEEPS_UNTIL)


def faults_of(page: Page, *, width: int | None = None) -> list[str]:
    """What axe has to say, and whether the page is wider than its window."""
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found = list(page.evaluate(RUN_AXE))
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append(f"wider than {width or 'its window'}")
    return found
