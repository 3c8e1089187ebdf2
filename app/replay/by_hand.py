"""Pickers fill some bags line by line: they weigh, find shelves empty, replace, take a lot of their choice, and seal.

Decides what a picker finds on the shelf, by the seed. What may be packed instead, the line's page offers.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.seed import SCALES
from app.replay.browser import Browser, Page, needed_form
from app.replay.chance import chance
from app.replay.client import Client, Json, Refused
from app.replay.extras import Extras, Handles
from app.replay.goods import Goods
from locker_protocol.ids import random_id

Row = dict[str, Json]

TARE_G = 12
LIGHTEST, HEAVIEST = 0.8, 1.06
INSTEAD = re.compile(r'value="instead:([^"]+)"')
SHORT_REASONS = ("not_delivered", "spoiled", "damaged", "other")
WITHDRAWN = "illegal_move"


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag to be filled, in its wave."""

    parcel: Row
    wave_no: int
    lines: Sequence[Row]


@dataclass(slots=True)
class ByHand:
    """A picker's work on bags of a run."""

    extras: Extras
    goods: Goods
    deeds: Counter[str]

    async def pick_run(self, pickers: Sequence[Client], browser: Browser, run_no: int) -> None:
        """Fill and seal the bags that are picked by hand, a picker a bag."""
        parcels = {each["id"]: each for each in await pickers[0].all(f"/api/v1/runs/{run_no}/parcels")}
        bags = [
            Bag(parcels[tote["id"]], wave["number"], tote["lines"])
            for wave in await pickers[0].all(f"/api/v1/runs/{run_no}/waves")
            for tote in wave["parcels"]
            if tote["state"] == "planned" and not tote["withdrawn"] and self._is_mine(parcels[tote["id"]])
        ]
        left = iter(bags)

        async def one(picker: Client) -> None:
            for bag in left:
                await self._fill(picker, browser.tab(), run_no, bag)

        await asyncio.gather(*(one(picker) for picker in pickers))

    def _is_mine(self, parcel: Row) -> bool:
        return self.extras.by_hand(parcel["order_id"], parcel["ref"])

    async def _fill(self, picker: Client, browser: Browser, run_no: int, bag: Bag) -> None:
        try:
            for line in bag.lines:
                if line["picked_quantity"] is None:
                    await self._handle(picker, browser, run_no, bag, line)
            await self._post(picker, f"/api/v1/parcels/{bag.parcel['id']}/seal", {"seal": f"S-{bag.parcel['ref']}"})
        except Refused as refusal:
            if refusal.code != WITHDRAWN:  # its owner cancelled it meanwhile, or a recall took it back
                raise
            self.deeds["bag_withdrawn_in_hand"] += 1
            return
        self.deeds["bags_by_hand"] += 1

    async def _handle(self, picker: Client, browser: Browser, run_no: int, bag: Bag, line: Row) -> None:
        handles = self.extras.handles(bag.parcel["order_id"], line["line_no"])
        if sum(each["product_id"] == line["product_id"] for each in bag.lines) > 1:
            self.deeds["line_at_two_prices"] += 1
            handles = Handles.PICKS  # a scan marks whichever of the two is open
        path = f"/api/v1/parcels/{bag.parcel['id']}/lines/{line['line_no']}"
        there = line["quantity"]
        if handles is Handles.SHORT:
            there -= await self._short(picker, path, bag, line)
        elif handles is Handles.REPLACES:
            there -= await self._replace(picker, browser, path, bag, line)
        if line["catch_weight"] and there:
            await self._weigh(picker, path, bag, line, there)
        elif there == line["quantity"]:
            await self._pick(picker, browser, run_no, bag, line, chooses=handles is Handles.CHOOSES_LOT)
            if handles is Handles.CHANGES_MIND:
                await self._post(picker, f"{path}/unpick")
                await self._pick(picker, browser, run_no, bag, line)
                self.deeds["line_unpicked"] += 1

    async def _short(self, picker: Client, path: str, bag: Bag, line: Row) -> int:
        drawn = chance(self.extras.seed, "missing", bag.parcel["ref"], bag.parcel["order_id"], line["line_no"])
        missing = 1 + int(drawn * line["quantity"])
        reason = SHORT_REASONS[int(drawn * 97) % len(SHORT_REASONS)]
        await self._post(picker, f"{path}/short", {"missing": missing, "reason": reason})
        self.deeds["line_short"] += 1
        return missing

    async def _replace(self, picker: Client, browser: Browser, path: str, bag: Bag, line: Row) -> int:
        """Replace one piece, where its owner wants that and something like it is there; else it is short."""
        page = await browser.open(f"en/picking/parcels/{bag.parcel['id']}/lines/{line['line_no']}")
        offered = INSTEAD.findall(page.html)
        if not offered:
            return await self._short(picker, path, bag, line)
        drawn = chance(self.extras.seed, "instead", bag.parcel["order_id"], line["line_no"])
        instead = offered[int(drawn * len(offered))]
        await self._post(picker, f"{path}/substitute", {"product_id": instead, "quantity": 1})
        self.deeds["line_replaced"] += 1
        return 1

    async def _weigh(self, picker: Client, path: str, bag: Bag, line: Row, there: int) -> None:
        drawn = chance(self.extras.seed, "weighs", bag.parcel["order_id"], line["line_no"])
        net_g = self.goods.articles[line["product_id"]].kind.weight_g
        gross = round(there * net_g * (LIGHTEST + drawn * (HEAVIEST - LIGHTEST))) + TARE_G
        scale = SCALES[int(drawn * 1000) % len(SCALES)]
        await self._post(picker, f"{path}/weighings", {"scale_id": scale, "gross_g": gross, "tare_g": TARE_G})
        self.deeds["line_weighed"] += 1

    async def _pick(
        self, picker: Client, browser: Browser, run_no: int, bag: Bag, line: Row, *, chooses: bool = False
    ) -> None:
        """Scan product and label; on the page where somebody takes another lot than the one that expires first."""
        if chooses and await self._pick_lot(browser, run_no, bag, line):
            self.deeds["lot_chosen"] += 1
            return
        asked = {"product_id": line["product_id"], "label": bag.parcel["label"]}
        await self._post(picker, f"/api/v1/runs/{run_no}/picks", asked)

    async def _post(self, picker: Client, path: str, body: Row | None = None) -> None:
        """Do something once, however often it has to be asked for."""
        await picker.post(path, body, Idempotency_Key=random_id())

    async def _pick_lot(self, browser: Browser, run_no: int, bag: Bag, line: Row) -> bool:
        here = f"en/picking/runs/{run_no}/waves/{bag.wave_no}"
        page = await browser.open(f"{here}?product={line['product_id']}")
        other = _other_lot(page, line["product_id"])
        if other is None:
            return False
        scan = {"product": line["product_id"], "code": other}
        page = await browser.send(page, needed_form(page, f"/waves/{bag.wave_no}"), scan)
        if page.refused:  # the last piece of it was taken meanwhile
            return False
        scan = {"product": line["product_id"], "have": "1", "lot": other, "code": bag.parcel["label"]}
        page = await browser.send(page, needed_form(page, f"/waves/{bag.wave_no}"), scan)
        return not page.refused


def _other_lot(page: Page, product_id: str) -> str | None:
    """A lot that the page offers beside the one that expires first."""
    for form in page.forms:
        if form.fields.get("product") == product_id and "code" not in form.fields and not form.fields.get("have"):
            found = [value for name, value in form.buttons if name == "code"]
            if found:
                return found[0]
    return None
