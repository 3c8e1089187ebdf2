"""What is physically true of the lockers, as the hands know it: which bag stands behind which door, and who may expect
a door to open. Pure.

It decides one thing: whether an opening was meant by somebody. It believes no program, only what hands did.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Place = tuple[str, int]


@dataclass(slots=True)
class Steel:
    """All doors of all sites. A place is a site and a door's number; `bags` holds the parcel that stands there."""

    bags: dict[Place, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    openings: int = 0
    _expected: Counter[Place] = field(default_factory=Counter)
    _at_work: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def expects(self, site_id: str, doors: Sequence[int]) -> Iterator[None]:
        """Somebody stands there and asked for these doors."""
        places = [(site_id, door) for door in doors]
        self._expected.update(places)
        try:
            yield
        finally:
            self._expected.subtract(places)

    @contextmanager
    def works_at(self, site_id: str) -> Iterator[None]:
        """A driver asked for whichever empty door the site chooses."""
        self._at_work[site_id] += 1
        try:
            yield
        finally:
            self._at_work[site_id] -= 1

    def opened(self, site_id: str, door: int) -> None:
        """A door sprang open."""
        self.openings += 1
        place = (site_id, door)
        if self._expected[place] > 0:
            return
        if place in self.bags:
            self.violations.append(f"door {door} of {site_id} opened and nobody who may have {self.bags[place]} asked")
        elif self._at_work[site_id] <= 0:
            self.violations.append(f"door {door} of {site_id} opened and nobody asked")

    def put(self, site_id: str, door: int, parcel: str) -> None:
        """A driver put a bag there."""
        before = self.bags.setdefault((site_id, door), parcel)
        if before != parcel:
            self.violations.append(f"door {door} of {site_id} holds {before} and was opened to load {parcel}")

    def take(self, site_id: str, door: int, parcels: Iterable[str]) -> str | None:
        """Somebody who may have these parcels took what stands there."""
        found = self.bags.pop((site_id, door), None)
        if found is not None and found not in parcels:
            self.violations.append(f"door {door} of {site_id} gave {found} to somebody else")
        return found

    def door_of(self, parcel: str) -> Place | None:
        """Where a bag stands."""
        return next((place for place, found in self.bags.items() if found == parcel), None)
