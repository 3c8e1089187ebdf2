"""The signed frame of the uplink: `1.{key id}.{base64url signature}` on a line, then the JSON it covers.

The signature (Ed25519) covers a domain, the gateway's id and the exact bytes of the body, so a message can be
neither changed, nor turned round, nor sent to another gateway. A controller's local bus has no such frame.
"""

import base64
import binascii
from collections.abc import Mapping
from enum import Enum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from locker_protocol.errors import ProtocolError, ProtocolFault

FRAME_VERSION = b"1"
MAX_FRAME_HEAD = 128


class Direction(Enum):
    """Which way a frame goes; part of what is signed."""

    DOWN = b"caibox-down-v1\x00"
    UP = b"caibox-up-v1\x00"


def seal(body: bytes, *, direction: Direction, gateway: str, key_id: int, key: Ed25519PrivateKey) -> bytes:
    """Sign `body` for one gateway and direction and return the frame."""
    signature = base64.urlsafe_b64encode(key.sign(_covered(body, direction, gateway)))
    return b".".join((FRAME_VERSION, str(key_id).encode(), signature)) + b"\n" + body


def unseal(frame: bytes, *, direction: Direction, gateway: str, keys: Mapping[int, Ed25519PublicKey]) -> bytes:
    """Return the body of a frame whose signature holds. Raises ProtocolError, and never anything else."""
    key_id, signature, body = _split(frame)
    key = keys.get(key_id)
    if key is None:
        raise ProtocolError(ProtocolFault.UNKNOWN_KEY, f"key {key_id}")
    try:
        key.verify(signature, _covered(body, direction, gateway))
    except InvalidSignature as error:
        raise ProtocolError(ProtocolFault.BAD_SIGNATURE, f"key {key_id}") from error
    return body


def _covered(body: bytes, direction: Direction, gateway: str) -> bytes:
    return direction.value + gateway.encode() + b"\x00" + body


def _split(frame: bytes) -> tuple[int, bytes, bytes]:
    head, newline, body = frame[:MAX_FRAME_HEAD].partition(b"\n")
    parts = head.split(b".")
    if not newline or len(parts) != 3 or parts[0] != FRAME_VERSION or not parts[1].isdigit() or len(parts[1]) > 3:
        raise ProtocolError(ProtocolFault.BAD_FRAME, "the first line is not 1.key.signature")
    try:
        signature = base64.urlsafe_b64decode(parts[2])
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(ProtocolFault.BAD_FRAME, "the signature is not base64url") from error
    del body  # only what fell inside the head's limit
    return int(parts[1]), signature, frame[len(head) + 1 :]
