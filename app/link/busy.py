"""What a loop does when the database is busy or away: nothing, and tries again with its next turn.

Everything these loops do may be done again. Whether the database is away for good is `shard_lock`'s to notice; the
process then ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import OperationalError

from app.link import metrics

log = structlog.get_logger()


@contextmanager
def postponed(loop: str) -> Iterator[None]:
    """Swallow what only says "not now" (a lock or statement took too long, no connection), and count it."""
    try:
        yield
    except OperationalError as error:
        metrics.POSTPONED.labels(loop=loop).inc()
        log.warning("postponed", loop=loop, error=type(error.orig).__name__)
