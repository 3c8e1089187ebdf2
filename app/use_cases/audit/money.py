"""What the books must say at all times."""

from collections.abc import Iterator

from sqlalchemy import Connection

from app.use_cases.audit.rule import Moment, each


def the_ledger_balances(conn: Connection, moment: Moment) -> Iterator[str]:
    """I8: every transaction sums to zero; captured = collected + refunded + held, and nothing is held below zero."""
    yield from each(
        conn,
        "SELECT 'transaction ' || transaction_id || ' sums to ' || sum(amount_minor) FROM ledger_entry"
        " GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0",
        "SELECT 'order ' || order_id || ' holds ' || -sum(amount_minor) FROM ledger_entry"
        " WHERE account = 'customer_held' GROUP BY order_id, currency HAVING -sum(amount_minor) < 0",
        "SELECT 'order ' || o.id || ' is ' || o.state || ', holds ' || h.held || ' and owes ' || coalesce(r.owed, 0)"
        " FROM customer_order o JOIN (SELECT order_id, -sum(amount_minor) AS held FROM ledger_entry"
        " WHERE account = 'customer_held' GROUP BY order_id) h ON h.order_id = o.id LEFT JOIN (SELECT order_id,"
        " sum(amount_minor) AS owed FROM refund WHERE done_at IS NULL GROUP BY order_id) r ON r.order_id = o.id"
        " WHERE o.state IN ('collected', 'refunded') AND h.held <> coalesce(r.owed, 0)",
        "SELECT 'payment ' || p.id || ' is ' || p.state || ' of ' || p.amount_minor || ', booked '"
        " || coalesce(b.booked, 0) FROM payment p LEFT JOIN (SELECT transaction_id, sum(amount_minor) AS booked"
        " FROM ledger_entry WHERE kind = 'capture' AND account = 'provider_clearing' GROUP BY transaction_id) b"
        " ON b.transaction_id = 'capture-' || p.id WHERE coalesce(b.booked, 0) <> CASE p.state WHEN 'captured'"
        " THEN p.amount_minor ELSE 0 END",
        "SELECT 'order ' || o.id || ' is ' || o.state || ' without a captured payment' FROM customer_order o"
        " WHERE o.state IN ('paid', 'packed', 'ready', 'expiring', 'collected', 'refunded')"
        " AND NOT EXISTS (SELECT FROM payment p WHERE p.order_id = o.id AND p.state = 'captured')",
        "SELECT 'order ' || o.id || ' is ' || o.state || ' and keeps the money of payment ' || p.id"
        " FROM customer_order o JOIN payment p ON p.order_id = o.id WHERE o.state IN ('awaiting_payment', 'released')"
        " AND p.state = 'captured' AND p.refund_minor < p.amount_minor",
        "SELECT 'entry ' || e.id || ' of order ' || e.order_id || ' is in ' || e.currency FROM ledger_entry e"
        " JOIN customer_order o ON o.id = e.order_id WHERE e.currency <> o.currency",
        moment=moment,
    )


def refunds_never_exceed_captures(conn: Connection, moment: Moment) -> Iterator[str]:
    """I9: no payment and no line gives back more than it took, and a refund that is done was booked once and whole."""
    yield from each(
        conn,
        "SELECT 'payment ' || p.id || ' of ' || p.amount_minor || ' gives back ' || sum(r.amount_minor) FROM refund r"
        " JOIN payment p ON p.id = r.payment_id GROUP BY p.id, p.amount_minor, p.state"
        " HAVING sum(r.amount_minor) > p.amount_minor OR p.state <> 'captured'",
        "SELECT 'payment ' || p.id || ' counts ' || p.refund_minor || ' of refunds, they are ' || coalesce(r.total, 0)"
        " FROM payment p LEFT JOIN (SELECT payment_id, sum(amount_minor) AS total FROM refund GROUP BY payment_id) r"
        " ON r.payment_id = p.id WHERE p.refund_minor <> coalesce(r.total, 0)",
        "SELECT 'refund ' || r.id || ' of ' || r.amount_minor || ' is for lines of ' || coalesce(l.total, 0)"
        " FROM refund r JOIN payment p ON p.id = r.payment_id LEFT JOIN (SELECT refund_id, sum(amount_minor) AS total"
        " FROM refund_line GROUP BY refund_id) l ON l.refund_id = r.id"
        # An edit writes the order's lines anew, so what goes back for it is of none of them.
        " WHERE r.cause <> 'edited' AND r.amount_minor <> coalesce(l.total, p.amount_minor)",
        "SELECT 'refund ' || id || ' is done and has no name at its provider' FROM refund"
        " WHERE done_at IS NOT NULL AND provider_ref IS NULL",
        "SELECT 'line ' || order_id || ':' || line_no || ' gives back more than it was charged' FROM refund_line"
        " JOIN order_line USING (order_id, line_no) GROUP BY order_id, line_no, line_minor"
        " HAVING sum(refund_line.amount_minor) > line_minor",
        "SELECT 'refund ' || coalesce(r.id, b.transaction_id) || ' is booked with ' || coalesce(b.booked, 0)"
        " FROM refund r FULL JOIN (SELECT transaction_id, -sum(amount_minor) AS booked FROM ledger_entry"
        " WHERE kind = 'refund' AND account = 'refunds' GROUP BY transaction_id) b"
        " ON b.transaction_id = 'refund-' || r.id WHERE coalesce(b.booked, 0) <>"
        " CASE WHEN r.done_at IS NULL THEN 0 ELSE r.amount_minor END",
        "SELECT 'order ' || order_id || ' has more refunded than captured' FROM ledger_entry"
        " WHERE account IN ('provider_clearing', 'refunds') GROUP BY order_id, currency HAVING sum(amount_minor) < 0",
        moment=moment,
    )


