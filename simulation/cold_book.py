"""What the service keeps of the cold chain, in dicts: minutes, and what is kept shut, looked at, condemned, refunded.

A quarantine moves by the real table; at most one of a parcel is open. Money of a line goes back once. It judges no
temperature: the site does, and staff by the probe in their hand.
"""

from collections.abc import Collection
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.quarantine_state import QUARANTINE_TABLE, QuarantineEvent, QuarantineState
from app.domain.state_table import step
from locker_protocol.cold_messages import (
    CondemnParcel,
    ParcelCleared,
    ParcelCondemned,
    ParcelQuarantined,
    QuarantinedParcel,
    ReleaseParcel,
)
from locker_protocol.telemetry import MinutesKept, ZoneMinute
from locker_protocol.vocabulary import Zone

if TYPE_CHECKING:
    from simulation.service_book import Book

DECIDE_WITHIN_MS, CLOCKS_DIFFER_MS = 2 * 3_600_000, 300_000
SHUT = frozenset({QuarantineState.OPEN, QuarantineState.CONDEMNED})
ENDS = frozenset({OrderState.PACKED, OrderState.READY})
GOES_ON = ENDS | {OrderState.PAID}


@dataclass(slots=True)
class Quarantine:
    """The newest one of a parcel. `kept`: the classes that staff left in the bag."""

    parcel_id: str
    due_at: int
    state: QuarantineState = QuarantineState.OPEN
    condemned: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    reminded: bool = False


@dataclass(slots=True)
class ColdBook:
    """The tables of the cold chain."""

    quarantines: dict[str, Quarantine] = field(default_factory=dict)
    minutes: dict[tuple[str, Zone, int], ZoneMinute] = field(default_factory=dict)
    through: dict[str, int] = field(default_factory=dict)

    def copied(self) -> "ColdBook":
        """A copy that goes its own way."""
        quarantines = {each: copy(row) for each, row in self.quarantines.items()}
        return ColdBook(quarantines, dict(self.minutes), dict(self.through))

    def keep_minutes(self, said: MinutesKept) -> int:
        """Take minutes in; returns through where they are here, or where the gateway must begin."""
        through = self.through.get(said.controller, 0)
        if said.after > through:
            return through
        for zone in said.zones:
            for minute in zone.minutes:
                self.minutes[said.controller, zone.zone, minute.minute] = minute
        self.through[said.controller] = max(through, said.through)
        return said.through

    # --- what the site tells

    def apply(self, book: "Book", event: ParcelQuarantined | ParcelCleared | ParcelCondemned, now: int) -> None:
        """Follow its word."""
        row = self.quarantines.get(event.parcel_id)
        match event:
            case ParcelQuarantined(parcel_id):
                if row is None or row.state not in SHUT:
                    self._keep_shut(parcel_id, now)
            case ParcelCleared():
                if row is not None and row.state is QuarantineState.OPEN:
                    row.state = step(QUARANTINE_TABLE, row.state, QuarantineEvent.CLEARED)
            case ParcelCondemned(parcel_id):
                stays = row.kept if row else frozenset[str]()
                if stays and event.food_class in set(book.parcels[parcel_id].lines) - stays:
                    return  # condemned before the site heard that staff took it out
                if row is None or row.state not in SHUT:
                    row = self._keep_shut(parcel_id, now)
                self.condemn(book, row, {event.food_class}, QuarantineEvent.CONDEMNED)

    def taken_out(self, book: "Book", parcel_id: str) -> bool:
        """Whether staff took out what was kept shut: then that decides."""
        row = self.quarantines.get(parcel_id)
        if row is None or row.state not in SHUT:
            return False
        if row.state is QuarantineState.OPEN:
            self.condemn(book, row, None, QuarantineEvent.DISCARDED)
        return True

    def _keep_shut(self, parcel_id: str, now: int) -> Quarantine:
        before = self.quarantines.get(parcel_id)
        row = Quarantine(parcel_id, now + DECIDE_WITHIN_MS, kept=before.kept if before else frozenset())
        self.quarantines[parcel_id] = row
        return row

    # --- what is decided

    def inspect(self, book: "Book", parcel_id: str, stays: Collection[str], now: int) -> None:
        """Staff looked: release these classes, or discard all."""
        row, parcel = self.quarantines[parcel_id], book.parcels[parcel_id]
        if row.state is not QuarantineState.OPEN:
            return
        order_id = parcel.manifest.order_id
        if not stays:
            self.condemn(book, row, None, QuarantineEvent.DISCARDED)
            book.tell(CondemnParcel(parcel_id, order_id, "staff-9"), now)
            return
        row.state = step(QUARANTINE_TABLE, row.state, QuarantineEvent.RELEASED)
        row.kept = frozenset(stays)
        book.refund_food(parcel_id, set(parcel.lines) - row.kept)
        book.tell(ReleaseParcel(parcel_id, order_id, "staff-9", sorted(stays)), now)

    def remind(self, book: "Book", now: int) -> None:
        """Nobody decided in two hours: the site is told, where food still lies behind its doors."""
        for row in self.quarantines.values():
            if row.state is not QuarantineState.OPEN or row.due_at + CLOCKS_DIFFER_MS > now or row.reminded:
                continue
            parcel = book.parcels[row.parcel_id]
            if parcel.state is ParcelState.LOADED:
                row.reminded = True
                book.tell(CondemnParcel(row.parcel_id, parcel.manifest.order_id), now)
            else:
                self.condemn(book, row, None, QuarantineEvent.CONDEMNED)

    def condemn(self, book: "Book", row: Quarantine, classes: Collection[str] | None, event: QuarantineEvent) -> None:
        """These classes must not be eaten (`None`: all): their money goes back, and no order waits for them."""
        there = row.kept or frozenset(book.parcels[row.parcel_id].lines)
        known = classes is not None and set(classes) <= there
        row.condemned = row.condemned | frozenset(classes or ()) | (frozenset() if known else there)
        if there <= row.condemned and row.state is QuarantineState.OPEN:
            row.state = step(QUARANTINE_TABLE, row.state, event)
        book.refund_food(row.parcel_id, set(book.parcels[row.parcel_id].lines) & row.condemned)
        if there <= row.condemned:
            book.end_without(row.parcel_id)

    # --- looking

    def is_condemned(self, parcel_id: str) -> bool:
        """Nothing of it is handed out any more."""
        row = self.quarantines.get(parcel_id)
        return row is not None and row.state is QuarantineState.CONDEMNED

    def is_shut(self, parcel_id: str) -> bool:
        """Nobody but staff gets it."""
        row = self.quarantines.get(parcel_id)
        return row is not None and row.state in SHUT

    def told_a_new_store(self, lying: Collection[str]) -> list[QuarantinedParcel]:
        """What a snapshot says of it."""
        return [
            QuarantinedParcel(each, "quarantine" if self.quarantines[each].state is QuarantineState.OPEN else "discard")
            for each in lying
            if self.is_shut(each)
        ]
