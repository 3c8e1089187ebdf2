"""Draws `docs/states.md` from the state tables. Run it after a table changed; a test compares."""

from pathlib import Path

from app.domain.claim_state import CLAIM_TABLE, FINAL_CLAIM_STATES, ClaimState
from app.domain.edit_state import EDIT_TABLE, FINAL_EDIT_STATES, EditState
from app.domain.hold_state import FINAL_HOLD_STATES, HOLD_TABLE, HoldState
from app.domain.lot_state import FINAL_LOT_STATES, LOT_TABLE, LotState
from app.domain.order_state import FINAL_ORDER_STATES, ORDER_TABLE, OrderState
from app.domain.parcel_state import FINAL_PARCEL_STATES, PARCEL_TABLE, ParcelState
from app.domain.payment_state import PAYMENT_TABLE, PaymentState
from app.domain.quarantine_state import QUARANTINE_TABLE, QuarantineState
from app.domain.reconciling import DIFFERENCE_TABLE, DifferenceState
from app.domain.state_table import Event, State, StateTable
from locker_gateway import conditions
from locker_gateway.doors import MOVES, DoorState
from locker_protocol.vocabulary import DoorCondition

PAID_OR_NOT = frozenset({PaymentState.CAPTURED, PaymentState.FAILED})
DECIDED = frozenset(QuarantineState) - {QuarantineState.OPEN}
CLOSED = frozenset({DifferenceState.HEALED, DifferenceState.DECIDED})
PAGE = Path(__file__).parent / "states.md"
HEAD = """# States

Drawn by `python docs/draw_states.py` from the tables in `app/domain`, `locker_gateway/doors.py` and `conditions.py`.
A move that is not drawn changes nothing; orders, parcels and payments refuse it aloud.
"""


def draw() -> str:
    """The whole page as Markdown with Mermaid diagrams."""
    return "\n".join(
        [
            HEAD,
            _diagram("Order", OrderState.AWAITING_PAYMENT, ORDER_TABLE, FINAL_ORDER_STATES),
            _diagram("Parcel", ParcelState.PLANNED, PARCEL_TABLE, FINAL_PARCEL_STATES),
            _diagram("Payment", PaymentState.OPEN, PAYMENT_TABLE, PAID_OR_NOT),
            _diagram("Lot", LotState.OPEN, LOT_TABLE, FINAL_LOT_STATES),
            _diagram("Change of a paid order", EditState.AWAITING_PAYMENT, EDIT_TABLE, FINAL_EDIT_STATES),
            _diagram("Difference of our books from the provider's", DifferenceState.FOUND, DIFFERENCE_TABLE, CLOSED),
            _diagram("Claim", ClaimState.MADE, CLAIM_TABLE, FINAL_CLAIM_STATES),
            _diagram("Quarantine", QuarantineState.OPEN, QUARANTINE_TABLE, DECIDED),
            _diagram("Remote opening that waits for a second person", HoldState.WAITING, HOLD_TABLE, FINAL_HOLD_STATES),
            _diagram("Door, as its gateway believes", DoorState.UNKNOWN, MOVES, frozenset()),
            _diagram("Condition of a door", DoorCondition.FREE, conditions.MOVES, frozenset()),
        ]
    )


def _diagram(title: str, first: State, table: StateTable[State, Event], finals: frozenset[State]) -> str:
    lines = [f"## {title}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {state} --> {after}: {event}" for (state, event), after in table.items()]
    lines += [f"    {state} --> [*]" for state in sorted(finals)]
    return "\n".join([*lines, "```", ""])


if __name__ == "__main__":
    PAGE.write_text(draw())
