"""The office: an operator takes over lots as they come, recalls a small one now and then, and looks at the books' day.

Decides which goods come in lots and which of those goes back. Never which orders a recall concerns: the page says it.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from app.replay.browser import Browser, needed_form
from app.replay.client import Refused
from app.replay.goods import Goods
from locker_protocol.vocabulary import Zone

HEADING = "product,lot,quantity,expires_on"
IN_LOTS = 3
# Pieces of a lot that goes back: a handful of orders.
SMALL_LOT = 6
GOOD_FOR = timedelta(days=4)
LONGER = timedelta(days=2)
LOT = re.compile(r"/ops/lots/([0-9a-zA-Z_-]+)")
MOST_LOOKS = 4
PRICES_A_DAY, DEARER_PERCENT = 5, 110
REASON = "The grower called it back"
FOUND = re.compile(r"[?&]state=found[^>]*>[^<]*?(\d+)\s*</a>")
HEALED = re.compile(r"[?&]state=healed[^>]*>[^<]*?(\d+)\s*</a>")


@dataclass(slots=True)
class Office:
    """An operator's day. `operator` gives a tab of theirs."""

    operator: Callable[[], Browser]
    goods: Goods
    deeds: Counter[str]
    small: list[str] = field(default_factory=list)

    async def take_over_lots(self, run_no: int, day: date, pieces: Mapping[str, int]) -> None:
        """Take over lots of what a run needs most: two of each, and of the first a small one that expires soonest."""
        wanted = [sku for sku, _ in Counter(pieces).most_common() if self._comes_in_lots(sku)][:IN_LOTS]
        if not wanted:
            return
        rows = [row for sku in wanted for row in self._rows(run_no, day, sku, pieces[sku])]
        small = f"R{run_no}-S"
        rows.append(f"{wanted[0]},{small},{SMALL_LOT},{(day + GOOD_FOR).isoformat()}")
        browser = self.operator()
        page = await browser.open("en/ops/lots")
        page = await browser.send(page, needed_form(page, "/ops/lots"), {"table": "\n".join([HEADING, *rows])})
        if page.refused:
            raise Refused(page.status, "lots", page.says())
        self.deeds["lots_taken_over"] += len(rows)
        self.small.append(small)

    async def recall(self) -> None:
        """Recall the newest small lot, having looked at its orders. Raises Refused."""
        if not self.small:
            return
        code, browser = self.small.pop(), self.operator()
        listed = await browser.open(f"en/ops/lots?q={code}")
        lot_ids = list(dict.fromkeys(LOT.findall(listed.html)))
        if not lot_ids:
            raise Refused(listed.status, "lots", f"lot {code} is not listed")
        for _ in range(MOST_LOOKS):  # a picker may take of it between the look and the word
            page = await browser.open(f"en/ops/lots/{lot_ids[0]}")
            orders = set(re.findall(r"/ops/orders/([0-9a-f]{32})", page.html))
            form = needed_form(page, "/recall")
            page = await browser.send(page, form, {"reason": REASON, "orders": str(len(orders))})
            if not page.refused:
                self.deeds["recalls"] += 1
                self.deeds["recalled_orders"] += len(orders)
                return
        raise Refused(page.status, "recall", f"the recall of {code} was refused: {page.says()}")

    async def change_prices(self, pieces: Mapping[str, int], day: int) -> None:
        """What is ordered most costs a little more on every other day, from now on. Raises Refused."""
        browser = self.operator()
        wanted = [sku for sku, _ in Counter(pieces).most_common() if not self.goods.articles[sku].kind.by_weight]
        for sku in wanted[:PRICES_A_DAY]:
            minor = self.goods.articles[sku].price_minor * (DEARER_PERCENT if day % 2 else 100) // 100
            page = await browser.open(f"en/ops/stock?q={sku}")
            form = needed_form(page, f"/products/{sku}")
            page = await browser.send(page, form, {"price": f"{minor // 100}.{minor % 100:02}"})
            if page.refused:
                raise Refused(page.status, "price", f"{sku}: {page.says()}")
            self.deeds["prices_changed"] += 1

    async def differences(self) -> int:
        """Look at the reconciliation: how many differences are open."""
        page = await self.operator().open("en/ops/reconciliation")
        found = FOUND.search(page.html)
        if page.refused or found is None:
            raise Refused(page.status, "reconciliation", page.says())
        healed = HEALED.search(page.html)
        self.deeds["reconciliation_looks"] += 1
        self.deeds["differences_put_right"] = int(healed.group(1)) if healed else 0
        return int(found.group(1))

    def _comes_in_lots(self, sku: str) -> bool:
        kind = self.goods.articles[sku].kind
        return kind.zone is not Zone.FROZEN and not kind.by_weight

    def _rows(self, run_no: int, day: date, sku: str, pieces: int) -> Sequence[str]:
        """Half of what is needed by each; what is needed more is of no lot, as in a shop that did not count."""
        half = max(2, pieces // 2)
        sooner, later = day + GOOD_FOR + LONGER, day + GOOD_FOR + 2 * LONGER
        return [f"{sku},R{run_no}-A,{half},{sooner.isoformat()}", f"{sku},R{run_no}-B,{half},{later.isoformat()}"]
