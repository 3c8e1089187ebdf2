"""The code one types: a handle of two or three digits that names the order, and a secret of six.

Wrong tries count against the handle, never against the neighbours. Only a slow salted hash leaves the service.
"""

import hashlib
import hmac

SECRET_DIGITS = 6
SALT_BYTES = 16
# 2^14 · 8 takes 16 MiB and about 50 ms: affordable, since the handle leaves one hash to check.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1


def hash_secret(secret: str, salt: bytes) -> bytes:
    """Hash a secret for the gateway's store: scrypt, 32 bytes."""
    return hashlib.scrypt(secret.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32)


def secret_matches(secret: str, *, salt: bytes, expected: bytes) -> bool:
    """Check a typed secret in constant time (after the hash)."""
    return hmac.compare_digest(hash_secret(secret, salt), expected)


def split_code(digits: str) -> tuple[int, str] | None:
    """Split what was typed into handle and secret; `None` when it has neither 8 nor 9 digits."""
    if not digits.isascii() or not digits.isdigit() or len(digits) - SECRET_DIGITS not in (2, 3):
        return None
    return int(digits[:-SECRET_DIGITS]), digits[-SECRET_DIGITS:]


def show_code(handle: int, secret: str) -> str:
    """Write a code the way people read it: `07 482 193`."""
    return f"{handle:02d} {secret[:3]} {secret[3:]}"
