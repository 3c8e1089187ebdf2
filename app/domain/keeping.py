"""Food in a keeper's cold bag, and food that waits behind a door: until when it may be handed to its owner by hand.

Decides times and whether anything may be given out; it never asks who somebody is. A bag keeps cold by its ice packs:
chilled and cool food for 2 h (FSANZ 2 h / 4 h rule, the first limit), frozen food for 30 min, other food as long as it
would have behind its door. Nothing of an order that is being withdrawn, or is over, is handed out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import DomainError
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from locker_protocol.vocabulary import Zone

IN_A_BAG = {Zone.FROZEN: timedelta(minutes=30), Zone.CHILLED: timedelta(hours=2), Zone.COOL: timedelta(hours=2)}
# So many doors one pair of hands empties before the food of the last is warm.
MOST_DOORS = 8
HANDED_OUT = frozenset({OrderState.PACKED, OrderState.READY})
TO_COME = frozenset({ParcelState.DRAFT, ParcelState.PLANNED, ParcelState.PACKED})


class NothingToHandOver(DomainError):
    """Nothing of this order may be given out here and now."""

    code = "nothing_to_hand_over"


class NoDoorChosen(DomainError):
    """Food is rescued from one door at least."""

    code = "no_door_chosen"
    status = 422


class TooManyDoors(DomainError):
    """More doors than one keeper can empty. Fact: `most`."""

    code = "too_many_doors"
    status = 422


class NothingBehindDoor(DomainError):
    """No food that we know of lies there. Fact: `door`."""

    code = "nothing_behind_door"


class Verdict(StrEnum):
    """What a keeper is told of an order somebody asks for."""

    HERE = "here"
    NOT_YET = "not_yet"
    PAST = "past"  # its food-safe time is over
    OVER = "over"  # collected, withdrawn or refunded: nothing of it is left to give


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptParcel:
    """A parcel as far as handing it over by hand is concerned."""

    state: ParcelState
    collect_until: datetime
    keep_until: datetime | None
    kept_shut: bool  # for food safety: nobody but staff gets it


def keep_until(zone: Zone, *, taken_at: datetime, collect_until: datetime) -> datetime:
    """When food taken into a cold bag must not be handed over any more; never later than behind its door."""
    lasts = IN_A_BAG.get(zone)
    return collect_until if lasts is None else min(taken_at + lasts, collect_until)


def may_be_given(order: OrderState, parcel: KeptParcel, *, now: datetime) -> bool:
    """Whether this parcel may be handed to its owner now, from its door or from a bag."""
    ends = parcel.keep_until if parcel.state is ParcelState.RESCUED and parcel.keep_until else parcel.collect_until
    there = parcel.state in (ParcelState.LOADED, ParcelState.RESCUED) and not parcel.kept_shut
    return order in HANDED_OUT and there and now <= ends


def verdict(order: OrderState, parcels: Sequence[KeptParcel], *, now: datetime) -> Verdict:
    """What to say of an order. It never says when or by whom something was collected."""
    if any(may_be_given(order, parcel, now=now) for parcel in parcels):
        return Verdict.HERE
    if order in HANDED_OUT and any(one.state in (ParcelState.LOADED, ParcelState.RESCUED) for one in parcels):
        return Verdict.PAST
    begun = order in {OrderState.PAID, *HANDED_OUT}
    return Verdict.NOT_YET if begun and any(one.state in TO_COME for one in parcels) else Verdict.OVER


def check_doors(doors: Sequence[int], *, with_food: frozenset[int] | set[int]) -> list[int]:
    """The doors to empty, each once, in order. Raises NoDoorChosen, TooManyDoors or NothingBehindDoor."""
    wanted = sorted(set(doors))
    if not wanted:
        raise NoDoorChosen
    if len(wanted) > MOST_DOORS:
        raise TooManyDoors(most=MOST_DOORS)
    if missing := [door for door in wanted if door not in with_food]:
        raise NothingBehindDoor(door=missing[0])
    return wanted
