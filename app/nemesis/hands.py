"""What does a fault to a stack, and undoes it.

Decides how; never when, nor to whom. A stack is prepared before it starts (`rewire`) and belongs to its hands until
`end`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from app.demo.child import Command
from app.demo.stack import Stack
from app.nemesis.cables import Cables
from app.nemesis.disk import Disk, make_disk
from app.nemesis.plan import Fault, Kind
from app.nemesis.processes import go_on, stop
from app.nemesis.proxy import Half
from locker_protocol.clock import DemoClock, read_anchor, write_anchor

LOOK_EVERY_S = 0.1
GATEWAY = "gateway-"


class Hands:
    """One stack's. `begin` when it runs."""

    def __init__(self) -> None:
        self._cables = Cables()
        self._disks: dict[str, Disk] = {}
        self._stack: Stack | None = None
        self._cables.begin()

    def rewire(self, command: Command) -> Command:
        """Prepare a program before it is started: its cables, and a gateway's disk."""
        if command.name.startswith(GATEWAY):
            self._disks[command.name] = make_disk(Path(command.env["GATEWAY_DATA"]))
        return self._cables.rewire(command)

    def begin(self, stack: Stack) -> None:
        """Take the running stack."""
        self._stack = stack

    def end(self) -> None:
        """The stack has stopped: leave nothing behind."""
        self._cables.end()
        for disk in self._disks.values():
            disk.take_away()

    def targets(self) -> Mapping[Kind, Sequence[str]]:
        """Whom each kind can hurt."""
        processes, cables = self._running.supervisor.names(), self._cables.names
        of_cables = dict.fromkeys((Kind.DELAY, Kind.HOLD, Kind.LOSE, Kind.RESET, Kind.HALF_CLOSE), cables)
        return {
            Kind.KILL: processes,
            Kind.STOP: processes,
            **of_cables,
            Kind.DISK_FULL: list(self._disks),
            Kind.CLOCK: ["civil"],
        }

    @property
    def disks(self) -> str:
        """What the disks are."""
        return ", ".join(sorted({disk.how for disk in self._disks.values()}))

    async def do(self, fault: Fault) -> None:
        """Do it for as long as it lasts, and undo it, also when cancelled."""
        ways: Mapping[Kind, Callable[[Fault], Awaitable[None]]] = {
            Kind.KILL: self._kill,
            Kind.STOP: self._stop,
            Kind.DISK_FULL: self._fill,
            Kind.CLOCK: self._step_clock,
        }
        await ways.get(fault.kind, self._hurt_cable)(fault)

    async def _kill(self, fault: Fault) -> None:
        self._running.kill(fault.target)

    async def _stop(self, fault: Fault) -> None:
        stopped = stop(self._running.supervisor.pid(fault.target))
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            go_on(stopped)

    async def _hurt_cable(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.DELAY:
                self._cables.delay(fault.target, fault.amount)
            case Kind.HOLD:
                self._cables.hold(fault.target)
            case Kind.LOSE:
                self._cables.lose(fault.target)
            case Kind.RESET:
                self._cables.reset(fault.target)
            case _:
                self._cables.close_half(fault.target, Half.FROM_PROGRAM if fault.amount < 0.5 else Half.FROM_SERVER)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            self._cables.mend(fault.target)

    async def _fill(self, fault: Fault) -> None:
        disk, supervisor = self._disks[fault.target], self._running.supervisor
        try:
            for _ in range(max(1, round(fault.lasts_s / LOOK_EVERY_S))):
                disk.fill(supervisor.pid(fault.target))
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            disk.free(supervisor.pid(fault.target))

    async def _step_clock(self, fault: Fault) -> None:
        """Step the civil time of all programs, and step it back: who jumps it ahead meanwhile keeps the difference."""
        self._step(fault.amount)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            self._step(-fault.amount)

    def _step(self, seconds: float) -> None:
        path = self._running.plan.clock_file
        now_ms = DemoClock(path).now().civil_ms
        write_anchor(path, rate=read_anchor(path).rate, civil_ms=now_ms + round(1000 * seconds))

    @property
    def _running(self) -> Stack:
        assert self._stack is not None, "hands begin with a running stack"
        return self._stack
