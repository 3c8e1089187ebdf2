"""A site's rules as they hold now: percent that come back by stage, hundredths of a percent of tax by code."""

from sqlalchemy import Connection, select

from app.db.tables import cancel_policy, tax_rate
from app.domain.cancelling import Policy
from app.domain.site_rules import PERCENTS


def rules_now(conn: Connection, *, site_id: str) -> dict[str, int]:
    """`closed_percent`, … and `tax:<code>`."""
    found = conn.execute(select(cancel_policy).where(cancel_policy.c.site_id == site_id)).one_or_none()
    holds = found if found is not None else Policy()
    rates = select(tax_rate.c.tax_code, tax_rate.c.rate_bp).where(tax_rate.c.site_id == site_id)
    taxes = {f"tax:{row.tax_code}": row.rate_bp for row in conn.execute(rates.order_by(tax_rate.c.tax_code))}
    return {**{name: int(getattr(holds, name)) for name in PERCENTS}, **taxes}
