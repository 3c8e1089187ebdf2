"""Throws away what is older than anybody needs, in small batches: nobody waits for it, and a crash loses nothing.

Decides for how long each thing is kept; the reasons stand in docs/privacy.md, which a test holds against `RULES`. Never
touches what books, the audit or an invariant need: orders, money, history; and a site's log only from its beginning,
with a note of how far (`pruned_log`), so that a hole in what is left still shows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from app.db.engine import transaction
from app.domain.errors import DomainError
from app.use_cases.people.erase_account import erase_account

BATCH = 500
BATCHES_A_TURN = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of a table that are thrown away once `since` lies further back than `kept`, if `only` holds."""

    table: str
    since: str
    kept: timedelta
    only: str = "true"


RULES = (
    Rule("sign_in_code", "made_at", timedelta(days=1)),
    Rule("web_session", "expires_at", timedelta(days=1)),
    Rule("idempotent_request", "made_at", timedelta(days=7)),
    Rule("notification", "made_at", timedelta(days=90), "(sent_at IS NOT NULL OR failed IS NOT NULL)"),
    Rule("photo", "at", timedelta(days=90)),
    Rule("rejected_message", "received_at", timedelta(days=30)),
    Rule("keeper_look", "at", timedelta(days=90)),
    Rule("trouble_report", "at", timedelta(days=400)),
    Rule("visit_record", "received_at", timedelta(days=400)),
    Rule("alarm_answer", "at", timedelta(days=400)),
    # A gateway keeps what it told for 30 days, for a restored service; what it was told needs no longer.
    Rule("outbox", "made_at", timedelta(days=30), "acked_at IS NOT NULL AND (fault IS NULL OR fault = 'in_snapshot')"),
    Rule("payment_webhook", "received_at", timedelta(days=90), "applied_at IS NOT NULL"),
    # Money that moved stays for as long as the provider would remember it, which is longer than we ask.
    Rule("sandbox_charge", "made_at", timedelta(days=90), "state <> 'captured'"),
)
EVENTS_KEPT = timedelta(days=400)
# Nobody signs in as a guest again once their browser forgot them; until then a claim or a question may come.
GUESTS_KEPT = timedelta(days=90)

GUESTS = text("""
    SELECT p.id FROM person p WHERE p.guest AND p.created_at < :before
        AND NOT EXISTS (SELECT FROM customer_order o WHERE o.person_id = p.id AND o.placed_at >= :before)
    ORDER BY p.id LIMIT :most
""")

LOGS = text("SELECT gateway_id, log_id FROM site_event GROUP BY gateway_id, log_id HAVING min(applied_at) < :before")
# From the beginning and without a gap; the last one stays, for it says how far the log was applied.
PRUNE = text("""
    WITH first AS (
        SELECT seq, at, applied_at FROM site_event WHERE gateway_id = :gateway_id AND log_id = :log_id
        ORDER BY seq LIMIT :most
    ), newer AS (
        SELECT min(seq) AS seq FROM (
            SELECT seq FROM first WHERE applied_at >= :before
            UNION ALL SELECT max(seq) FROM site_event WHERE gateway_id = :gateway_id AND log_id = :log_id
        ) kept
    ), gone AS (
        DELETE FROM site_event e USING first, newer WHERE e.gateway_id = :gateway_id AND e.log_id = :log_id
            AND e.seq = first.seq AND e.seq < newer.seq RETURNING e.seq, e.at
    )
    INSERT INTO pruned_log (gateway_id, log_id, through_seq, last_at)
    SELECT :gateway_id, :log_id, max(seq), max(at) FROM gone HAVING count(*) > 0
    ON CONFLICT (gateway_id, log_id) DO UPDATE SET through_seq = excluded.through_seq,
        last_at = greatest(pruned_log.last_at, excluded.last_at)
    RETURNING (SELECT count(*) FROM gone)
""")


def forget_old(engine: Engine, *, now: datetime) -> int:
    """Throw away what is due, each batch in a transaction of its own; returns how many rows. May be done twice."""
    forgotten = sum(_forget(engine, rule, now) for rule in RULES) + _forget_guests(engine, now)
    with transaction(engine) as conn:
        logs = conn.execute(LOGS, {"before": now - EVENTS_KEPT}).all()
    return forgotten + sum(_prune(engine, log.gateway_id, log.log_id, now) for log in logs)


def _forget_guests(engine: Engine, now: datetime) -> int:
    """One whose order, refund or claim is still under way waits for the next turn."""
    with transaction(engine) as conn:
        guests = conn.execute(GUESTS, {"before": now - GUESTS_KEPT, "most": BATCH}).scalars().all()
    return sum(_forget_guest(engine, person_id, now) for person_id in guests)


def _forget_guest(engine: Engine, person_id: str, now: datetime) -> bool:
    try:
        with transaction(engine) as conn:
            erase_account(conn, person_id=person_id, now=now)
    except DomainError:
        return False
    return True


def _forget(engine: Engine, rule: Rule, now: datetime) -> int:
    forgotten = 0
    for _ in range(BATCHES_A_TURN):
        with transaction(engine) as conn:
            rows = _forget_batch(conn, rule, now)
        forgotten += rows
        if rows < BATCH:
            break
    return forgotten


def _forget_batch(conn: Connection, rule: Rule, now: datetime) -> int:
    """Rows somebody holds at this moment wait for the next turn."""
    old = text(
        f"DELETE FROM {rule.table} WHERE ctid = ANY (ARRAY("  # noqa: S608  names of ours
        f" SELECT ctid FROM {rule.table} WHERE {rule.since} < :before AND {rule.only} LIMIT :most"
        " FOR UPDATE SKIP LOCKED))"
    )
    return conn.execute(old, {"before": now - rule.kept, "most": BATCH}).rowcount


def _prune(engine: Engine, gateway_id: str, log_id: str, now: datetime) -> int:
    pruned = 0
    for _ in range(BATCHES_A_TURN):
        log = {"gateway_id": gateway_id, "log_id": log_id, "before": now - EVENTS_KEPT, "most": BATCH}
        with transaction(engine) as conn:
            rows = conn.execute(PRUNE, log).scalar_one_or_none() or 0
        pruned += rows
        if rows < BATCH:
            break
    return pruned
