"""From now on a gateway is believed by another key. What the old one signs is refused; what is lost by that, its log
sends again, signed with the new one. Decides nothing about how the gateway gets it.
"""

from sqlalchemy import Connection, text

from app.domain.errors import NotFound

REPLACE = text("UPDATE gateway SET public_key = :key WHERE id = :gateway")


def replace_gateway_key(conn: Connection, *, gateway_id: str, public_key: bytes) -> None:
    """Keep the 32 bytes of an Ed25519 key. Raises NotFound."""
    if conn.execute(REPLACE, {"gateway": gateway_id, "key": public_key}).rowcount == 0:
        raise NotFound
