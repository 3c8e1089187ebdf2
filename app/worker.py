"""`python -m app.worker`: the service's end of the uplink for one shard, and its deadlines.

Decides nothing itself: it takes the shard's lock, starts one thread a loop, and ends when it is told to or when any
of them fails. Then it ends as a whole, with a traceback, and whoever supervises it starts it again: every loop begins
from the database.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from prometheus_client import start_http_server
from sqlalchemy import text

from app.db.engine import transaction
from app.deadlines import Deadlines, Telling, channel_of
from app.factory import Parts, make_parts
from app.link.busy import postponed
from app.link.command_relay import CommandRelay
from app.link.event_intake import EventIntake, topics_of
from app.link.mqtt_client import Message, MqttClient, tls_context
from app.link.notices import hear_notices
from app.link.remote_commands import RemoteCommands
from app.link.shard_lock import shard_lock, watch_lock
from app.link.uplink import Uplink
from app.log import configure_logging
from app.settings import Settings, SettingsError, settings_from
from app.use_cases.site.tell_keys import tell_keys
from app.webhook_sender import WebhookSender

log = structlog.get_logger()

INBOX_MESSAGES = 2_000
BEAT_EVERY_S = 2.0
# A loop that has not turned for so long is stuck, and the worker no longer says that it is well.
STUCK_AFTER_MS = 15_000
END_WITHIN_S = 2.5

BEAT = text(
    "INSERT INTO worker_beat (shard, connected, beat_at) VALUES (:shard, :connected, clock_timestamp())"
    " ON CONFLICT (shard) DO UPDATE SET connected = excluded.connected, beat_at = excluded.beat_at"
)


class Worker:
    """The loops of one shard and what wakes them."""

    def __init__(self, parts: Parts) -> None:
        settings, engine, clock = parts.settings, parts.engine, parts.clock
        self._parts = parts
        self._inbox: queue.Queue[Message] = queue.Queue(INBOX_MESSAGES)
        self._link = MqttClient(
            settings.uplink_url,
            client_id=f"service-{settings.shard}",
            topics=topics_of(settings.shard),
            inbox=self._inbox,
            tls=settings.uplink_tls,
        )
        uplink = Uplink(self._link, settings)
        self._relay = CommandRelay(engine=engine, shard=settings.shard, uplink=uplink, clock=clock)
        self._commands = RemoteCommands(engine=engine, shard=settings.shard, uplink=uplink, clock=clock)
        self._intake = EventIntake(engine=engine, settings=settings, clock=clock, uplink=uplink, relay=self._relay)
        self._deadlines = Deadlines(parts)
        self._webhooks = WebhookSender(parts)
        self._telling = Telling(parts)

    def run(self, lock: psycopg.Connection, stop: threading.Event) -> None:
        """Start every loop and wait until told to stop, or until one of them failed (`end_on_failure`)."""
        self._tell_keys()
        loops: dict[str, Callable[[], None]] = {
            "lock": lambda: watch_lock(lock, stop),
            "link": lambda: self._link.run(stop),
            "relay": lambda: self._relay.run(stop),
            "intake": lambda: self._intake.run(self._inbox, stop),
            "commands": lambda: self._commands.run(stop),
            "deadlines": lambda: self._deadlines.run(stop),
            "webhooks": lambda: self._webhooks.run(stop),
            "telling": lambda: self._telling.run(stop),
            "notices": lambda: hear_notices(self._parts.settings.database_url, self._wakes(), stop),
            "beat": lambda: self._beat(stop),
        }
        threads = [threading.Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()]
        for thread in threads:
            thread.start()
        self._say_when_ready(stop)
        stop.wait()
        self._end(threads)

    def _tell_keys(self) -> None:
        """Keys change by a new start with other settings; that is when gateways must hear of it."""
        parts = self._parts
        with transaction(parts.engine) as conn:
            told = tell_keys(conn, settings=parts.settings, now=parts.clock.now().civil)
        if told:
            log.info("keys_told", sites=told, keys=list(parts.settings.signing_keys))

    def _wakes(self) -> dict[str, threading.Event]:
        return {"outbox": self._relay.wake, "command": self._commands.wake, "notification": self._telling.wake}

    def _say_when_ready(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self._link.wait_until_connected(0.2):
                log.info("ready", shard=self._parts.settings.shard)
                return

    def _beat(self, stop: threading.Event) -> None:
        while not stop.is_set():
            now_ms = self._parts.clock.now().monotonic_ms
            oldest = min(self._relay.turned_ms, self._commands.turned_ms, self._intake.turned_ms)
            if now_ms - oldest < STUCK_AFTER_MS:
                with postponed("beat"), transaction(self._parts.engine) as conn:
                    conn.execute(BEAT, {"shard": self._parts.settings.shard, "connected": self._link.connected})
            stop.wait(BEAT_EVERY_S)

    def _end(self, threads: list[threading.Thread]) -> None:
        for wake in self._wakes().values():
            wake.set()
        deadline = self._parts.clock.now().monotonic_ms + END_WITHIN_S * 1000
        for thread in threads:
            thread.join(max(0.0, (deadline - self._parts.clock.now().monotonic_ms) / 1000))
        log.info("ended", unfinished=[thread.name for thread in threads if thread.is_alive()])


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Serve the shard as soon as no other worker does, until told to stop."""
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, addr="127.0.0.1")
    with shard_lock(settings.database_url, settings.shard, stop) as lock:
        if lock is not None:
            parts = make_parts(settings)
            Worker(parts).run(lock, stop)
            parts.engine.dispose()


def end_on_failure(stop: threading.Event) -> threading.Event:
    """Let an exception that ends a thread end the process: it is printed, noted, and `stop` is set."""
    failed = threading.Event()

    def note(failure: threading.ExceptHookArgs) -> None:
        threading.__excepthook__(failure)
        failed.set()
        stop.set()

    threading.excepthook = note
    return failed


def main() -> int:
    """Run until SIGTERM or SIGINT (0), a failure (1), or at once when a setting is missing (2)."""
    try:
        settings = settings_from(os.environ)
        if settings.uplink_tls is not None:
            tls_context(settings.uplink_tls)
        channel_of(settings)  # a description that cannot be read is a sentence now, not a traceback later
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging("worker")
    stop = threading.Event()
    failed = end_on_failure(stop)

    def on_signal(_number: int, _frame: Any) -> None:  # noqa: ANN401  the interpreter's frame
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    run_worker(settings, stop)
    return 1 if failed.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
