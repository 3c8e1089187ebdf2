"""What a view may reach: the shared parts, one transaction, the civil time, the person who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from flask import current_app, g

from app.db.engine import each_alone, transaction
from app.domain.roles import Role
from locker_protocol.clock import read_anchor

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from app.payments.provider import PaymentProvider
    from app.settings import Settings
    from locker_protocol.clock import Clock


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person signed in on this request."""

    id: str
    role: Role
    staff_no: int | None
    display_name: str
    site_id: str | None
    language: str
    contact: str
    substitution: str
    low_door: bool
    guest: bool  # ordered without an account: known by this browser alone


class WebParts:
    """The shared parts as views see them; `factory.Parts` has this shape."""

    settings: Settings
    engine: Engine
    clock: Clock
    provider: PaymentProvider


def parts() -> WebParts:
    """The shared parts of this application."""
    return cast("WebParts", current_app.extensions["caibox"])


def write() -> AbstractContextManager[Connection]:
    """One transaction for a use case; within `joined` that one."""
    conn = _joined()
    return transaction(parts().engine) if conn is None else nullcontext(conn)


def read() -> AbstractContextManager[Connection]:
    """A connection for a page's queries; within `joined` its transaction.

    Each query sees what is committed when it begins: in a transaction of our isolation level too.
    """
    conn = _joined()
    return each_alone(parts().engine) if conn is None else nullcontext(conn)


@contextmanager
def joined(conn: Connection) -> Iterator[None]:
    """Let everything this request does happen in one transaction, so that all of it holds or nothing."""
    g.joined = conn
    try:
        yield
    finally:
        g.joined = None


def _joined() -> Connection | None:
    return cast("Connection | None", g.get("joined"))


def civil_now() -> datetime:
    """The civil time, read once a request."""
    if "now" not in g:
        g.now = parts().clock.now().civil
    return cast("datetime", g.now)


def civil_rate() -> float:
    """How fast the civil time runs: 1 outside a demo. What lasts some real seconds lasts so many more civil ones."""
    path = parts().settings.clock_file
    return read_anchor(path).rate if path else 1.0


def visitor() -> Visitor | None:
    """Who is signed in, if anybody; `access.load_visitor` looked it up."""
    return cast("Visitor | None", g.get("visitor"))


def signed_in() -> Visitor:
    """Who is signed in, on a route that serves only those."""
    found = visitor()
    assert found is not None, "access.py lets nobody else through"
    return found
