"""Residents say what was wrong with what came, and an operator answers those whom no policy answers.

Every claim a person made is kept until it was answered. Which are granted at once, the service decides; here it is
counted.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from io import BytesIO

from PIL import Image

from app.replay.browser import Browser, Page, needed_form
from app.replay.chance import chance
from app.replay.client import Refused
from app.replay.extras import Claims
from app.replay.residents import Placed

LINE = re.compile(r'name="line" value="(\d+)".*?<span>(.*?) ×', re.DOTALL)
DONE = re.compile(r"[?&]done=([0-9a-f]{32})")
OPERATORS_CLAIM = re.compile(r"/ops/claims/([0-9a-f]{32})")
ALARM = re.compile(r"/ops/claims/alarms/([0-9a-f]{32})")
REASON = "Looked at by the replay's operator"
CONFLICT = 409
REFUSES, REFUNDS_OTHERS = 0.4, 0.5
PHOTO_PX = 160


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says, of goods with this name or, without one, of any line."""

    kind: Claims
    about: str = ""


async def complain(browser: Browser, placed: Placed, said: Said, deeds: Counter[str], seed: int) -> None:
    """Say on the order's page that a line was not as it should be. Raises Refused for an answer nobody expects."""
    path = f"en/orders/{placed.order_id}/claim"
    page = await browser.open(path)
    lines = _lines(page, said)
    if not lines:  # all that came was refunded before
        deeds["claim_nothing_left"] += 1
        return
    line = lines[int(chance(seed, "claims line", placed.name) * len(lines))]
    kind = Claims.SPOILED if said.kind is Claims.ABSURD else said.kind
    photo = ("photo", picture(seed, placed.name)) if said.kind is Claims.SPOILED else None
    page = await browser.send(
        page, needed_form(page, "/claim"), {"line": line, "kind": kind.value, "quantity": "1"}, photo
    )
    if said.kind is Claims.ABSURD:
        if not page.refused:
            raise Refused(page.status, "claim", f"a spoiled line of {placed.order_id} was claimed without a photo")
        deeds["claim_refused_at_once"] += 1
        return
    if page.status == CONFLICT and line not in _lines(await browser.open(path), said):
        deeds["claim_overtaken"] += 1  # a recall gave it back between the look and the word
        return
    if page.refused or not DONE.search(page.url):
        raise Refused(page.status, "claim", f"a claim of {placed.order_id} was refused: {page.says()}")
    deeds[f"claim_{said.kind.value}"] += 1
    deeds["claims_of_bad_goods"] += bool(said.about)


def _lines(page: Page, said: Said) -> list[str]:
    """The lines that the page lets one choose, of what somebody speaks of."""
    return [number for number, name in LINE.findall(page.html) if said.about in unescape(name)]


def picture(seed: int, name: str) -> bytes:
    """A photo that nobody else sends."""
    colour = tuple(int(chance(seed, "colour", name, part) * 256) for part in "rgb")
    image = Image.new("RGB", (PHOTO_PX, PHOTO_PX), (colour[0], colour[1], colour[2]))
    for at in range(PHOTO_PX):  # a line of its own, should two have drawn the same colour
        image.putpixel((at, int(chance(seed, "dot", name, at) * PHOTO_PX)), (255, 255, 255))
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


class Answers:
    """An operator at the claims page."""

    def __init__(self, operator: Callable[[], Browser], deeds: Counter[str], seed: int) -> None:
        self._operator, self._deeds, self._seed = operator, deeds, seed

    async def answer_all(self) -> None:
        """Answer every claim that waits, and close every alarm. Raises Refused."""
        browser = self._operator()
        page = await browser.open("en/ops/claims")
        for alarm_id in dict.fromkeys(ALARM.findall(page.html)):
            await self._answer_alarm(browser, alarm_id)
        for claim_id in self._waiting(await browser.open("en/ops/claims")):
            await self._answer(browser, claim_id)

    async def waiting(self) -> int:
        """How many claims still wait."""
        return len(self._waiting(await self._operator().open("en/ops/claims")))

    def _waiting(self, page: Page) -> list[str]:
        if page.refused:
            raise Refused(page.status, "claims", page.says())
        part = page.html.partition('id="waiting"')[2].partition('id="costs"')[0]
        return list(dict.fromkeys(OPERATORS_CLAIM.findall(part)))

    async def _answer(self, browser: Browser, claim_id: str) -> None:
        page = await browser.open(f"en/ops/claims/{claim_id}")
        refuses = chance(self._seed, "refuses", len(self._deeds), self._deeds["claims_answered"]) < REFUSES
        grant = page.form("/grant")
        if refuses or grant is None:  # all of the line went back meanwhile: there is nothing to give
            answer = {"answer": "packed_complete", "reason": REASON}
            page = await browser.send(page, needed_form(page, "/refuse"), answer)
        else:
            page = await browser.send(page, grant, {"reason": REASON})
        if page.refused:
            raise Refused(page.status, "claim", f"the answer to claim {claim_id} was refused: {page.says()}")
        self._deeds["claims_answered"] += 1
        self._deeds["claim_refused_by_person" if refuses or grant is None else "claim_granted_by_person"] += 1

    async def _answer_alarm(self, browser: Browser, alarm_id: str) -> None:
        page = await browser.open(f"en/ops/claims/alarms/{alarm_id}")
        refund = page.form("/refund")
        if refund is not None and chance(self._seed, "alarm", self._deeds["alarms_closed"]) < REFUNDS_OTHERS:
            page = await browser.send(page, refund, {"reason": REASON})
            self._refuse(page, alarm_id)
            self._deeds["alarm_others_refunded"] += int(refund.fields.get("shown", "0"))
        close = page.form("/close")
        if close is not None:
            page = await browser.send(page, close, {"reason": REASON})
            self._refuse(page, alarm_id)
        self._deeds["alarms_closed"] += 1

    def _refuse(self, page: Page, alarm_id: str) -> None:
        if page.refused:
            raise Refused(page.status, "alarm", f"the answer to alarm {alarm_id} was refused: {page.says()}")
