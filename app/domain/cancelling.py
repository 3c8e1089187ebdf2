"""What comes back when a resident cancels a paid order: all of it until the cut-off, then what its site's policy says.

What we do not bring as promised can be cancelled freely at any time. Decides amounts only, line by line, rounded in the
resident's favour. Never whether the food is still handed out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.errors import DomainError
from app.domain.order_state import OrderState


class Stage(StrEnum):
    """How far an order has come when it is cancelled."""

    OPEN = "open"  # orders for its run are still taken, or it does not come as promised
    CLOSED = "closed"
    PACKED = "packed"
    READY = "ready"


class NotToBeCancelled(DomainError):
    """It is over, not paid, or cancelled already. Fact: `state`."""

    code = "not_to_be_cancelled"


class TooLateToCancel(DomainError):
    """Its site gives nothing back at this point."""

    code = "too_late_to_cancel"


class CancelTermsChanged(DomainError):
    """What comes back is not what was shown; nothing was cancelled."""

    code = "cancel_terms_changed"


@dataclass(frozen=True, slots=True)
class Policy:
    """Percent of each line that comes back, by stage; before the cut-off it is always all."""

    closed_percent: int = 100
    packed_percent: int = 100
    ready_percent: int = 100

    def percent(self, stage: Stage) -> int:
        """Of what is left of a line."""
        shares = {
            Stage.OPEN: 100,
            Stage.CLOSED: self.closed_percent,
            Stage.PACKED: self.packed_percent,
            Stage.READY: self.ready_percent,
        }
        return shares[stage]


def stage_of(state: OrderState, *, order_by: datetime, broken_promise: bool, now: datetime) -> Stage:
    """How far it has come; `broken_promise`: its van was called off, or comes too late. Raises NotToBeCancelled."""
    later = {OrderState.PACKED: Stage.PACKED, OrderState.READY: Stage.READY}
    if state is not OrderState.PAID and state not in later:
        raise NotToBeCancelled(state=state.value)
    if broken_promise and state is not OrderState.READY:
        return Stage.OPEN
    if state is OrderState.PAID:
        return Stage.OPEN if now < order_by else Stage.CLOSED
    return later[state]


def comes_back(left_minor: Mapping[int, int], percent: int) -> Mapping[int, int]:
    """Minor units that come back of what is left of each line."""
    return {line_no: -(-left * percent // 100) for line_no, left in left_minor.items() if left * percent > 0}
