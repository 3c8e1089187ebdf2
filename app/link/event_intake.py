"""Hears what gateways say: verifies, reads, and hands each message to its use case, one after another.

Decides who may be believed, and what is acknowledged: after the commit, never before. Whatever cannot be taken is
stored as rejected and counted, and the loop goes on. Never decides what an event means.
"""

import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from app.db.engine import transaction
from app.link import metrics
from app.link.busy import postponed
from app.link.command_relay import CommandRelay
from app.link.gateway_book import GatewayBook, KnownGateway
from app.link.mqtt_client import Message
from app.link.rejections import Rejections
from app.link.remote_commands import take_answer
from app.link.up_log import FORKED, count, take_batch
from app.link.uplink import Uplink
from app.settings import Settings
from app.use_cases.cold_chain.keep_minutes import Told, keep_minutes
from app.use_cases.site.apply_entry_result import apply_entry_result
from app.use_cases.site.begin_down_log import begin_down_log
from app.use_cases.site.hear_gateway import Standing, hear_birth, hear_death, hear_silence, hear_status
from locker_protocol.clock import Clock, Now
from locker_protocol.codec import MAX_MESSAGE_BYTES, decode
from locker_protocol.errors import ProtocolError, ProtocolFault
from locker_protocol.signing import MAX_FRAME_HEAD, Direction, unseal
from locker_protocol.telemetry import MinutesKept
from locker_protocol.topics import parse_uplink_topic, uplink_topic
from locker_protocol.uplink_messages import (
    CommandAnswered,
    EntriesApplied,
    EventsApplied,
    GatewayBirth,
    GatewayDeath,
    Presence,
    SiteStatus,
    Up,
    UpBatch,
)

log = structlog.get_logger()

LOOK_UP_S = 0.5
# Three statuses missed: the gateway is gone, whatever its will said or whoever was not there to hear it.
SILENT_AFTER_MS = 15_000
SWEEP_EVERY_MS = 1_000
# A log begun so short a time ago is not begun again, whatever the gateway says.
YOUNG_MS = 10_000
# Minutes of so many controllers are written together: what is measured by 10,000 lockers comes once a minute.
MINUTES_TOGETHER = 256
KINDS: dict[str, Any] = {"up": Up, "presence": Presence}


def topics_of(shard: str) -> list[str]:
    """What the service subscribes to."""
    return [uplink_topic(shard, "+", "up"), uplink_topic(shard, "+", "presence")]


