"""Which gateways this shard has, and the key each signs with. Reads them again when a stranger knocks, at most once a
second, and every ten seconds, so that a key taken away ends soon. Decides nothing about a message.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine, select

from app.db.engine import transaction
from app.db.tables import gateway
from locker_protocol.errors import ProtocolError, ProtocolFault

# A gateway signs with one key; the frame calls it 1.
GATEWAY_KEY_ID = 1
STALE_MS = 10_000
AGAIN_MS = 1_000


@dataclass(frozen=True, slots=True)
class KnownGateway:
    """A gateway as messages need it."""

    id: str
    site_id: str
    keys: dict[int, Ed25519PublicKey]


class GatewayBook:
    """The gateways of one shard, as last read."""

    def __init__(self, engine: Engine, shard: str) -> None:
        self._engine = engine
        self._shard = shard
        self._read_at_ms: int | None = None
        self._known: dict[str, KnownGateway] = {}

    def find(self, gateway_id: str, *, now_ms: int) -> KnownGateway:
        """The gateway of that id. Raises ProtocolError(unknown_sender)."""
        age_ms = STALE_MS if self._read_at_ms is None else now_ms - self._read_at_ms
        if age_ms >= STALE_MS or (gateway_id not in self._known and age_ms >= AGAIN_MS):
            self._read(now_ms)
        if gateway_id not in self._known:
            raise ProtocolError(ProtocolFault.UNKNOWN_SENDER, gateway_id)
        return self._known[gateway_id]

    def _read(self, now_ms: int) -> None:
        with transaction(self._engine) as conn:
            rows = conn.execute(
                select(gateway.c.id, gateway.c.site_id, gateway.c.public_key).where(gateway.c.shard == self._shard)
            ).all()
        self._known = {row.id: KnownGateway(row.id, row.site_id, _keys(row.public_key)) for row in rows}
        self._read_at_ms = now_ms


def _keys(public_key: bytes) -> dict[int, Ed25519PublicKey]:
    return {GATEWAY_KEY_ID: Ed25519PublicKey.from_public_bytes(bytes(public_key))}
