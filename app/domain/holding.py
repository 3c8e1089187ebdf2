"""How long an order keeps what it took before it is paid, and which orders may still be paid."""

from datetime import datetime, timedelta

from app.domain.errors import DomainError
from app.domain.order_state import OrderState

HOLD = timedelta(minutes=10)


class NotToBePaid(DomainError):
    """Paid already, or over. Fact: `state`."""

    code = "not_to_be_paid"


class HoldProlonged(DomainError):
    """Ten minutes more were given once already; others wait for what is held. Fact: `until`, ISO 8601 UTC."""

    code = "hold_prolonged"


class HoldEnded(DomainError):
    """Nobody paid in time, and what was held is others' now."""

    code = "hold_ended"


def refuse_unpayable(state: OrderState, *, hold_until: datetime, now: datetime) -> None:
    """Refuse to start a payment that could not be kept. Raises NotToBePaid or HoldEnded."""
    if state is OrderState.RELEASED or (state is OrderState.AWAITING_PAYMENT and hold_until <= now):
        raise HoldEnded
    if state is not OrderState.AWAITING_PAYMENT:
        raise NotToBePaid(state=state.value)


def prolonged(hold_until: datetime, *, is_prolonged: bool) -> datetime:
    """Until when an order is held once its owner asked for more time. Raises HoldProlonged the second time."""
    if is_prolonged:
        raise HoldProlonged(until=hold_until.isoformat())
    return hold_until + HOLD
