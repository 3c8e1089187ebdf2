"""Asks a site to open doors now: for staff with a reason, or for a driver with a label.

Decides whether to ask, and whether a second person must agree first (`domain.remote_opening`); whether a door opens is
the gateway's decision. What is asked is written first, lives ten seconds and is never sent twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, text

from app.db.audit_log import record_act
from app.db.engine import announce
from app.db.tables import compartment, gateway, remote_command
from app.domain.audit_record import Act, of_people
from app.domain.errors import DomainError, NotFound
from app.domain.hold_state import HoldState
from app.domain.loading import LabelledParcel, LabelUnknown, ref_of, refuse_unloadable
from app.domain.order_state import FINAL_ORDER_STATES, OrderState
from app.domain.parcel_state import ParcelState
from app.domain.personal_words import names_somebody
from app.domain.remote_opening import COUNTED, WAITS, WITHIN, needs_second, openings, refuse_more_waiting
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, random_bytes, random_id
from locker_protocol.label import Label, write_label
from locker_protocol.vocabulary import DoorFault, Right

Wish = str | int | list[int] | datetime | None

LIVES = timedelta(seconds=10)
SHORTEST_REASON, LONGEST_REASON = 5, 200

LABELLED = text("""
    SELECT p.state, p.door, o.state AS order_state, o.site_id, o.run_no, s.site_no, s.name_zh, s.name_en,
        r.load_from, r.removal_from
    FROM parcel p JOIN customer_order o ON o.id = p.order_id JOIN site s ON s.id = o.site_id
    JOIN load_run r ON r.run_no = o.run_no
    WHERE p.ref = :ref AND p.state <> 'draft'
""")

# One at a time in the fleet, or two requests at once would both be the third.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('remote openings', 0))")
# Those that needed no second person; not those that opened nothing.
LATELY = text("""
    SELECT c.locker_id, m.id, m."right", count(*) AS doors FROM remote_command m JOIN gateway g ON g.id = m.gateway_id
    JOIN compartment c ON c.site_id = g.site_id AND c.door = ANY (m.doors)
    WHERE m.asked_at > :since AND m.hold_state IS NULL AND m."right" = ANY (CAST(:counted AS text[]))
        AND (m.refusal IS NULL OR m.refusal = 'locker_silent')
    GROUP BY c.locker_id, m.id, m."right"
""")
OWNER = text("SELECT p.display_name FROM customer_order o JOIN person p ON p.id = o.person_id WHERE o.id = :order_id")
WAITING = text("SELECT count(*) FROM remote_command WHERE person_id = :person_id AND hold_state = 'waiting'")


class ReasonNeeded(DomainError):
    """A door is opened from afar only for a reason of 5 to 200 characters. Facts: `least`, `most`."""

    code = "reason_needed"
    status = 422


class PersonalWords(ReasonNeeded):
    """A reason is kept for good, and this one holds a phone number, a mail address or the order's owner's name."""

    code = "personal_words"


def checked_reason(reason: str) -> str:
    """The reason on one line. Raises ReasonNeeded, or PersonalWords: it is kept for good."""
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise ReasonNeeded(least=SHORTEST_REASON, most=LONGEST_REASON)
    if names_somebody(reason):
        raise PersonalWords
    return reason


def checked_order_reason(conn: Connection, reason: str, *, order_id: str) -> str:
    """The reason on one line, for something done to this order. Raises as above, and for its owner's name."""
    reason = checked_reason(reason)
    owner = conn.execute(OWNER, {"order_id": order_id}).scalar_one_or_none()
    if names_somebody(reason, names=(owner or "",)):
        raise PersonalWords
    return reason


