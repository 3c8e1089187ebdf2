"""Connections. One transaction is one `with transaction(engine)`: it commits whole or not at all.

The driver's connections commit each statement by itself, and a transaction begins with a BEGIN of ours: to switch one
between the two ways costs more than a statement.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import structlog
from sqlalchemy import Connection, Dialect, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.db.driver import driver_class
from app.db.statement import ALONE, Statement, ask_driver, driver_of
from locker_protocol.clock import RealClock

log = structlog.get_logger()

ORDER = "order:"
# A connection whose other end vanished without a word is given up after 11 to 15 s; the kernel alone waits for hours.
NOTICES_LOSS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
LAST = "before_commit"
EACH_BY_ITSELF = "AUTOCOMMIT"
# A notice only saves a poll: it need not be on disk before anybody goes on.
NOTIFY = Statement("""
    SELECT pg_notify('caibox', topic) AS told
    FROM set_config('synchronous_commit', 'off', true), unnest(CAST(:topics AS text[])) AS topic
""")
# A connection that was used a moment ago is still there; one that rested is asked first.
RESTED_MS = 1_000
RESTED = "rested_at_ms"

Write = Callable[[Connection, Sequence[Any]], None]


def make_engine(database_url: str, *, pool_size: int = 8) -> Engine:
    """Open a pool. Statements give up after 10 s, and waiting for a lock after 5 s: nobody hangs for ever."""
    engine = create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=pool_size,
        isolation_level=EACH_BY_ITSELF,
        connect_args={"options": "-c statement_timeout=10000 -c lock_timeout=5000 -c timezone=UTC", **NOTICES_LOSS},
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "begin", _begin)
    _ask_the_rested(engine)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run one transaction; what `announce` collected is told to listeners after the commit, never inside it."""
    with engine.connect() as connection:
        for left in ("topics", LAST):  # of a transaction that failed on this pooled connection
            connection.info.pop(left, None)
        with connection.begin():
            yield connection
            write_last(connection)
        _tell(connection)


@contextmanager
def each_alone(engine: Engine) -> Iterator[Connection]:
    """Let each statement be a transaction by itself: no BEGIN and no COMMIT go over the wire."""
    with engine.connect() as connection:
        yield _alone(connection)


def _alone(connection: Connection) -> Connection:
    if not driver_of(connection).autocommit:  # of an engine that `make_engine` did not make
        return connection.execution_options(**{ALONE: True}, isolation_level=EACH_BY_ITSELF)
    return connection.execution_options(**{ALONE: True})


def _begin(connection: Connection) -> None:
    """Begin for the driver; where an isolation level was asked for, it does so itself."""
    options = connection.get_execution_options()
    if ALONE not in options and "isolation_level" not in options:
        ask_driver(connection, "BEGIN")


def _connect(
    _dialect: Dialect, _record: ConnectionPoolEntry, args: tuple[Any, ...], options: dict[str, Any]
) -> psycopg.Connection[Any]:
    return driver_class().connect(*args, **options)


def _ask_the_rested(engine: Engine) -> None:
    """Find out before a transaction begins that a connection was lost while it lay in the pool."""
    clock = RealClock()

    def lay_down(_driver: object, record: ConnectionPoolEntry) -> None:
        record.info[RESTED] = clock.now().monotonic_ms

    def take_up(driver: PoolProxiedConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        rested_ms = clock.now().monotonic_ms - record.info.get(RESTED, clock.now().monotonic_ms)
        if rested_ms < RESTED_MS:
            return
        try:
            engine.dialect.do_ping(driver)
        except psycopg.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", lay_down)
    event.listen(engine, "checkout", take_up)


def before_commit(connection: Connection, write: Write, item: object) -> None:
    """Keep `item` for `write`, which gets all of its items at once as the last statements of this transaction."""
    connection.info.setdefault(LAST, {}).setdefault(write, []).append(item)


def write_last(connection: Connection) -> None:
    """Write what was kept for the end. For who commits by hand; `transaction` does it by itself."""
    for write, items in connection.info.pop(LAST, {}).items():
        write(connection, items)


def announce(connection: Connection, topic: str) -> None:
    """Tell listeners, once this transaction is committed, that `topic` changed (`order:…`, `site:…`, `outbox`, …)."""
    connection.info.setdefault("topics", {})[topic] = None


def _tell(connection: Connection) -> None:
    # NOTIFY inside the business transaction halves throughput (it takes a global lock at commit).
    topics = connection.info.pop("topics", None)
    if topics:
        NOTIFY.run(_alone(connection), {"topics": list(topics)})
        for topic in topics:
            if topic.startswith(ORDER):
                log.info("order_changed", order_id=topic.removeprefix(ORDER))
