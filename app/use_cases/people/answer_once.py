"""A request with a key is done once: its answer is kept in the same transaction as what it did, and given again.

A refusal changes nothing and is not kept, so the same key may be tried again.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.answered import KEPT, RequestKeyReused, RequestUnderWay
from app.domain.basket import checked_key

LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:person || ' ' || :key, 0))")
LOAD = text("SELECT request_hash, status, answer FROM answered_request WHERE person_id = :person AND key = :key")
KEEP = text("""
    INSERT INTO answered_request (person_id, key, request_hash, status, answer, made_at)
    VALUES (:person, :key, :hash, :status, :answer, :now)
""")
FORGET = text("DELETE FROM answered_request WHERE made_at < :before")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the HTTP status and the body's bytes."""

    status: int
    body: bytes


def earlier_answer(conn: Connection, *, person_id: str, key: str, request_hash: bytes) -> Answer | None:
    """Lock the key for this transaction; return what was answered to it before.

    Raises IdempotencyKeyInvalid, RequestKeyReused or RequestUnderWay.
    """
    values = {"person": person_id, "key": checked_key(key)}
    if not conn.execute(LOCK, values).scalar_one():
        raise RequestUnderWay
    row = conn.execute(LOAD, values).one_or_none()
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise RequestKeyReused
    return Answer(row.status, row.answer)


def keep_answer(
    conn: Connection, *, person_id: str, key: str, request_hash: bytes, answer: Answer, now: datetime
) -> None:
    """Keep what is answered, in the transaction of what was done."""
    row = {"person": person_id, "key": key, "hash": request_hash, "now": now}
    conn.execute(KEEP, {**row, "status": answer.status, "answer": answer.body})


def forget_answers(conn: Connection, *, now: datetime) -> int:
    """Delete what was answered more than a day ago."""
    return conn.execute(FORGET, {"before": now - KEPT}).rowcount
