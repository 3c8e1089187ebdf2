"""What staff may give back by hand: never more than is left of a line, and never all of what is still handed out.

Nothing is handed out after its refund. A part may go back meanwhile (one soft tomato of four); for the whole the order
is withdrawn, and its money waits for its site's word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import DomainError
from app.domain.order_state import FINAL_ORDER_STATES, OrderState
from app.domain.parcel_state import FINAL_PARCEL_STATES, ParcelState
from app.domain.refunding import ChargedLine, NothingToRefund


class MoreThanLeft(DomainError):
    """A line has less left than was asked. Facts: `field`, `line`, `left_minor`."""

    code = "more_than_left"
    status = 422


class StillHandedOut(DomainError):
    """All of a line that can still be collected. Facts: `field`, `line`."""

    code = "still_handed_out"


class WithdrawalUnderWay(DomainError):
    """The order is being withdrawn: what is left of it goes back by itself."""

    code = "withdrawal_under_way"


@dataclass(frozen=True, slots=True)
class RefundableLine(ChargedLine):
    """A charged line, where its order stands, and its parcel."""

    order: OrderState
    parcel: ParcelState | None

    @property
    def handed_out(self) -> bool:
        """Whether somebody may still collect it."""
        return self.order not in FINAL_ORDER_STATES and self.parcel not in FINAL_PARCEL_STATES


def refuse_wrong_refund(lines: Sequence[RefundableLine], wanted: Mapping[int, int]) -> None:
    """Raises NothingToRefund, WithdrawalUnderWay, MoreThanLeft or StillHandedOut."""
    known = {line.line_no: line for line in lines}
    asked = {line_no: amount for line_no, amount in wanted.items() if amount > 0}
    if not asked:
        raise NothingToRefund
    for line_no, amount in asked.items():
        line = known.get(line_no)
        field = f"line-{line_no}"
        if line is None or amount > line.left_minor:
            raise MoreThanLeft(field=field, line=line_no, left_minor=line.left_minor if line else 0)
        if line.order is OrderState.EXPIRING:
            raise WithdrawalUnderWay
        if line.handed_out and amount == line.left_minor:
            raise StillHandedOut(field=field, line=line_no)
