"""An operator sets the cold chain's limits for all sites: kept as a new version and told to every gateway.

No version is ever changed. Each gateway judges what lies there anew, from its own minutes.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert, text

from app.db.cold_policy import policy_now
from app.db.outbox import put_entry
from app.db.tables import cold_policy
from app.domain.errors import DomainError
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.ask_site import checked_reason
from locker_protocol.cold_chain.policy import ColdPolicy, PolicyInvalid, check_policy
from locker_protocol.cold_messages import SetColdPolicy

# Two operators one after another, so that none overwrites what the other has just set without having seen it.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('cold policy', 0))")
NEXT = text("SELECT coalesce(max(version), 0) + 1 FROM cold_policy")
SITES = text("SELECT site_id FROM gateway ORDER BY site_id")


class ColdLimitsCross(DomainError):
    """Limits that make no sense together. Facts: `food_class` and `mistake`, a code of `PolicyInvalid`."""

    code = "cold_limits_cross"
    status = 422


class ColdPolicyMoved(DomainError):
    """Somebody else set other limits meanwhile."""

    code = "cold_policy_moved"


class ColdPolicySame(DomainError):
    """These are the limits that hold already."""

    code = "cold_policy_same"
    status = 422


def set_cold_policy(
    conn: Connection, *, policy: ColdPolicy, seen_version: int, person_id: str, reason: str, now: datetime
) -> int:
    """Set them everywhere and give their version; `policy.version` is not looked at.

    Raises:
        ReasonNeeded: there is no reason of 5 to 200 characters.
        ColdLimitsCross: by the first rule that does not hold.
        ColdPolicyMoved: `seen_version` holds no more.
        ColdPolicySame: nothing would change.

    """
    said = checked_reason(reason)
    conn.execute(LOCK)
    before = policy_now(conn, site_id=None)
    if before.version != seen_version:
        raise ColdPolicyMoved
    if msgspec.structs.replace(policy, version=before.version) == before:
        raise ColdPolicySame
    _refuse_crossing(policy)
    version: int = conn.execute(NEXT).scalar_one()
    made = msgspec.structs.replace(policy, version=version)
    row = {"version": version, "site_id": None, "policy": msgspec.to_builtins(made), "made_by": person_id}
    conn.execute(insert(cold_policy).values(**row, made_at=now, reason=said))
    for site_id in conn.execute(SITES).scalars().all():
        put_entry(conn, site_id=site_id, entry=SetColdPolicy(made), order_id=None, now=now)
    change = Change("cold", "policy", "version", str(before.version), str(version))
    record_changes(conn, [change], person_id=person_id, now=now, reason=said)
    return version


def _refuse_crossing(policy: ColdPolicy) -> None:
    try:
        check_policy(policy)
    except PolicyInvalid as wrong:
        raise ColdLimitsCross(food_class=wrong.food_class or "", mistake=wrong.code) from wrong
