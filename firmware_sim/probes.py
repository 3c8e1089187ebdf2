"""A locker's temperature probes as they are read, well or faulty. Pure; time is civil.

It decides what a probe says. Whether that can be true is the gateway's to judge.
"""

from collections.abc import Mapping

from firmware_sim.fault_board import FaultBoard, fraction
from firmware_sim.faults import Fault, FaultName, Probe, Spot, spot_of
from firmware_sim.fridge import PROBE_STEP_C, ZoneFridge, read_probes
from locker_protocol.bus_messages import ZoneReading
from locker_protocol.ids import RandomBytes
from locker_protocol.vocabulary import Zone

HOUR_MS = 3_600_000
MAGIC_C: dict[FaultName, float] = {
    "probe_reads_85": 85.0,  # what a DS18B20 holds before its first conversion
    "probe_reads_minus_127": -127.0,  # what its usual driver says when nothing answers
    "probe_reads_127": 127.94,  # what one makes of a conversion that failed
}
PROBES: tuple[Probe, ...] = ("air", "product")


class Probes:
    """Reads all probes. Remembers where one got stuck, and since when one drifts."""

    def __init__(self, board: FaultBoard, random: RandomBytes) -> None:
        self._board, self._random = board, random
        self._held: dict[Spot, float] = {}
        self._since_ms: dict[Spot, int] = {}
        self._replayed: tuple[ZoneReading, ...] = ()

    def read(self, fridges: Mapping[Zone, ZoneFridge], civil_ms: int) -> tuple[ZoneReading, ...]:
        """Sample every zone once."""
        self._forget()
        true = [read_probes(fridge, self._random) for fridge in fridges.values()]
        wired = self._swapped(self._crossed(true))
        readings = tuple(self._zone(reading, civil_ms) for reading in wired)
        return self._old(readings) if self._board.on("probes_replayed") else readings

    def _old(self, readings: tuple[ZoneReading, ...]) -> tuple[ZoneReading, ...]:
        """What was read first is given again and again, so that no fault that comes later is seen."""
        self._replayed = self._replayed or readings
        return self._replayed

    def _crossed(self, readings: list[ZoneReading]) -> list[ZoneReading]:
        """A crossed zone and the next one after it have each other's probes."""
        crossed = list(readings)
        for at, reading in enumerate(readings):
            if self._board.on("probes_crossed", zone=reading.zone):
                other = (at + 1) % len(readings)
                crossed[at], crossed[other] = _as(crossed[other], reading.zone), _as(crossed[at], readings[other].zone)
        return crossed

    def _swapped(self, readings: list[ZoneReading]) -> list[ZoneReading]:
        return [
            ZoneReading(each.zone, each.product_c, each.air_c)
            if self._board.on("probes_swapped", zone=each.zone)
            else each
            for each in readings
        ]

    def _zone(self, reading: ZoneReading, civil_ms: int) -> ZoneReading:
        air_c = self._probe(reading.zone, "air", reading.air_c, civil_ms)
        return ZoneReading(reading.zone, air_c, self._probe(reading.zone, "product", reading.product_c, civil_ms))

    def _probe(self, zone: Zone, probe: Probe, value_c: float | None, civil_ms: int) -> float | None:
        def strikes(name: FaultName) -> Fault | None:
            return self._board.strikes(name, zone=zone, probe=probe)

        if value_c is None or strikes("probe_dead"):
            return None
        for name, magic_c in MAGIC_C.items():
            if strikes(name):
                return magic_c
        if beyond := strikes("probe_out_of_range"):
            return beyond.amount
        if stuck := strikes("probe_stuck"):
            return self._held.setdefault(spot_of(stuck), value_c)
        return _step(
            value_c
            + self._added(strikes("probe_drifts"), strikes("probe_noisy"), civil_ms)
            + self._jump(strikes("probe_jumps"))
        )

    def _added(self, drifts: Fault | None, noisy: Fault | None, civil_ms: int) -> float:
        added = 0.0
        if drifts is not None:
            since_ms = self._since_ms.setdefault(spot_of(drifts), civil_ms)
            added += (drifts.amount or 0) * max(0, civil_ms - since_ms) / HOUR_MS
        if noisy is not None:
            added += (noisy.amount or 0) * _bell(self._random)
        return added

    def _jump(self, jumps: Fault | None) -> float:
        return (jumps.amount or 0) if jumps else 0.0

    def _forget(self) -> None:
        """A fault that was switched off begins anew when it comes back."""
        on = {spot_of(fault) for fault in self._board}
        self._held = {spot: value for spot, value in self._held.items() if spot in on}
        if not self._board.on("probes_replayed"):
            self._replayed = ()
        self._since_ms = {spot: since for spot, since in self._since_ms.items() if spot in on}


def _as(reading: ZoneReading, zone: Zone) -> ZoneReading:
    return ZoneReading(zone, reading.air_c, reading.product_c)


def _step(value_c: float) -> float:
    return round(value_c / PROBE_STEP_C) * PROBE_STEP_C


def _bell(random: RandomBytes) -> float:
    """About normal with a standard deviation of 1: twelve even draws less six."""
    return sum(fraction(random) for _ in range(12)) - 6
