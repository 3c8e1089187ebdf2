"""The secret of a typed code, and the handle before it.

The secret is derived, never stored: an HMAC over credential and generation under the service's key. Trivial patterns
are passed over, for they are what people at a keypad try first. The gateway gets a slow salted hash, nothing else.
"""

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise

from app.domain.errors import DomainError
from locker_protocol.ids import RandomBytes
from locker_protocol.site_entries import CredentialManifest
from locker_protocol.typed_code import SALT_BYTES, SECRET_DIGITS, hash_secret

# Two digits serve up to 50 doors: at most half of the handles are live at once. Longer ones never begin with 0.
SHORT_HANDLES = range(1, 100)
LONG_HANDLES = range(100, 1000)
DOORS_FOR_SHORT_HANDLES = 50
# After its code expired; a site's clock may be behind.
NOT_REUSED_FOR = timedelta(hours=2)


class NoHandleFree(DomainError):
    """Every handle of the site is in use: more orders wait than any site has doors."""

    code = "no_handle_free"


def typed_secret(secret_key: str, *, credential_id: str, generation: int) -> str:
    """Derive the six digits of one generation of a credential."""
    for attempt in range(1000):
        digits = _digits(secret_key, f"typed|{credential_id}|{generation}|{attempt}")
        if not is_trivial(digits):
            return digits
    raise AssertionError("of a thousand draws one is not trivial")


def is_trivial(digits: str) -> bool:
    """True for what people try first: one or two different digits, a half repeated, a run up or down."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    half = len(digits) // 2
    return len(set(digits)) <= 2 or digits[:half] == digits[half:] or steps in ({1}, {9})


def choose_handle(in_use: Collection[int], *, doors: int, random: RandomBytes) -> int:
    """Draw a handle nobody has or had lately. Raises NoHandleFree."""
    for handles in (SHORT_HANDLES, LONG_HANDLES) if doors <= DOORS_FOR_SHORT_HANDLES else (LONG_HANDLES,):
        free = sorted(set(handles).difference(in_use))
        if free:
            return free[int.from_bytes(random(8)) % len(free)]
    raise NoHandleFree


def credential_manifest(
    secret_key: str,
    *,
    order_id: str,
    credential_id: str,
    handle: int,
    generation: int,
    expires_at: datetime,
    typed: bool,
) -> CredentialManifest:
    """What the gateway is told of a credential; the same each time it is asked for."""
    salt = _mac(secret_key, f"salt|{credential_id}|{generation}")[:SALT_BYTES]
    secret = typed_secret(secret_key, credential_id=credential_id, generation=generation)
    return CredentialManifest(
        order_id=order_id,
        handle=handle,
        generation=generation,
        credential_id=credential_id,
        expires_at=round(expires_at.timestamp() * 1000),
        secret_hash=hash_secret(secret, salt).hex() if typed else None,
        secret_salt=salt.hex() if typed else None,
    )


def _digits(secret_key: str, words: str) -> str:
    return f"{int.from_bytes(_mac(secret_key, words)[:8]) % 10**SECRET_DIGITS:0{SECRET_DIGITS}d}"


def _mac(secret_key: str, words: str) -> bytes:
    return hmac.digest(secret_key.encode(), b"caibox-pickup\x00" + words.encode(), hashlib.sha256)
