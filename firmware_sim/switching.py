"""Switches faults at one locker on and off: what each does to steel, power, network and memory at that moment.

It decides nothing about chance; parts that fail now and then ask the board themselves, each time.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from firmware_sim import signals
from firmware_sim.faults import KINDS, Fault, FaultError, Spot, complete, spot_of
from firmware_sim.hands import UseDoor
from firmware_sim.hardware import Door
from firmware_sim.journal import lose_memory, restore_memory
from locker_protocol.bus_messages import BootReason

if TYPE_CHECKING:
    from firmware_sim.device import LockerDevice

# A brown-out: long enough to lose everything that is not written.
DARK_S = 0.2
STUCK_KEY_EVERY_S = 0.3

log = structlog.get_logger()


class Switches:
    """All fault switches of one locker."""

    def __init__(self, device: "LockerDevice") -> None:
        self._device, self._board = device, device.board
        self._repeating: dict[Spot, asyncio.TimerHandle] = {}
        self._going: dict[Spot, asyncio.TimerHandle] = {}

    def switch(self, fault: Fault, *, on: bool = True, for_s: float | None = None) -> None:
        """Switch one on, for so long or until it is switched off, or off. A moment is over by itself.

        Raises FaultError or HandRefusedError, and then nothing has changed.
        """
        moment = KINDS[fault.name].moment
        if moment and (not on or for_s is not None):
            raise FaultError("fault_moment", "on" if not on else "for_s")
        whole = self._possible(fault, on=on)
        if moment:
            self._once(whole)
        elif on:
            self._put(whole, for_s)
        else:
            self._take(spot_of(fault))
        self._device.changed()
        log.info("fault", locker=self._device.plan.locker_id, name=fault.name, door=fault.door, on=on)

    def off(self, spot: Spot) -> None:
        """Switch off whatever is on at a place."""
        self._take(spot)
        self._device.changed()

    def clear(self) -> None:
        """Switch all off; doors stay where they are."""
        for fault in self._board:
            self.off(spot_of(fault))

    def rest(self) -> None:
        """Let nothing repeat itself any more; the locker is put away."""
        for timers in (self._repeating, self._going):
            for spot in list(timers):
                _stop_waiting(timers, spot)

    # --- what can be ---------------------------------------------------------------------------------------------

    def _possible(self, given: Fault, *, on: bool) -> Fault:
        """The whole fault; to switch one off its place is enough. Raises FaultError or HandRefusedError."""
        device, fault = self._device, complete(given, needs_amount=on)
        if fault.door is not None:
            device.cabinet.door(fault.door)
        if fault.name == "contact_miswired" and on:
            device.cabinet.door(int(fault.amount or 0))
        if fault.zone is not None:
            cooled = device.fridge(fault.zone).machine is not None
            if KINDS[fault.name].cooled and not cooled:
                raise FaultError("fault_not_cooled", "zone")
        if fault.name == "probes_crossed" and len(device.fridges) == 1:
            raise FaultError("fault_one_zone", "zone")
        return fault

    # --- what happens at the switch ------------------------------------------------------------------------------

    def _once(self, fault: Fault) -> None:
        device = self._device
        match fault.name:
            case "pried_open" if fault.door is not None:
                device.apply(UseDoor(fault.door, "open_by_force"))
            case "watchdog_bites":
                self._off_and_on("watchdog")
            case "memory_lost":
                self._off_and_on("power_on", lambda: lose_memory(device.journal_path))
            case "memory_restored":
                self._off_and_on("power_on", lambda: restore_memory(device.journal_path))

    def _put(self, fault: Fault, for_s: float | None) -> None:
        spot = spot_of(fault)
        _stop_waiting(self._going, spot)
        if self._board.at(spot) != fault:
            self._take(spot)
            self._device.settle()
            self._board.put(fault)
            self._came(fault)
        if for_s is not None:
            self._going[spot] = asyncio.get_running_loop().call_later(for_s, self.off, spot)

    def _take(self, spot: Spot) -> None:
        self._device.settle()
        gone = self._board.take(spot)
        for timers in (self._repeating, self._going):
            _stop_waiting(timers, spot)
        if gone is not None:
            self._went(gone)

    def _came(self, fault: Fault) -> None:
        match fault.name:
            case "power_cut":
                self._device.power_off()
            case "network_cut":
                self._device.plug(on=False)
            case "power_flickers":
                self._repeat(fault, fault.amount or 1, self._flicker)
            case "network_storms":
                self._repeat(fault, fault.amount or 1, self._device.replug)
            case "key_stuck":
                self._repeat(fault, STUCK_KEY_EVERY_S, lambda: self._device.press([str(int(fault.amount or 0))]))
            case _:
                self._refit(fault)

    def _went(self, fault: Fault) -> None:
        match fault.name:
            case "power_cut":
                self._device.power_on()
            case "network_cut":
                self._device.plug(on=True)
            case _:
                self._refit(fault)

    def _refit(self, fault: Fault) -> None:
        """Make steel, supply and clock what the board says."""
        device = self._device
        if fault.door is not None:
            device.rewire(lambda: self._fit_door(device.cabinet.door(fault.door or 0)))
        elif fault.name == "locks_dead":
            device.feed(signals.LockSupplySwitched(on=not self._board.on("locks_dead")))
        elif fault.name == "clock_drifts":
            device.crystal.run_at(1 + (self._board.amount("clock_drifts") or 0) / 100)
        elif fault.zone is not None:
            device.show_probes()

    def _fit_door(self, door: Door) -> None:
        board, number = self._board, door.number
        jams, wired = board.on("jams_shut", door=number), board.on("contact_miswired", door=number)
        door.jammed = jams is not None and jams.one_in == 1
        door.stuck_open = board.on("jams_open", door=number) is not None
        door.stays_ajar = board.on("left_ajar", door=number) is not None
        door.wired_as = int(wired.amount or 0) if wired and wired.amount != number else None
        says = {True: board.on("contact_open", door=number), False: board.on("contact_shut", door=number)}
        door.stuck_contact = next((said for said, fault in says.items() if fault), None)

    # --- what repeats --------------------------------------------------------------------------------------------

    def _repeat(self, fault: Fault, every_s: float, act: Callable[[], None]) -> None:
        def again() -> None:
            self._repeating[spot_of(fault)] = asyncio.get_running_loop().call_later(every_s, again)
            act()

        self._repeating[spot_of(fault)] = asyncio.get_running_loop().call_later(every_s, again)

    def _flicker(self) -> None:
        self._device.power_off()
        asyncio.get_running_loop().call_later(DARK_S, self.light)

    def light(self, reason: BootReason = "power_on") -> None:
        """Power up again, unless somebody pulled the plug meanwhile."""
        if not self._board.on("power_cut") and not self._device.put_away:
            self._device.power_on(reason)

    def _off_and_on(self, reason: BootReason, between: Callable[[], None] | None = None) -> None:
        """Without power a memory changes all the same, and nothing boots."""
        had_power = self._device.controller is not None
        self._device.power_off()
        if between is not None:
            between()
        if had_power:
            self._device.power_on(reason)


def _stop_waiting(timers: dict[Spot, asyncio.TimerHandle], spot: Spot) -> None:
    if (timer := timers.pop(spot, None)) is not None:
        timer.cancel()
