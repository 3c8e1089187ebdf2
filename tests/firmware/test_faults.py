"""What can be switched to go wrong, from a file and on a running device."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec
import pytest

from firmware_sim.device import LockerDevice
from firmware_sim.faults import LockSupply, Power, SetZone, UseDoor, WireDoor
from firmware_sim.hardware import HandRefusedError
from firmware_sim.settings import SettingsError, settings_from
from firmware_sim.signals import Received
from locker_protocol.bus_messages import DoorOpened, Unlock, UnlockDone
from locker_protocol.vocabulary import Zone

WithDevice = Callable[[Callable[[LockerDevice], Coroutine[None, None, None]]], None]


def environment(lockers_file: Path, faults: Path) -> dict[str, str]:
    return {
        "SIM_BUS_URL": "mqtt://user:p%40ss@127.0.0.1:1884",
        "SIM_LOCKERS": str(lockers_file),
        "SIM_HTTP_PORT": "0",
        "SIM_DATA": "data",
        "SIM_FAULTS": str(faults),
    }


def test_faults_are_read_from_a_file(lockers_file: Path, tmp_path: Path) -> None:
    faults = [UseDoor(2, "jam"), SetZone(Zone.CHILLED, warm_by_c=8), Power(on=False), WireDoor(1, 2)]
    (tmp_path / "faults.json").write_bytes(msgspec.json.encode({"T1": faults}))
    settings = settings_from(environment(lockers_file, tmp_path / "faults.json"))

    assert settings.faults == tuple(("T1", fault) for fault in faults)
    assert settings.bus.password == "p@ss"


def test_faults_of_an_unknown_locker_are_refused(lockers_file: Path, tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text('{"NOPE": []}')
    with pytest.raises(SettingsError, match="NOPE"):
        settings_from(environment(lockers_file, tmp_path / "faults.json"))


def events(device: LockerDevice) -> list[object]:
    assert device.controller is not None
    return [kept.event for kept in device.controller.memory.events]


def unlock(device: LockerDevice, door: int) -> None:
    assert device.controller is not None
    device.feed(Received(Unlock("c1", door, device.controller.boot_id, 0)))


def test_a_door_wired_to_its_neighbour_reports_as_its_neighbour(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.apply(WireDoor(1, 2))
        device.apply(WireDoor(2, 1))
        unlock(device, 1)
        await asyncio.sleep(0.25)
        assert events(device) == [UnlockDone("c1", 1, "pulsed"), DoorOpened(2, None)]

    with_device(scenario)


def test_without_lock_supply_nothing_is_pulsed(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        device.apply(LockSupply(on=False))
        unlock(device, 1)
        assert device.figures.pulses == 0
        assert events(device) == [UnlockDone("c1", 1, "disabled")]

    with_device(scenario)


def test_a_fault_that_cannot_be_is_refused(with_device: WithDevice) -> None:
    async def scenario(device: LockerDevice) -> None:
        for impossible in (SetZone(Zone.FROZEN, warm_by_c=1), WireDoor(1, 99), UseDoor(99, "jam")):
            with pytest.raises(HandRefusedError):
                device.apply(impossible)

    with_device(scenario)
