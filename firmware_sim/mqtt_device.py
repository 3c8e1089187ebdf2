"""A controller's connection to the local bus: the only file here that touches paho.

One asyncio loop serves all connections of the process (paho's own threads stop at 339 clients a process). Each
attempt has a client of its own, so nothing of an earlier connection is ever sent again; what must arrive is the
controller's business. It never looks into a message.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.settings import Bus, SettingsError, TlsFiles
from locker_protocol.ids import RandomBytes
from locker_protocol.topics import BusKind, bus_topic

KEEPALIVE_S = 10
CONNECT_TIMEOUT_S = 5.0
FIRST_RETRY_S, LAST_RETRY_S = 0.2, 5.0
MISC_EVERY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Address:
    """A controller's place on the bus."""

    gateway_id: str
    controller_id: str

    def topic(self, kind: BusKind) -> str:
        """One of its three topics."""
        return bus_topic(self.gateway_id, self.controller_id, kind)


@dataclass(frozen=True, slots=True)
class LinkHandlers:
    """Whom a link tells."""

    up: Callable[[], None]
    down: Callable[[], None]
    payload: Callable[[bytes], None]


class BusLink:
    """Keeps one controller connected while it is open, with growing pauses between attempts."""

    def __init__(self, bus: Bus, address: Address, handlers: LinkHandlers, random: RandomBytes) -> None:
        self._bus, self._address, self._handlers, self._random = bus, address, handlers, random
        self._connection: _Connection | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._pause_s = FIRST_RETRY_S
        self._will = b""
        self.is_open = False

    def open(self, will: bytes) -> None:
        """Begin to connect; the broker publishes `will`, retained, when the connection is lost."""
        self._will, self.is_open, self._pause_s = will, True, FIRST_RETRY_S
        self._connect()

    def close(self) -> None:
        """Drop the socket without a goodbye, as a cut cable would, and stay away."""
        self.is_open = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._connection is not None:
            self._connection.drop()
            self._connection = None

    def publish(self, kind: BusKind, payload: bytes, *, qos: int, retain: bool) -> None:
        """Hand one message to the connection; without one it is lost, as on any radio."""
        if self._connection is not None:
            self._connection.client.publish(self._address.topic(kind), payload, qos=qos, retain=retain)

    def misc(self) -> None:
        """Give paho its second: keepalive."""
        if self._connection is not None:
            self._connection.client.loop_misc()

    def _connect(self) -> None:
        self._retry = None
        self._connection = _Connection(self._bus, self._address, self._will, self._came_up, self._lost, self._handlers)
        self._connection.begin()

    def _came_up(self) -> None:
        self._pause_s = FIRST_RETRY_S
        self._handlers.up()

    def _lost(self, reason: str) -> None:
        """Try again after a pause; the spread keeps a thousand controllers from knocking together."""
        self._connection = None
        self._handlers.down()
        if not self.is_open:
            return
        log.info("bus_lost", locker=self._address.controller_id, reason=reason, retry_s=round(self._pause_s, 2))
        spread = 0.5 + self._random(1)[0] / 255
        self._retry = asyncio.get_running_loop().call_later(self._pause_s * spread, self._connect)
        self._pause_s = min(LAST_RETRY_S, self._pause_s * 2)


