"""`caibox audit`: the invariants of docs/invariants.md as SQL on a live system.

Each is one named function; none changes a row.

An invariant's function returns what breaks it, as sentences with ids, never names. Those that need the physical truth
(I5, I10, I11, I13) are the simulation's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from app.domain.webhook_event import OF_MOVE
from app.use_cases.audit_chains import Kept, broken_chains
from app.use_cases.people.forget_old import EVENTS_KEPT

# How long two ends may disagree before it counts; and how long a paid order may stand after its run was cleared.
QUIET = timedelta(seconds=60)
STUCK_AFTER = timedelta(hours=24)
HOLD_OVERDUE_AFTER = timedelta(hours=1)
SKEW = timedelta(seconds=300)  # locker_protocol.token.SKEW_S
BESIDE = timedelta(hours=1)  # by then a grant is over, and its doors were opened or not
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Moment:
    """When the audit is made, civil, and how much civil time is a minute's quiet (more where a demo's clock runs)."""

    now: datetime
    quiet: timedelta = QUIET
    kept: Mapping[str, Kept] = field(default_factory=dict)  # how the audit's chains ended once, noted elsewhere

    def values(self) -> dict[str, datetime]:
        """The limits, as queries name them."""
        return {
            "quiet_since": self.now - self.quiet,
            "stuck_since": self.now - STUCK_AFTER,
            "overdue_since": self.now - HOLD_OVERDUE_AFTER,
            "events_since": self.now - EVENTS_KEPT,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: how many times it is broken, and the first few."""

    invariant: str
    name: str
    violations: int
    examples: list[str]


def audit(conn: Connection, moment: Moment) -> list[Finding]:
    """Check every invariant."""
    return [_check(conn, moment, number, rule) for number, rule in INVARIANTS]


def as_json(findings: list[Finding], heads: Mapping[str, Kept]) -> dict[str, Any]:
    """What `--json` writes: what was found, and how each chain of the audit ends now."""
    return {
        "violations": sum(each.violations for each in findings),
        "invariants": [asdict(each) for each in findings],
        "audit_heads": {chain: {"row": no, "hash": digest} for chain, (no, digest) in heads.items()},
    }


