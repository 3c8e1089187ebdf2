"""What becomes of a parcel that staff took out of a door because nobody collected it.

Food that must be kept cold is never offered again, whatever it looks like; what keeps by itself may be given away while
it is good. Nothing of either is sold a second time. Source of the classes: FDA Food Code 3-501.17 and our own policy.
"""

from collections.abc import Collection
from datetime import datetime

from app.domain.parcel_state import ParcelEvent

KEEPS_BY_ITSELF = frozenset({"ambient", "cool_sensitive", "chilled_quality"})


def fate(food_classes: Collection[str], *, collect_until: datetime, now: datetime) -> ParcelEvent:
    """Returned (and given away), or discarded."""
    good = now <= collect_until and set(food_classes) <= KEEPS_BY_ITSELF
    return ParcelEvent.REMOVED if good else ParcelEvent.DISCARDED
