"""Quarantines as use cases meet them: the one under way of a parcel, and whether a parcel is kept shut. Reads only."""

from typing import Any

from sqlalchemy import Connection, Row, text

# Of a parcel `p`: nobody but staff gets it.
KEPT_SHUT = "EXISTS (SELECT FROM quarantine q WHERE q.parcel_id = p.id AND q.state IN ('open', 'condemned'))"
# Of a parcel `p`: nothing of it is handed out any more, by anybody.
CONDEMNED = "EXISTS (SELECT FROM quarantine q WHERE q.parcel_id = p.id AND q.state = 'condemned')"

LATEST = text(
    "SELECT * FROM quarantine WHERE parcel_id = :parcel_id ORDER BY found_at DESC, id DESC LIMIT 1 FOR UPDATE"
)
SHUT = text(f"SELECT p.id FROM parcel p WHERE p.order_id = :order_id AND {KEPT_SHUT}")  # noqa: S608


def latest_quarantine(conn: Connection, *, parcel_id: str) -> Row[Any] | None:
    """A parcel's last one, locked; whoever decides on it holds its order's row already."""
    return conn.execute(LATEST, {"parcel_id": parcel_id}).one_or_none()


def kept_shut(conn: Connection, *, order_id: str) -> frozenset[str]:
    """The parcels of an order that are kept shut."""
    return frozenset(conn.execute(SHUT, {"order_id": order_id}).scalars())
