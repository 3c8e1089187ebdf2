"""The two MQTT connections. The only file that touches paho.

Its threads only put inputs into the inbox. Every connection gets a client of its own: nothing queued for one that is
gone is sent on the next, whatever the library would have kept: no ghost opens.
"""

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, RLock, Thread

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from locker_gateway.inputs import Input
from locker_gateway.outputs import Publish
from locker_gateway.settings import BrokerAddress, SettingsError, TlsFiles

KEEPALIVE_S = 20
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
CONNECT_WITHIN_S = 10.0
INBOX_LIMIT = 2_000
# Above the window of the up log and a burst of unlocks; paho's default of 20 would queue behind acknowledgements.
MAX_INFLIGHT = 200
MAX_QUEUED = 1_000
PUT_PATIENCE_S = 0.5
LAST_WORD_S = 1.0

Inbox = Queue[Input]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one connection is for. `heard` makes an input of a message; `up` and `down` are told as they happen."""

    name: str
    client_id: str
    address: BrokerAddress
    tls: TlsFiles | None
    topics: tuple[str, ...]
    up: Input
    down: Input
    heard: Callable[[str, bytes, bool], Input]
    will: Publish | None = None


class _PromptClient(Client):
    """A client that can write in the thread that publishes: waking paho's own for it takes longer than the broker does.

    One lock around whatever touches the socket, since TLS is for one thread at a time, and a packet half written must
    be finished before the next. An error is left for paho's thread to find.
    """

    def __init__(self, client_id: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self._wire = RLock()

    def write_now(self) -> None:
        """Write what waits, as far as the socket takes it."""
        self._packet_write()

    def _packet_write(self) -> MQTTErrorCode:
        with self._wire:
            return super()._packet_write()

    def _sock_recv(self, bufsize: int) -> bytes:
        with self._wire:
            return super()._sock_recv(bufsize)


class Link:
    """A connection that comes back by itself, waiting at most 10 s between tries."""

    def __init__(self, plan: Plan, inbox: Inbox, say: Callable[[str, Mapping[str, object]], None]) -> None:
        self._plan = plan
        self._inbox = inbox
        self._say = say
        self._client: _PromptClient | None = None
        self._stopping = Event()
        self._gone = Event()
        self._subscribed = False
        self._told_why = False
        self._thread = Thread(target=self._run, name=f"link-{plan.name}", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def publish(self, message: Publish) -> bool:
        """Send, or drop when the link is down or its queue is full: both ends have their logs."""
        client = self._client
        if client is None:
            return False
        info = client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        if message.unlocks:
            client.write_now()
        return info.rc == 0

    def stop(self, last: Publish | None = None) -> None:
        """Send a last message if there is one, and disconnect in good order."""
        self._stopping.set()
        client = self._client
        if client is not None:
            if last is not None:
                sent = client.publish(last.topic, last.payload, qos=last.qos, retain=last.retain)
                if sent.rc == 0:
                    sent.wait_for_publish(LAST_WORD_S)
            client.disconnect()
        self._gone.set()
        self._thread.join(CONNECT_WITHIN_S)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            failures = 0 if self._one_connection() else failures + 1
            self._stopping.wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])

    def _one_connection(self) -> bool:
        """Live through one connection; True when it came to a subscription."""
        self._gone.clear()
        self._subscribed = self._told_why = False
        address = self._plan.address
        try:
            client = self._make_client()
            client.connect(address.host, address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError, SettingsError) as error:
            self._say("link_failed", {"link": self._plan.name, "reason": str(error)})
            return False
        client.loop_start()
        if not self._gone.wait(CONNECT_WITHIN_S) and not self._subscribed:
            self._say("link_failed", {"link": self._plan.name, "reason": "no answer"})
            client.disconnect()
        self._gone.wait()
        self._client = None
        client.loop_stop()
        if self._subscribed:
            self._put(self._plan.down)
            self._say("link_down", {"link": self._plan.name})
        return self._subscribed

    def _make_client(self) -> _PromptClient:
        plan = self._plan
        client = _PromptClient(plan.client_id)
        client.connect_timeout = CONNECT_WITHIN_S
        client.max_inflight_messages_set(MAX_INFLIGHT)
        client.max_queued_messages_set(MAX_QUEUED)
        if plan.address.username is not None:
            client.username_pw_set(plan.address.username, plan.address.password)
        if plan.address.tls and plan.tls is not None:
            # Read again for each connection: a certificate that was renewed needs no new start.
            client.tls_set_context(tls_context(plan.tls))
        if plan.will is not None:
            client.will_set(plan.will.topic, plan.will.payload, qos=plan.will.qos, retain=plan.will.retain)
        client.on_socket_open = _no_delay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._told_why = True
            self._say("link_refused", {"link": self._plan.name, "reason": str(reason)})
            return
        client.subscribe([(topic, 1) for topic in self._plan.topics])

    def _on_subscribe(
        self, client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._told_why = True
            self._say("subscription_refused", {"link": self._plan.name})
            client.disconnect()
            return
        assert isinstance(client, _PromptClient), "this link makes no others"
        self._subscribed = True
        self._client = client
        self._say("link_up", {"link": self._plan.name})
        self._put(self._plan.up)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not (self._subscribed or self._told_why or self._stopping.is_set()):
            # A broker that does not believe our certificate says so here.
            self._say("link_failed", {"link": self._plan.name, "reason": str(reason)})
        self._gone.set()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._put(self._plan.heard(topic_of(message), bytes(message.payload), message.retain))

    def _put(self, given: Input) -> None:
        """Wait for room: a full inbox must slow the broker down, not grow."""
        while not self._stopping.is_set():
            try:
                self._inbox.put(given, timeout=PUT_PATIENCE_S)
            except Full:
                continue
            return


def topic_of(message: MQTTMessage) -> str:
    """The topic as text, even where a broker let something through that is no UTF-8."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return "?"


def _no_delay(_client: Client, _data: object, sock: object) -> None:
    """Without it a QoS 1 round trip costs 44 ms a side: Nagle against delayed acknowledgement."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer, the broker's name checked. Raises SettingsError when a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=str(files.ca))
    except OSError as error:
        raise SettingsError(f"GATEWAY_TLS_CA, {files.ca}, cannot be read as certificates: {error}.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.cert is not None and files.key is not None:
        try:
            context.load_cert_chain(str(files.cert), str(files.key))
        except OSError as error:
            pair = f"{files.cert} and {files.key}"
            raise SettingsError(f"GATEWAY_TLS_CERT and GATEWAY_TLS_KEY, {pair}, cannot be used: {error}.") from error
    return context
