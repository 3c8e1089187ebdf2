"""The only source of identifiers and randomness. An identifier is its 32 hex digits, as on the wire."""

import secrets
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]

# Without I, L, O and U: nobody has to ask whether that is a one.
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def random_bytes(count: int) -> bytes:
    """Take `count` bytes from the machine's secure source."""
    return secrets.token_bytes(count)


def new_id(now_ms: int, random: RandomBytes = random_bytes) -> str:
    """Make a UUIDv7 (RFC 9562 §5.7) as 32 hex digits: sorts by time, 74 random bits."""
    tail = int.from_bytes(random(10))
    value = (now_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (tail >> 64 & 0xFFF) << 64
    value |= 0b10 << 62 | tail & (1 << 62) - 1
    return f"{value:032x}"


def random_id(random: RandomBytes = random_bytes) -> str:
    """Make 32 hex digits that tell nothing, not even the time: logs, boots, commands."""
    return random(16).hex()


def short_reference(length: int, random: RandomBytes = random_bytes) -> str:
    """Make a reference people read aloud, `length` Crockford base-32 digits."""
    return "".join(CROCKFORD[byte & 31] for byte in random(length))
