"""A small locker of four doors, and devices that need no broker."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from firmware_sim.device import LockerDevice, Surroundings
from firmware_sim.faults import Fault
from firmware_sim.settings import Bus, ColumnPlan, DoorPlan, HeadPlan, LockerPlan, Rectangle
from locker_protocol.clock import RealClock
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import SizeClass, Zone
from tests.firmware.bus_probe import BusProbe
from tests.firmware.simulator import GATEWAY, LOCKER, Simulator, running_simulator

HELP = "0512-0000 1234"


class HasUrl(Protocol):
    """A broker of the root's fixtures."""

    def url(self, identity: str) -> str: ...


def small_locker(locker_id: str = "T1", gateway_id: str = "osmanthus") -> LockerPlan:
    """Two chilled doors on the left, two ambient ones under the head on the right."""
    doors = [
        DoorPlan(number, column, row, zone, SizeClass.L, 5 + 420 * (column - 1), y_mm, 410, 330)
        for number, column, row, zone, y_mm in (
            (1, 1, 1, Zone.CHILLED, 445),
            (2, 1, 2, Zone.CHILLED, 105),
            (3, 2, 1, Zone.AMBIENT, 445),
            (4, 2, 2, Zone.AMBIENT, 105),
        )
    ]
    head = HeadPlan(
        2,
        425,
        785,
        410,
        1010,
        screen=Rectangle(480, 1240, 300, 200),
        scanner=Rectangle(480, 1000, 120, 100),
        keypad=Rectangle(640, 950, 140, 200),
    )
    columns = [ColumnPlan(1, Zone.CHILLED, 0, 420), ColumnPlan(2, Zone.AMBIENT, 420, 420)]
    return LockerPlan(locker_id, gateway_id, "小柜", "Small locker", 840, 2100, 700, 280, columns, doors, head, HELP)


@pytest.fixture
def lockers_file(tmp_path: Path) -> Path:
    """A file for `SIM_LOCKERS` with one small locker."""
    path = tmp_path / "lockers.json"
    path.write_bytes(msgspec.json.encode([small_locker()]))
    return path


@pytest.fixture
def with_device(tmp_path: Path) -> Callable[[Callable[[LockerDevice], Coroutine[None, None, None]]], None]:
    """Run a coroutine with a device whose network is cut, on a loop of its own."""

    def run(scenario: Callable[[LockerDevice], Coroutine[None, None, None]]) -> None:
        asyncio.run(_with_device(tmp_path, scenario))

    return run


async def _with_device(folder: Path, scenario: Callable[[LockerDevice], Coroutine[None, None, None]]) -> None:
    around = Surroundings(Bus("127.0.0.1", 9, None, None), folder, RealClock(), random_bytes)
    device = LockerDevice(small_locker(), around)
    device.switches.switch(Fault("network_cut"))
    device.power_on()
    try:
        await scenario(device)
    finally:
        device.stop()


@pytest.fixture
def simulator(broker: HasUrl, lockers_file: Path, tmp_path: Path) -> Iterator[Simulator]:
    """The program with one small locker, on each kind of broker."""
    with running_simulator(broker.url("controllers"), lockers_file, tmp_path / "memory") as running:
        yield running


@pytest.fixture
def gateway(broker: HasUrl, simulator: Simulator) -> Iterator[BusProbe]:
    """A gateway that has heard the simulator's birth."""
    with BusProbe(broker.url(GATEWAY), GATEWAY, LOCKER) as probe:
        simulator.until(lambda state: bool(state["linked"]))
        probe.wait(lambda: bool(probe.presence) and probe.presence[-1].boot_id == simulator.state()["boot_id"])
        yield probe
