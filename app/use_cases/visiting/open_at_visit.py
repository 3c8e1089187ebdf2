"""A driver asks for doors: to take out what nobody will collect, or to wipe what was emptied.

Decides which doors a driver may ask for, and that two drivers never ask for the same one; whether a lock moves is the
site's to decide. Operators ask by `open_doors`, without these limits.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from app.db.visits import in_hand_of_others, to_check, to_remove
from app.domain.visit import MOST_DOORS, DoorInHand, NotDue, NotToCheck, TooManyAtOnce
from app.use_cases.site.ask_site import open_doors
from app.use_cases.visiting.begin_visit import begin_visit
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.vocabulary import Right


def open_at_visit(
    conn: Connection,
    *,
    site_id: str,
    doors: Sequence[int],
    right: Right,
    person_id: str,
    reason: str,
    now: datetime,
    rate: float = 1,
    random: RandomBytes = random_bytes,
) -> str:
    """Ask for doors by the right `check` or `remove`; returns the command's id. Begins the visit if nobody did.

    Raises NotFound, ReasonNeeded, TooManyAtOnce, NotDue, NotToCheck or DoorInHand.
    """
    assert right in {Right.CHECK, Right.REMOVE}, right
    if len(doors) > MOST_DOORS:
        raise TooManyAtOnce(most=MOST_DOORS)
    begin_visit(conn, site_id=site_id, person_id=person_id, now=now, rate=rate, random=random)
    command_id = open_doors(
        conn,
        site_id=site_id,
        doors=doors,
        right=right,
        person_id=person_id,
        reason=reason,
        now=now,
        random=random,
        rate=rate,
    )
    _refuse_others(conn, site_id, doors, right, now)  # a refusal undoes the whole transaction
    taken = in_hand_of_others(conn, site_id=site_id, person_id=person_id, now=now, rate=rate)
    for door in doors:
        if any(door in other.doors for other in taken):
            raise DoorInHand(door=door)
    return command_id


def _refuse_others(conn: Connection, site_id: str, doors: Sequence[int], right: Right, now: datetime) -> None:
    if right is Right.REMOVE:
        due = {parcel.door for parcel in to_remove(conn, site_id=site_id, now=now)}
        for door in set(doors) - due:
            raise NotDue(door=door)
    else:
        waiting = {row.door for row in to_check(conn, site_id=site_id)}
        for door in set(doors) - waiting:
            raise NotToCheck(door=door)
