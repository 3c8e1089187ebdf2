"""Lets a fault file happen: reads it again when it changes, and switches what is due at the lockers it names.

A file that cannot be used is told of in one sentence, and what was going on goes on. It decides nothing else.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from firmware_sim.device import LockerDevice
from firmware_sim.fault_board import seeded_bytes
from firmware_sim.fault_file import FaultFile, FaultFileError, read_fault_file
from firmware_sim.fault_plan import FaultPlan, Turn
from firmware_sim.faults import KINDS, FaultError, Spot, spot_of
from firmware_sim.hardware import HandRefusedError

LOOK_EVERY_S = 0.2

log = structlog.get_logger()


class FaultRunner:
    """One fault file and what it has switched on. `problem` is the sentence about its newest state, if it is wrong."""

    def __init__(self, devices: Mapping[str, LockerDevice], path: Path, first: FaultFile) -> None:
        self._devices, self.path = devices, path
        self.problem: str | None = None
        self._on: set[tuple[str, Spot]] = set()
        self._stamp = _stamp(path)
        self._begin(first)

    def look(self) -> None:
        """Do what is due; take the file up anew if it has changed."""
        if (stamp := _stamp(self.path)) != self._stamp:
            self._stamp = stamp
            self._read_again()
        for turn in self._plan.due((asyncio.get_running_loop().time() - self._began_s) * 1000):
            self._do(turn)

    async def run(self) -> None:
        """Look again and again, forever."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def _read_again(self) -> None:
        try:
            file = read_fault_file(self.path, doors_of(self._devices))
        except FaultFileError as error:
            self.problem = str(error)
            log.warning("fault_file_refused", reason=self.problem)
            return
        for locker, spot in sorted(self._on, key=repr):
            self._devices[locker].switches.off(spot)
        log.info("fault_file_read", path=str(self.path), faults=len(file.planned))
        self._begin(file)

    def _begin(self, file: FaultFile) -> None:
        self.problem = None
        self._on.clear()
        self._began_s = asyncio.get_running_loop().time()
        self._plan = FaultPlan(file.planned, doors_of(self._devices), file.seed)
        for locker, device in self._devices.items():
            device.board.seeded(seeded_bytes(f"{file.seed}:{locker}"))

    def _do(self, turn: Turn) -> None:
        """What cannot be just now, such as forcing an open door, is told of and passed over."""
        place = (turn.locker, spot_of(turn.fault))
        try:
            self._devices[turn.locker].switches.switch(turn.fault, on=turn.on)
        except (FaultError, HandRefusedError) as error:
            log.warning("fault_passed_over", locker=turn.locker, line=turn.line, reason=error.code)
            return
        if turn.on and not KINDS[turn.fault.name].moment:
            self._on.add(place)
        else:
            self._on.discard(place)


def doors_of(devices: Mapping[str, LockerDevice]) -> dict[str, list[int]]:
    """Each locker's doors."""
    return {locker: list(device.cabinet.doors) for locker, device in devices.items()}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
