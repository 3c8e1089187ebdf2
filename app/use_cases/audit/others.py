"""Who else is told, and who must not be found any more."""

from collections.abc import Iterator

from sqlalchemy import Connection

from app.domain.webhook_event import OF_MOVE
from app.use_cases.audit.rule import Moment, each


def nothing_tells_of_who_was_erased(conn: Connection, moment: Moment) -> Iterator[str]:
    """I23: an erased account has no sign-in, notice, photo or open order; whatever came later would lead back to it."""
    yield from each(
        conn,
        "SELECT 'erased person ' || p.id || ' is signed in' FROM web_session w JOIN person p ON p.id = w.person_id"
        " WHERE p.erased_at IS NOT NULL",
        "SELECT 'notice ' || n.id || ' is for erased person ' || p.id FROM notification n"
        " JOIN person p ON p.id = n.person_id WHERE p.erased_at IS NOT NULL",
        "SELECT 'photo ' || f.id || ' is of an order of erased person ' || p.id FROM photo f"
        " JOIN parcel x ON x.id = f.parcel_id JOIN customer_order o ON o.id = x.order_id"
        " JOIN person p ON p.id = o.person_id WHERE p.erased_at IS NOT NULL",
        "SELECT 'order ' || o.id || ' of erased person ' || p.id || ' is ' || o.state FROM customer_order o"
        " JOIN person p ON p.id = o.person_id WHERE p.erased_at IS NOT NULL"
        " AND o.state NOT IN ('collected', 'released', 'refunded')",
        moment=moment,
    )


def a_guest_is_nobody_else(conn: Connection, moment: Moment) -> Iterator[str]:
    """I13: no account's order hangs on a contact nobody confirmed, none of a guest's is told to another, and back."""
    yield from each(
        conn,
        "SELECT 'order ' || o.id || ' of account ' || p.id || ' is told to a contact nobody confirmed'"
        " FROM customer_order o JOIN person p ON p.id = o.person_id WHERE o.guest_contact IS NOT NULL AND NOT p.guest",
        "SELECT 'notice ' || n.id || ' of guest ' || p.id || ' is of an order of ' || o.person_id FROM person p"
        " JOIN notification n ON n.person_id = p.id JOIN customer_order o ON o.id = n.order_id"
        " WHERE p.guest AND o.person_id <> p.id",
        "SELECT 'notice ' || n.id || ' of order ' || o.id || ' went elsewhere than its guest asked' FROM person p"
        " JOIN customer_order o ON o.person_id = p.id JOIN notification n ON n.order_id = o.id AND n.person_id = p.id"
        " WHERE p.guest AND o.guest_contact <> n.contact",
        moment=moment,
    )


def every_move_is_told_to_who_asks(conn: Connection, moment: Moment) -> Iterator[str]:
    """I21: for each endpoint, a message for each move it asks for since it was registered. Older ones are forgotten."""
    kinds = ", ".join(f"('{subject}', '{state}', '{kind}')" for (subject, state), kind in OF_MOVE.items())
    yield from each(
        conn,
        "SELECT 'move ' || h.id || ' was not told to ' || e.id FROM webhook_endpoint e"  # noqa: S608  words of ours
        " JOIN history h ON h.at > e.made_at + interval '60 seconds'"
        " AND h.at > CAST(:quiet_since AS timestamptz) - interval '29 days'"
        f" JOIN (VALUES {kinds}) AS k(subject, to_state, kind) USING (subject, to_state)"
        " WHERE e.ended_at IS NULL AND k.kind = ANY(e.kinds) AND h.from_state <> h.to_state"
        " AND NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.event_id = 'move-' || h.id)",
        moment=moment,
    )