def open_doors(
    conn: Connection,
    *,
    site_id: str,
    doors: Sequence[int],
    right: Right,
    person_id: str,
    reason: str,
    now: datetime,
    order_id: str | None = None,
    random: RandomBytes = random_bytes,
    rate: float = 1,
) -> str:
    """Ask for doors by a right of staff's; returns the command's id. Raises NotFound, ReasonNeeded, PersonalWords
    or TooManyWaiting.

    `rate` is how fast civil time runs (1 outside a demo): the command lives ten real seconds, and one that needs a
    second person waits five real minutes for them.
    """
    reason = checked_order_reason(conn, reason, order_id=order_id) if order_id else checked_reason(reason)
    there = select(compartment.c.door, compartment.c.locker_id).where(
        compartment.c.site_id == site_id, compartment.c.door.in_(doors)
    )
    lockers = {row.door: str(row.locker_id) for row in conn.execute(there)}
    if len(lockers) != len(set(doors)):
        raise NotFound
    asked: dict[str, Wish] = {"doors": list(doors), "right": right.value, "order_id": order_id}
    held = _is_held(conn, Counter(lockers.values()), right=right, person_id=person_id, now=now, rate=rate)
    ends = now + (WAITS if held else LIVES) * rate
    if held:
        asked |= {"hold_state": HoldState.WAITING.value, "hold_until": ends}
        announce(conn, "held")
    command_id = _ask(conn, site_id, (now, ends), random, kind="open", person_id=person_id, reason=reason, **asked)
    said = of_people(
        at_ms=to_wire(now),
        act=Act.OPENING_HELD if held else Act.OPENING_ASKED,
        actor=f"person:{person_id}",
        right=right.value,
        site_id=site_id,
        doors=doors,
        order_id=order_id,
        why=reason,
        facts={"command_id": command_id},
    )
    record_act(conn, said)
    return command_id


def load_parcel(
    conn: Connection,
    *,
    site_id: str,
    label_text: str,
    person_id: str,
    now: datetime,
    instead_of: int | None = None,
    fault: DoorFault | None = None,
    cold_since: datetime | None = None,
    random: RandomBytes = random_bytes,
    rate: float = 1,
) -> str:
    """Ask for a labelled parcel's door, or for another one than `instead_of`, which has this `fault`.

    Returns the command's id. Raises NotFound or a refusal of `domain.loading`.
    """
    ref = ref_of(label_text)
    row = conn.execute(LABELLED, {"ref": ref}).one_or_none()
    if row is None:
        raise LabelUnknown
    known = LabelledParcel(
        state=ParcelState(row.state),
        site_id=row.site_id,
        site_zh=row.name_zh,
        site_en=row.name_en,
        run_no=row.run_no,
        load_from=row.load_from,
        removal_from=row.removal_from,
        door=row.door,
        order_over=OrderState(row.order_state) in FINAL_ORDER_STATES,
    )
    refuse_unloadable(known, site_id=site_id, now=now, another_door=instead_of is not None)
    label = write_label(Label(row.site_no, row.run_no, ref))
    wish: dict[str, Wish] = {"label": label, "instead_of": instead_of, "fault": fault.value if fault else None}
    wish["cold_since"] = cold_since
    return _ask(conn, site_id, (now, now + LIVES * rate), random, kind="load", person_id=person_id, reason="", **wish)


def _is_held(
    conn: Connection, doors: Mapping[str, int], *, right: Right, person_id: str, now: datetime, rate: float
) -> bool:
    """Whether so many doors by locker need a second person. Raises TooManyWaiting."""
    if right not in COUNTED:
        return False
    conn.execute(ONE_AT_A_TIME)
    lately: Counter[str] = Counter()
    counted = {"since": now - WITHIN * rate, "counted": [each.value for each in COUNTED]}
    for row in conn.execute(LATELY, counted):
        lately[row.locker_id] += openings(Right(row.right), row.doors)
    if not needs_second({locker: openings(right, count) for locker, count in doors.items()}, lately):
        return False
    refuse_more_waiting(conn.execute(WAITING, {"person_id": person_id}).scalar_one())
    return True


def _ask(conn: Connection, site_id: str, life: tuple[datetime, datetime], random: RandomBytes, **values: Wish) -> str:
    gateway_id = conn.execute(select(gateway.c.id).where(gateway.c.site_id == site_id)).scalar_one_or_none()
    if gateway_id is None:
        raise NotFound
    command_id = random_id(random)
    row = {"id": command_id, "gateway_id": gateway_id, "asked_at": life[0], "not_after": life[1], **values}
    conn.execute(insert(remote_command).values(row))
    announce(conn, "command")
    announce(conn, f"site:{site_id}")
    return command_id
