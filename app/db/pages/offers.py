"""What may be offered to a resident whose order cannot come as promised, and what was offered. Reads only.

A way out is another run's window that has a place, doors for every parcel, and ends while the food is good. Whether it
still is so when somebody takes it, `replan_order` asks again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.waiting_parcels import waiting_parcels
from app.domain.errors import DomainError
from app.domain.offering import Option, in_order
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.replanning import MOVABLE, NewRun, new_ends, refuse_gone, refuse_unmovable

WINDOWS = text("""
    SELECT w.id AS window_id, w.opens_at, w.closes_at, r.run_no, r.site_id, r.load_from, r.removal_from,
        coalesce(r.expected_at, r.load_until) AS load_until, s.name_zh, s.name_en, s.address_zh, s.address_en,
        s.timezone, CASE WHEN r.site_id = o.site_id THEN 'tomorrow' ELSE 'neighbour' END AS way
    FROM customer_order o
    JOIN load_run own ON own.run_no = o.run_no
    JOIN pickup_window mine ON mine.id = o.window_id
    JOIN site home ON home.id = o.site_id
    JOIN load_run r ON r.site_id = o.site_id AND r.local_date = own.local_date + 1
        OR r.site_id = ANY(home.neighbours) AND r.local_date = own.local_date
    JOIN site s ON s.id = r.site_id AND s.currency = o.currency
    JOIN pickup_window w ON w.run_no = r.run_no
    WHERE o.id = :order_id AND r.called_off_at IS NULL AND w.closes_at > :now AND w.orders_taken < w.order_cap
        AND NOT EXISTS (
            SELECT FROM capacity_hold h
            LEFT JOIN run_capacity c ON c.run_no = r.run_no AND c.zone = h.zone
                AND c.size_or_larger = h.size_or_larger
            WHERE h.order_id = o.id AND coalesce(c.total - c.taken - c.blocked, 0) < h.count
        )
        AND NOT EXISTS (
            SELECT FROM parcel p WHERE p.order_id = o.id AND p.state IN ('planned', 'packed') AND NOT EXISTS (
                SELECT FROM compartment d WHERE d.site_id = r.site_id AND d.condition <> 'broken' AND d.zone = p.zone
                    AND d.volume_ml >= p.volume_ml AND d.longest_mm >= p.longest_mm
            )
        )
    ORDER BY r.kind <> own.kind, abs(extract(epoch FROM w.opens_at::time - mine.opens_at::time)), s.site_no, w.id
""")
STATES = text("""
    SELECT o.state, coalesce(array_agg(p.state) FILTER (WHERE p.id IS NOT NULL), '{}') AS parcels
    FROM customer_order o LEFT JOIN parcel p ON p.order_id = o.id WHERE o.id = :order_id GROUP BY o.id
""")
# A bag that was left behind may come with the next van of its site, as long as it would keep.
NEXT_VISIT = text("""
    SELECT min(r.load_until) FROM load_run r JOIN customer_order o ON o.site_id = r.site_id
    JOIN load_run own ON own.run_no = o.run_no
    WHERE o.id = :order_id AND r.called_off_at IS NULL AND r.load_from > :now AND r.load_from < own.removal_from
        AND r.load_until < (
            SELECT min(collect_until) FROM parcel WHERE order_id = o.id AND state IN ('planned', 'packed')
        )
""")
OFFER = text("""
    SELECT f.*, o.state, o.order_no, o.currency, o.total_minor, o.site_id, s.name_zh, s.name_en, s.timezone,
        w.opens_at, w.closes_at, r.removal_from, r.expected_at,
        (SELECT min(collect_until) FROM parcel WHERE order_id = o.id AND state IN ('loaded', 'rescued')) AS keeps_until
    FROM offer f JOIN customer_order o ON o.id = f.order_id JOIN site s ON s.id = o.site_id
    JOIN pickup_window w ON w.id = o.window_id JOIN load_run r ON r.run_no = o.run_no
    WHERE f.id = :offer_id
