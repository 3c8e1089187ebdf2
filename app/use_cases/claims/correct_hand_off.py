"""A person says that another hand-off caused what was claimed: the cost moves there, in the ledger too."""

from datetime import datetime

from sqlalchemy import Connection, select, text, update

from app.db.claim_lines import LOCK_ORDER
from app.db.engine import announce
from app.db.ledger import book_sides
from app.db.tables import claim
from app.domain.claim_state import ClaimState
from app.domain.errors import NotFound
from app.domain.hand_off import HandOff
from app.domain.ledger import Kind, cost_moved
from app.use_cases.catalogue.record_change import Change, record_changes

ORDER_OF = text("SELECT order_id FROM claim WHERE id = :claim_id")
MOVES = text("""
    SELECT count(DISTINCT transaction_id) FROM ledger_entry
    WHERE order_id = :order_id AND kind = 'cost_moved' AND transaction_id LIKE :like
""")


def correct_hand_off(conn: Connection, *, claim_id: str, hand_off: HandOff, person_id: str, now: datetime) -> bool:
    """Set who bears a claim's cost; `False` when it was so before. Raises NotFound."""
    order_id = conn.execute(ORDER_OF, {"claim_id": claim_id}).scalar_one_or_none()
    if order_id is None:
        raise NotFound
    conn.execute(LOCK_ORDER, {"order_id": order_id})
    found = conn.execute(select(claim).where(claim.c.id == claim_id).with_for_update()).one()
    before = HandOff(found.hand_off)
    if before is hand_off:
        return False
    values = {"hand_off": hand_off.value, "hand_off_by": f"person:{person_id}"}
    conn.execute(update(claim).where(claim.c.id == claim_id).values(values))
    change = Change("claim", claim_id, "hand_off", before.value, hand_off.value)
    record_changes(conn, [change], person_id=person_id, now=now)
    if found.state == ClaimState.GRANTED:
        moves = conn.execute(MOVES, {"order_id": order_id, "like": f"claim-{claim_id}-%"}).scalar_one()
        book_sides(
            conn,
            transaction_id=f"claim-{claim_id}-{moves + 1}",
            kind=Kind.COST_MOVED,
            order_id=order_id,
            sides=cost_moved(before, hand_off, found.granted_minor),
            currency=found.currency,
            now=now,
        )
    announce(conn, "claims")
    return True
