"""A gateway told how far it has our log: those entries are acknowledged, with the fault of each that had no effect.

Decides that a parcel's plan is confirmed once the entry that carries it was taken. Never moves an order or a parcel.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from app.db.engine import announce
from locker_protocol.uplink_messages import EntriesApplied

LOCK = text("SELECT down_log_id, down_seq, down_acked_seq FROM gateway WHERE id = :gateway FOR NO KEY UPDATE")
MOVE = text("UPDATE gateway SET down_acked_seq = :seq WHERE id = :gateway")
ACK = text(
    "UPDATE outbox SET acked_at = :now, fault = told.fault"
    " FROM unnest(CAST(:seqs AS bigint[]), CAST(:faults AS text[])) AS told (seq, fault)"
    " WHERE gateway_id = :gateway AND log_id = :log_id AND outbox.seq = told.seq"
    " RETURNING outbox.seq, outbox.entry, outbox.fault, outbox.order_id"
)
CONFIRM = text(
    "UPDATE parcel SET confirmed_at = :now WHERE id = ANY(CAST(:parcels AS text[])) AND confirmed_at IS NULL"
    " RETURNING order_id"
)


class _Planned(msgspec.Struct):
    parcel_id: str


class _Carries(msgspec.Struct):
    """Whatever else an entry says: these parcels are in it."""

    parcels: list[_Planned] = []


@dataclass(frozen=True, slots=True)
class Result:
    """One entry of the log; `fault` is `None` where the gateway took it."""

    seq: int
    order_id: str | None
    fault: str | None


def apply_entry_result(
    conn: Connection, said: EntriesApplied, *, gateway_id: str, site_id: str, now: datetime
) -> list[Result]:
    """Acknowledge through `said.seq`; returns what became of each entry acknowledged now.

    A word about another log, or about less than is known, is an old one and changes nothing.
    """
    log_id, last, acked = conn.execute(LOCK, {"gateway": gateway_id}).one()
    if said.log_id != log_id or not acked < said.seq <= last:
        return []
    rows = _acknowledge(conn, said, gateway_id, acked, now)
    conn.execute(MOVE, {"gateway": gateway_id, "seq": said.seq})
    confirmed = [parcel for row in rows if row.fault is None for parcel in _parcels_of(bytes(row.entry))]
    for order_id in set(conn.execute(CONFIRM, {"parcels": confirmed, "now": now}).scalars()):
        announce(conn, f"order:{order_id}")
    announce(conn, f"site:{site_id}")
    return [Result(row.seq, row.order_id, row.fault) for row in rows]


def _acknowledge(conn: Connection, said: EntriesApplied, gateway_id: str, acked: int, now: datetime) -> list[Any]:
    refused = {result.seq: (result.fault or "refused").replace("\x00", "\ufffd") for result in said.refused}
    seqs = list(range(acked + 1, said.seq + 1))
    values = {
        "gateway": gateway_id,
        "log_id": said.log_id,
        "now": now,
        "seqs": seqs,
        "faults": [refused.get(seq) for seq in seqs],
    }
    return sorted(conn.execute(ACK, values).all(), key=lambda row: int(row.seq))


def _parcels_of(entry: bytes) -> list[str]:
    return [parcel.parcel_id for parcel in msgspec.json.decode(entry, type=_Carries).parcels]
