"""A picker says that pieces of a line are missing, and why. Their money is decided when the tote is sealed."""

from datetime import datetime

from sqlalchemy import Connection

from app.db.pick_lines import lock_line, write_line
from app.domain.picking import MissingAbsurd, PickedAlready, ShortReason


def short_line(
    conn: Connection,
    *,
    parcel_id: str,
    line_no: int,
    missing: int,
    reason: ShortReason,
    person_id: str,
    now: datetime,
) -> None:
    """Mark a line as picked but for `missing` pieces; an earlier weight is void, since it was of all of them.

    Raises NotFound, IllegalMove, MissingAbsurd, or PickedAlready for one that was replaced: take that back first.
    """
    line = lock_line(conn, parcel_id=parcel_id, line_no=line_no)
    if line.substitute_id is not None:
        raise PickedAlready(ref=line.ref)
    if not 1 <= missing <= line.quantity:
        raise MissingAbsurd(most=line.quantity)
    left = line.quantity - missing
    write_line(conn, line, person_id=person_id, now=now, picked_quantity=left, short_reason=reason.value)
