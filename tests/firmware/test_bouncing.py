"""A door that is pushed shut while it still swings open ends shut, for its contact too."""

import asyncio
from collections.abc import Callable, Coroutine

from firmware_sim.device import LockerDevice
from firmware_sim.hands import UseDoor

WithDevice = Callable[[Callable[[LockerDevice], Coroutine[None, None, None]]], None]


def test_a_door_turned_round_in_mid_swing_is_sensed_shut(with_device: WithDevice) -> None:
    async def swing(device: LockerDevice) -> None:
        device.apply(UseDoor(1, "open_by_force"))
        await asyncio.sleep(0.01)
        device.apply(UseDoor(1, "shut"))
        await asyncio.sleep(0.2)
        assert device.controller is not None
        assert not device.controller.sensors.is_open[1]

    with_device(swing)
