"""What one row of the audit says: who did what, by what right, to which doors and order, and why.

The body is what is hashed and is all there is to know; the other columns repeat it for pages, and verifying compares
them. A site's rows are its `UnlockGranted`, to the byte as its gateway hashed them; people's are written here. Ids,
never names. Never decides whether something may be done.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from locker_protocol.site_events import UnlockGranted

PEOPLE = "people"
UNREADABLE = "?"

Fact = str | int | None


class Act(StrEnum):
    """What was done."""

    UNLOCKED = "unlocked"
    OPENING_ASKED = "opening_asked"
    OPENING_HELD = "opening_held"  # asked, and kept for a second person
    OPENING_CONFIRMED = "opening_confirmed"
    OPENING_DECLINED = "opening_declined"
    OPENING_EXPIRED = "opening_expired"
    CHANGED = "changed"
    REFUND_DECIDED = "refund_decided"
    FOOD_RELEASED = "food_released"
    FOOD_DISCARDED = "food_discarded"
    CLAIM_REFUSED = "claim_refused"
    CLAIM_ALARM_CLOSED = "claim_alarm_closed"
    ORDER_LOOKED_UP = "order_looked_up"
    LOOK_WRONG = "look_wrong"
    ACCOUNT_EXPORTED = "account_exported"
    ACCOUNT_ERASED = "account_erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One row before it has a number. `at_ms` is civil milliseconds since 1970; `right` empty where none is meant."""

    at_ms: int
    act: str
    actor: str
    right: str = ""
    second: str | None = None
    site_id: str | None = None
    doors: tuple[int, ...] = ()
    order_id: str | None = None
    why: str = ""
    body: bytes


def chain_of(gateway_id: str, log_id: str) -> str:
    """The chain of one store of a gateway: a new store begins a new one."""
    return f"{gateway_id}:{log_id}"


def of_people(
    *,
    at_ms: int,
    act: Act,
    actor: str,
    right: str = "",
    second: str | None = None,
    site_id: str | None = None,
    doors: Sequence[int] = (),
    order_id: str | None = None,
    why: str = "",
    facts: Mapping[str, Fact] | None = None,
) -> AuditRecord:
    """Write what a person (`person:…`) or the clock did."""
    said = {
        "act": act.value,
        "actor": actor,
        "right": right,
        "second": second,
        "site_id": site_id,
        "doors": list(doors),
        "order_id": order_id,
        "why": why,
        "facts": dict(facts or {}),
    }
    body = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return read_people(at_ms, body)


def read_people(at_ms: int, body: bytes) -> AuditRecord:
    """Read a row of people's chain. Raises ValueError, KeyError or TypeError for what was not written here."""
    said = json.loads(body)
    return AuditRecord(
        at_ms=at_ms,
        act=said["act"],
        actor=said["actor"],
        right=said["right"],
        second=said["second"],
        site_id=said["site_id"],
        doors=tuple(said["doors"]),
        order_id=said["order_id"],
        why=said["why"],
        body=body,
    )


def read_unlock(at_ms: int, body: bytes, *, site_id: str) -> AuditRecord:
    """Read a site's row; one that this version cannot read keeps its place in the chain."""
    try:
        granted = msgspec.json.decode(body, type=UnlockGranted)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        granted = None
    if granted is None or "\0" in granted.reason:  # PostgreSQL stores no NUL
        return AuditRecord(at_ms=at_ms, act=Act.UNLOCKED.value, actor=UNREADABLE, site_id=site_id, body=body)
    return AuditRecord(
        at_ms=at_ms,
        act=Act.UNLOCKED.value,
        actor=granted.actor,
        right=granted.right.value,
        second=granted.confirmed_by,
        site_id=site_id,
        doors=tuple(granted.doors),
        order_id=granted.order_id,
        why=granted.reason,
        body=body,
    )
