"""A program that got no answer sends the same request again, under the same key, and must not have done it twice."""

import hashlib
from datetime import timedelta

from app.domain.errors import DomainError

KEPT = timedelta(hours=24)


class RequestKeyReused(DomainError):
    """The key was used for another request."""

    code = "request_key_reused"
    status = 422


class RequestUnderWay(DomainError):
    """The same request is being done at this moment."""

    code = "request_under_way"


def request_hash(*, method: str, path: str, body: bytes) -> bytes:
    """What makes two requests the same."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).digest()
