"""The service's end of the down logs, as SQL: numbers committed outbox rows and reads them back. Sends nothing.

Rows are written unnumbered in business transactions, which may roll back or commit in any order. Numbers are given here
afterwards, to rows that are committed, under the gateway's row lock: dense, once, whoever else tries at the same time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, Row, text

from app.use_cases.site.wire_time import to_wire
from locker_protocol.uplink_messages import MAX_BATCH, DownBatch, NumberedEntry

MAX_BATCH_BYTES = 48 * 1024
NUMBER_AT_ONCE = 512
# What an entry costs in a batch beside its own bytes: {"seq":…,"made_at":…,"entry":…},
ENTRY_OVERHEAD_BYTES = 72

WAITING = text(
    "SELECT id FROM gateway WHERE shard = :shard AND down_log_id IS NOT NULL AND EXISTS"
    " (SELECT FROM outbox WHERE gateway_id = gateway.id AND seq IS NULL AND acked_at IS NULL) ORDER BY id"
)
LOCK = text("SELECT down_log_id, down_seq FROM gateway WHERE id = :gateway FOR NO KEY UPDATE")
# A statement of its own after the lock, so that it sees what an earlier holder of the lock has numbered.
NUMBER = text(
    "WITH fresh AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM outbox"
    " WHERE gateway_id = :gateway AND seq IS NULL AND acked_at IS NULL ORDER BY id LIMIT :most),"
    " numbered AS (UPDATE outbox SET log_id = :log_id, seq = :last + fresh.place FROM fresh"
    " WHERE outbox.id = fresh.id RETURNING 1)"
    " UPDATE gateway SET down_seq = :last + (SELECT count(*) FROM numbered) WHERE id = :gateway"
)
LAGGING = text(
    "SELECT id, down_log_id, down_seq, down_acked_seq FROM gateway"
    " WHERE shard = :shard AND online AND down_seq > down_acked_seq ORDER BY id"
)
AFTER = text(
    "SELECT seq, made_at, entry FROM outbox WHERE gateway_id = :gateway AND log_id = :log_id AND seq > :seq"
    " ORDER BY seq LIMIT :most"
)
BACKLOG = text(
    "SELECT (SELECT coalesce(sum(down_seq - down_acked_seq), 0) FROM gateway WHERE shard = :shard)"
    " + (SELECT count(*) FROM outbox JOIN gateway ON gateway.id = gateway_id"
    " WHERE shard = :shard AND seq IS NULL AND acked_at IS NULL)"
)


@dataclass(frozen=True, slots=True)
class Lag:
    """A gateway that has not acknowledged all of its log."""

    gateway_id: str
    log_id: str
    last: int
    acked: int


def number_entries(conn: Connection, shard: str) -> None:
    """Give every committed, unnumbered row of this shard the next number of its gateway's log."""
    for (gateway,) in conn.execute(WAITING, {"shard": shard}).all():
        log_id, last = conn.execute(LOCK, {"gateway": gateway}).one()
        conn.execute(NUMBER, {"gateway": gateway, "log_id": log_id, "last": last, "most": NUMBER_AT_ONCE})


def lagging(conn: Connection, shard: str) -> list[Lag]:
    """The gateways that are there and lack something. One that is away asks by its birth."""
    return [Lag(*row) for row in conn.execute(LAGGING, {"shard": shard})]


def batches_after(conn: Connection, lag: Lag, seq: int, most: int) -> Iterator[DownBatch]:
    """The log from `seq + 1` on, at most `most` entries, cut into messages of at most 64 entries and 48 KiB."""
    found = conn.execute(AFTER, {"gateway": lag.gateway_id, "log_id": lag.log_id, "seq": seq, "most": most}).all()
    for rows in cut(found):
        yield DownBatch(lag.log_id, [NumberedEntry(row.seq, to_wire(row.made_at), _raw(row)) for row in rows])


def cut(rows: Sequence[Row[tuple[object, ...]]]) -> Iterator[list[Row[tuple[object, ...]]]]:
    """Cut entries into messages. A single entry may be larger than a message's aim; it then goes alone."""
    batch: list[Row[tuple[object, ...]]] = []
    size = 0
    for row in rows:
        cost = len(row.entry) + ENTRY_OVERHEAD_BYTES
        if batch and (len(batch) == MAX_BATCH or size + cost > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += cost
    if batch:
        yield batch


def backlog(conn: Connection, shard: str) -> int:
    """How many entries of this shard no gateway has acknowledged."""
    return int(conn.execute(BACKLOG, {"shard": shard}).scalar_one())


def _raw(row: Row[tuple[object, ...]]) -> msgspec.Raw:
    return msgspec.Raw(bytes(row.entry))
