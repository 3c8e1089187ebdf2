"""Writes the audit: insert-only, each chain hash over hash, in the transaction of what it records.

Decides the number and hash of a row. A chain is a serial point: a gateway's is written where its events are applied one
after another anyway; people's is written last in a transaction, so that nobody waits for longer than a commit takes and
no two wait for each other.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, text

from app.db.engine import before_commit
from app.db.tables import audit
from app.domain.audit_record import PEOPLE, AuditRecord
from locker_protocol.audit_chain import GENESIS, chained

# Locks the chain until the commit, and makes its head when there is none.
HEAD = text(
    "INSERT INTO audit_head (chain, no, hash) VALUES (:chain, 0, :genesis)"
    " ON CONFLICT (chain) DO UPDATE SET chain = excluded.chain RETURNING no, hash"
)
MOVE = text("UPDATE audit_head SET no = :no, hash = :hash WHERE chain = :chain")


def record_act(conn: Connection, record: AuditRecord) -> None:
    """Write a row of people's chain with this transaction, as its last statements."""
    before_commit(conn, _write_acts, record)


def append(conn: Connection, *, chain: str, records: Sequence[tuple[AuditRecord, int | None]]) -> None:
    """Write rows of a chain now, each with its number in the site's up log."""
    no, digest = conn.execute(HEAD, {"chain": chain, "genesis": GENESIS}).one()
    digest = bytes(digest)
    rows: list[dict[str, Any]] = []
    for record, seq in records:
        no, digest = no + 1, chained(digest, no + 1, record.at_ms, record.body)
        row = {**asdict(record), "doors": list(record.doors)}
        rows.append({**row, "chain": chain, "no": no, "seq": seq, "hash": digest})
    conn.execute(insert(audit), rows)
    conn.execute(MOVE, {"chain": chain, "no": no, "hash": digest})


def _write_acts(conn: Connection, records: Sequence[AuditRecord]) -> None:
    append(conn, chain=PEOPLE, records=[(record, None) for record in records])
