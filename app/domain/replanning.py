"""Whether an order's bags may wait for another van, and until when they may then be collected.

Decides by what the goods stand: their life goes on from when they were packed, and the new window must end before it
does. Never whether doors and places are left (the counters say that), and never anything about a parcel that lies in a
locker: such an order is not moved.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import DomainError, IllegalMove
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.parcelling import may_stand_in
from app.domain.shelf_life import KeepsTooShort, Perishable, good_until
from locker_protocol.vocabulary import Zone

MOVABLE = frozenset({OrderState.PAID, OrderState.PACKED})
WAITING = frozenset({ParcelState.PLANNED, ParcelState.PACKED})


class RunNotComing(DomainError):
    """That van was called off, or has come and gone."""

    code = "run_not_coming"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """One kind of goods in a bag, with its names for whoever is told that it keeps too short."""

    product_id: str
    name_zh: str
    name_en: str
    perishable: Perishable


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingParcel:
    """A bag that lies in no locker yet; `packed_at` is none where nobody has packed it."""

    parcel_id: str
    zone: Zone
    packed_at: datetime | None
    goods: tuple[Goods, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """The van and window that an order might move to."""

    load_from: datetime
    load_until: datetime
    removal_from: datetime
    closes_at: datetime
    called_off: bool


def refuse_unmovable(state: OrderState, parcels: Collection[ParcelState]) -> None:
    """Refuse to move an order of which anything lies in a locker, or that is over. Raises IllegalMove."""
    if state not in MOVABLE or not set(parcels) <= WAITING | {ParcelState.CANCELLED}:
        raise IllegalMove(state=state.value, event="moved")


def refuse_gone(run: NewRun, *, now: datetime) -> None:
    """Refuse a van that is not to be had any more. Raises RunNotComing."""
    if run.called_off or now >= min(run.load_until, run.closes_at):
        raise RunNotComing


def new_ends(parcels: Sequence[WaitingParcel], run: NewRun) -> Mapping[str, datetime]:
    """Until when each parcel may be collected on that run. Raises KeepsTooShort."""
    return {parcel.parcel_id: _end_of(parcel, run) for parcel in parcels}


def _end_of(parcel: WaitingParcel, run: NewRun) -> datetime:
    hours = (run.closes_at - run.load_from) / timedelta(hours=1)
    end = run.removal_from
    for one in parcel.goods:
        food = one.perishable
        until = good_until(food, stands_in=parcel.zone, load_from=run.load_from, packed_at=parcel.packed_at)
        stands = may_stand_in(parcel.zone, own=food.zone, tolerates=food.tolerates, hours=hours)
        if until < run.closes_at or not stands:
            raise KeepsTooShort(product=one.product_id, name_zh=one.name_zh, name_en=one.name_en)
        end = min(end, until)
    return end
