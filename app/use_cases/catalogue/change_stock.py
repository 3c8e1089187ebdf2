"""An operator changes how many of a product one open run has. Never below what people have ordered already."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.errors import DomainError, NotFound
from app.use_cases.catalogue.record_change import Change, record_changes

LOAD = text("""
    SELECT s.total, s.taken, r.order_by, r.called_off_at FROM run_stock s JOIN load_run r USING (run_no)
    WHERE s.run_no = :run_no AND s.product_id = :product_id FOR UPDATE OF s
""")
SET = text("UPDATE run_stock SET total = :total WHERE run_no = :run_no AND product_id = :product_id")


class RunClosed(DomainError):
    """Nobody can order for this run any more, so its stock says nothing."""

    code = "run_closed"


class StockBelowTaken(DomainError):
    """So many are ordered already. Facts: `field`, `taken`."""

    code = "stock_below_taken"


def change_stock(conn: Connection, *, run_no: int, product_id: str, total: int, person_id: str, now: datetime) -> None:
    """Set a run's stock. Raises NotFound, RunClosed or StockBelowTaken."""
    row = conn.execute(LOAD, {"run_no": run_no, "product_id": product_id}).one_or_none()
    if row is None:
        raise NotFound
    if row.order_by <= now or row.called_off_at is not None:
        raise RunClosed
    if total < row.taken:
        raise StockBelowTaken(field="total", taken=row.taken)
    conn.execute(SET, {"run_no": run_no, "product_id": product_id, "total": total})
    change = Change("stock", f"{run_no}/{product_id}", "total", str(row.total), str(total))
    record_changes(conn, [change], person_id=person_id, now=now)
