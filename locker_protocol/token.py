"""The one-time code as a QR: `L1` + base45(24-byte payload ‖ 64-byte Ed25519 signature), 134 characters, version 5-L.

Whoever holds the public key can verify it without asking anybody, so a code issued after the uplink went down opens.
Payload, big endian: version 1 | key id 1 | site 4 | credential 8 | handle 2 | generation 1 | rights 1 | expiry 4 (unix
seconds) | flags 2. The signature covers `locker-pickup-v1`, a zero byte and the payload.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import base45
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from locker_protocol.vocabulary import Refusal

PREFIX = "L1"
VERSION = 1
LAYOUT = struct.Struct(">BBI8sHBBIH")
DOMAIN = b"locker-pickup-v1\x00"
SHAPE = re.compile(r"L1[0-9A-Z $%*+\-./:]{132}")

RIGHT_COLLECT = 0x01
RIGHT_LOAD = 0x02
RIGHT_STAFF = 0x04

# A gateway's clock may be this far off before a good code is called expired.
SKEW_S = 300


class TokenError(Exception):
    """This text is no code of ours; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Token:
    """What a code says. For staff `handle` is the person's staff number and `credential_id` is random."""

    key_id: int
    site_no: int
    credential_id: bytes
    handle: int
    generation: int
    rights: int
    expires_s: int
    flags: int = 0


def sign_token(token: Token, key: Ed25519PrivateKey) -> str:
    """Write a code as QR text."""
    payload = _pack(token)
    text: bytes = base45.b45encode(payload + key.sign(DOMAIN + payload))
    return PREFIX + text.decode()


def read_token(text: str, keys: Mapping[int, Ed25519PublicKey]) -> Token:
    """Read and verify a code. Raises TokenError(malformed | forged); expiry and site are the caller's to judge."""
    if SHAPE.fullmatch(text) is None:
        raise TokenError(Refusal.MALFORMED)
    try:
        raw = base45.b45decode(text[len(PREFIX) :])
    except ValueError as error:
        raise TokenError(Refusal.MALFORMED) from error
    payload, signature = raw[: LAYOUT.size], raw[LAYOUT.size :]
    token = _unpack(payload)
    key = keys.get(token.key_id)
    if key is None:
        raise TokenError(Refusal.FORGED)
    try:
        key.verify(signature, DOMAIN + payload)
    except InvalidSignature as error:
        raise TokenError(Refusal.FORGED) from error
    return token


def _pack(token: Token) -> bytes:
    return LAYOUT.pack(
        VERSION,
        token.key_id,
        token.site_no,
        token.credential_id,
        token.handle,
        token.generation,
        token.rights,
        token.expires_s,
        token.flags,
    )


def _unpack(payload: bytes) -> Token:
    if len(payload) != LAYOUT.size or payload[0] != VERSION:
        raise TokenError(Refusal.MALFORMED)
    _, key_id, site_no, credential_id, handle, generation, rights, expires_s, flags = LAYOUT.unpack(payload)
    return Token(key_id, site_no, credential_id, handle, generation, rights, expires_s, flags)
