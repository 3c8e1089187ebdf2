"""Signs what the service says to one gateway and hands it to the broker. Decides nothing about when or whether."""

from app.link.mqtt_client import Publisher
from app.settings import Settings
from locker_protocol.codec import encode
from locker_protocol.signing import Direction, seal
from locker_protocol.topics import uplink_topic
from locker_protocol.uplink_messages import Down


class Uplink:
    """The way down to the gateways of one shard."""

    def __init__(self, link: Publisher, settings: Settings) -> None:
        self._link = link
        self._shard = settings.shard
        self._key_id = settings.signing_key_id
        self._key = settings.signing_key

    @property
    def connected(self) -> bool:
        """True while the broker is there."""
        return self._link.connected

    def send(self, gateway_id: str, message: Down) -> bool:
        """Send with QoS 1, never retained. False: there is no connection, and it will not be sent later."""
        frame = seal(encode(message), direction=Direction.DOWN, gateway=gateway_id, key_id=self._key_id, key=self._key)
        return self._link.publish(uplink_topic(self._shard, gateway_id, "down"), frame, qos=1)