""")
OPEN_OFFER = text("SELECT * FROM offer WHERE order_id = :order_id AND closed_at IS NULL AND answer_by > :now")
LYING = frozenset({ParcelState.LOADED, ParcelState.RESCUED, ParcelState.COLLECTED})
# While an offer of a kind makes sense; when the order has moved on, so has the question.
ASKED_OF: Mapping[str, frozenset[OrderState]] = {
    "late_van": MOVABLE,
    "called_off": MOVABLE,
    "not_loaded": MOVABLE,
    "not_collected": frozenset({OrderState.READY}),
}


@dataclass(frozen=True, slots=True)
class OfferPage:
    """An offer with its order, what of it can be had now, and the windows it would move to."""

    offer: Row[Any]
    options: tuple[Option, ...]
    ways: Mapping[Option, Row[Any]]
    next_visit: datetime | None
    partly: bool

    @property
    def is_open(self) -> bool:
        """True while an answer counts."""
        return bool(self.options)


def offer_page(conn: Connection, *, offer_id: str, now: datetime) -> OfferPage | None:
    """An offer as it stands; no options once it is over."""
    offer = conn.execute(OFFER, {"offer_id": offer_id}).one_or_none()
    if offer is None:
        return None
    ways = {option: found[0] for option, found in ways_out(conn, order_id=offer.order_id, now=now).items()}
    options: tuple[Option, ...] = ()
    if offer.closed_at is None and offer.answer_by > now and offer.state in ASKED_OF[offer.kind]:
        asked = {Option(option) for option in offer.options}
        options = in_order(
            {option for option in asked if option not in (Option.TOMORROW, Option.NEIGHBOUR)} | (asked & set(ways))
        )
    visit = next_visit(conn, order_id=offer.order_id, now=now)
    return OfferPage(offer, options, ways, visit, partly_loaded(conn, order_id=offer.order_id))


def open_offer(conn: Connection, *, order_id: str, now: datetime) -> Row[Any] | None:
    """The one question that waits for an answer, if there is one."""
    return conn.execute(OPEN_OFFER, {"order_id": order_id, "now": now}).one_or_none()


def ways_out(conn: Connection, *, order_id: str, now: datetime) -> Mapping[Option, Sequence[Row[Any]]]:
    """Windows an order can move to, the most like its own first; only of options that have any.

    Rows: window_id, opens_at, closes_at, run_no, site_id, load_from, load_until, removal_from, names, timezone.
    """
    found = conn.execute(STATES, {"order_id": order_id}).one_or_none()
    if found is None or not _may_move(found):
        return {}
    bags = waiting_parcels(conn, order_id=order_id)
    ways: dict[Option, list[Row[Any]]] = {}
    for row in conn.execute(WINDOWS, {"order_id": order_id, "now": now}):
        run = NewRun(
            load_from=row.load_from,
            load_until=row.load_until,
            removal_from=row.removal_from,
            closes_at=row.closes_at,
            called_off=False,
        )
        try:
            refuse_gone(run, now=now)
            new_ends(bags, run)
        except DomainError:
            continue
        ways.setdefault(Option(row.way), []).append(row)
    return ways


def next_visit(conn: Connection, *, order_id: str, now: datetime) -> datetime | None:
    """When the next van of its site has loaded, if an order's bags keep till then; none where no van comes."""
    found: datetime | None = conn.execute(NEXT_VISIT, {"order_id": order_id, "now": now}).scalar_one_or_none()
    return found


def partly_loaded(conn: Connection, *, order_id: str) -> bool:
    """True when some bag of an order lies, or lay, in a locker."""
    found = conn.execute(STATES, {"order_id": order_id}).one()
    return bool({ParcelState(state) for state in found.parcels} & LYING)


def _may_move(found: Row[Any]) -> bool:
    try:
        refuse_unmovable(OrderState(found.state), [ParcelState(state) for state in found.parcels])
    except DomainError:
        return False
    return True
