"""An operator registers where another program is told what happens, and of what. Its secret is shown this once."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from app.db.tables import webhook_endpoint
from app.domain.webhook_event import MOST_ENDPOINTS, TooManyEndpoints, WebhookKind
from app.notify.webhook_address import check_url
from app.notify.webhook_message import secret_of
from app.settings import Settings
from locker_protocol.ids import RandomBytes, random_bytes, random_id

ONE_AFTER_ANOTHER = text("SELECT pg_advisory_xact_lock(hashtext('webhook_endpoint'))")
SALT_BYTES = 16


def register_endpoint(
    conn: Connection,
    *,
    url: str,
    kinds: Sequence[WebhookKind],
    person_id: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> tuple[str, str]:
    """Return the endpoint's id and its secret. Raises WebhookAddressRefused or TooManyEndpoints."""
    check_url(url, inside_allowed=settings.webhooks_inside)
    conn.execute(ONE_AFTER_ANOTHER)
    live = select(func.count()).where(webhook_endpoint.c.ended_at.is_(None))
    if conn.execute(live).scalar_one() >= MOST_ENDPOINTS:
        raise TooManyEndpoints(most=MOST_ENDPOINTS)
    endpoint_id, salt = random_id(random), random(SALT_BYTES)
    row = {"id": endpoint_id, "url": url, "kinds": sorted(set(kinds)), "salt": salt, "made_at": now}
    conn.execute(insert(webhook_endpoint).values(made_by=person_id, **row))
    return endpoint_id, secret_of(service_secret=settings.secret_key, endpoint_id=endpoint_id, salt=salt)
