"""What gateways must be told, written in the transaction that decided it. `link.command_relay` numbers and sends it."""

from datetime import datetime

from sqlalchemy import Connection, insert, literal, select

from app.db.engine import announce
from app.db.tables import gateway, outbox
from locker_protocol.codec import encode
from locker_protocol.site_entries import Entry


def put_entry(conn: Connection, *, site_id: str, entry: Entry, order_id: str | None, now: datetime) -> None:
    """Write one entry for the site's gateway. A site without a gateway is our bug."""
    chosen = select(gateway.c.id, literal(now), literal(encode(entry)), literal(order_id)).where(
        gateway.c.site_id == site_id
    )
    written = insert(outbox).from_select(["gateway_id", "made_at", "entry", "order_id"], chosen).returning(outbox.c.id)
    assert conn.execute(written).one_or_none() is not None, f"site {site_id} has no gateway"
    announce(conn, "outbox")
