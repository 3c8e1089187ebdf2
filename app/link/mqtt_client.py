"""The service's connection to the uplink's broker; the only file of `app` that touches paho.

Decides when to connect again. Each connection is a new client with a clean session: whatever was on its way when the
old one broke is forgotten here and sent again by the logs that own it, so no message can wait in this process and
leave minutes later. Never reads a payload.
"""

import queue
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from app.link import metrics
from app.settings import SettingsError, TlsFiles

log = structlog.get_logger()

KEEPALIVE_S = 20
CONNECT_TIMEOUT_S = 5.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
LOOK_UP_S = 0.2
MAX_UNSENT = 1_000
PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived. `retained`: the broker kept it from before; it proves nothing about now."""

    topic: str
    payload: bytes
    retained: bool = False


class Publisher(Protocol):
    """Whatever can hand a message to the broker."""

    @property
    def connected(self) -> bool:
        """True while the broker is there."""
        ...

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """True when it went to a live connection; false when it was dropped."""
        ...


class MqttClient:
    """One connection at a time, kept up by `run`. Messages go to `inbox`; a full one drops them, and counts."""

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        topics: Sequence[str],
        inbox: queue.Queue[Message],
        tls: TlsFiles | None = None,
    ) -> None:
        self._url = urlsplit(url)
        self._tls = tls
        self._client_id = client_id
        self._topics = topics
        self._inbox = inbox
        self._live: paho.Client | None = None
        self._subscribed = threading.Event()

    @property
    def connected(self) -> bool:
        """True while the broker is there and has granted the subscriptions."""
        return self._subscribed.is_set()

    def wait_until_connected(self, timeout_s: float) -> bool:
        """Wait until `connected`."""
        return self._subscribed.wait(timeout_s)

    def run(self, stop: threading.Event) -> None:
        """Keep a connection until told to stop; after a failure wait 0.25 s, then twice as long, up to 5 s."""
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            was_up = self._serve_one_connection(stop)
            pause_s = FIRST_PAUSE_S if was_up else min(2 * pause_s, LONGEST_PAUSE_S)
            stop.wait(pause_s)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Hand over one message, never retained. False: there is no connection, and it will not be sent later."""
        client = self._live
        if client is None or not self.connected:
            return False
        return client.publish(topic, payload, qos=qos, retain=False).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _serve_one_connection(self, stop: threading.Event) -> bool:
        lost = threading.Event()
        try:
            client = self._new_client(lost)
            client.connect(self._url.hostname or "127.0.0.1", self._url.port or PORTS[self._url.scheme], KEEPALIVE_S)
        except (OSError, SettingsError) as error:
            log.warning("uplink_unreachable", error=str(error))
            return False
        self._live = client
        client.loop_start()
        while not lost.wait(LOOK_UP_S) and not stop.is_set():
            pass
        was_up = self.connected
        self._live = None
        self._subscribed.clear()
        client.disconnect()
        client.loop_stop()
        log.info("uplink_closed" if stop.is_set() else "uplink_lost")
        return was_up

    def _new_client(self, lost: threading.Event) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        if self._url.username:
            client.username_pw_set(unquote(self._url.username), unquote(self._url.password or ""))
        if self._url.scheme == "mqtts":
            # Read again for each connection: a certificate that was renewed needs no new start.
            client.tls_set_context(tls_context(self._tls))
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_queued_messages_set(MAX_UNSENT)
        client.on_socket_open = set_nodelay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = lambda *found: self._on_disconnect(lost, found[3])
        return client

    def _on_connect(
        self, client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        if reason.is_failure:
            log.warning("uplink_refused", reason=str(reason))
            return
        client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(
        self, client: paho.Client, _data: object, _mid: int, reasons: list[ReasonCode], _props: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("uplink_subscription_refused", topics=list(self._topics))
            client.disconnect()
            return
        log.info("uplink_subscribed", topics=list(self._topics))
        self._subscribed.set()

    def _on_disconnect(self, lost: threading.Event, reason: ReasonCode) -> None:
        if reason.is_failure and not self.connected:  # a broker that does not like our certificate says so here
            log.warning("uplink_not_joined", reason=str(reason))
        lost.set()

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            self._inbox.put_nowait(Message(topic_of(message), bytes(message.payload), message.retain))
        except queue.Full:
            metrics.DROPPED.inc()  # numbered messages come again, and a status is followed by the next


def tls_context(files: TlsFiles | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, the broker's name checked. Raises SettingsError when a file cannot be used."""
    assert files is not None, "settings ask for them where the address is mqtts"
    try:
        context = ssl.create_default_context(cafile=str(files.ca))
    except OSError as error:
        raise SettingsError(f"CAIBOX_TLS_CA, {files.ca}, cannot be read as certificates: {error}.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.cert is not None and files.key is not None:
        try:
            context.load_cert_chain(str(files.cert), str(files.key))
        except OSError as error:
            pair = f"{files.cert} and {files.key}"
            raise SettingsError(f"CAIBOX_TLS_CERT and CAIBOX_TLS_KEY, {pair}, cannot be used: {error}.") from error
    return context


def set_nodelay(_client: paho.Client, _data: object, connection: object) -> None:
    """Without this a QoS 1 round trip costs 44-88 ms, measured: Nagle against delayed acknowledgement."""
    assert isinstance(connection, socket.socket), "paho connects by TCP, with or without TLS"
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def topic_of(message: paho.MQTTMessage) -> str:
    """The topic as text, even where a broker let something through that is no UTF-8."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return "?"
