"""The cold chain's rules as they hold at a site. Reads only; `use_cases.cold_chain.set_cold_policy` writes them."""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, text

from locker_protocol.cold_chain.policy import DEFAULT_POLICY, ColdPolicy

# A site's own rules go before everybody's; of each, the newest.
NOW = text("""
    SELECT policy FROM cold_policy
    WHERE (site_id = :site_id OR site_id IS NULL) AND (CAST(:at AS timestamptz) IS NULL OR made_at <= :at)
    ORDER BY site_id IS NULL, version DESC LIMIT 1
""")


def policy_now(conn: Connection, *, site_id: str | None, at: datetime | None = None) -> ColdPolicy:
    """The rules of a site, or with `None` everybody's; those of the moment `at` when it is given."""
    found = conn.execute(NOW, {"site_id": site_id, "at": at}).scalar_one_or_none()
    return DEFAULT_POLICY if found is None else msgspec.convert(found, ColdPolicy)
