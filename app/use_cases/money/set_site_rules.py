"""An operator sets how much of a cancelled order comes back at a site, and its tax rates; all of it or nothing.

What was cancelled, sold or refunded before stays as it was: receipts keep their own rates.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.site_rules import rules_now
from app.db.tables import cancel_policy, site, tax_rate
from app.domain.errors import NotFound
from app.domain.site_rules import PERCENTS, SiteRulesMoved, SiteRulesSame, check_percents
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.ask_site import checked_reason


def set_site_rules(
    conn: Connection,
    *,
    site_id: str,
    rules: Mapping[str, int],
    seen: Mapping[str, int],
    person_id: str,
    reason: str,
    now: datetime,
) -> None:
    """Set `rules` where `seen` still holds; both as `rules_now` has them, of the same names.

    Raises:
        NotFound: no such site.
        ReasonNeeded: without a reason of 5 to 200 characters.
        SiteRulesMoved: somebody else changed them since they were shown.
        SiteRulesSame: nothing is different.
        FewerBackLater: more would come back the later somebody cancels.

    """
    said = checked_reason(reason)
    if conn.execute(select(site.c.id).where(site.c.id == site_id).with_for_update()).one_or_none() is None:
        raise NotFound
    before = rules_now(conn, site_id=site_id)
    if dict(seen) != before or set(rules) != set(before):
        raise SiteRulesMoved
    if dict(rules) == before:
        raise SiteRulesSame
    check_percents(rules)
    _write(conn, site_id, rules, before)
    changes = [Change("site", site_id, name, str(before[name]), str(value)) for name, value in rules.items()]
    record_changes(conn, changes, person_id=person_id, now=now, reason=said)


def _write(conn: Connection, site_id: str, rules: Mapping[str, int], before: Mapping[str, int]) -> None:
    percents = {name: rules[name] for name in PERCENTS}
    if any(before[name] != value for name, value in percents.items()):
        stated = insert(cancel_policy).values(site_id=site_id, **percents)
        conn.execute(stated.on_conflict_do_update(index_elements=["site_id"], set_=percents))
    for name, value in rules.items():
        code = name.removeprefix("tax:")
        if code != name and before[name] != value:
            mine = (tax_rate.c.site_id == site_id) & (tax_rate.c.tax_code == code)
            conn.execute(update(tax_rate).where(mine).values(rate_bp=value))
