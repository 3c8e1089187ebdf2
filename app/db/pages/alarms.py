"""What the page of alarms shows: the lines, the names of the places, and whose orders lie there. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.open_alarms import answers, open_alarms
from app.domain.alarms import Line, lines

MOST_ORDERS = 20

ORDERS = text("""
    SELECT o.id, o.order_no, o.total_minor, o.currency FROM customer_order o
    WHERE o.id = ANY (CAST(:ids AS text[])) ORDER BY o.order_no
""")
SITES = text("SELECT id, name_zh, name_en, timezone FROM site ORDER BY site_no")
LOCKERS = text("SELECT id, name_zh, name_en FROM locker")
# The newest value of each zone that is wrong, for the line to say how warm it is.
VALUES = text("""
    SELECT locker_id, zone, product_c, air_c, read_at FROM zone_reading
    WHERE locker_id = ANY (CAST(:lockers AS text[]))
""")


@dataclass(frozen=True, slots=True)
class AlarmsNow:
    """Lines, worst first, with the rows that their ids name."""

    lines: Sequence[Line]
    sites: Mapping[str, Row[Any]]
    lockers: Mapping[str, Row[Any]]
    orders: Mapping[str, Row[Any]]
    readings: Mapping[tuple[str, str], Row[Any]]

    def orders_of(self, line: Line) -> list[Row[Any]]:
        """Whose food lies there."""
        found = [self.orders[each] for each in line.orders if each in self.orders]
        return sorted(found, key=lambda row: str(row.order_no))

    def money_of(self, line: Line) -> list[tuple[str, int]]:
        """What these orders cost together, by currency."""
        sums: dict[str, int] = {}
        for row in self.orders_of(line):
            sums[row.currency] = sums.get(row.currency, 0) + row.total_minor
        return sorted(sums.items())


def alarms_now(conn: Connection, *, now: datetime) -> AlarmsNow:
    """Everything that is wrong with the cold now."""
    found = lines(open_alarms(conn, now=now), answers(conn, now=now), now=now)
    orders = {each for line in found for each in line.orders}
    lockers = {alarm.locker_id for line in found for alarm in line.alarms if alarm.locker_id}
    return AlarmsNow(
        lines=found,
        sites={row.id: row for row in conn.execute(SITES)},
        lockers={row.id: row for row in conn.execute(LOCKERS)},
        orders={row.id: row for row in conn.execute(ORDERS, {"ids": list(orders)})},
        readings={(row.locker_id, row.zone): row for row in conn.execute(VALUES, {"lockers": list(lockers)})},
    )
