"""Sends messages to other programs: one at a time to each, all at the same time, so that a slow one delays no other.

Decides nothing: `deliver_webhooks` says which and keeps what became of them, `webhook_address` where they may go.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from app.db.engine import transaction
from app.domain.webhook_event import MOST_ENDPOINTS, WebhookAddressRefused
from app.factory import Parts
from app.link.busy import postponed
from app.notify.webhook_address import check_url, resolve
from app.notify.webhook_message import EVENT_HEADER, SIGNATURE_HEADER, Outcome, secret_of, send, sign, write_body
from app.use_cases.telling.deliver_webhooks import Claimed, claim_due, record_outcome

log = structlog.get_logger()

T = TypeVar("T")
LOOK_UP_S = 1.0


class WebhookSender:
    """The sender of one worker."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop."""
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        # Names are asked for on threads of their own: a name server that is silent must not hold up the database.
        with ThreadPoolExecutor(2) as self._database, ThreadPoolExecutor(MOST_ENDPOINTS) as self._names:
            while not stop.is_set():
                for claimed in await self._claim():
                    self._under_way[claimed.endpoint_id] = asyncio.create_task(self._deliver(claimed))
                await self._until_one_is_done()
            for task in self._under_way.values():
                task.cancel()

    async def _claim(self) -> list[Claimed]:
        def work(conn: Connection) -> list[Claimed]:
            return claim_due(conn, busy=list(self._under_way), now=self._parts.clock.now().civil)

        return await self._in_transaction(work, or_else=[])

    async def _until_one_is_done(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=LOOK_UP_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(LOOK_UP_S)
        for endpoint_id, task in list(self._under_way.items()):
            if task.done():
                del self._under_way[endpoint_id]
                task.result()

    async def _deliver(self, claimed: Claimed) -> None:
        outcome = await self._try(claimed)
        if not outcome.arrived:
            log.warning("webhook_not_sent", delivery=claimed.id, tries=claimed.tries, reason=outcome.trouble)

        def work(conn: Connection) -> None:
            record_outcome(conn, claimed, outcome, now=self._parts.clock.now().civil)

        await self._in_transaction(work, or_else=None)

    async def _try(self, claimed: Claimed) -> Outcome:
        settings, inside = self._parts.settings, self._parts.settings.webhooks_inside
        body = write_body(event_id=claimed.event_id, kind=claimed.kind, at=claimed.at, facts=claimed.facts)
        secret = secret_of(service_secret=settings.secret_key, endpoint_id=claimed.endpoint_id, salt=claimed.salt)
        signature = sign(body, secret=secret, at_s=int(self._parts.clock.now().civil.timestamp()))
        headers = {"Content-Type": "application/json", "User-Agent": "Caibox", EVENT_HEADER: claimed.kind}
        try:
            place = check_url(claimed.url, inside_allowed=inside)
            asked = asyncio.get_running_loop().run_in_executor(
                self._names, lambda: resolve(place, inside_allowed=inside)
            )
            addresses = await asked
        except WebhookAddressRefused:
            return Outcome(arrived=False, trouble="no public address is known for it")
        return await send(claimed.url, place, addresses, body=body, headers={**headers, SIGNATURE_HEADER: signature})

    async def _in_transaction(self, work: Callable[[Connection], T], *, or_else: T) -> T:
        done = [or_else]

        def run() -> None:
            with postponed("webhooks"), transaction(self._parts.engine) as conn:
                done[0] = work(conn)

        await asyncio.get_running_loop().run_in_executor(self._database, run)
        return done[0]
