"""What a delivery brought becomes lots that pickers take from: all lines of it, or none.

Decides that every line is judged first, by `domain.lot_lines` and by what is known of products and lots. The same
delivery sent twice is refused the second time, since its lots are there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, insert, text

from app.db.engine import announce
from app.db.tables import lot
from app.domain.lot_lines import Fault, LinesWrong, LotLine, Wrong, read_lot_lines
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

HOUSE = text("SELECT timezone FROM site ORDER BY site_no LIMIT 1")
PRODUCTS = text("SELECT id, supplier_id, origin_zh, origin_en FROM product WHERE id = ANY(:products)")
# Nobody else imports meanwhile, or two would bring the same lot.
ONE_AT_A_TIME = text("LOCK TABLE lot IN SHARE ROW EXCLUSIVE MODE")
KNOWN = text("""
    SELECT l.product_id, l.code FROM lot l
    JOIN unnest(CAST(:products AS text[]), CAST(:codes AS text[])) AS w (product_id, code) USING (product_id, code)
""")


def import_lots(
    conn: Connection, *, table: str, person_id: str, now: datetime, random: RandomBytes = random_bytes
) -> int:
    """Take a table over; returns how many lots it brought. Raises LinesWrong with every mistake of every line."""
    zone = ZoneInfo(conn.execute(HOUSE).scalar_one())
    lines, faults = read_lot_lines(table, zone=zone, now=now)
    conn.execute(ONE_AT_A_TIME)
    products = {row.id: row for row in conn.execute(PRODUCTS, {"products": [line.product_id for line in lines]})}
    faults += _unknown(conn, lines, products)
    if faults:
        judged = {line.line for line in lines} | {fault.line for fault in faults}
        raise LinesWrong(sorted(faults, key=lambda fault: fault.line), len(judged))
    rows = [_row(line, products[line.product_id], now, random) for line in lines]
    conn.execute(insert(lot), rows)
    changes = [Change("lot", row["id"], "received", None, str(row["received"])) for row in rows]
    record_changes(conn, changes, person_id=person_id, now=now)
    announce(conn, "lots")
    return len(rows)


def _unknown(conn: Connection, lines: Sequence[LotLine], products: Mapping[str, Row[Any]]) -> list[Fault]:
    asked = {"products": [line.product_id for line in lines], "codes": [line.code for line in lines]}
    known = {(row.product_id, row.code) for row in conn.execute(KNOWN, asked)}
    return [
        *(
            Fault(line.line, "product", Wrong.NO_SUCH_PRODUCT, line.product_id)
            for line in lines
            if line.product_id not in products
        ),
        *(Fault(line.line, "lot", Wrong.KNOWN, line.code) for line in lines if (line.product_id, line.code) in known),
    ]


def _row(line: LotLine, product: Row[Any], now: datetime, random: RandomBytes) -> dict[str, Any]:
    return {
        "id": new_id(to_wire(now), random),
        "product_id": line.product_id,
        "supplier_id": product.supplier_id,
        "code": line.code,
        "origin_zh": line.origin_zh or product.origin_zh,
        "origin_en": line.origin_en or product.origin_en,
        "grower": line.grower,
        "harvested_at": line.harvested_at,
        "certificate": line.certificate,
        "expires_on": line.expires_on,
        "received_at": now,
        "received": line.received,
    }
