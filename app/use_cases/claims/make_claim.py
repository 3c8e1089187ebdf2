"""A household says what was wrong with a line. Within the site's policy it is granted at once; else a person decides.

One transaction: the claim, its photo, its answer, its money, and an alarm when others claimed the same batch. The same
form sent twice is one claim.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, insert, text

from app.db.claim_lines import (
    LINES,
    LOCK_HOUSEHOLD,
    LOCK_ORDER,
    claimable,
    cold_record,
    door_readings,
    lots_of,
    policy_of,
    was_forced,
)
from app.db.engine import announce
from app.db.moves import move_claim
from app.db.tables import claim, claim_photo
from app.domain.claim_state import ClaimEvent, ClaimState
from app.domain.claims import (
    ClaimLineUnknown,
    ClaimPolicy,
    Past,
    Wish,
    batches_of,
    refuse_wrong_claim,
    why_held,
)
from app.domain.errors import NotFound
from app.domain.hand_off import HandOff, HandOffFacts, blamed
from app.domain.refunding import NothingToRefund
from app.settings import Settings
from app.use_cases.claims.grant import Granting, grant
from app.use_cases.claims.raise_alarm import raise_alarms
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.tell_claim import tell_claim_granted
from locker_protocol.ids import RandomBytes, new_id, random_bytes

KNOWN = text("""
    SELECT id FROM claim WHERE order_id = :order_id AND key = :key AND line_no = :line_no AND kind = :kind
""")
CLAIMS = text("SELECT count(*) FROM claim WHERE order_id = :order_id AND first_by IS NULL")
PAID = text("SELECT EXISTS (SELECT FROM payment WHERE order_id = :order_id AND state = 'captured')")
AUTOMATIC = text("""
    SELECT count(*) FROM claim c JOIN customer_order o ON o.id = c.order_id
    WHERE (o.person_id = :person_id OR o.guest_contact = :guest_contact)
        AND c.answered_by = 'clock' AND c.answered_at > :since
""")
# One picture may show two things of one order; with another order's claim it is a picture of something else.
PHOTO_KNOWN = text("""
    SELECT EXISTS (
        SELECT FROM claim_photo p JOIN claim c ON c.id = p.claim_id
        WHERE p.sha256 = :digest AND c.order_id <> :order_id
    )
""")


@dataclass(frozen=True, slots=True)
class Made:
    """A claim as it stands now; `again`: the same form was sent before."""

    claim_id: str
    again: bool = False


def make_claim(
    conn: Connection,
    *,
    order_id: str,
    line_no: int,
    wish: Wish,
    jpeg: bytes | None,
    key: str,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> Made:
    """Write a claim down and answer it if the policy can. `jpeg` as `media.photo.reencode` gives it.

    Raises NotFound, or a refusal of `domain.claims`.
    """
    order = conn.execute(LOCK_ORDER, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound
    asked = {"order_id": order_id, "key": key, "line_no": line_no, "kind": wish.kind.value}
    if known := conn.execute(KNOWN, asked).scalar_one_or_none():
        return Made(str(known), again=True)
    line = line_of(conn, order_id=order_id, line_no=line_no)
    policy = policy_of(conn, site_id=order.site_id)
    _refuse(conn, order, line, wish, policy, now)
    claim_id = new_id(to_wire(now), random)
    worth = claimable(line).worth_minor(wish.quantity)
    held = why_held(wish.kind, worth, _past(conn, order, jpeg, policy, now), policy)
    lots = lots_of(conn, order_id=order_id, line_no=line_no)
    batches = batches_of(lots, run_no=line.run_no, product_id=line.product_id)
    hand_off = hand_off_of(conn, line, wish, site_id=order.site_id, now=now)
    conn.execute(
        insert(claim).values(
            id=claim_id,
            **asked,
            state=ClaimState.MADE.value,
            quantity=wish.quantity,
            words=wish.words,
            batches=batches,
            worth_minor=worth,
            currency=order.currency,
            made_at=now,
            made_by=actor,
            why_held=held,
            hand_off=hand_off.value,
        )
    )
    if jpeg is not None:
        row = {"claim_id": claim_id, "at": now, "jpeg": jpeg, "sha256": sha256(jpeg).digest()}
        conn.execute(insert(claim_photo).values(row))
    if held is None:
        granting = Granting(claim_id, order_id, line_no, worth, order.currency, hand_off, ClaimState.MADE)
        decided = grant(
            conn,
            granting,
            event=ClaimEvent.GRANTED_BY_POLICY,
            actor="clock",
            reason=None,
            now=now,
            random=random,
        )
        tell_claim_granted(conn, order_id=order_id, item=line, decided=decided, now=now, random=random)
    else:
        event, state = ClaimEvent.HELD, ClaimState.MADE
        move_claim(conn, claim_id=claim_id, order_id=order_id, state=state, event=event, actor=actor, now=now)
    announce(conn, "claims")
    raise_alarms(
        conn,
        batches=batches,
        product=line,
        site_id=order.site_id,
        policy=policy,
        now=now,
        settings=settings,
        random=random,
    )
    return Made(claim_id)


def line_of(conn: Connection, *, order_id: str, line_no: int) -> Row[Any]:
    """A line of an order as `db.claim_lines` reads it. Raises ClaimLineUnknown."""
    for row in conn.execute(LINES, {"order_id": order_id}):
        if row.line_no == line_no:
            return row
    raise ClaimLineUnknown(field="line")


def hand_off_of(conn: Connection, line: Row[Any], wish: Wish, *, site_id: str, now: datetime) -> HandOff:
    """Who caused it, as far as what is kept of the line's way says."""
    facts = HandOffFacts(
        kind=wish.kind,
        made_at=now,
        cold=cold_record(door_readings(conn, line, site_id=site_id), line),
        good_until=line.packed_at + timedelta(hours=line.life_h) if line.packed_at else None,
        rescued=line.rescued_at is not None,
        door_forced=was_forced(conn, line, site_id=site_id),
    )
    return blamed(facts)


def _refuse(conn: Connection, order: Row[Any], line: Row[Any], wish: Wish, policy: ClaimPolicy, now: datetime) -> None:
    claims = conn.execute(CLAIMS, {"order_id": order.id}).scalar_one()
    refuse_wrong_claim(claimable(line), wish, policy, claims=claims, now=now)
    if not conn.execute(PAID, {"order_id": order.id}).scalar_one():
        raise NothingToRefund


def _past(conn: Connection, order: Row[Any], jpeg: bytes | None, policy: ClaimPolicy, now: datetime) -> Past:
    conn.execute(LOCK_HOUSEHOLD, {"person_id": order.person_id})
    since = now - timedelta(days=policy.automatic_days)
    automatic = conn.execute(
        AUTOMATIC, {"person_id": order.person_id, "guest_contact": order.guest_contact, "since": since}
    ).scalar_one()
    if jpeg is None:
        return Past(automatic, photo_known=False)
    asked = {"digest": sha256(jpeg).digest(), "order_id": order.id}
    return Past(automatic, photo_known=bool(conn.execute(PHOTO_KNOWN, asked).scalar_one()))
