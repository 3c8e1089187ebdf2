"""What orders, their bags and what is held for them must be at all times."""

from collections.abc import Iterator

from sqlalchemy import Connection

from app.use_cases.audit.rule import Moment, each


def a_paid_order_ends_once_and_none_is_stuck(conn: Connection, moment: Moment) -> Iterator[str]:
    """I1."""
    yield from each(
        conn,
        "SELECT 'order ' || order_id || ' ended ' || count(*) || ' times' FROM history WHERE subject = 'order'"
        " AND from_state <> to_state AND to_state IN ('collected', 'refunded') GROUP BY order_id HAVING count(*) > 1",
        "SELECT 'order ' || o.id || ' stands at ' || o.state || ', its history at ' || h.to_state FROM customer_order o"
        " CROSS JOIN LATERAL (SELECT to_state FROM history WHERE subject = 'order' AND subject_id = o.id"
        " ORDER BY history.id DESC LIMIT 1) h WHERE h.to_state <> o.state",
        "SELECT 'order ' || o.id || ' is still ' || o.state || ' long after its run' FROM customer_order o"
        " JOIN load_run r ON r.run_no = o.run_no WHERE o.state IN ('paid', 'packed', 'ready', 'expiring')"
        " AND r.removal_from < :stuck_since",
        "SELECT 'order ' || id || ' holds goods without payment' FROM customer_order"
        " WHERE state = 'awaiting_payment' AND hold_until < :overdue_since",
        moment=moment,
    )


def a_door_never_holds_two_parcels(conn: Connection, moment: Moment) -> Iterator[str]:
    """I2."""
    yield from each(
        conn,
        "SELECT 'door ' || p.door || ' of ' || o.site_id || ' holds ' || count(*) || ' parcels' FROM parcel p"
        " JOIN customer_order o ON o.id = p.order_id WHERE p.state = 'loaded' GROUP BY o.site_id, p.door"
        " HAVING count(*) > 1",
        moment=moment,
    )


def no_parcel_is_loaded_twice(conn: Connection, moment: Moment) -> Iterator[str]:
    """I15."""
    yield from each(
        conn,
        "SELECT 'parcel ' || (body->>'parcel_id') || ' was loaded ' || count(*) FILTER (WHERE type = 'ParcelLoaded')"
        " || ' times' FROM site_event WHERE type IN ('ParcelLoaded', 'ParcelTakenBack') AND fault IS NULL"
        " GROUP BY body->>'parcel_id' HAVING count(*) FILTER (WHERE type = 'ParcelLoaded')"
        " > 1 + count(*) FILTER (WHERE type = 'ParcelTakenBack')",
        moment=moment,
    )


def an_order_costs_what_its_lines_say(conn: Connection, moment: Moment) -> Iterator[str]:
    """I18: an order's total is the sum of its lines, and what was paid for it less what edits gave back."""
    yield from each(
        conn,
        "SELECT 'order ' || o.id || ' says ' || o.total_minor || ', its lines ' || l.minor FROM customer_order o"
        " JOIN (SELECT order_id, sum(line_minor) AS minor FROM order_line GROUP BY order_id) l ON l.order_id = o.id"
        " WHERE o.total_minor <> l.minor",
        "SELECT 'order ' || o.id || ' says ' || o.total_minor || ' and was paid ' || p.minor FROM customer_order o"
        " JOIN (SELECT order_id, sum(amount_minor) AS minor FROM payment p WHERE state = 'captured' AND NOT EXISTS ("
        " SELECT FROM refund r WHERE r.payment_id = p.id AND r.cause IN ('late_payment', 'second_payment',"
        " 'edit_gone')) GROUP BY order_id) p ON p.order_id = o.id"
        " LEFT JOIN (SELECT order_id, sum(amount_minor) AS minor FROM refund WHERE cause = 'edited'"
        " GROUP BY order_id) r ON r.order_id = o.id"
        " WHERE o.total_minor <> p.minor - coalesce(r.minor, 0)",
        moment=moment,
    )


