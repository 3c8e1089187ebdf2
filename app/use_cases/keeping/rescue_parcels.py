"""A keeper takes food out of doors that jam or grow warm: asks their site to open those doors for it.

Decides only which doors may be asked for. That food is in the bag is the site's word (`receive_rescued`).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.keeping import check_doors
from app.use_cases.site.ask_site import open_doors
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.vocabulary import Right

WITH_FOOD = text("""
    SELECT DISTINCT p.door FROM parcel p JOIN customer_order o ON o.id = p.order_id
    WHERE o.site_id = :site_id AND p.state = 'loaded'
""")


def rescue_parcels(
    conn: Connection,
    *,
    site_id: str,
    doors: Sequence[int],
    person_id: str,
    reason: str,
    now: datetime,
    random: RandomBytes = random_bytes,
    rate: float = 1,
) -> str:
    """Ask for the doors, eight at most; returns the command's id.

    Raises NoDoorChosen, TooManyDoors, NothingBehindDoor or ReasonNeeded.
    """
    with_food = set(conn.execute(WITH_FOOD, {"site_id": site_id}).scalars())
    return open_doors(
        conn,
        site_id=site_id,
        doors=check_doors(doors, with_food=with_food),
        right=Right.RESCUE,
        person_id=person_id,
        reason=reason,
        now=now,
        random=random,
        rate=rate,
    )
