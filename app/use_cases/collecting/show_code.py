"""Shows an order's live code to its owner: the QR's text, signed anew each time, and the typed code, derived anew.

After the last door was shut the code is shown for as long as it re-opens the doors. Never changes anything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.domain.errors import NotFound
from app.domain.pickup_code import typed_secret
from app.settings import Settings
from app.use_cases.collecting.issue_credential import NoLiveCode
from locker_protocol import typed_code
from locker_protocol.token import RIGHT_COLLECT, Token, sign_token

REOPENS_FOR = timedelta(minutes=15)

LIVE = text("""
    SELECT o.person_id, s.site_no, k.id, k.handle, k.generation, k.expires_at, k.typed
    FROM customer_order o JOIN site s ON s.id = o.site_id
    LEFT JOIN credential k ON k.order_id = o.id
        AND (k.ended_at IS NULL OR (o.state = 'collected' AND k.ended_at > :lately))
    WHERE o.id = :order_id ORDER BY k.generation DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class ShownCode:
    """What the collect page shows. `typed_code` reads `07 482 193`; `None`: this order has none."""

    qr_text: str
    typed_code: str | None
    handle: int
    expires_at: datetime
    generation: int


def show_code(
    conn: Connection, *, order_id: str, person_id: str | None, now: datetime, settings: Settings
) -> ShownCode:
    """The live code of an order. Raises NotFound or NoLiveCode.

    A caller without `person_id` has proved its right otherwise, by a signed link.
    """
    row = conn.execute(LIVE, {"order_id": order_id, "lately": now - REOPENS_FOR}).one_or_none()
    if row is None or person_id not in (None, row.person_id):
        raise NotFound
    if row.id is None:
        raise NoLiveCode
    token = Token(
        key_id=settings.signing_key_id,
        site_no=row.site_no,
        credential_id=bytes.fromhex(row.id),
        handle=row.handle,
        generation=row.generation,
        rights=RIGHT_COLLECT,
        expires_s=int(row.expires_at.timestamp()),
    )
    typed = None
    if row.typed:
        secret = typed_secret(settings.secret_key, credential_id=row.id, generation=row.generation)
        typed = typed_code.show_code(row.handle, secret)
    return ShownCode(sign_token(token, settings.signing_key), typed, row.handle, row.expires_at, row.generation)
