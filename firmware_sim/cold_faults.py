"""What is broken about a locker's cold, as it bears on a zone. Pure; time is civil.

It decides how far a fault of the board has gone by now; what that does to air and food is the fridge's business.
"""

from firmware_sim.cold_machine import Machine
from firmware_sim.fault_board import FaultBoard
from firmware_sim.faults import FaultName
from firmware_sim.fridge import Circumstances, ZoneFridge
from locker_protocol.vocabulary import Zone

DAY_MS = 86_400_000


class ColdFaults:
    """Applies the board to zones; remembers since when a compressor is dying."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self._dying_since_ms: dict[Zone, int] = {}

    def bear_on(self, fridge: ZoneFridge, civil_ms: int, *, open_doors: int, powered: bool) -> Circumstances:
        """Impair the zone's machine as the board says, and give what bears on it from outside."""
        if fridge.machine is not None:
            self._impair(fridge.machine, fridge.zone, civil_ms)
        leak = self._amount("gasket_leaks", fridge.zone)
        return Circumstances(open_doors, powered, self.hotter_k(), leak)

    def hotter_k(self) -> float:
        """How much hotter the room is than usual."""
        return self._board.amount("room_hot") or 0.0

    def _impair(self, machine: Machine, zone: Zone, civil_ms: int) -> None:
        machine.strength = self._strength(zone, civil_ms)
        machine.fan_turns = not self._board.on("fan_stopped", zone=zone)
        machine.off_by_k = self._amount("thermostat_off", zone)
        machine.defrost_hangs = self._board.on("defrost_hangs", zone=zone) is not None

    def _strength(self, zone: Zone, civil_ms: int) -> float:
        percent_a_day = self._amount("compressor_dying", zone)
        if not percent_a_day:
            self._dying_since_ms.pop(zone, None)
        since_ms = self._dying_since_ms.setdefault(zone, civil_ms) if percent_a_day else civil_ms
        if self._board.on("compressor_dead", zone=zone):
            return 0.0
        return max(0.0, 1 - percent_a_day / 100 * max(0, civil_ms - since_ms) / DAY_MS)

    def _amount(self, name: FaultName, zone: Zone) -> float:
        fault = self._board.on(name, zone=zone)
        return (fault.amount or 0.0) if fault else 0.0
