"""The cold chain's rules as they hold at a site. Reads only; `use_cases.cold_chain.set_cold_policy` writes them."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, text

from app.domain.cold_record import Band
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, ClassPolicy, ColdPolicy, judged_as
from locker_protocol.vocabulary import Zone

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


def band_of(policy: ColdPolicy, food_classes: Iterable[str], zone: str) -> Band:
    """Where goods of these classes belong together: where the strictest of them does."""
    strictest = strictest_of(policy, food_classes, zone)
    return Band(strictest.target_low_c, strictest.target_high_c)


def strictest_of(policy: ColdPolicy, food_classes: Iterable[str], zone: str) -> ClassPolicy:
    """Of these classes the one that wants it coldest; without any, the zone's usual one."""
    names = {judged_as(policy, each, Zone(zone)) for each in food_classes} or {judged_as(policy, None, Zone(zone))}
    rules = [found for name in names if (found := policy.of(name)) is not None]
    return min(rules, key=lambda each: (each.target_high_c, each.food_class))
