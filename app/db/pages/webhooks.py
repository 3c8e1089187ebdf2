"""Which programs are told what happens, and what became of the messages. Reads only; never shows a secret."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from app.db.pages.api import After, Row, behind
from app.db.tables import site, webhook_delivery, webhook_endpoint
from app.domain.webhook_event import DeliveryState


def endpoints(conn: Connection, *, after: After, limit: int) -> Sequence[Row]:
    """The endpoints that are told, oldest first, with how many messages wait and were given up."""
    key = (webhook_endpoint.c.made_at, webhook_endpoint.c.id)
    live = _endpoints().where(webhook_endpoint.c.ended_at.is_(None), *behind(key, after))
    return conn.execute(live.order_by(*key).limit(limit)).mappings().all()


def endpoint(conn: Connection, *, endpoint_id: str) -> Row | None:
    """One of them."""
    one = _endpoints().where(webhook_endpoint.c.id == endpoint_id, webhook_endpoint.c.ended_at.is_(None))
    return conn.execute(one).mappings().one_or_none()


def deliveries(
    conn: Connection, *, endpoint_id: str, state: DeliveryState | None, after: After, limit: int
) -> Sequence[Row]:
    """The messages to one endpoint, newest first."""
    key = (webhook_delivery.c.id,)
    theirs = select(webhook_delivery).where(
        webhook_delivery.c.endpoint_id == endpoint_id, *behind(key, after, descending=True)
    )
    if state is not None:
        theirs = theirs.where(webhook_delivery.c.state == state.value)
    return conn.execute(theirs.order_by(webhook_delivery.c.id.desc()).limit(limit)).mappings().all()


def not_arrived(conn: Connection, *, limit: int) -> Sequence[Row]:
    """What was given up or failed at least once, to endpoints that are still told: the latest first."""
    failed = select(webhook_delivery, webhook_endpoint.c.url).join_from(webhook_delivery, webhook_endpoint)
    late = webhook_delivery.c.state.in_([DeliveryState.DEAD.value, DeliveryState.WAITING.value])
    tried = failed.where(late, webhook_delivery.c.tried_at.is_not(None), webhook_endpoint.c.ended_at.is_(None))
    return conn.execute(tried.order_by(webhook_delivery.c.id.desc()).limit(limit)).mappings().all()


def timezone(conn: Connection) -> str:
    """The zone of what belongs to no site: that of the first."""
    return str(conn.execute(select(site.c.timezone).order_by(site.c.site_no).limit(1)).scalar_one())


def _endpoints() -> Select[Any]:
    counted = (
        select(func.count()).where(webhook_delivery.c.endpoint_id == webhook_endpoint.c.id).correlate(webhook_endpoint)
    )
    return select(
        webhook_endpoint,
        counted.where(webhook_delivery.c.state == DeliveryState.WAITING.value).scalar_subquery().label("waiting"),
        counted.where(webhook_delivery.c.state == DeliveryState.DEAD.value).scalar_subquery().label("dead"),
    )
