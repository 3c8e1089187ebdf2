"""Are the audit's chains whole? Reads every row once, in batches, and holds each chain against its own head, against
what gateways told of theirs, and against the events it was written from.

An edit, a deletion, a row moved or an end cut off shows as the first bad row of its chain. Changes nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.audit_record import PEOPLE, AuditRecord, read_people, read_unlock
from locker_protocol.audit_chain import EMPTY, Head, chained

Kept = tuple[int, str]  # a row's number, and its hash in hex

BATCH = 2_000
# Both in the order of bytes, as Python has it.
ROWS = text("""
    SELECT chain, no, at_ms, act, actor, "right", second, a.site_id, doors, order_id, why, body, hash,
        g.site_id AS gateways_site
    FROM audit a LEFT JOIN gateway g ON g.id = split_part(a.chain, ':', 1) ORDER BY chain COLLATE "C", no
""")
ROW = text("SELECT hash FROM audit WHERE chain = :chain AND no = :no")
HEADS = text("SELECT chain, no, hash FROM audit_head")
COMPARED = ("act", "actor", "right", "second", "site_id", "order_id", "why")
# A gateway's word is held against our copy of the same row; row 0 is before the first.
TOLD_OTHERWISE = text("""
    SELECT t.gateway_id, t.log_id, t.no, encode(t.hash, 'hex') AS hash FROM audit_told t
    JOIN audit a ON a.chain = t.gateway_id || ':' || t.log_id AND a.no = t.no
    WHERE a.hash <> t.hash ORDER BY t.gateway_id, t.log_id, t.no
""")
TOLD_LESS = text("""
    SELECT gateway_id, no, before FROM (
        SELECT gateway_id, log_id, at_ms, no, max(no) OVER (PARTITION BY gateway_id, log_id ORDER BY at_ms
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM audit_told
    ) told WHERE no < before ORDER BY gateway_id, at_ms
""")
# Of a gateway that is there, and long enough for its events to have come.
TOLD_MORE = text("""
    SELECT t.gateway_id, max(t.no) AS no, coalesce(max(h.no), 0) AS ours FROM audit_told t
    JOIN gateway g ON g.id = t.gateway_id LEFT JOIN audit_head h ON h.chain = t.gateway_id || ':' || t.log_id
    WHERE g.online AND t.log_id = g.up_log_id AND t.heard_at < :quiet_since
    GROUP BY t.gateway_id, t.log_id HAVING max(t.no) > coalesce(max(h.no), 0)
""")
# What a newer gateway tells beyond what we read stands in the audit alone, so only what both have is compared.
NOT_AS_TOLD = text("""
    SELECT e.gateway_id, e.log_id, e.seq, a.no FROM site_event e
    LEFT JOIN audit a ON a.chain = e.gateway_id || ':' || e.log_id AND a.seq = e.seq
    WHERE e.type = 'UnlockGranted' AND e.fault IS NULL AND (a.no IS NULL OR EXISTS (
        SELECT FROM jsonb_each(e.body) ours JOIN jsonb_each(convert_from(a.body, 'UTF8')::jsonb) theirs USING (key)
        WHERE ours.value <> theirs.value
    )) ORDER BY e.gateway_id, e.log_id, e.seq
""")


def broken_chains(conn: Connection, *, quiet_since: datetime, kept: Mapping[str, Kept] | None = None) -> Iterator[str]:
    """Say what is wrong, as sentences with ids. `kept` are heads noted elsewhere: each must still be a row."""
    broken: set[str] = set()
    for chain, sentence in _broken_rows(conn):
        broken.add(chain)
        yield sentence
    for chain, (no, digest) in (kept or {}).items():
        found = conn.execute(ROW, {"chain": chain, "no": no}).scalar_one_or_none()
        if no > 0 and (found is None or bytes(found).hex() != digest):
            yield f"row {no} of {chain} is not the one that was noted"
    for row in _streamed(conn, TOLD_OTHERWISE):
        yield f"row {row.no} of {row.gateway_id}:{row.log_id} was told as {row.hash}"
    for row in _streamed(conn, TOLD_LESS):
        yield f"gateway {row.gateway_id} told of {row.before} rows and later of {row.no}"
    for row in conn.execute(TOLD_MORE, {"quiet_since": quiet_since}):
        yield f"gateway {row.gateway_id} told of {row.no} rows, and we have {row.ours}"
    if not broken:  # a body that was edited may not even be JSON
        for row in _streamed(conn, NOT_AS_TOLD):
            yield f"event {row.log_id}:{row.seq} of {row.gateway_id} is not what its audit row says"


def heads(conn: Connection) -> dict[str, Kept]:
    """How each chain ends: number and hash in hex, to be kept where nobody who can write here can write."""
    return {row.chain: (row.no, bytes(row.hash).hex()) for row in conn.execute(HEADS)}


def _broken_rows(conn: Connection) -> Iterator[tuple[str, str]]:
    missing = {row.chain: (row.no, bytes(row.hash)) for row in conn.execute(HEADS)}
    for chain, rows in groupby(_streamed(conn, ROWS), key=lambda row: str(row.chain)):
        bad = _first_bad(rows, missing.pop(chain, EMPTY))
        if bad is not None:
            yield chain, f"row {bad} of {chain} was edited, moved or removed"
    for chain, head in missing.items():
        if head != EMPTY:
            yield chain, f"row 1 of {chain} was edited, moved or removed"


def _first_bad(rows: Iterator[Row[Any]], head: Head) -> int | None:
    last, expected = EMPTY
    for row in rows:
        expected = chained(expected, row.no, row.at_ms, bytes(row.body))
        if row.no != last + 1 or bytes(row.hash) != expected or not _says_what_was_hashed(row):
            return last + 1
        last = row.no
    return None if (last, expected) == head else last + 1


def _says_what_was_hashed(row: Row[Any]) -> bool:
    try:
        hashed = _read(row)
    except (ValueError, KeyError, TypeError):
        return False
    return list(hashed.doors) == row.doors and all(getattr(hashed, name) == getattr(row, name) for name in COMPARED)


def _read(row: Row[Any]) -> AuditRecord:
    if row.chain == PEOPLE:
        return read_people(row.at_ms, bytes(row.body))
    return read_unlock(row.at_ms, bytes(row.body), site_id=row.gateways_site)


def _streamed(conn: Connection, query: Any) -> Iterator[Row[Any]]:  # noqa: ANN401  a text clause
    """Read by a cursor of the server's, so that a million rows need the memory of one batch."""
    with conn.execute(query, execution_options={"stream_results": True, "yield_per": BATCH}) as rows:
        yield from rows
