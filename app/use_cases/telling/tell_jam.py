"""A door was pulsed twice and not seen to open: whoever can come is told, if somebody's food lies behind it.

Once for each jam: the site tells of it once.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.notify.texts import DOOR_WORDS, DoorMatter
from app.use_cases.telling.tell_site_staff import tell_site_staff
from locker_protocol.ids import RandomBytes, random_bytes

BEHIND = text("""
    SELECT o.order_no FROM parcel p JOIN customer_order o ON o.id = p.order_id
    WHERE o.site_id = :site_id AND p.door = :door AND p.state = 'loaded' AND o.state = 'ready' LIMIT 1
""")


def tell_jam(conn: Connection, *, site_id: str, door: int, now: datetime, random: RandomBytes = random_bytes) -> None:
    """Tell keepers and the office; nothing where no food waits behind it."""
    order_no = conn.execute(BEHIND, {"site_id": site_id, "door": door}).scalar_one_or_none()
    if order_no is None:
        return
    words = {each: DOOR_WORDS[DoorMatter.JAMMED, each].format(order_no=order_no) for each in ("zh", "en")}
    tell_site_staff(conn, site_id=site_id, door=door, words=words, now=now, random=random)
