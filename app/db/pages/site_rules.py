"""A site's rules with the names of its taxes, and who changed what when. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.site_rules import rules_now

SHOWN = 30

SITE = text("SELECT id, name_zh, name_en, timezone FROM site WHERE id = :site_id")
TAXES = text("""
    SELECT t.tax_code, t.name_zh, t.name_en, count(p.id) AS products FROM tax_rate t
    LEFT JOIN product p ON p.tax_code = t.tax_code WHERE t.site_id = :site_id
    GROUP BY t.tax_code, t.name_zh, t.name_en ORDER BY t.tax_code
""")
CHANGES = text("""
    SELECT c.at, c.field, c.before, c.after, c.reason, coalesce(nullif(p.display_name, ''), p.role) AS who
    FROM change c JOIN person p ON p.id = c.person_id
    WHERE c.subject = 'site' AND c.subject_id = :site_id ORDER BY c.id DESC LIMIT :shown
""")


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The rules by name, as `db.site_rules` has them."""

    site: Row[Any]
    rules: Mapping[str, int]
    taxes: Sequence[Row[Any]]
    changes: Sequence[Row[Any]]


def site_rules(conn: Connection, *, site_id: str) -> SiteRules | None:
    """One site's; `None` when there is none."""
    found = conn.execute(SITE, {"site_id": site_id}).one_or_none()
    if found is None:
        return None
    return SiteRules(
        site=found,
        rules=rules_now(conn, site_id=site_id),
        taxes=conn.execute(TAXES, {"site_id": site_id}).all(),
        changes=conn.execute(CHANGES, {"site_id": site_id, "shown": SHOWN}).all(),
    )
