"""Hears the database's notices and wakes who waits for them. A notice only saves a poll; nothing depends on one."""

import threading
from collections.abc import Mapping

import psycopg

from app.db.engine import NOTICES_LOSS

LOOK_UP_S = 0.5


def plain_url(database_url: str) -> str:
    """The URL as libpq reads it, without SQLAlchemy's driver."""
    return database_url.replace("postgresql+psycopg://", "postgresql://")


def hear_notices(database_url: str, wakes: Mapping[str, threading.Event], stop: threading.Event) -> None:
    """Set the event of each topic that is announced, until told to stop. Raises when the database goes away."""
    with psycopg.connect(plain_url(database_url), autocommit=True, **NOTICES_LOSS) as connection:
        connection.execute("LISTEN caibox")
        while not stop.is_set():
            for notice in connection.notifies(timeout=LOOK_UP_S):
                if (wake := wakes.get(notice.payload)) is not None:
                    wake.set()
                if stop.is_set():
                    break
