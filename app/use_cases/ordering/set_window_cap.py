"""An operator says how many orders a window takes; never fewer than it has."""

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.domain.errors import DomainError, NotFound

MOST = 999

LOCK = text("""
    SELECT w.orders_taken, r.site_id FROM pickup_window w JOIN load_run r USING (run_no) WHERE w.id = :window_id
    FOR UPDATE OF w
""")
SET = text("UPDATE pickup_window SET order_cap = :order_cap WHERE id = :window_id")


class CapImpossible(DomainError):
    """Fewer than were ordered, or absurdly many. Facts: `least`, `most`."""

    code = "cap_impossible"
    status = 422


def set_window_cap(conn: Connection, *, window_id: int, order_cap: int) -> None:
    """Set the cap. Raises NotFound or CapImpossible."""
    window = conn.execute(LOCK, {"window_id": window_id}).one_or_none()
    if window is None:
        raise NotFound
    if not window.orders_taken <= order_cap <= MOST:
        raise CapImpossible(least=window.orders_taken, most=MOST)
    conn.execute(SET, {"window_id": window_id, "order_cap": order_cap})
    announce(conn, f"site:{window.site_id}")
