"""The life of a parcel. Rule: the site says where a parcel lies; the service only follows what it was told."""

from enum import StrEnum

from app.domain.state_table import StateTable


class ParcelState(StrEnum):
    """Where a parcel stands."""

    DRAFT = "draft"  # drawn up at checkout, not yet paid for: nobody packs it
    PLANNED = "planned"
    PACKED = "packed"
    LOADED = "loaded"
    RESCUED = "rescued"  # in a keeper's cold bag
    COLLECTED = "collected"
    RETURNED = "returned"
    DISPOSED = "disposed"
    CANCELLED = "cancelled"


class ParcelEvent(StrEnum):
    """What can happen to a parcel."""

    PAID = "paid"
    PACKED = "packed"
    LOADED = "loaded"
    TAKEN_BACK = "taken_back"  # it did not fit, or its door was broken
    COLLECTED = "collected"
    REMOVED = "removed"
    DISCARDED = "discarded"
    RESCUED = "rescued"
    HANDED_OVER = "handed_over"
    CANCELLED = "cancelled"


# A cancelled parcel is no end: its site may have loaded it before it heard, and then somebody has to take it out.
FINAL_PARCEL_STATES = frozenset({ParcelState.COLLECTED, ParcelState.RETURNED, ParcelState.DISPOSED})

_S, _E = ParcelState, ParcelEvent

PARCEL_TABLE: StateTable[ParcelState, ParcelEvent] = {
    (_S.DRAFT, _E.PAID): _S.PLANNED,
    (_S.PLANNED, _E.PACKED): _S.PACKED,
    (_S.PLANNED, _E.CANCELLED): _S.CANCELLED,
    (_S.PACKED, _E.LOADED): _S.LOADED,
    (_S.PACKED, _E.CANCELLED): _S.CANCELLED,
    (_S.LOADED, _E.COLLECTED): _S.COLLECTED,
    (_S.LOADED, _E.REMOVED): _S.RETURNED,
    (_S.LOADED, _E.DISCARDED): _S.DISPOSED,
    (_S.LOADED, _E.TAKEN_BACK): _S.PACKED,
    (_S.LOADED, _E.RESCUED): _S.RESCUED,
    (_S.RESCUED, _E.HANDED_OVER): _S.COLLECTED,
    (_S.RESCUED, _E.DISCARDED): _S.DISPOSED,
    (_S.CANCELLED, _E.LOADED): _S.LOADED,
}
