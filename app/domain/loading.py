"""What a label must satisfy before a door is opened for it. The gateway asks again: it knows where things lie."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import DomainError
from app.domain.parcel_state import ParcelState
from app.domain.shelf_life import loadable_from
from locker_protocol.ids import CROCKFORD
from locker_protocol.label import REF_LENGTH, read_label


class LabelMalformed(DomainError):
    """Neither a label's text nor a reference of eight characters."""

    code = "label_malformed"
    status = 422


class LabelUnknown(DomainError):
    """No parcel of ours."""

    code = "label_unknown"


class LabelOtherSite(DomainError):
    """It belongs to another building. Facts: `site_zh`, `site_en`."""

    code = "label_other_site"


class LabelOtherRun(DomainError):
    """It is not loaded now. Facts: `load_from`, `load_until`, ISO 8601 UTC."""

    code = "label_other_run"


class LabelNotPacked(DomainError):
    """Nobody recorded it as packed."""

    code = "label_not_packed"


class LabelLoaded(DomainError):
    """It lies, or lay, in a locker already. Fact: `door`."""

    code = "label_loaded"


class LabelCancelled(DomainError):
    """Its order will not be collected: take the bag back."""

    code = "label_cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledParcel:
    """What the database knows of the parcel a label names."""

    state: ParcelState
    site_id: str
    site_zh: str
    site_en: str
    run_no: int
    load_from: datetime
    removal_from: datetime
    door: int | None
    order_over: bool


def ref_of(text: str) -> str:
    """The reference a scanned label or typed reference names. Raises LabelMalformed."""
    label = read_label(text)
    if label is not None:
        return label.ref
    ref = "".join(text.split()).upper()
    if len(ref) != REF_LENGTH or not set(ref) <= set(CROCKFORD):
        raise LabelMalformed
    return ref


def refuse_unloadable(parcel: LabelledParcel, *, site_id: str, now: datetime, another_door: bool = False) -> None:
    """Refuse a parcel that must not be loaded here and now. Raises one of the label refusals.

    A bag keeps its printed label when its order moves to another run: only the reference counts, which is unique.
    `another_door`: it may be counted as loaded already, behind a door that will not do.
    """
    if parcel.site_id != site_id:
        raise LabelOtherSite(site_zh=parcel.site_zh, site_en=parcel.site_en)
    if not (another_door and parcel.state is ParcelState.LOADED):
        _refuse_state(parcel)
    if not loadable_from(parcel.load_from) <= now < parcel.removal_from:
        raise LabelOtherRun(load_from=parcel.load_from.isoformat(), load_until=parcel.removal_from.isoformat())


def _refuse_state(parcel: LabelledParcel) -> None:
    if parcel.state in (ParcelState.LOADED, ParcelState.COLLECTED):
        raise LabelLoaded(door=parcel.door or 0)
    if parcel.order_over or parcel.state not in (ParcelState.PLANNED, ParcelState.PACKED):
        raise LabelCancelled
    if parcel.state is ParcelState.PLANNED:
        raise LabelNotPacked
