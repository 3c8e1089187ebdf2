"""What becomes of a message nobody can take: counted always, stored while there is room for it in this minute.

Never raises over its content, and bounds what a flood can write: `A_TOPIC` rows a topic and `IN_ALL` rows a minute.
"""

from collections import Counter
from datetime import datetime

import structlog
from sqlalchemy import Engine, insert

from app.db.engine import transaction
from app.db.tables import rejected_message
from app.link import metrics
from app.link.mqtt_client import Message
from locker_protocol.errors import ProtocolError

log = structlog.get_logger()

A_TOPIC = 60
IN_ALL = 600
KEPT_BYTES = 2_048
KEPT_TEXT = 400
MINUTE_MS = 60_000


class Rejections:
    """The rejections of one intake; counts of the running minute are in memory, rows in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._since_ms = 0
        self._topics: Counter[str] = Counter()

    def reject(self, message: Message, error: ProtocolError, *, now: datetime, now_ms: int) -> None:
        """Count it, and store it if this minute has room."""
        metrics.REJECTED.labels(fault=error.fault.value).inc()
        if not self._has_room(message.topic, now_ms):
            return
        log.warning("message_rejected", topic=message.topic[:KEPT_TEXT], fault=error.fault.value)
        with transaction(self._engine) as conn:
            conn.execute(
                insert(rejected_message).values(
                    received_at=now,
                    topic=storable(message.topic),
                    fault=error.fault.value,
                    reason=storable(error.reason),
                    payload=message.payload[:KEPT_BYTES],
                )
            )

    def _has_room(self, topic: str, now_ms: int) -> bool:
        if now_ms - self._since_ms >= MINUTE_MS:
            self._since_ms = now_ms
            self._topics.clear()
        if self._topics.total() >= IN_ALL or self._topics[topic] >= A_TOPIC:
            return False
        self._topics[topic] += 1
        return True


def storable(text: str) -> str:
    """Text as PostgreSQL takes it: short, without NUL and lone surrogates."""
    return text[:KEPT_TEXT].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