class _Connection:
    """One attempt and, if it succeeds, one connection: a paho client whose socket the loop watches."""

    def __init__(
        self,
        bus: Bus,
        address: Address,
        will: bytes,
        came_up: Callable[[], None],
        lost: Callable[[str], None],
        handlers: LinkHandlers,
    ) -> None:
        self._bus, self._address, self._came_up, self._handlers = bus, address, came_up, handlers
        self._lost: Callable[[str], None] | None = lost
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._connecting = False
        self.client = self._client(will)

    def begin(self) -> None:
        """Connect in a worker thread: a name look-up or a dead host must not hold the other controllers up."""
        self._connecting = True
        self._loop.run_in_executor(None, self._attempt).add_done_callback(self._attempted)

    def drop(self) -> None:
        """Close the socket without a word."""
        self._lost = None
        self._close_socket()

    def _client(self, will: bytes) -> Client:
        name = f"{self._address.gateway_id}:{self._address.controller_id}"  # no id holds a colon; NATS takes no dot
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True, protocol=MQTTv311)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.username_pw_set(self._bus.user, self._bus.password)
        client.will_set(self._address.topic("presence"), will, qos=1, retain=True)
        client.on_socket_open = self._socket_opened
        client.on_socket_close = self._socket_closes
        client.on_socket_register_write = self._wants_write
        client.on_socket_unregister_write = self._wants_no_write
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        client.on_disconnect = self._disconnected
        return client

    def _attempt(self) -> MQTTErrorCode:
        """In the worker thread. Certificates are read for each attempt: a renewed one needs no new start."""
        if self._bus.tls is not None:
            self.client.tls_set_context(tls_context(self._bus.tls, self._address.controller_id))
        return self.client.connect(self._bus.host, self._bus.port, KEEPALIVE_S)

    def _attempted(self, attempt: asyncio.Future[MQTTErrorCode]) -> None:
        """The worker is done; from here on all happens in the loop's own thread."""
        self._connecting = False
        if attempt.cancelled() or self._lost is None:
            self._close_socket()
        elif (error := attempt.exception()) is not None:
            self._fail(str(error))
        elif attempt.result() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._fail(str(attempt.result()))
        else:
            self._watch()

    def _watch(self) -> None:
        """Watch the socket, once paho has written CONNECT to it."""
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._readable)
            if self.client.want_write():
                self._loop.add_writer(self._socket, self.client.loop_write)

    def _readable(self) -> None:
        self.client.loop_read()
        # What TLS has decrypted already makes no socket readable.
        while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self.client.loop_read()

    def _socket_opened(self, _client: Client, _data: object, sock: object) -> None:
        """Still in the worker thread: only remember the socket. TCP_NODELAY saves 44 ms a message."""
        assert isinstance(sock, socket.socket)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock

    def _socket_closes(self, _client: Client, _data: object, _sock: object) -> None:
        self._unwatch()

    def _wants_write(self, _client: Client, _data: object, sock: object) -> None:
        if not self._connecting and isinstance(sock, socket.socket):
            self._loop.add_writer(sock, self.client.loop_write)

    def _wants_no_write(self, _client: Client, _data: object, sock: object) -> None:
        if not self._connecting and isinstance(sock, socket.socket):
            self._loop.remove_writer(sock)

    def _connected(
        self,
        client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not reason.is_failure:
            client.subscribe(self._address.topic("command"), qos=1)

    def _subscribed(
        self,
        _client: Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._fail("the broker refused the subscription")
        elif self._lost is not None:
            self._came_up()

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        """A retained command would be a ghost's: none is ever obeyed."""
        if self._lost is not None and not message.retain:
            self._handlers.payload(bytes(message.payload))

    def _disconnected(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._connecting:
            self._fail(str(reason))

    def _fail(self, reason: str) -> None:
        """Tell of the loss, once, and after paho has finished with its socket."""
        lost, self._lost = self._lost, None
        self._close_socket()
        if lost is not None:
            self._loop.call_soon(lost, reason)

    def _close_socket(self) -> None:
        sock = self._socket
        self._unwatch()
        if sock is not None:
            sock.close()

    def _unwatch(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = None


def tls_context(files: TlsFiles, controller: str) -> ssl.SSLContext:
    """TLS 1.2 or newer with this controller's certificate. Raises SettingsError when a file cannot be used."""
    cert, key = files.certs / f"{controller}.crt", files.certs / f"{controller}.key"
    try:
        context = ssl.create_default_context(cafile=str(files.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(cert), str(key))
    except OSError as error:
        told = f"SIM_TLS_CA, {files.ca}, with {cert} and {key} cannot be used: {error}."
        raise SettingsError(told) from error
    return context


async def keep_alive(links: Callable[[], list[BusLink]]) -> None:
    """Serve every link's keepalive, forever."""
    while True:
        await asyncio.sleep(MISC_EVERY_S)
        for link in links():
            link.misc()
