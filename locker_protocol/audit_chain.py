"""The hash chain of the audit, the same at a gateway and at the service, so that row 812 has one hash on both sides.

A row's hash covers the row before it, its number, its time and its body to the byte. Decides whether rows are the ones
that were written, in order and to the end. Never what a row says.
"""

import hashlib
from collections.abc import Iterable

GENESIS = bytes(32)

Row = tuple[int, int, bytes, bytes]  # number from 1, civil milliseconds, body, hash
Head = tuple[int, bytes]  # number and hash of the last row
EMPTY: Head = (0, GENESIS)


def chained(previous: bytes, no: int, at: int, body: bytes) -> bytes:
    """Hash a row: SHA-256 over the hash before it, its number and time as `"812 1795312805500 "`, and its body."""
    return hashlib.sha256(previous + f"{no} {at} ".encode() + body).digest()


def first_break(rows: Iterable[Row], head: Head) -> int | None:
    """The number of the first row that was edited, moved or removed; `None`: the chain holds to its head."""
    last, expected = EMPTY
    for no, at, body, kept in rows:
        expected = chained(expected, no, at, body)
        if no != last + 1 or kept != expected:
            return last + 1
        last = no
    return None if (last, expected) == head else last + 1
