"""The cold chain's limits as their page shows them: those that hold, and who changed what when. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from app.db.cold_policy import policy_now
from app.domain.policy_changes import Difference, differences
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, ColdPolicy

SHOWN = 20

VERSIONS = text("""
    SELECT c.version, c.policy, c.made_at, c.reason, coalesce(nullif(p.display_name, ''), p.role) AS by
    FROM cold_policy c JOIN person p ON p.id = c.made_by WHERE c.site_id IS NULL ORDER BY c.version DESC LIMIT :most
""")
# A gateway that has not confirmed its entries yet judges by the limits it had.
BEHIND = text("""
    SELECT count(*) FROM gateway g WHERE g.down_seq > g.down_acked_seq
        OR EXISTS (SELECT FROM outbox x WHERE x.gateway_id = g.id AND x.seq IS NULL)
""")
TIMEZONE = text("SELECT timezone FROM site ORDER BY site_no LIMIT 1")


@dataclass(frozen=True, slots=True)
class Version:
    """One version with what it changed."""

    row: Row[Any]
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """The limits that hold, their history, and how many sites have not confirmed what they were last told."""

    policy: ColdPolicy
    versions: Sequence[Version]
    behind: int
    timezone: str


def policy_page(conn: Connection) -> PolicyPage:
    """Everything on the page."""
    rows = conn.execute(VERSIONS, {"most": SHOWN + 1}).all()
    made = [msgspec.convert(row.policy, ColdPolicy) for row in rows]
    before = [*made[1:], DEFAULT_POLICY]
    versions = [Version(row, differences(was, now)) for row, now, was in zip(rows, made, before, strict=False)]
    zone = conn.execute(TIMEZONE).scalar_one_or_none() or "UTC"
    return PolicyPage(policy_now(conn, site_id=None), versions[:SHOWN], conn.execute(BEHIND).scalar_one(), zone)
