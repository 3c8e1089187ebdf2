"""Somebody without an account is about to order: they become a guest, known by what their browser holds.

Decides whether they may (`domain.guests`) and begins their session. Never asks whether anybody confirmed the contact
they typed, so that its answer tells nothing about others. The browser made the guest's id and token before it sent the
form: a form sent twice is one guest's, and `place_order` gives the same answer again.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from app.db.people import token_hash
from app.domain.contact import read_contact
from app.domain.guests import WITHIN, refuse_more_holds, refuse_more_orders
from app.domain.sign_in_code import RESIDENT_SESSION

# One at a time for each contact, or several orders at once would all find two made.
LOCK_CONTACT = text("SELECT pg_advisory_xact_lock(hashtextextended('guest:' || :contact, 0))")
# Orders that were let go sent nothing and hold nothing. A repeat is not counted: it gets its first answer.
ADMIT = text("""
    WITH made AS (
        INSERT INTO person (id, guest, language, created_at) VALUES (:id, true, :language, :now)
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), signed AS (
        INSERT INTO web_session (token_hash, person_id, made_at, expires_at)
        SELECT :token_hash, id, :now, :until FROM made
    )
    SELECT EXISTS (SELECT FROM idempotent_request WHERE person_id = :id AND key = :key) AS again,
        theirs.made AS theirs, theirs.first_at AS their_first, same.made AS same, same.first_at AS same_first,
        (
            SELECT count(*) FROM customer_order
            WHERE state = 'awaiting_payment' AND window_id = :window_id AND guest_contact IS NOT NULL
                AND hold_until > :now
        ) AS held,
        (SELECT order_cap FROM pickup_window WHERE id = :window_id) AS order_cap
    FROM (
        SELECT count(*) AS made, min(placed_at) AS first_at FROM customer_order
        WHERE person_id = :id AND placed_at > :since AND state <> 'released'
    ) theirs, (
        SELECT count(*) AS made, min(placed_at) AS first_at FROM customer_order
        WHERE guest_contact = :contact AND placed_at > :since AND state <> 'released'
    ) same
""")


@dataclass(frozen=True, slots=True)
class GuestSeed:
    """What a browser holds of a guest: who they are, and the token of their session."""

    id: str
    token: str


def admit_guest(
    conn: Connection, *, seed: GuestSeed, contact: str, language: str, window_id: int, key: str, now: datetime
) -> str:
    """Begin or go on as a guest; returns the contact as it is stored.

    Raises ContactUnreadable, TooManyGuestOrders or GuestsHoldTooMuch.
    """
    to = read_contact(contact).value
    conn.execute(LOCK_CONTACT, {"contact": to})
    found = conn.execute(
        ADMIT,
        {
            "id": seed.id,
            "token_hash": token_hash(seed.token),
            "language": language,
            "contact": to,
            "window_id": window_id,
            "key": key,
            "now": now,
            "until": now + RESIDENT_SESSION,
            "since": now - WITHIN,
        },
    ).one()
    if found.again:
        return to
    refuse_more_orders(found.theirs, found.their_first, now=now)
    refuse_more_orders(found.same, found.same_first, now=now)
    if found.order_cap is not None:
        refuse_more_holds(found.held, order_cap=found.order_cap)
    return to
