"""Event streams: a page says which topics it shows, and hears when one changed. It then asks for the fragment again.

One listener a process holds one database connection and hands each NOTIFY to the streams that wait for its topic.
A stream says nothing but names of topics, so nothing can leak through it.
"""

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import structlog
from flask import Response

from app.db.engine import NOTICES_LOSS

log = structlog.get_logger()

KEEP_ALIVE_S = 15.0
RECONNECT_S = 1.0
MAX_WAITING = 64


class Listener:
    """Hears the database's notices in one thread (one greenlet under gevent)."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url.replace("postgresql+psycopg://", "postgresql://")
        self._streams: dict[str, set[queue.Queue[str]]] = defaultdict(set)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def subscribe(self, topics: frozenset[str]) -> queue.Queue[str]:
        """Open a mailbox for these topics; it is bounded, and a full one drops notices (the page asks anyway)."""
        mailbox: queue.Queue[str] = queue.Queue(MAX_WAITING)
        with self._lock:
            for topic in topics:
                self._streams[topic].add(mailbox)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
                self._thread.start()
        return mailbox

    def leave(self, topics: frozenset[str], mailbox: queue.Queue[str]) -> None:
        """Close a mailbox."""
        with self._lock:
            for topic in topics:
                self._streams[topic].discard(mailbox)
                if not self._streams[topic]:
                    del self._streams[topic]

    def deliver(self, topic: str) -> None:
        """Hand a notice to the streams that wait for it."""
        with self._lock:
            waiting = list(self._streams.get(topic, ()))
        for mailbox in waiting:
            try:
                mailbox.put_nowait(topic)
            except queue.Full:
                log.info("stream_is_slow", topic=topic)

    def close(self) -> None:
        """End every stream now, and the connection within a second: for an application that is thrown away."""
        self._closed = True
        with self._lock:
            mailboxes = set().union(*self._streams.values())
        for mailbox in mailboxes:
            with suppress(queue.Full):  # its stream is awake
                mailbox.put_nowait("")

    @property
    def closed(self) -> bool:
        """True when no stream shall go on."""
        return self._closed

    def _run(self) -> None:
        pause = threading.Event()
        while not self._closed:
            try:
                with psycopg.connect(self._url, autocommit=True, **NOTICES_LOSS) as connection:
                    connection.execute("LISTEN caibox")
                    self._deliver_all()  # whatever was missed while we were away
                    while not self._closed:
                        for notice in connection.notifies(timeout=1.0):
                            self.deliver(notice.payload)
            except psycopg.OperationalError as error:
                log.warning("listener_lost_the_database", error=str(error))
                pause.wait(RECONNECT_S)

    def _deliver_all(self) -> None:
        with self._lock:
            topics = list(self._streams)
        for topic in topics:
            self.deliver(topic)


def stream(listener: Listener, topics: frozenset[str]) -> Response:
    """Answer with an endless event stream that names the topics that changed."""
    return Response(
        _events(listener, topics),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _events(listener: Listener, topics: frozenset[str]) -> Iterator[str]:
    mailbox = listener.subscribe(topics)
    try:
        yield "retry: 2000\n\n"
        while not listener.closed:
            try:
                topic = mailbox.get(timeout=KEEP_ALIVE_S)
            except queue.Empty:
                yield ": still here\n\n"
            else:
                if topic:
                    yield f"event: changed\ndata: {topic}\n\n"
    finally:
        listener.leave(topics, mailbox)
