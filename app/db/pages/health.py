"""What the machinery says of itself: schema, worker, gateways, queues. Reads only, a fact a query."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

REVISION = text("SELECT version_num FROM alembic_version")
HAS_REVISION = text("SELECT to_regclass('alembic_version') IS NOT NULL")
# Both times are the database's: real, whatever a demo does to the civil clock.
WORKER = text(
    "SELECT connected, extract(epoch FROM clock_timestamp() - beat_at)::float8 AS age_s FROM worker_beat"
    " WHERE shard = :shard"
)
GATEWAYS = text("SELECT id, online, heard_at, down_seq - down_acked_seq AS unconfirmed FROM gateway ORDER BY id")
FIGURES = text(
    "SELECT (SELECT count(*) FROM gateway) AS gateways, (SELECT count(*) FROM gateway WHERE online) AS gateways_online,"
    " (SELECT count(*) FROM locker WHERE online) AS lockers_online,"
    " (SELECT count(*) FROM outbox WHERE seq IS NULL AND acked_at IS NULL)"
    " + (SELECT coalesce(sum(down_seq - down_acked_seq), 0) FROM gateway) AS outbox_backlog,"
    " (SELECT count(*) FROM notification WHERE sent_at IS NULL AND failed IS NULL) AS notices_waiting,"
    " (SELECT count(*) FROM notification WHERE failed IS NOT NULL) AS notices_failed"
)
ORDERS = text("SELECT state, count(*) AS orders FROM customer_order GROUP BY state")


@dataclass(frozen=True, slots=True)
class WorkerNow:
    """The worker of a shard, as it last said; `age_s` in real seconds."""

    connected: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class GatewayNow:
    """A gateway as last heard; `unconfirmed` entries of its log are on their way."""

    id: str
    online: bool
    heard_at: datetime | None
    unconfirmed: int


def revision(conn: Connection) -> str | None:
    """The schema's revision; `None` for a database that was never migrated."""
    if not conn.execute(HAS_REVISION).scalar_one():
        return None
    return conn.execute(REVISION).scalar_one_or_none()


def worker(conn: Connection, *, shard: str) -> WorkerNow | None:
    """The shard's worker; `None`: there never was one."""
    row = conn.execute(WORKER, {"shard": shard}).one_or_none()
    return WorkerNow(row.connected, row.age_s) if row else None


def gateways(conn: Connection) -> list[GatewayNow]:
    """All gateways."""
    return [GatewayNow(*row) for row in conn.execute(GATEWAYS)]


def figures(conn: Connection) -> dict[str, Any]:
    """Counts of what there is now, by name."""
    return dict(conn.execute(FIGURES).mappings().one())


def orders_by_state(conn: Connection) -> dict[str, int]:
    """How many orders stand where."""
    return {row.state: row.orders for row in conn.execute(ORDERS)}
