"""The code one signs in with: six digits, ten minutes, five tries, bound to the browser that asked (ASVS 6.5, 6.6)."""

import hashlib
import hmac
from datetime import timedelta

from app.domain.errors import DomainError
from app.domain.roles import STAFF, Role
from locker_protocol.ids import RandomBytes

CODE_DIGITS = 6
CODE_LIVES = timedelta(minutes=10)
MOST_TRIES = 5
MOST_SENT = 5
SENT_WITHIN = timedelta(hours=1)
RESIDENT_SESSION = timedelta(days=30)
STAFF_SESSION = timedelta(hours=12)


class TooManyCodes(DomainError):
    """Five codes an hour and contact. Fact: `minutes` until the next."""

    code = "too_many_codes"
    status = 429


class CodeWrong(DomainError):
    """Fact: `tries_left`."""

    code = "code_wrong"
    status = 422


class CodeOver(DomainError):
    """Used, too old, tried too often or never made: ask for another."""

    code = "code_over"
    status = 422


def make_code(random: RandomBytes) -> str:
    """Draw six digits; of 64 random bits the remainder favours no code measurably."""
    return f"{int.from_bytes(random(8)) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def hash_code(code: str, salt: bytes) -> bytes:
    """What is stored: slow enough for a code that lives ten minutes, quick enough for a request (about 6 ms)."""
    return hashlib.scrypt(code.encode(), salt=salt, n=2**11, r=8, p=1, dklen=32)


def code_matches(code: str, *, salt: bytes, expected: bytes) -> bool:
    """Compare what was typed, blanks aside."""
    digits = "".join(code.split())
    return len(digits) <= 2 * CODE_DIGITS and hmac.compare_digest(hash_code(digits, salt), expected)


def session_length(role: Role) -> timedelta:
    """How long one stays signed in."""
    return STAFF_SESSION if role in STAFF else RESIDENT_SESSION
