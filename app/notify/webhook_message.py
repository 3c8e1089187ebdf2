"""A message to another program: its bytes, its signature, and how it is sent. Never follows a redirect.

The signature is an HMAC-SHA256 over `<unix seconds>.<body>`: it proves that we sent these bytes, and when.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from socket import AF_INET, AF_INET6, AddressFamily
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from app.notify.webhook_address import Place

TIMEOUT_S = 8.0
SIGNATURE_HEADER = "Caibox-Signature"
EVENT_HEADER = "Caibox-Event"
SECRET_MARK = "whsec_"  # noqa: S105  what a secret begins with, so that one is known where it lies about
LONGEST_TROUBLE = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. `answered`: the HTTP status, if there was one."""

    arrived: bool
    answered: int | None = None
    trouble: str | None = None


def write_body(*, event_id: str, kind: str, at: datetime, facts: Mapping[str, Any]) -> bytes:
    """Write a message; a repeat of it has the same bytes."""
    message = {"id": event_id, "kind": kind, "at": at.isoformat(), "data": facts}
    return json.dumps(message, sort_keys=True, separators=(",", ":")).encode()


def secret_of(*, service_secret: str, endpoint_id: str, salt: bytes) -> str:
    """The secret an endpoint shares with us: made, never stored."""
    made = hmac.new(service_secret.encode(), b"webhook " + endpoint_id.encode() + b" " + salt, hashlib.sha256)
    return SECRET_MARK + made.hexdigest()


def sign(body: bytes, *, secret: str, at_s: int) -> str:
    """Sign a body, as the header has it: `t=<unix seconds>,v1=<hex>`."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


async def send(url: str, place: Place, addresses: Sequence[str], *, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """Send once, to one of these addresses only. What goes wrong is an outcome."""
    connector = aiohttp.TCPConnector(resolver=_Pinned(place.host, addresses), force_close=True)
    session = aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
    )
    try:
        async with session, session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            arrived = 200 <= answer.status < 300
            return Outcome(arrived, answer.status, None if arrived else f"it answered {answer.status}")
    except TimeoutError:
        return Outcome(arrived=False, trouble=f"no answer within {TIMEOUT_S:.0f} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(arrived=False, trouble=f"{type(error).__name__}: {error}"[:LONGEST_TROUBLE])


class _Pinned(AbstractResolver):
    """Knows the addresses of one host, as they were checked."""

    def __init__(self, host: str, addresses: Sequence[str]) -> None:
        self._host, self._addresses = host, addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: AddressFamily = AF_INET,  # noqa: ARG002  what was checked is used, of whatever family
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError(f"{host} was not checked")
        return [_result(host, port, address) for address in self._addresses]

    async def close(self) -> None:
        """Nothing is open."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = AF_INET6 if ":" in address else AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
