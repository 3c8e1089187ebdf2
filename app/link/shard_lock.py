"""Lets one worker at a time serve a shard: an advisory lock, held by a connection of its own for as long as it lives.

Should that connection break, the lock is gone and another worker may go on; this one must then end, and does.
Two at once for a moment lose nothing: numbers are given under a row lock, and receivers drop what they have.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog

from app.db.engine import NOTICES_LOSS
from app.link.notices import plain_url

log = structlog.get_logger()

LOCK_CLASS = 0x0CA1B0
TRY_AGAIN_S = 0.5
LOOK_UP_S = 1.0


@contextmanager
def shard_lock(database_url: str, shard: str, stop: threading.Event) -> Iterator[psycopg.Connection | None]:
    """Wait for the shard, hold it for the block. `None`: told to stop while waiting."""
    with psycopg.connect(plain_url(database_url), autocommit=True, **NOTICES_LOSS) as connection:
        yield connection if _wait_for(connection, shard, stop) else None


def watch_lock(connection: psycopg.Connection, stop: threading.Event) -> None:
    """Raise psycopg.OperationalError as soon as the connection that holds the lock is gone."""
    while not stop.wait(LOOK_UP_S):
        connection.execute("SELECT 1")


def _wait_for(connection: psycopg.Connection, shard: str, stop: threading.Event) -> bool:
    waited = False
    while not stop.is_set():
        row = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [LOCK_CLASS, shard]).fetchone()
        if row is not None and row[0]:
            return True
        if not waited:
            log.info("another_worker_serves_the_shard", shard=shard)
            waited = True
        stop.wait(TRY_AGAIN_S)
    return False
