"""What the demo's clock page shows: the sites with their zones, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, exists, func, select

from app.db.tables import customer_order, load_run, pickup_window, site
from app.domain.order_state import OrderState

UNDER_WAY = (OrderState.PAID, OrderState.PACKED, OrderState.READY)


@dataclass(frozen=True, slots=True)
class Ahead:
    """When the next van loads and when the next window opens, at whichever site; `None` when nothing is planned."""

    load_from: datetime | None
    opens_at: datetime | None


def sites(conn: Connection) -> Sequence[Row[Any]]:
    """Every site with its zone."""
    return conn.execute(select(site).order_by(site.c.site_no)).all()


def ahead(conn: Connection, *, now: datetime) -> Ahead:
    """What comes next for the orders there are; without any, what comes next at all."""
    load, window = load_run.c.load_from, pickup_window.c.opens_at
    return Ahead(
        _next(conn, load, now, load_run.c.run_no == customer_order.c.run_no, (OrderState.PAID, OrderState.PACKED)),
        _next(conn, window, now, pickup_window.c.id == customer_order.c.window_id, UNDER_WAY),
    )


def _next(
    conn: Connection, at: Column[datetime], now: datetime, ordered: ColumnElement[bool], states: Sequence[OrderState]
) -> datetime | None:
    wanted = exists().where(ordered, customer_order.c.state.in_(states))
    soonest = func.coalesce(func.min(at).filter(wanted), func.min(at))
    return conn.execute(select(soonest).where(at > now)).scalar_one()
