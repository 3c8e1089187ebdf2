"""Food of a parcel must not be eaten any more: that is written down, its money goes back, and its order may be over.

Called by the use cases that follow a site's word, staff's or the clock's; never decides that food is unsafe. A parcel
whose food is condemned whole stays where it is until staff take it out; its order does not wait for that.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.engine import announce
from app.db.food_classes import lines_in_bag
from app.domain.order_state import OrderState
from app.domain.quarantine_state import QUARANTINE_TABLE, QuarantineEvent, QuarantineState
from app.domain.refunding import RefundCause
from app.domain.state_table import step
from app.use_cases.cold_chain.refund_food import refund_food
from app.use_cases.collecting.end_order import end_order_when_done
from locker_protocol.ids import RandomBytes, random_bytes

STATE = text("SELECT state FROM customer_order WHERE id = :order_id")
GOES_ON = frozenset({OrderState.PAID, OrderState.PACKED, OrderState.READY, OrderState.COLLECTED})
ENDS = frozenset({OrderState.PACKED, OrderState.READY})
COUNT = text("UPDATE quarantine SET condemned = :condemned WHERE id = :id")
DECIDE = text("""
    UPDATE quarantine SET state = :state, condemned = :condemned, decided_at = :now, decided_by = :actor,
        reason = coalesce(:reason, reason), probe_c = coalesce(:probe_c, probe_c), photo = coalesce(:photo, photo)
    WHERE id = :id AND state = 'open'
""")


def condemn_food(
    conn: Connection,
    quarantine: Row[Any],
    *,
    food_classes: Collection[str] | None,
    event: QuarantineEvent,
    actor: str,
    now: datetime,
    seen: dict[str, Any] | None = None,
    random: RandomBytes = random_bytes,
) -> bool:
    """Condemn these classes of a quarantined parcel (`None`: all that is in it); whether all of it is condemned now.

    The caller holds the order's row. `seen`: the `reason`, `probe_c` and `photo` of who looked.
    """
    lines = lines_in_bag(conn, parcel_id=quarantine.parcel_id)
    there = set(quarantine.kept or ()) or {name for line in lines for name in line.food_classes}
    # A class that is not in the bag as we know it: nobody knows what it is meant for, so nothing is excepted.
    known = food_classes is not None and set(food_classes) <= there
    condemned = {*quarantine.condemned, *(food_classes or ()), *(set() if known else there)}
    whole = there <= condemned
    _write(conn, quarantine, condemned, event if whole else None, actor, now, seen or {})
    state = OrderState(conn.execute(STATE, {"order_id": quarantine.order_id}).scalar_one())
    if state in GOES_ON:
        bad = [line for line in lines if whole or line.food_classes & condemned]
        key = f"{quarantine.parcel_id}:{'+'.join(sorted(condemned))}"
        refund_food(conn, order_id=quarantine.order_id, key=key, lines=bad, actor=actor, now=now, random=random)
    if whole and state in ENDS:
        cause = RefundCause.COLD_CHAIN
        end_order_when_done(
            conn, order_id=quarantine.order_id, state=state, cause=cause, actor=actor, now=now, random=random
        )
    announce(conn, f"site:{quarantine.site_id}")
    announce(conn, f"order:{quarantine.order_id}")
    return whole


def _write(
    conn: Connection,
    quarantine: Row[Any],
    condemned: Collection[str],
    event: QuarantineEvent | None,
    actor: str,
    now: datetime,
    seen: dict[str, Any],
) -> None:
    values = {"id": quarantine.id, "condemned": sorted(condemned)}
    if event is None or QuarantineState(quarantine.state) is not QuarantineState.OPEN:
        conn.execute(COUNT, values)
        return
    new = step(QUARANTINE_TABLE, QuarantineState(quarantine.state), event)
    about = {"reason": None, "probe_c": None, "photo": None, **seen}
    conn.execute(DECIDE, {**values, **about, "state": new.value, "now": now, "actor": actor})
