"""What is fuzzed: every reader of what strangers send, its good examples, and the refusals it may raise.

A target says `True` when nonsense was taken for what would open a door, move money or break a table. It never decides
what nonsense is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, get_args
from warnings import catch_warnings, simplefilter

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask_babel import Babel
from marshmallow import Schema
from PIL import Image

import locker_protocol
from app.domain.errors import DomainError
from app.media.photo import reencode
from app.payments.provider import WebhookForged, WebhookUnreadable
from app.payments.sandbox import SIGNATURE_HEADER, SandboxProvider
from app.web.api.bodies import read_body as read_api_body
from app.web.api.demo import WantedTime
from app.web.api.product_fields import ProductsToPut
from app.web.api.schemas import DoorsWanted, Reading, ScannedPick, Short, SignIn, VisitEnd, WantedOrder
from benchmarks.fuzz.bodies import API_BODIES, LOCKER_BODIES, WEBHOOK_BODY, sandbox_at
from firmware_sim.requests import DoorRequest, KeysRequest, ProblemError, ScanRequest, SwitchRequest, ZoneRequest
from firmware_sim.requests import read_body as read_locker_body
from locker_protocol.bus_messages import Command, ControllerPresence, Report
from locker_protocol.codec import decode
from locker_protocol.errors import ProtocolError
from locker_protocol.label import Label, read_label, write_label
from locker_protocol.signing import Direction, seal, unseal
from locker_protocol.site_entries import Entry
from locker_protocol.site_events import SiteEvent
from locker_protocol.token import RIGHT_COLLECT, Token, TokenError, read_token, sign_token
from locker_protocol.topics import bus_topic, parse_bus_topic, parse_uplink_topic, uplink_topic
from locker_protocol.typed_code import split_code
from locker_protocol.uplink_messages import Down, Presence, Up

EXAMPLES = Path(locker_protocol.__file__).parent / "examples"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEYS = {1: KEY.public_key()}
CODES = [
    sign_token(Token(1, 7, bytes([number]) * 8, number, 1, RIGHT_COLLECT, 1_900_000_000), KEY) for number in range(1, 9)
]
API_SCHEMAS: Sequence[type[Schema]] = (
    WantedOrder,
    SignIn,
    DoorsWanted,
    VisitEnd,
    ScannedPick,
    Reading,
    Short,
    ProductsToPut,
    WantedTime,
)
LOCKER_REQUESTS: Sequence[type] = (ScanRequest, KeysRequest, DoorRequest, SwitchRequest, ZoneRequest)


@dataclass(frozen=True, slots=True)
class Target:
    """One reader. `reads` answers True when nonsense had an effect; `refusals` are what it may raise; `share` how often
    it has its turn.
    """

    name: str
    examples: Sequence[bytes]
    reads: Callable[[bytes], bool]
    refusals: tuple[type[Exception], ...] = ()
    share: int = 10


def targets() -> list[Target]:
    """Every reader."""
    return [
        Target("pickup code", [code.encode() for code in CODES], _reads_code, (TokenError,)),
        Target("label", [write_label(Label(7, 12, "ABCD0001")).encode()], _reads_label),
        Target("typed code", [b"07482193", b"123482193"], _reads_typed),
        Target("topics", _topics(), _reads_topics, (ProtocolError,)),
        *_codecs(),
        *_frames(),
        *_webhooks(),
        *_api_bodies(),
        *(_locker_body(kind) for kind in LOCKER_REQUESTS),
        Target("photo", _photos(), _reads_photo, (DomainError,), share=1),
    ]


# --- codes ------------------------------------------------------------------------------------------------------------


def _text(spoilt: bytes) -> str:
    """A scanner hands over text whatever it read."""
    return spoilt.decode("utf-8", "surrogateescape")


def _reads_code(spoilt: bytes) -> bool:
    text = _text(spoilt)
    read_token(text, KEYS)
    return text not in CODES


def _reads_label(spoilt: bytes) -> bool:
    """A label is no secret; what is read must be what a label can say."""
    found = read_label(_text(spoilt))
    return found is not None and read_label(write_label(found)) != found


def _reads_typed(spoilt: bytes) -> bool:
    found = split_code(_text(spoilt))
    return found is not None and not (0 <= found[0] <= 999 and len(found[1]) == 6 and found[1].isascii())


# --- messages ---------------------------------------------------------------------------------------------------------


def _topics() -> list[bytes]:
    return [uplink_topic("s0", "gw", "up").encode(), bus_topic("gw", "G1", "report").encode()]


def _reads_topics(spoilt: bytes) -> bool:
    text = _text(spoilt)
    try:
        parse_uplink_topic(text)
    except ProtocolError:
        parse_bus_topic(text)
    return not text.isascii()


def _codecs() -> list[Target]:
    unions: Mapping[str, Sequence[Any]] = {
        "bus": (Report, ControllerPresence, Command),
        "uplink": (Down, Up, Presence, Entry, SiteEvent),
    }
    return [
        Target(f"{link} codec {number}", _golden(link, union), _reads_message(union), (ProtocolError,))
        for link, of_link in unions.items()
        for number, union in enumerate(of_link, 1)
    ]


def _golden(link: str, *unions: Any) -> list[bytes]:  # noqa: ANN401  no type says "a union of structs"
    """The golden examples of a link, or of some of its unions."""
    names = {message.__name__ for union in unions for message in get_args(union) or (union,)}
    return [path.read_bytes() for path in sorted((EXAMPLES / link).iterdir()) if not names or path.stem in names]


def _reads_message(union: Any) -> Callable[[bytes], bool]:  # noqa: ANN401
    def reads(spoilt: bytes) -> bool:
        return _has_line_end(decode(spoilt, union))

    return reads


def _has_line_end(found: msgspec.Struct) -> bool:
    """An id or typed digits that end a line would divide a topic or a log."""
    return any(
        isinstance(value := getattr(found, name), str) and value.endswith("\n") and name.endswith(("_id", "digits"))
        for name in found.__struct_fields__
    )


def _frames() -> list[Target]:
    return [
        Target(f"{direction.name.lower()} frame", _sealed(direction), _reads_frame(direction), (ProtocolError,))
        for direction in Direction
    ]


def _sealed(direction: Direction) -> list[bytes]:
    return [seal(body, direction=direction, gateway="gw", key_id=1, key=KEY) for body in _golden("uplink")]


def _reads_frame(direction: Direction) -> Callable[[bytes], bool]:
    bodies = frozenset(_golden("uplink"))

    def reads(spoilt: bytes) -> bool:
        return unseal(spoilt, direction=direction, gateway="gw", keys=KEYS) not in bodies

    return reads


# --- over HTTP --------------------------------------------------------------------------------------------------------


def _webhooks() -> list[Target]:
    provider, stamp = sandbox_at(1_800_000_000)
    good = f"t={stamp},v1={provider._sign(stamp, WEBHOOK_BODY)}"  # noqa: SLF001  the provider's own hand

    def reads_signed(spoilt: bytes) -> bool:
        signed = {SIGNATURE_HEADER: f"t={stamp},v1={provider._sign(stamp, spoilt)}"}  # noqa: SLF001
        event = provider.read_webhook(spoilt, signed)
        return not _storable([event.event_id, event.ref])

    def reads_header(spoilt: bytes) -> bool:
        header = spoilt.decode("latin-1")
        provider.read_webhook(WEBHOOK_BODY, {SIGNATURE_HEADER: header})
        return provider._sign(stamp, WEBHOOK_BODY) not in header  # noqa: SLF001

    return [
        Target("webhook, signed", [WEBHOOK_BODY], reads_signed, (WebhookForged, WebhookUnreadable)),
        Target("webhook, forged", [WEBHOOK_BODY], _reads_forged(provider, good), (WebhookForged,)),
        Target("webhook's header", [good.encode()], reads_header, (WebhookForged,)),
    ]


def _reads_forged(provider: SandboxProvider, good: str) -> Callable[[bytes], bool]:
    def reads(spoilt: bytes) -> bool:
        provider.read_webhook(spoilt, {SIGNATURE_HEADER: good})
        return spoilt != WEBHOOK_BODY

    return reads


def _api_bodies() -> list[Target]:
    app = Flask("fuzz")
    Babel(app)

    def target(schema: type[Schema]) -> Target:
        made, examples = schema(), [json.dumps(each).encode() for each in API_BODIES[schema.__name__]]

        def reads(spoilt: bytes) -> bool:
            with app.test_request_context(method="POST", data=spoilt, content_type="application/json"):
                return not _storable(read_api_body(made))

        return Target(f"API body {schema.__name__}", examples, reads, (DomainError,), share=3)

    return [target(schema) for schema in API_SCHEMAS]


def _storable(found: object) -> bool:
    """No NUL and no half of a surrogate pair, which PostgreSQL refuses."""
    if isinstance(found, Mapping):
        return all(_storable(each) for item in found.items() for each in item)
    if isinstance(found, list | tuple):
        return all(_storable(each) for each in found)
    return not isinstance(found, str) or not any(each == "\0" or "\ud800" <= each <= "\udfff" for each in found)


def _locker_body(kind: type) -> Target:
    examples = [json.dumps(each).encode() for each in LOCKER_BODIES[kind.__name__]]

    def reads(spoilt: bytes) -> bool:
        found: object = read_locker_body(spoilt, kind)
        return isinstance(found, KeysRequest) and "\n" in "".join(found.keys())

    return Target(f"virtual locker's {kind.__name__}", examples, reads, (ProblemError,))


def _photos() -> list[bytes]:
    picture = Image.effect_noise((24, 16), 60).convert("RGB")
    return [_written(picture, kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")]


def _written(picture: Image.Image, kind: str) -> bytes:
    out = BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def _reads_photo(spoilt: bytes) -> bool:
    with catch_warnings():
        simplefilter("ignore")  # Pillow warns of odd metadata, which are not kept
        return not reencode(spoilt).startswith(b"\xff\xd8")
