"""A stand-in for a gateway on the bus: hears one locker, commands it, answers its birth and acknowledges its events."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from locker_protocol.bus_messages import (
    Command,
    ControllerBirth,
    ControllerEvent,
    ControllerPresence,
    Echo,
    Events,
    EventsReceived,
    Report,
    Unlock,
    event_of,
)
from locker_protocol.codec import decode, encode
from locker_protocol.topics import bus_topic

T = TypeVar("T")


class BusProbe:
    """Use it as a context manager. `received` holds every event once, in order."""

    def __init__(self, url: str, gateway_id: str, controller_id: str) -> None:
        self._topic = (gateway_id, controller_id)
        self._news = threading.Condition()
        self.presence: list[ControllerPresence] = []
        self.reports: list[Report] = []
        self.received: list[ControllerEvent] = []
        self.acknowledges = True
        self._last_no: dict[str, int] = {}
        parts = urlsplit(url)
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=gateway_id, protocol=MQTTv311)
        self._client.username_pw_set(parts.username, parts.password)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.connect(parts.hostname or "", parts.port or 1883)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def command(self, command: Command) -> None:
        """Send one command, as a gateway does."""
        self._client.publish(bus_topic(*self._topic, "command"), encode(command), qos=1)

    def send_raw(self, payload: bytes, *, retain: bool = False) -> None:
        """Send anything at all."""
        self._client.publish(bus_topic(*self._topic, "command"), payload, qos=1, retain=retain).wait_for_publish(5)

    def unlock(self, command_id: str, door: int) -> None:
        """Unlock with what the controller last said of itself."""
        last = self.last_word()
        self.command(Unlock(command_id, door, last.boot_id, last.beat))

    def last_word(self) -> Report | ControllerBirth:
        """The newest message that carries boot and beat."""
        births = [message for message in self.presence if isinstance(message, ControllerBirth)]
        return self.reports[-1] if self.reports and self.reports[-1].boot_id == births[-1].boot_id else births[-1]

    def birth(self, since: int = 0) -> ControllerBirth:
        """Wait for the first birth after `since` messages of presence."""
        return self.wait(lambda: [each for each in self.presence[since:] if isinstance(each, ControllerBirth)])[0]

    def wait_for(self, *events: ControllerEvent) -> None:
        """Wait until all these events were received."""
        self.wait(lambda: all(event in self.received for event in events))

    def wait(self, found: Callable[[], T], seconds: float = 10) -> T:
        """Wait for something true to be found."""
        deadline = time.monotonic() + seconds
        with self._news:
            while not (result := found()):
                left = deadline - time.monotonic()
                assert left > 0, f"not heard in time; presence {self.presence}, events {self.received}"
                self._news.wait(left)
        return result

    def _connected(
        self, client: Client, _data: object, _flags: ConnectFlags, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        client.subscribe([(bus_topic(*self._topic, kind), 1) for kind in ("report", "presence")])

    def _heard(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._news:
            if message.topic.endswith("presence"):
                said: ControllerPresence = decode(bytes(message.payload), ControllerPresence)
                self.presence.append(said)
                if isinstance(said, ControllerBirth):
                    self.command(Echo(len(self.presence)))
            else:
                self._take(decode(bytes(message.payload), Report))
            self._news.notify_all()

    def _take(self, report: Report) -> None:
        self.reports.append(report)
        if not isinstance(report, Events) or not self.acknowledges:
            return
        for numbered in report.events:
            last = self._last_no.setdefault(report.store_id, numbered.event_no - 1)
            if numbered.event_no == last + 1:
                self._last_no[report.store_id] = numbered.event_no
                self.received.append(event_of(numbered))
        self.command(EventsReceived(report.store_id, self._last_no[report.store_id]))
