"""The faults that come from nowhere: cables, brokers, processes, power, disks, clocks, locks and sensors.

Each second of virtual time every fault may strike; what strikes is counted where it was really brought about.
"""

from functools import partial
from typing import TYPE_CHECKING

from firmware_sim import signals
from firmware_sim.hardware import Door
from simulation.clocks import SimClock
from simulation.kernel import Process

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.world import World

STEPS_MS = (1_500, 4_000, 8_000, 8_000, 60_000, 600_000, 600_000, 86_400_000)


class Trouble:
    """Makes what may happen happen."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos

    def live(self) -> Process:
        """Until the faults stop."""
        self._let_clocks_drift()
        while self.chaos.active:
            yield 1_000
            self._network()
            self._processes()
            self._disks()
            self._clocks()
            self._controllers()

    def _network(self) -> None:
        chaos, kernel, world = self.chaos, self.kernel, self.world
        link = kernel.pick(world.links())
        if not link.is_cut():
            if chaos.strikes("link_cut"):
                link.cut({"in", "out"}, kernel.between(500, 60_000))
            elif chaos.strikes("link_cut_one_way"):
                link.cut({kernel.pick(("in", "out"))}, kernel.between(500, 40_000))
        if chaos.strikes("broker_restarted"):
            kernel.pick((world.uplink, world.bus)).restart()

    def _processes(self) -> None:
        chaos, kernel, world = self.chaos, self.kernel, self.world
        if chaos.strikes("gateway_killed"):
            world.gateway.kill(kernel.between(200, 30_000))
        if chaos.strikes("gateway_stopped"):
            world.gateway.be_busy(kernel.between(500, 25_000))
        if chaos.strikes("gateway_disk_slow"):
            world.gateway.be_busy(kernel.between(50, 5_000))
        if chaos.strikes("service_killed"):
            world.service.kill(kernel.between(300, 40_000))

    def _disks(self) -> None:
        chaos, kernel, world = self.chaos, self.kernel, self.world
        if kernel.ms % 20_000 < 1_000 and chaos.may("service_restored"):
            world.service.keep_a_copy()
        if chaos.strikes("service_restored"):
            world.restore_service()
        if chaos.strikes("gateway_disk_replaced"):
            kernel.spawn(world.replace_gateways_disk())

    def _clocks(self) -> None:
        clock = self.kernel.pick((self.world.gateway.clock, self.world.service.clock))
        step_ms = self.kernel.pick(STEPS_MS)
        if self.chaos.strikes("clock_stepped_back"):
            self._set(clock.off_ms - min(step_ms, 600_000), clock)
        if self.chaos.strikes("clock_stepped_ahead"):
            self._set(clock.off_ms + step_ms, clock)

    def leap_a_day(self) -> None:
        """The gateway's clock is set a day ahead, and right again soon."""
        clock = self.world.gateway.clock
        self._set(clock.off_ms + 86_400_000, clock, lasts_ms=self.kernel.between(500, 3_000))

    def _set(self, off_ms: int, clock: SimClock, *, lasts_ms: int | None = None) -> None:
        before, clock.off_ms = clock.off_ms, off_ms
        self.kernel.note("clock_set", off_ms)
        self.world.note_clocks()
        lasts_ms = self.kernel.between(5_000, 60_000) if lasts_ms is None else lasts_ms
        self.kernel.after(lasts_ms, partial(setattr, clock, "off_ms", before))

    def _let_clocks_drift(self) -> None:
        for clock in (self.world.gateway.clock, self.world.service.clock):
            if self.chaos.strikes("clock_drifts"):
                clock.drift = (self.kernel.rng.random() - 0.5) / 500

    def _controllers(self) -> None:
        chaos, kernel = self.chaos, self.kernel
        controller = kernel.pick(list(self.world.controllers.values()))
        if chaos.strikes("power_cut"):
            controller.power_off(kernel.between(200, 20_000))
        if chaos.strikes("controller_memory_lost"):
            controller.lose_memory()
        if chaos.strikes("lock_supply_off"):
            controller.feed(signals.LockSupplySwitched(on=False))
            kernel.after(kernel.between(500, 9_000), partial(controller.feed, signals.LockSupplySwitched(on=True)))
        if chaos.strikes("contact_stuck"):
            self._stick(controller)
        self._jam(controller)

    def _stick(self, controller: "ControllerNode") -> None:
        door = self.kernel.pick(list(controller.cabinet.doors))
        if controller.cabinet.doors[door].stuck_contact is None:
            controller.cabinet.use(door, "stick")
            self.world.stuck.add(door)
            self.kernel.after(self.kernel.between(2_000, 30_000), partial(self.unstick, door))

    def unstick(self, door: int) -> None:
        """The contact came loose."""
        if door in self.world.stuck:
            self.world.stuck.discard(door)
            self.world.lobby.contact_speaks_again(door)

    def _jam(self, controller: "ControllerNode") -> None:
        door = self.kernel.pick(list(controller.cabinet.doors.values()))
        if not door.jammed and self.chaos.strikes("door_jammed"):
            door.jammed = True
            self.kernel.after(self.kernel.between(1_000, 25_000), partial(_loosen, door))

    def lock_pulsed(self, door: int) -> None:
        """A jammed lock may yield long after its pulse."""
        steel = self.world.lobby.cabinet(door).doors[door]
        if steel.position == "shut" and steel.jammed and self.chaos.strikes("lock_yielded_late"):
            self.kernel.after(self.kernel.between(500, 20_000), partial(self._yield, door))

    def _yield(self, door: int) -> None:
        steel = self.world.lobby.cabinet(door).doors[door]
        if steel.position == "shut" and steel.jammed:
            steel.jammed = False
            self.world.lobby.spring(door, self.world.lobby.pulsed[door])


def _loosen(door: Door) -> None:
    door.jammed = False
