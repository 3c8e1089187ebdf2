"""Topic names of both links, and the only parser of them."""

import re
from dataclasses import dataclass
from typing import Literal

from locker_protocol.errors import ProtocolError, ProtocolFault

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,32}")

UplinkKind = Literal["down", "up", "presence"]
BusKind = Literal["command", "report", "presence"]

UPLINK_SHAPE = re.compile(r"caibox/v1/([A-Za-z0-9_-]{1,32})/([A-Za-z0-9_-]{1,32})/(down|up|presence)")
BUS_SHAPE = re.compile(r"locker/v1/([A-Za-z0-9_-]{1,32})/([A-Za-z0-9_-]{1,32})/(command|report|presence)")


@dataclass(frozen=True, slots=True)
class UplinkTopic:
    """`caibox/v1/{shard}/{gateway}/{kind}`."""

    shard: str
    gateway: str
    kind: str


@dataclass(frozen=True, slots=True)
class BusTopic:
    """`locker/v1/{gateway}/{controller}/{kind}`."""

    gateway: str
    controller: str
    kind: str


def uplink_topic(shard: str, gateway: str, kind: UplinkKind) -> str:
    """Name a topic of the link between service and gateway; `+` stands for any gateway."""
    return f"caibox/v1/{shard}/{gateway}/{kind}"


def bus_topic(gateway: str, controller: str, kind: BusKind) -> str:
    """Name a topic of the link between gateway and controller; `+` stands for any controller."""
    return f"locker/v1/{gateway}/{controller}/{kind}"


def parse_uplink_topic(topic: str) -> UplinkTopic:
    """Read a topic back. Raises ProtocolError for any other shape."""
    found = UPLINK_SHAPE.fullmatch(topic)
    if found is None:
        raise ProtocolError(ProtocolFault.BAD_TOPIC, topic[:120])
    return UplinkTopic(*found.groups())


def parse_bus_topic(topic: str) -> BusTopic:
    """Read a topic back. Raises ProtocolError for any other shape."""
    found = BUS_SHAPE.fullmatch(topic)
    if found is None:
        raise ProtocolError(ProtocolFault.BAD_TOPIC, topic[:120])
    return BusTopic(*found.groups())