class EventIntake:
    """The intake of one shard; `handle` is called from one thread."""

    def __init__(
        self, *, engine: Engine, settings: Settings, clock: Clock, uplink: Uplink, relay: CommandRelay
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._uplink = uplink
        self._relay = relay
        self._book = GatewayBook(engine, settings.shard)
        self._rejections = Rejections(engine)
        self._heard_ms: dict[str, int] = {}
        self._begun_ms: dict[str, int] = {}
        self._minutes: list[tuple[Message, KnownGateway, MinutesKept]] = []
        self.turned_ms = clock.now().monotonic_ms
        self._sweep_at_ms = self.turned_ms + SILENT_AFTER_MS

    def run(self, inbox: "queue.Queue[Message]", stop: threading.Event) -> None:
        """Take messages until told to stop, and notice who is silent."""
        while not stop.is_set():
            self.turned_ms = self._clock.now().monotonic_ms
            with suppress(queue.Empty):
                self.take(inbox.get(timeout=LOOK_UP_S))
            if inbox.empty() or len(self._minutes) >= MINUTES_TOGETHER:
                self.keep_minutes()
            with postponed("silence"):
                self.notice_silence()

    def handle(self, message: Message) -> None:
        """Take one message with all that it means at once."""
        self.take(message)
        self.keep_minutes()

    def take(self, message: Message) -> None:
        """Take one message. Whatever it is, the next one can be taken. Minutes wait for `keep_minutes`."""
        now = self._clock.now()
        try:
            with postponed("intake"):  # the sender repeats what we do not acknowledge
                self._take(message, now)
        except ProtocolError as error:
            self._rejections.reject(message, error, now=now.civil, now_ms=now.monotonic_ms)
        except (IntegrityError, DataError) as error:
            refused = ProtocolError(ProtocolFault.INVALID_FIELD, f"the tables refuse it: {type(error.orig).__name__}")
            self._rejections.reject(message, refused, now=now.civil, now_ms=now.monotonic_ms)

    def keep_minutes(self) -> None:
        """Write down the minutes that wait, and answer them; one after another where some of them stop the others."""
        waiting, self._minutes = self._minutes, []
        if not waiting:
            return
        try:
            with postponed("minutes"):
                self._keep(waiting)
        except (IntegrityError, DataError) as error:
            if len(waiting) == 1:
                self._refuse(waiting[0][0], f"the tables refuse it: {type(error.orig).__name__}")
                return
            for one in waiting:
                self._minutes = [one]
                self.keep_minutes()

    def notice_silence(self) -> None:
        """Mark gateways that say nothing as gone; first after 15 s of listening, then each second."""
        now = self._clock.now()
        if now.monotonic_ms < self._sweep_at_ms:
            return
        self._sweep_at_ms = now.monotonic_ms + SWEEP_EVERY_MS
        heard = [each for each, at in self._heard_ms.items() if now.monotonic_ms - at < SILENT_AFTER_MS]
        with transaction(self._engine) as conn:
            for gateway_id in hear_silence(conn, shard=self._settings.shard, heard=heard):
                log.warning("gateway_silent", gateway=gateway_id)

    def _take(self, message: Message, now: Now) -> None:
        if len(message.payload) > MAX_MESSAGE_BYTES + MAX_FRAME_HEAD:
            raise ProtocolError(ProtocolFault.TOO_LARGE, f"{len(message.payload)} bytes")
        topic = parse_uplink_topic(message.topic)
        if topic.shard != self._settings.shard or topic.kind not in KINDS:
            raise ProtocolError(ProtocolFault.BAD_TOPIC, message.topic[:120])
        sender = self._book.find(topic.gateway, now_ms=now.monotonic_ms)
        body = unseal(message.payload, direction=Direction.UP, gateway=sender.id, keys=sender.keys)
        said = decode(body, KINDS[topic.kind])
        if isinstance(said, MinutesKept):
            self._heard_ms[sender.id] = now.monotonic_ms
            self._minutes.append((message, sender, said))
            return
        self._dispatch(said, sender, now, retained=message.retained)

    def _dispatch(self, said: Up | Presence, sender: KnownGateway, now: Now, *, retained: bool) -> None:
        if not retained:
            self._heard_ms[sender.id] = now.monotonic_ms
        match said:
            case UpBatch():
                self._on_batch(said, sender, now.civil)
            case EntriesApplied():
                self._on_entries(said, sender, now.civil)
            case CommandAnswered():
                with transaction(self._engine) as conn:
                    take_answer(conn, said, gateway_id=sender.id, now=now.civil)
            case SiteStatus():
                with transaction(self._engine) as conn:
                    standing = hear_status(conn, said, gateway_id=sender.id, site_id=sender.site_id, now=now.civil)
                self._on_standing(standing, sender, now)
            case GatewayBirth():
                self._on_birth(said, sender, now, retained=retained)
            case GatewayDeath():
                with transaction(self._engine) as conn:
                    hear_death(conn, said, gateway_id=sender.id, site_id=sender.site_id)

    def _keep(self, waiting: Sequence[tuple[Message, KnownGateway, MinutesKept]]) -> None:
        told = [Told(sender.site_id, said) for _, sender, said in waiting]
        with metrics.MINUTES_SECONDS.time(), transaction(self._engine) as conn:
            outcomes = keep_minutes(conn, told, now=self._clock.now().civil)
        for (message, sender, _), outcome in zip(waiting, outcomes, strict=True):
            if outcome.refused is not None:
                self._refuse(message, outcome.refused)
            if outcome.answer is not None:
                self._uplink.send(sender.id, outcome.answer)

    def _refuse(self, message: Message, reason: str) -> None:
        now = self._clock.now()
        error = ProtocolError(ProtocolFault.INVALID_FIELD, reason)
        self._rejections.reject(message, error, now=now.civil, now_ms=now.monotonic_ms)

    def _on_batch(self, batch: UpBatch, sender: KnownGateway, now: datetime) -> None:
        with metrics.APPLY_SECONDS.time(), transaction(self._engine) as conn:
            taken = take_batch(conn, batch, sender=sender, now=now, settings=self._settings)
        if taken.last == FORKED:
            log.warning("up_log_forked", gateway=sender.id)
        self._uplink.send(sender.id, EventsApplied(batch.log_id, taken.last))
        for each in taken.consumed:
            count(each)
            log.info(
                "site_event", type=each.type, seq=each.seq, gateway=sender.id, order_id=each.order_id, fault=each.fault
            )

    def _on_entries(self, said: EntriesApplied, sender: KnownGateway, now: datetime) -> None:
        with transaction(self._engine) as conn:
            results = apply_entry_result(conn, said, gateway_id=sender.id, site_id=sender.site_id, now=now)
        for each in results:
            metrics.ENTRIES_ACKED.labels(fault=metrics.word(each.fault)).inc()
            log.info("entry_taken", seq=each.seq, gateway=sender.id, order_id=each.order_id, fault=each.fault)
        self._relay.wake.set()

    def _on_birth(self, birth: GatewayBirth, sender: KnownGateway, now: Now, *, retained: bool) -> None:
        with transaction(self._engine) as conn:
            standing = hear_birth(conn, birth, gateway_id=sender.id, site_id=sender.site_id, now=now.civil)
        log.info(
            "gateway_born",
            gateway=sender.id,
            standing=standing.value,
            retained=retained,
            contract=birth.contract,
        )
        # A kept birth tells where the log stood then, not where it stands; that we never began one, we know ourselves.
        if not retained or standing is Standing.NEVER_BEGUN:
            self._on_standing(standing, sender, now)
            self._relay.rewind(sender.id)

    def _on_standing(self, standing: Standing, sender: KnownGateway, now: Now) -> None:
        if standing is Standing.IN_STEP:
            return
        # What a gateway says while a snapshot is on its way to it still tells of the log before.
        young = now.monotonic_ms - self._begun_ms.get(sender.id, -YOUNG_MS) < YOUNG_MS
        if standing is Standing.NEVER_BEGUN or (standing is Standing.UNKNOWN and not young):
            begin_down_log(self._engine, gateway_id=sender.id, now=now.civil, settings=self._settings)
            self._begun_ms[sender.id] = now.monotonic_ms
            metrics.SNAPSHOTS.inc()
            log.info("down_log_begun", gateway=sender.id)
        self._relay.rewind(sender.id)