def a_granted_claim_is_refunded_once_and_its_cost_is_booked(conn: Connection, moment: Moment) -> Iterator[str]:
    """I9 for claims: what was granted is one refund, and stands once as the cost of the hand-off that bears it."""
    yield from each(
        conn,
        "SELECT 'claim ' || coalesce(c.id, r.key) || ' grants ' || coalesce(c.granted_minor, 0) || ', refunds '"
        " || coalesce(r.minor, 0) FROM (SELECT * FROM claim WHERE state = 'granted') c FULL JOIN"
        # Where an edited order was paid for in parts, each payment gives its own part back.
        " (SELECT order_id, split_part(cause_key, '#', 1) AS key, sum(amount_minor) AS minor FROM refund"
        " WHERE cause = 'claim' GROUP BY 1, 2) r ON r.key = 'claim:' || c.id AND r.order_id = c.order_id"
        " WHERE coalesce(c.granted_minor, 0) <> coalesce(r.minor, 0)",
        "SELECT 'hand-off ' || coalesce(c.hand_off, b.hand_off) || ' of order ' || coalesce(c.order_id, b.order_id)"
        " || ' bears ' || coalesce(c.cost, 0) || ', booked ' || coalesce(b.cost, 0) FROM (SELECT order_id, hand_off,"
        " sum(cost) AS cost FROM (SELECT order_id, hand_off, granted_minor AS cost FROM claim WHERE state = 'granted'"
        # Food that was not kept cold is the locker's.
        " UNION ALL SELECT order_id, 'locker', amount_minor FROM refund WHERE cause = 'cold_chain'"
        " AND cause_key LIKE 'cold:%') borne GROUP BY 1, 2) c FULL JOIN (SELECT order_id,"
        " substr(account, 8) AS hand_off, sum(amount_minor) AS cost FROM ledger_entry WHERE account LIKE 'claims\\_%'"
        " GROUP BY 1, 2 HAVING sum(amount_minor) <> 0) b ON b.order_id = c.order_id AND b.hand_off = c.hand_off"
        " WHERE coalesce(c.cost, 0) <> coalesce(b.cost, 0)",
        moment=moment,
    )


def receipts_are_numbered_without_a_gap_and_add_up(conn: Connection, moment: Moment) -> Iterator[str]:
    """I20: no number of a site is missing, and an order's receipts come to what was paid less what went back."""
    yield from each(
        conn,
        "SELECT 'site ' || c.site_id || ' has ' || count(r.number) || ' receipts of ' || c.last_no"
        " FROM receipt_counter c LEFT JOIN receipt r USING (site_id) GROUP BY c.site_id, c.last_no"
        " HAVING count(r.number) <> c.last_no OR coalesce(max(r.number), 0) <> c.last_no",
        "SELECT 'receipt ' || site_id || '-' || number || ' does not add up' FROM receipt WHERE gross_minor <>"
        " (SELECT sum((t->>'net_minor')::bigint + (t->>'tax_minor')::bigint) FROM jsonb_array_elements(taxes) t)"
        " OR gross_minor <> (SELECT sum((l->>'gross_minor')::bigint) FROM jsonb_array_elements(lines) l)",
        "SELECT 'order ' || b.order_id || ' has receipts of ' || coalesce(t.minor, 0) || ', its books say ' || b.minor"
        " FROM (SELECT order_id, sum(amount_minor) AS minor FROM ledger_entry"
        " WHERE account IN ('provider_clearing', 'refunds') GROUP BY order_id) b LEFT JOIN (SELECT order_id,"
        " sum(gross_minor) AS minor FROM receipt GROUP BY order_id) t ON t.order_id = b.order_id"
        " WHERE coalesce(t.minor, 0) <> b.minor AND NOT EXISTS (SELECT FROM payment p WHERE p.order_id = b.order_id"
        " AND p.state = 'captured' AND NOT p.receipted) AND NOT EXISTS (SELECT FROM refund r"
        " WHERE r.order_id = b.order_id AND (r.done_at IS NULL OR NOT r.receipted))",
        moment=moment,
    )
