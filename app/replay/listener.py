"""Another program that is told what happens: it verifies each message's signature and keeps each event once by its id.

It refuses some messages the first time, so that they are sent again. It believes no message without a signature, and no
repeat whose bytes differ.
"""

import hashlib
import hmac
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from app.replay.chance import chance
from app.replay.client import Client, Refused
from app.replay.patience import NeverHappened, tries
from app.replay.residents import Placed

SIGNATURE = "Caibox-Signature"
KINDS = (
    "order.paid",
    "order.packed",
    "order.loaded",
    "order.collected",
    "order.withdrawn",
    "order.refunded",
    "order.released",
)
ENDS = {"collected": "order.collected", "refunded": "order.refunded", "released": "order.released"}
REFUSED_FIRST = 0.03
ARRIVED_WITHIN_S = 60.0


@dataclass(slots=True)
class Listener:
    """What was heard. `bodies` by event id."""

    seed: int
    deeds: Counter[str]
    secret: str = ""
    endpoint_id: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)

    async def hear(self, request: web.Request) -> web.Response:
        """Take a message in; 503 for one that is refused the first time, 401 for one nobody of ours signed."""
        body = await request.read()
        if not self.secret:  # it is told before it knows by what to verify: it asks for it again
            return web.Response(status=503)
        if not _is_signed(body, request.headers.get(SIGNATURE, ""), self.secret):
            self.violations.append("a message came whose signature does not hold")
            return web.Response(status=401)
        event_id = str(json.loads(body)["id"])
        is_new = event_id not in self.bodies and event_id not in self._refused
        if is_new and (not self._refused or self._refuses(event_id)):  # at least once in a run, however short
            self._refused.add(event_id)
            self.deeds["events_refused_first"] += 1
            return web.Response(status=503)
        if self.bodies.setdefault(event_id, body) != body:
            self.violations.append(f"event {event_id} came again with other bytes")
        return web.Response(status=204)

    async def register(self, operator: Client, url: str) -> None:
        """Ask to be told."""
        made = await operator.post("/api/v1/webhooks", {"url": url, "kinds": list(KINDS)})
        self.endpoint_id, self.secret = made["id"], made["secret"]

    async def all_arrived(self, operator: Client) -> int:
        """Wait until no message is on its way that is due now; how many still wait for a later try."""
        waiting = 0
        try:
            async for _ in tries("every message arrived", patience_s=ARRIVED_WITHIN_S):
                mine = [row for row in await operator.all("/api/v1/webhooks") if row["id"] == self.endpoint_id]
                waiting = sum(row["waiting"] for row in mine)
                if any(row["dead"] for row in mine):
                    raise Refused(200, "webhooks", "a message was given up")
                if not waiting:
                    break
        except NeverHappened:
            pass  # what still waits is for the caller to judge
        return waiting

    def judge(self, placed: list[Placed]) -> list[str]:
        """What was not told once, of how orders were paid and how they ended."""
        told: dict[tuple[str, str], int] = defaultdict(int)
        for body in self.bodies.values():
            message = json.loads(body)
            told[message["data"]["order_id"], message["kind"]] += 1
        self.deeds["events"] = len(self.bodies)
        missing = []
        for each in placed:
            wanted = [ENDS[each.state]] if each.state in ENDS else []
            wanted += ["order.paid"] if each.paid and each.state == "collected" else []
            missing += [
                f"{kind} of {each.order_id} was told {told[each.order_id, kind]} times"
                for kind in wanted
                if told[each.order_id, kind] != 1
            ]
        return [*self.violations, *missing]

    def _refuses(self, event_id: str) -> bool:
        return chance(self.seed, "refuses event", event_id) < REFUSED_FIRST


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[str]:
    """Listen on a free port of this machine; gives the address."""
    app = web.Application()
    app.router.add_post("/", listener.hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    expected = hmac.new(secret.encode(), f"{parts.get('t', '')}.".encode() + body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected, parts.get("v1", ""))
