"""An operator sets a site's rules for claims; what was answered before stays as it was."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.db.claim_lines import policy_of
from app.db.tables import claim_policy, site
from app.domain.claims import checked_policy
from app.domain.errors import NotFound
from app.use_cases.catalogue.record_change import Change, record_changes


def set_claim_policy(
    conn: Connection, *, site_id: str, numbers: Mapping[str, int], person_id: str, now: datetime
) -> None:
    """Set them all. Raises NotFound or ClaimPolicyAbsurd."""
    if conn.execute(select(site.c.id).where(site.c.id == site_id).with_for_update()).one_or_none() is None:
        raise NotFound
    before, after = asdict(policy_of(conn, site_id=site_id)), asdict(checked_policy(numbers))
    conn.execute(
        insert(claim_policy)
        .values(site_id=site_id, **after)
        .on_conflict_do_update(index_elements=["site_id"], set_=after)
    )
    changes = [
        Change("claim", f"policy/{site_id}", field, str(before[field]), str(value)) for field, value in after.items()
    ]
    record_changes(conn, changes, person_id=person_id, now=now)