def a_paid_order_ends_once_and_none_is_stuck(conn: Connection, moment: Moment) -> Iterator[str]:
    """I1."""
    yield from _each(
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
    yield from _each(
        conn,
        "SELECT 'door ' || p.door || ' of ' || o.site_id || ' holds ' || count(*) || ' parcels' FROM parcel p"
        " JOIN customer_order o ON o.id = p.order_id WHERE p.state = 'loaded' GROUP BY o.site_id, p.door"
        " HAVING count(*) > 1",
        moment=moment,
    )


def no_door_opens_for_a_grant_that_was_not_written_before(conn: Connection, moment: Moment) -> Iterator[str]:
    """I3: the record that names who stands before the opening in the site's own log."""
    yield from _each(
        conn,
        "SELECT 'event ' || e.log_id || ':' || e.seq || ' opened door ' || (e.body->>'door') || ' without its record'"
        " FROM site_event e WHERE e.type = 'DoorWasOpened' AND e.body->>'grant_id' IS NOT NULL AND NOT EXISTS ("
        " SELECT FROM site_event g WHERE g.gateway_id = e.gateway_id AND g.log_id = e.log_id AND g.seq < e.seq"
        " AND g.type = 'UnlockGranted' AND g.body->>'grant_id' = e.body->>'grant_id'"
        " AND g.body->'doors' @> (e.body->'door') AND g.body->>'actor' <> '')"
        # The record may have been thrown away by its age a moment before the opening it allowed.
        " AND NOT EXISTS (SELECT FROM pruned_log p WHERE p.gateway_id = e.gateway_id AND p.log_id = e.log_id"
        " AND e.at < p.last_at + :beside)",
        moment=moment,
    )


def no_door_is_granted_to_a_code_of_elsewhere_or_past_its_end(conn: Connection, moment: Moment) -> Iterator[str]:
    """I4 and I16: unknown, of another order or site, or expired beyond the allowed skew of clocks."""
    yield from _each(
        conn,
        "SELECT 'grant ' || (e.body->>'grant_id') || ' of order ' || coalesce(e.order_id, '?') || ' by a foreign code'"
        " FROM site_event e JOIN gateway g ON g.id = e.gateway_id WHERE e.type = 'UnlockGranted'"
        " AND e.body->>'right' IN ('collect', 'reopen') AND NOT EXISTS (SELECT FROM credential c"
        " WHERE c.order_id = e.order_id AND c.site_id = g.site_id AND c.id = coalesce(e.body->>'credential_id', c.id)"
        " AND c.generation = (e.body->>'generation')::bigint)",
        "SELECT 'grant ' || (e.body->>'grant_id') || ' by an expired code' FROM site_event e JOIN credential c"
        " ON c.order_id = e.order_id AND c.generation = (e.body->>'generation')::bigint"
        " WHERE e.type = 'UnlockGranted' AND e.body->>'right' = 'collect' AND e.at > c.expires_at + :skew",
        moment=moment,
    )


def a_command_acts_at_most_once(conn: Connection, moment: Moment) -> Iterator[str]:
    """I6, as far as the service sees: one grant a command, and none for a command that was never sent."""
    yield from _each(
        conn,
        "SELECT 'command ' || (body->>'command_id') || ' was granted ' || count(*) || ' times' FROM site_event"
        " WHERE type = 'UnlockGranted' AND body->>'command_id' IS NOT NULL GROUP BY body->>'command_id'"
        " HAVING count(*) > 1",
        "SELECT 'command ' || (e.body->>'command_id') || ' was granted and never sent there' FROM site_event e"
        " WHERE e.type = 'UnlockGranted' AND e.body->>'command_id' IS NOT NULL AND NOT EXISTS (SELECT FROM"
        " remote_command r WHERE r.id = e.body->>'command_id' AND r.gateway_id = e.gateway_id"
        " AND r.sent_at IS NOT NULL)",
        moment=moment,
    )


def every_site_event_is_applied_once_and_in_order(conn: Connection, moment: Moment) -> Iterator[str]:
    """I7: logs without holes, positions that agree, and one move for each parcel's event."""
    yield from _each(
        conn,
        "SELECT 'log ' || log_id || ' of ' || gateway_id || ' has ' || count(*) || ' events of ' || max(seq)"
        " FROM site_event LEFT JOIN pruned_log p USING (gateway_id, log_id) GROUP BY gateway_id, log_id, p.through_seq"
        " HAVING count(*) <> max(seq) - coalesce(p.through_seq, 0) OR min(seq) <= coalesce(p.through_seq, 0)",
        "SELECT 'gateway ' || g.id || ' stands at ' || g.up_seq || ', its log at ' || coalesce(l.last, 0)"
        " FROM gateway g LEFT JOIN LATERAL (SELECT max(seq) AS last FROM site_event e WHERE e.gateway_id = g.id"
        " AND e.log_id = g.up_log_id) l ON true WHERE g.up_seq <> coalesce(l.last, 0)",
        # Of parcels whose events are all still kept.
        "WITH old AS (SELECT p.id FROM parcel p JOIN customer_order o ON o.id = p.order_id"
        " WHERE o.placed_at < :events_since AND EXISTS (SELECT FROM pruned_log)),"
        " told AS (SELECT body->>'parcel_id' AS id, CASE type WHEN 'ParcelLoaded' THEN 'loaded'"
        " WHEN 'ParcelCollected' THEN 'collected' WHEN 'ParcelTakenBack' THEN 'taken_back' ELSE 'removed' END AS event,"
        " count(*) AS n FROM site_event WHERE type IN ('ParcelLoaded', 'ParcelCollected', 'ParcelTakenBack',"
        " 'ParcelRemoved') AND fault IS NULL GROUP BY 1, 2), moved AS (SELECT subject_id AS id, CASE WHEN event IN"
        " ('discarded', 'rescued') THEN 'removed' ELSE event END AS event, count(*) AS n FROM history"
        " WHERE subject = 'parcel' AND actor LIKE 'gateway:%' AND event IN ('loaded', 'collected', 'taken_back',"
        " 'removed', 'discarded', 'rescued') GROUP BY 1, 2)"
        " SELECT 'parcel ' || coalesce(told.id, moved.id) || ' told ' || coalesce(told.n, 0) || ' and moved '"
        " || coalesce(moved.n, 0) || ' times' FROM told FULL JOIN moved ON moved.id = told.id"
        " AND moved.event = told.event WHERE (coalesce(told.n, 0) <> coalesce(moved.n, 0) OR told.n > 1"
        " AND told.event IN ('collected', 'removed'))"
        " AND NOT EXISTS (SELECT FROM old WHERE old.id IN (told.id, moved.id))",
        moment=moment,
    )


def the_ledger_balances(conn: Connection, moment: Moment) -> Iterator[str]:
    """I8: every transaction sums to zero; captured = collected + refunded + held, and nothing is held below zero."""
    yield from _each(
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
    yield from _each(
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


def an_order_costs_what_its_lines_say(conn: Connection, moment: Moment) -> Iterator[str]:
    """I18: an order's total is the sum of its lines, and what was paid for it less what edits gave back."""
    yield from _each(
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


def receipts_are_numbered_without_a_gap_and_add_up(conn: Connection, moment: Moment) -> Iterator[str]:
    """I20: no number of a site is missing, and an order's receipts come to what was paid less what went back."""
    yield from _each(
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


def a_granted_claim_is_refunded_once_and_its_cost_is_booked(conn: Connection, moment: Moment) -> Iterator[str]:
    """I9 for claims: what was granted is one refund, and stands once as the cost of the hand-off that bears it."""
    yield from _each(
        conn,
        "SELECT 'claim ' || coalesce(c.id, r.key) || ' grants ' || coalesce(c.granted_minor, 0) || ', refunds '"
        " || coalesce(r.minor, 0) FROM (SELECT * FROM claim WHERE state = 'granted') c FULL JOIN"
        # Where an edited order was paid for in parts, each payment gives its own part back.
        " (SELECT order_id, split_part(cause_key, '#', 1) AS key, sum(amount_minor) AS minor FROM refund"
        " WHERE cause = 'claim' GROUP BY 1, 2) r ON r.key = 'claim:' || c.id AND r.order_id = c.order_id"
        " WHERE coalesce(c.granted_minor, 0) <> coalesce(r.minor, 0)",
        "SELECT 'hand-off ' || coalesce(c.hand_off, b.hand_off) || ' of order ' || coalesce(c.order_id, b.order_id)"
        " || ' bears ' || coalesce(c.cost, 0) || ', booked ' || coalesce(b.cost, 0) FROM (SELECT order_id, hand_off,"
        " sum(granted_minor) AS cost FROM claim WHERE state = 'granted' GROUP BY 1, 2) c FULL JOIN (SELECT order_id,"
        " substr(account, 8) AS hand_off, sum(amount_minor) AS cost FROM ledger_entry WHERE account LIKE 'claims\\_%'"
        " GROUP BY 1, 2 HAVING sum(amount_minor) <> 0) b ON b.order_id = c.order_id AND b.hand_off = c.hand_off"
        " WHERE coalesce(c.cost, 0) <> coalesce(b.cost, 0)",
        moment=moment,
    )


def the_audit_chains_are_whole(conn: Connection, moment: Moment) -> Iterator[str]:
    """I12: no row of the audit was edited, moved or removed, here or at a site, and each unlock has its row."""
    yield from broken_chains(conn, quiet_since=moment.now - moment.quiet, kept=moment.kept)


def site_and_service_agree(conn: Connection, moment: Moment) -> Iterator[str]:
    """I14: nothing waits long at a gateway that is there, and no event told what the tables refuse."""
    yield from _each(
        conn,
        "SELECT 'entry ' || o.id || ' for ' || g.id || ' is unacknowledged' FROM outbox o JOIN gateway g"
        " ON g.id = o.gateway_id WHERE g.online AND o.acked_at IS NULL AND o.made_at < :quiet_since",
        "SELECT 'entry ' || id || ' for ' || gateway_id || ' was refused: ' || fault FROM outbox"
        " WHERE fault IS NOT NULL AND fault <> 'in_snapshot'",
        "SELECT 'event ' || log_id || ':' || seq || ' (' || type || ') was refused: ' || fault FROM site_event"
        " WHERE fault IN ('illegal_move', 'moved_meanwhile', 'unknown_parcel', 'refused_by_tables')",
        "SELECT 'parcel ' || p.id || ' is planned and not confirmed' FROM parcel p JOIN customer_order o"
        " ON o.id = p.order_id JOIN gateway g ON g.site_id = o.site_id WHERE g.online AND p.confirmed_at IS NULL"
        " AND p.state IN ('planned', 'packed') AND NOT EXISTS (SELECT FROM outbox WHERE outbox.order_id = o.id"
        " AND (acked_at IS NULL OR fault IS NOT NULL)) AND EXISTS (SELECT FROM history WHERE subject_id = p.id"
        " AND at < :quiet_since)",
        moment=moment,
    )


def no_parcel_is_loaded_twice(conn: Connection, moment: Moment) -> Iterator[str]:
    """I15."""
    yield from _each(
        conn,
        "SELECT 'parcel ' || (body->>'parcel_id') || ' was loaded ' || count(*) FILTER (WHERE type = 'ParcelLoaded')"
        " || ' times' FROM site_event WHERE type IN ('ParcelLoaded', 'ParcelTakenBack') AND fault IS NULL"
        " GROUP BY body->>'parcel_id' HAVING count(*) FILTER (WHERE type = 'ParcelLoaded')"
        " > 1 + count(*) FILTER (WHERE type = 'ParcelTakenBack')",
        moment=moment,
    )


def nothing_tells_of_who_was_erased(conn: Connection, moment: Moment) -> Iterator[str]:
    """I23: an erased account has no sign-in, notice, photo or open order; whatever came later would lead back to it."""
    yield from _each(
        conn,
        "SELECT 'erased person ' || p.id || ' is signed in' FROM web_session w JOIN person p ON p.id = w.person_id"
        " WHERE p.erased_at IS NOT NULL",
        "SELECT 'notice ' || n.id || ' is for erased person ' || p.id FROM notification n"
        " JOIN person p ON p.id = n.person_id WHERE p.erased_at IS NOT NULL",
        "SELECT 'photo ' || f.id || ' is of an order of erased person ' || p.id FROM photo f"
        " JOIN parcel x ON x.id = f.parcel_id JOIN customer_order o ON o.id = x.order_id"
        " JOIN person p ON p.id = o.person_id WHERE p.erased_at IS NOT NULL",
        "SELECT 'order ' || o.id || ' of erased person ' || p.id || ' is ' || o.state FROM customer_order o"
        " JOIN person p ON p.id = o.person_id WHERE p.erased_at IS NOT NULL"
        " AND o.state NOT IN ('collected', 'released', 'refunded')",
        moment=moment,
    )


def what_is_held_is_counted_and_nothing_else(conn: Connection, moment: Moment) -> Iterator[str]:
    """I19: stock, doors and places taken of a run are those of its orders: none was promised twice, no hold was left.

    An order that was withdrawn may have kept its hold or given it back, so it is allowed either way.
    """
    yield from _each(
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


Rule = Callable[[Connection, Moment], Iterator[str]]


def every_move_is_told_to_who_asks(conn: Connection, moment: Moment) -> Iterator[str]:
    """I21: for each endpoint, a message for each move it asks for since it was registered. Older ones are forgotten."""
    kinds = ", ".join(f"('{subject}', '{state}', '{kind}')" for (subject, state), kind in OF_MOVE.items())
    yield from _each(
        conn,
        "SELECT 'move ' || h.id || ' was not told to ' || e.id FROM webhook_endpoint e"  # noqa: S608  words of ours
        " JOIN history h ON h.at > e.made_at + interval '60 seconds'"
        " AND h.at > CAST(:quiet_since AS timestamptz) - interval '29 days'"
        f" JOIN (VALUES {kinds}) AS k(subject, to_state, kind) USING (subject, to_state)"
        " WHERE e.ended_at IS NULL AND k.kind = ANY(e.kinds) AND h.from_state <> h.to_state"
        " AND NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.event_id = 'move-' || h.id)",
        moment=moment,
    )


def lots_are_what_their_lines_took(conn: Connection, moment: Moment) -> Iterator[str]:
    """I22: a lot counts what its lines took of it, and once its recall has ended nothing of it can be collected."""
    yield from _each(
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


INVARIANTS: tuple[tuple[str, Rule], ...] = (
    ("I1", a_paid_order_ends_once_and_none_is_stuck),
    ("I2", a_door_never_holds_two_parcels),
    ("I3", no_door_opens_for_a_grant_that_was_not_written_before),
    ("I4", no_door_is_granted_to_a_code_of_elsewhere_or_past_its_end),
    ("I6", a_command_acts_at_most_once),
    ("I7", every_site_event_is_applied_once_and_in_order),
    ("I8", the_ledger_balances),
    ("I9", refunds_never_exceed_captures),
    ("I9", a_granted_claim_is_refunded_once_and_its_cost_is_booked),
    ("I12", the_audit_chains_are_whole),
    ("I14", site_and_service_agree),
    ("I15", no_parcel_is_loaded_twice),
    ("I18", an_order_costs_what_its_lines_say),
    ("I19", what_is_held_is_counted_and_nothing_else),
    ("I20", receipts_are_numbered_without_a_gap_and_add_up),
    ("I21", every_move_is_told_to_who_asks),
    ("I22", lots_are_what_their_lines_took),
    ("I23", nothing_tells_of_who_was_erased),
)


def _check(conn: Connection, moment: Moment, number: str, rule: Rule) -> Finding:
    found = list(rule(conn, moment))
    return Finding(number, rule.__name__, len(found), found[:SHOWN])


def _each(conn: Connection, *queries: str, moment: Moment) -> Iterator[str]:
    limits = {**moment.values(), "skew": SKEW, "beside": BESIDE}
    for query in queries:
        named = {name: value for name, value in limits.items() if f":{name}" in query}
        yield from conn.execute(text(query), named).scalars()