def what_is_held_is_counted_and_nothing_else(conn: Connection, moment: Moment) -> Iterator[str]:
    """I19: stock, doors and places taken of a run are those of its orders: none was promised twice, no hold was left.

    An order that was withdrawn may have kept its hold or given it back, so it is allowed either way.
    """
    yield from each(
        conn,
        _counted(
            "'stock of ' || product_id || ' of run ' || c.run_no",
            "run_stock c",
            "SELECT coalesce(o.stock_run_no, o.run_no) AS run_no, w.product_id, o.state, w.quantity AS count"
            " FROM (SELECT order_id, product_id, quantity FROM order_line UNION ALL SELECT order_id, substitute_id,"
            " substitute_quantity FROM order_line WHERE substitute_id IS NOT NULL) w"
            " JOIN customer_order o ON o.id = w.order_id",
            keys="run_no, product_id",
        ),
        _counted(
            "'doors ' || zone || ' ' || size_or_larger || ' of run ' || c.run_no",
            "run_capacity c",
            "SELECT k.run_no, k.zone, k.size_or_larger, o.state, k.count FROM capacity_hold k"
            " JOIN customer_order o ON o.id = k.order_id",
            keys="run_no, zone, size_or_larger",
        ),
        _counted(
            "'places of window ' || id",
            "(SELECT id, run_no, orders_taken AS taken FROM pickup_window) c",
            "SELECT window_id AS id, state, 1 AS count FROM customer_order",
            keys="id",
        ),
        moment=moment,
    )


def _counted(what: str, counters: str, holds: str, *, keys: str) -> str:
    """Counters of runs that are not over, beside what orders hold of them."""
    return (
        f"SELECT {what} || ': ' || c.taken || ' taken, ' || coalesce(h.sure, 0) || ' to ' || coalesce(h.most, 0)"  # noqa: S608  constants
        f" || ' held' FROM {counters} LEFT JOIN (SELECT {keys},"
        " coalesce(sum(count) FILTER (WHERE state NOT IN ('expiring', 'refunded')), 0) AS sure, sum(count) AS most"
        f" FROM ({holds}) held WHERE state <> 'released' GROUP BY {keys}) h USING ({keys})"
        " WHERE c.run_no IN (SELECT run_no FROM load_run WHERE removal_from > :stuck_since)"
        " AND c.taken NOT BETWEEN coalesce(h.sure, 0) AND coalesce(h.most, 0)"
    )


def lots_are_what_their_lines_took(conn: Connection, moment: Moment) -> Iterator[str]:
    """I22: a lot counts what its lines took of it, and once its recall has ended nothing of it can be collected."""
    yield from each(
        conn,
        "SELECT 'lot ' || t.id || ' counts ' || t.taken || ', its lines have ' || coalesce(sum(x.quantity), 0)"
        " FROM lot t LEFT JOIN line_lot x ON x.lot_id = t.id GROUP BY t.id, t.taken"
        " HAVING t.taken <> coalesce(sum(x.quantity), 0)",
        "SELECT 'order ' || x.order_id || ' line ' || x.line_no || ' has more of lots than was packed' FROM line_lot x"
        " JOIN order_line l USING (order_id, line_no)"
        " GROUP BY x.order_id, x.line_no, l.picked_quantity, l.substitute_quantity"
        " HAVING sum(x.quantity) > coalesce(l.picked_quantity, 0) + coalesce(l.substitute_quantity, 0)",
        "SELECT 'order ' || x.order_id || ' can still be collected with recalled lot ' || x.lot_id FROM line_lot x"
        " JOIN lot_recall r USING (lot_id) JOIN customer_order o ON o.id = x.order_id"
        " JOIN order_line l USING (order_id, line_no) JOIN parcel p ON p.id = l.parcel_id"
        " WHERE r.ended_at < :quiet_since AND o.state IN ('paid', 'packed', 'ready')"
        " AND p.state IN ('planned', 'packed', 'loaded', 'rescued')",
        moment=moment,
    )
