"""Bytes to typed messages and back. Never trusts a length, a type or a number it has not checked."""

from functools import cache
from typing import Any

import msgspec

from locker_protocol.errors import ProtocolError, ProtocolFault

# Ours stay below 64 KiB; brokers are set to refuse more than 256 KiB.
MAX_MESSAGE_BYTES = 64 * 1024

_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """Write one message as UTF-8 JSON; its `type` field names it."""
    return _encoder.encode(message)


def decode(payload: bytes, kind: Any) -> Any:  # noqa: ANN401 - no type can say "any member of this union"
    """Read one message of `kind` (a struct or a union of tagged structs). Raises ProtocolError."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise ProtocolError(ProtocolFault.TOO_LARGE, f"{len(payload)} bytes")
    try:
        return _decoder(kind).decode(payload)
    except msgspec.ValidationError as error:
        raise ProtocolError(_fault_of(error), str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # the last: thousands of open brackets
        raise ProtocolError(ProtocolFault.NOT_JSON, str(error)) from error


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 - as above
    """A union's decoder takes longer to make than most messages take to read."""
    return msgspec.json.Decoder(kind)


def _fault_of(error: msgspec.ValidationError) -> ProtocolFault:
    """Tell a type nobody knows (a newer sender's, perhaps) from a field of the wrong kind."""
    return ProtocolFault.UNKNOWN_TYPE if str(error).endswith("`$.type`") else ProtocolFault.INVALID_FIELD
