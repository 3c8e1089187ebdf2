"""An operator ends an endpoint: it is told nothing more, and what waits for it is given up."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.errors import NotFound

END = text("UPDATE webhook_endpoint SET ended_at = :now WHERE id = :id AND ended_at IS NULL")
GIVE_UP = text("""
    UPDATE webhook_delivery SET state = 'dead', tried_at = :now, trouble = 'the endpoint was ended'
    WHERE endpoint_id = :id AND state = 'waiting'
""")


def end_endpoint(conn: Connection, *, endpoint_id: str, now: datetime) -> None:
    """End it. Raises NotFound."""
    if not conn.execute(END, {"id": endpoint_id, "now": now}).rowcount:
        raise NotFound
    conn.execute(GIVE_UP, {"id": endpoint_id, "now": now})
