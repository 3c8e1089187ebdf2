"""Makes, renews and withdraws an order's one code, and tells the site in the same transaction.

A higher generation ends the lower ones. Nothing of the typed secret is stored: it is derived when it is shown.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, text

from app.db.engine import announce
from app.db.outbox import put_entry
from app.db.tables import credential
from app.domain.errors import DomainError, NotFound
from app.domain.pickup_code import NOT_REUSED_FOR, choose_handle, credential_manifest
from app.settings import Settings
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.site_entries import IssueCredential, RevokeCredential

CREDENTIAL_BYTES = 8
MOST_GENERATIONS = 255  # a byte of the QR

# The order first, as everywhere; then its site, so that two orders never draw the same handle at once.
LOCK_ORDER = text("SELECT id, site_id, state, person_id FROM customer_order WHERE id = :order_id FOR UPDATE")
LOCK_SITE = text("SELECT id FROM site WHERE id = :site_id FOR NO KEY UPDATE")
# A site that hears late of a code's end takes a new code with its handle for the next generation of that one.
HANDLES = text("SELECT handle FROM credential WHERE site_id = :site_id AND (ended_at IS NULL OR expires_at > :lately)")
FACTS = text("""
    SELECT (SELECT count(*) FROM compartment WHERE site_id = :site_id) AS doors,
        (SELECT max(collect_until) FROM parcel WHERE order_id = :order_id AND state <> 'cancelled') AS expires_at,
        (SELECT coalesce(max(generation), 0) FROM credential WHERE order_id = :order_id) AS generation
""")
END = text("""
    UPDATE credential SET ended_at = :now WHERE order_id = :order_id AND ended_at IS NULL RETURNING generation
""")


class NoLiveCode(DomainError):
    """The order has no code: not packed yet, collected, or withdrawn."""

    code = "no_live_code"


class TooManyCodesMade(DomainError):
    """A code was renewed 255 times."""

    code = "too_many_codes_made"


def issue_credential(
    conn: Connection, *, order_id: str, now: datetime, settings: Settings, random: RandomBytes = random_bytes
) -> str:
    """Make the next generation of an order's code, and end the one before. Returns the credential's id."""
    order = conn.execute(LOCK_ORDER, {"order_id": order_id}).one()
    conn.execute(LOCK_SITE, {"site_id": order.site_id})
    conn.execute(END, {"order_id": order_id, "now": now})
    facts = conn.execute(FACTS, {"order_id": order_id, "site_id": order.site_id}).one()
    if facts.generation >= MOST_GENERATIONS:
        raise TooManyCodesMade
    taken = conn.execute(HANDLES, {"site_id": order.site_id, "lately": now - NOT_REUSED_FOR}).scalars().all()
    row = {
        "id": random(CREDENTIAL_BYTES).hex(),
        "order_id": order_id,
        "handle": choose_handle(taken, doors=facts.doors, random=random),
        "generation": facts.generation + 1,
        "expires_at": facts.expires_at,
        "typed": True,
    }
    conn.execute(insert(credential).values(**row, site_id=order.site_id, made_at=now))
    _tell_site(conn, order, row, settings, now)
    return str(row["id"])


def reissue_credential(
    conn: Connection,
    *,
    order_id: str,
    person_id: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> str:
    """Give an order's owner a new code for the live one. Raises NotFound or NoLiveCode."""
    order = conn.execute(LOCK_ORDER, {"order_id": order_id}).one_or_none()
    if order is None or order.person_id != person_id:
        raise NotFound
    live = text("SELECT 1 FROM credential WHERE order_id = :order_id AND ended_at IS NULL")
    if conn.execute(live, {"order_id": order_id}).one_or_none() is None:
        raise NoLiveCode
    return issue_credential(conn, order_id=order_id, now=now, settings=settings, random=random)


def revoke_credential(conn: Connection, *, order_id: str, now: datetime) -> None:
    """Withdraw an order's code without giving another. Raises NotFound or NoLiveCode."""
    order = conn.execute(LOCK_ORDER, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound
    ended = conn.execute(END, {"order_id": order_id, "now": now}).scalar_one_or_none()
    if ended is None:
        raise NoLiveCode
    entry = RevokeCredential(order_id=order_id, generation=ended)
    put_entry(conn, site_id=order.site_id, entry=entry, order_id=order_id, now=now)
    announce(conn, f"order:{order_id}")


def _tell_site(conn: Connection, order: Row[Any], row: dict[str, Any], settings: Settings, now: datetime) -> None:
    manifest = credential_manifest(
        settings.secret_key,
        order_id=order.id,
        credential_id=row["id"],
        handle=row["handle"],
        generation=row["generation"],
        expires_at=row["expires_at"],
        typed=row["typed"],
    )
    put_entry(conn, site_id=order.site_id, entry=IssueCredential(manifest), order_id=order.id, now=now)
    announce(conn, f"order:{order.id}")
