"""Which faults are on at one locker, and whether one strikes this time. Pure; chance comes from seeded bytes.

It never does what a fault says.
"""

import hashlib
from collections.abc import Iterator

from firmware_sim.faults import Fault, FaultName, Probe, Spot, spot_of
from locker_protocol.ids import RandomBytes
from locker_protocol.vocabulary import Zone


class FaultBoard:
    """The switches of one locker; each fault on it is complete."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._on: dict[Spot, Fault] = {}

    def __iter__(self) -> Iterator[Fault]:
        """All that is on, in the order it was switched on."""
        return iter(list(self._on.values()))

    def put(self, fault: Fault) -> None:
        """Switch on; at its place it takes the place of the one before."""
        self._on[spot_of(fault)] = fault

    def take(self, spot: Spot) -> Fault | None:
        """Switch off; nothing where nothing was on."""
        return self._on.pop(spot, None)

    def at(self, spot: Spot) -> Fault | None:
        """What is on at a place."""
        return self._on.get(spot)

    def seeded(self, random: RandomBytes) -> None:
        """Take chance from elsewhere from now on."""
        self._random = random

    def on(
        self, name: FaultName, *, door: int | None = None, zone: Zone | None = None, probe: Probe | None = None
    ) -> Fault | None:
        """The fault there, if it is on, whether or not it strikes."""
        return self._on.get(Spot(name, door, zone, probe))

    def strikes(
        self, name: FaultName, *, door: int | None = None, zone: Zone | None = None, probe: Probe | None = None
    ) -> Fault | None:
        """The fault there, if it is on and this is the occasion of the `one_in`."""
        fault = self._on.get(Spot(name, door, zone, probe))
        if fault is None or fault.one_in in {None, 1}:
            return fault
        return fault if int.from_bytes(self._random(8)) % (fault.one_in or 1) == 0 else None

    def amount(self, name: FaultName) -> float | None:
        """The number of a locker's fault that is on."""
        fault = self.on(name)
        return fault.amount if fault else None


def seeded_bytes(seed: str) -> RandomBytes:
    """Random bytes that are the same for the same seed, on every machine."""
    source = _stream(seed)

    def take(count: int) -> bytes:
        return bytes(next(source) for _ in range(count))

    return take


def _stream(seed: str) -> Iterator[int]:
    number = 0
    while True:
        yield from hashlib.sha256(f"{seed}:{number}".encode()).digest()
        number += 1


def fraction(random: RandomBytes) -> float:
    """A number from 0 up to 1, never 1."""
    return int.from_bytes(random(7)) / 2**56
