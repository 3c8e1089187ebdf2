"""Begins a new down log for a gateway whose store we do not know: entry 1 is a snapshot of the site.

Everything still to be sent at that moment is in the snapshot and is not sent again. Snapshot and decision see the same
instant of the database (REPEATABLE READ): an entry committed later comes after the snapshot, one committed earlier is
in it, none is lost or doubled.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import OperationalError

from app.db.engine import announce, transaction
from app.db.tables import outbox
from app.settings import Settings
from app.use_cases.site.site_snapshot import build_snapshot, warm_codes
from app.use_cases.site.tell_keys import key_list
from locker_protocol.codec import encode
from locker_protocol.ids import RandomBytes, random_bytes, random_id
from locker_protocol.site_entries import Entry

SERIALIZATION_FAILURE = "40001"
TRIES = 8
IN_SNAPSHOT = "in_snapshot"

SITE = text("SELECT site_id FROM gateway WHERE id = :gateway")
LOCK = text("SELECT FROM gateway WHERE id = :gateway FOR NO KEY UPDATE")
SUBSUME = text("UPDATE outbox SET acked_at = :now, fault = :why WHERE gateway_id = :gateway AND acked_at IS NULL")
BEGIN = text(
    "UPDATE gateway SET down_log_id = :log_id, down_seq = :last, down_acked_seq = 0, told_keys = :keys,"
    " keys_told_at = CASE WHEN told_keys = :keys THEN keys_told_at ELSE :now END WHERE id = :gateway"
)


def begin_down_log(
    engine: Engine, *, gateway_id: str, now: datetime, settings: Settings, random: RandomBytes = random_bytes
) -> str:
    """Write the new log's first entries and return its id. Tries again when the gateway's row moved meanwhile."""
    with transaction(engine) as conn:
        site_id = conn.execute(SITE, {"gateway": gateway_id}).scalar_one()
        warm_codes(conn, site_id=site_id, settings=settings)
    one_instant = engine.execution_options(isolation_level="REPEATABLE READ")
    for last_try in (*[False] * (TRIES - 1), True):
        try:
            with transaction(one_instant) as conn:
                conn.execute(LOCK, {"gateway": gateway_id})
                entries = build_snapshot(conn, site_id=site_id, now=now, settings=settings)
                return _begin(conn, gateway_id, entries, random_id(random), now, key_list(settings))
        except OperationalError as error:
            if last_try or not must_begin_again(error):
                raise
    raise AssertionError("the last try returns or raises")


def must_begin_again(error: OperationalError) -> bool:
    """True when the gateway's row moved after this transaction's instant."""
    return getattr(error.orig, "sqlstate", None) == SERIALIZATION_FAILURE


def _begin(conn: Connection, gateway_id: str, entries: Sequence[Entry], log_id: str, now: datetime, keys: str) -> str:
    conn.execute(SUBSUME, {"gateway": gateway_id, "now": now, "why": IN_SNAPSHOT})
    rows = [
        {"gateway_id": gateway_id, "made_at": now, "entry": encode(entry), "log_id": log_id, "seq": seq}
        for seq, entry in enumerate(entries, start=1)
    ]
    conn.execute(insert(outbox), rows)
    conn.execute(BEGIN, {"gateway": gateway_id, "log_id": log_id, "last": len(rows), "keys": keys, "now": now})
    announce(conn, "outbox")
    return log_id
