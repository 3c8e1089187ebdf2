"""Tells gateways which keys the service signs with, when those are others than a gateway was last told.

Decides by what each gateway was told, so that starting again tells nothing twice. A gateway that was never there
learns the keys from its first snapshot. Never decides when a key begins to sign or ends (`app.keys`).
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.outbox import put_entry
from app.settings import Settings
from app.use_cases.site.site_snapshot import service_keys
from locker_protocol.site_entries import SetKeys

TOLD = text(
    "UPDATE gateway SET told_keys = :keys, keys_told_at = :now WHERE shard = :shard AND down_log_id IS NOT NULL"
    " AND told_keys IS DISTINCT FROM :keys RETURNING site_id"
)


def tell_keys(conn: Connection, *, settings: Settings, now: datetime) -> list[str]:
    """Write an entry for each gateway of the shard that was told otherwise; returns their sites."""
    told = {"keys": key_list(settings), "shard": settings.shard, "now": now}
    sites = [str(site_id) for site_id in conn.execute(TOLD, told).scalars()]
    for site_id in sites:
        put_entry(conn, site_id=site_id, entry=SetKeys(service_keys(settings)), order_id=None, now=now)
    return sites


def key_list(settings: Settings) -> str:
    """The live public keys as one text, the one that signs first."""
    return ",".join(f"{key.key_id}:{key.public_hex}" for key in service_keys(settings))
