"""Orders made without an account go into the account of whoever confirmed their contact, or holds their browser.

Takes at once what this browser ordered with a contact that is now confirmed; the rest only when its owner asks, since
anybody may have typed their number. Moves whose the orders are and nothing else of them. A guest who has no order left
is no longer anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.db.people import token_hash

TAKEN_HOME = "taken_home"

# Whoever places an order as one of these guests at this moment waits for us, or we for them; as in `erase_account`.
LOCK_GUESTS = text("""
    SELECT p.id FROM person p WHERE p.guest AND p.id IN (
        SELECT person_id FROM web_session WHERE token_hash = :token_hash
        UNION SELECT o.person_id FROM customer_order o JOIN person me ON o.guest_contact IN (me.phone, me.mail)
        WHERE me.id = :person
    ) ORDER BY p.id FOR UPDATE
""")
MOVE = text("""
    WITH taken AS (
        SELECT o.id, o.person_id AS guest_id, o.state FROM customer_order o JOIN person me ON me.id = :person
        WHERE NOT me.guest AND me.erased_at IS NULL AND o.person_id = ANY(:guests) AND (
            (:asked AND (o.person_id = :own OR o.guest_contact IN (me.phone, me.mail)))
            OR (o.person_id = :own AND o.guest_contact IN (me.phone, me.mail))
        )
        ORDER BY o.id FOR UPDATE OF o
    ), moved AS (
        UPDATE customer_order o SET person_id = :person, guest_contact = NULL, version = o.version + 1
        FROM taken WHERE o.id = taken.id
    ), noticed AS (
        UPDATE notification n SET person_id = :person FROM taken
        WHERE n.order_id = taken.id AND n.person_id = taken.guest_id
    ), noted AS (
        INSERT INTO history (at, order_id, subject, subject_id, from_state, event, to_state, actor)
        SELECT :now, id, 'order', id, state, :event, state, :actor FROM taken
    )
    SELECT id FROM taken ORDER BY id
""")
END_EMPTY = (
    text("""
        UPDATE person p SET guest = false, display_name = '', site_id = NULL, language = 'zh', substitution = DEFAULT,
            low_door = DEFAULT, erased_at = :now
        WHERE p.id = ANY(:guests) AND NOT EXISTS (SELECT FROM customer_order o WHERE o.person_id = p.id)
    """),
    text("DELETE FROM web_session s USING person p WHERE p.id = s.person_id AND p.id = ANY(:guests) AND NOT p.guest"),
    text("""
        DELETE FROM idempotent_request r USING person p
        WHERE p.id = r.person_id AND p.id = ANY(:guests) AND NOT p.guest
    """),
)
WAITING = text("""
    SELECT o.id, o.order_no FROM (
        SELECT x.id, x.order_no, x.person_id FROM web_session s JOIN customer_order x ON x.person_id = s.person_id
        WHERE s.token_hash = :token_hash
        UNION SELECT x.id, x.order_no, x.person_id FROM person me
        JOIN customer_order x ON x.guest_contact IN (me.phone, me.mail) WHERE me.id = :person
    ) o JOIN person p ON p.id = o.person_id AND p.guest
    ORDER BY o.id DESC LIMIT :most
""")
MOST_SHOWN = 9


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order made without an account that somebody may take home."""

    order_id: str
    order_no: str


def take_guest_home(
    conn: Connection, *, person_id: str, guest_token: str, now: datetime, asked: bool = False
) -> list[str]:
    """Take what may be taken, and return its orders' ids.

    `guest_token`: of the guest this browser was, or empty. `asked`: the person wants all of them, also those of other
    browsers with their contact, and those of this browser with a mistyped one.
    """
    known = {"person": person_id, "token_hash": token_hash(guest_token)}
    guests = list(conn.execute(LOCK_GUESTS, known).scalars())
    if not guests:
        return []
    own = conn.execute(text("SELECT person_id FROM web_session WHERE token_hash = :token_hash"), known).scalar()
    moved = {"guests": guests, "own": own or "", "asked": asked, "person": person_id, "now": now}
    said = {"event": TAKEN_HOME, "actor": f"person:{person_id}"}
    taken = list(conn.execute(MOVE, {**moved, **said}).scalars())
    if taken:
        for statement in END_EMPTY:
            conn.execute(statement, {name: moved[name] for name in statement.compile().params})
    for order_id in taken:
        announce(conn, f"order:{order_id}")
    return taken


def waiting_orders(conn: Connection, *, person_id: str, guest_token: str) -> Sequence[Waiting]:
    """What was ordered by this browser or with this person's contact and is in no account yet, newest first."""
    asked = {"person": person_id, "token_hash": token_hash(guest_token), "most": MOST_SHOWN}
    return [Waiting(row.id, row.order_no) for row in conn.execute(WAITING, asked)]
