"""The faults that come from nowhere: cables, brokers, processes, power, disks, locks and sensors.

Each second of virtual time every fault may strike; what strikes is counted where it was really brought about.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from firmware_sim import signals
from firmware_sim.hardware import Door
from simulation.clock_trouble import ClockTrouble
from simulation.kernel import Process
from simulation.network import Link

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.world import World

DAYS_MS = 72 * 3_600_000
# As long as a controller waits for a door after its pulse.
STAYED_SHUT_MS = 10_000


class Trouble:
    """Makes what may happen happen."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos
        self.clocks = ClockTrouble(world)
        self._of_links: dict[str, Callable[[Link], None]] = {
            "link_cut": lambda link: link.cut({"in", "out"}, self.kernel.between(500, 60_000)),
            "link_cut_one_way": lambda link: link.cut({self.kernel.pick(("in", "out"))}, self._up_to(40_000)),
            "link_flaps": lambda link: self.kernel.spawn(self._flap(link)),
            "link_half_open": Link.halve,
            "link_slow": lambda link: link.slow_down(self._up_to(60_000)),
            "name_not_found": lambda link: link.refuse(self._up_to(40_000)),
        }

    def live(self) -> Process:
        """Until the faults stop."""
        self.clocks.begin()
        while self.chaos.active:
            yield 1_000
            self._network()
            self._processes()
            self._disks()
            self.clocks.strike()
            self._power()
            self._hardware()
            self.world.cold_trouble.strike()

    def _up_to(self, longest_ms: int) -> int:
        return self.kernel.between(500, longest_ms)

    # --- network

    def _network(self) -> None:
        chaos, world = self.chaos, self.world
        link = self.kernel.pick(world.links())
        struck = next((name for name in self._of_links if chaos.strikes(name)), None)
        if struck is not None and not link.is_cut():
            self._of_links[struck](link)
        if chaos.strikes("broker_restarted"):
            self.kernel.pick((world.uplink, world.bus)).restart()
        if chaos.strikes("certificate_expired"):
            broker, lasts_ms = self.kernel.pick((world.uplink, world.bus)), self._up_to(30_000)
            for each in world.links():
                if each.broker is broker:
                    each.refuse(lasts_ms)
        if not world.uplink_was_down and chaos.strikes("uplink_down_for_days"):
            self.kernel.spawn(self._days_alone())

    def _flap(self, link: Link) -> Process:
        for _ in range(self.kernel.between(3, 10)):
            link.reset()
            yield self.kernel.between(100, 2_000)

    def _days_alone(self) -> Process:
        """The site's uplink is gone for three days; people come before and after, as they do on the first and last."""
        self.world.uplink_was_down = True
        link, lasts_ms = self.world.gateway.uplink, self.kernel.between(20_000, 50_000)
        link.refuse(lasts_ms)
        yield lasts_ms // 2
        self.world.leap(DAYS_MS)

    # --- processes and disks

    def _processes(self) -> None:
        chaos, kernel, world = self.chaos, self.kernel, self.world
        if chaos.strikes("gateway_killed"):
            world.gateway.kill(kernel.between(200, 30_000))
        if chaos.strikes("gateway_crash_loop"):
            kernel.spawn(self._crash_again())
        if chaos.strikes("gateway_stopped"):
            world.gateway.stop_for(self._up_to(60_000))
        if chaos.strikes("gateway_upgraded"):
            world.gateway.upgrade(kernel.between(500, 5_000))
        if chaos.strikes("gateway_disk_slow"):
            world.gateway.be_busy(kernel.between(50, 5_000))
        if chaos.strikes("service_killed"):
            world.service.kill(kernel.between(300, 40_000))

    def _crash_again(self) -> Process:
        for _ in range(self.kernel.between(3, 6)):
            self.world.gateway.kill(self.kernel.between(100, 400))
            yield self.kernel.between(300, 1_500)

    def _disks(self) -> None:
        chaos, kernel, world = self.chaos, self.kernel, self.world
        if kernel.ms % 20_000 < 1_000 and chaos.may("service_restored"):
            world.service.keep_a_copy()
        if chaos.strikes("service_restored"):
            world.restore_service()
        if chaos.strikes("gateway_disk_replaced"):
            kernel.spawn(world.replace_gateways_disk())
        if chaos.allows("gateway_disk_full"):
            world.gateway.fill_disk(self._up_to(20_000))

    # --- power

    def _power(self) -> None:
        controller = self._a_controller()
        if self.chaos.strikes("power_cut"):
            controller.power_off(self.kernel.between(200, 20_000))
        if self.chaos.strikes("power_flaps"):
            self.kernel.spawn(self._brown_out(controller))
        if self.chaos.strikes("controller_upgraded"):
            controller.power_off(self.kernel.between(500, 4_000), reason="update")

    def _brown_out(self, controller: "ControllerNode") -> Process:
        for _ in range(self.kernel.between(3, 6)):
            controller.power_off(self.kernel.between(300, 2_500))
            yield 3_000

    def _a_controller(self) -> "ControllerNode":
        return self.kernel.pick(list(self.world.controllers.values()))

    # --- hardware

    def _hardware(self) -> None:
        controller = self._a_controller()
        if self.chaos.strikes("controller_memory_lost"):
            controller.lose_memory()
        if self.chaos.strikes("lock_supply_off"):
            controller.feed(signals.LockSupplySwitched(on=False))
            again = partial(controller.feed, signals.LockSupplySwitched(on=True))
            self.kernel.after(self.kernel.between(500, 9_000), again)
        if self.chaos.allows("contact_stuck"):
            self._stick(controller)
        if self.chaos.allows("contacts_miswired"):
            self._miswire(controller)
        self._jam(controller)

    def _stick(self, controller: "ControllerNode") -> None:
        door = self.kernel.pick(list(controller.cabinet.doors))
        if controller.cabinet.doors[door].stuck_contact is None and door not in self.world.lobby.miswired:
            self.chaos.happened("contact_stuck")
            controller.cabinet.use(door, "stick")
            self.world.stuck.add(door)
            self.kernel.after(self.kernel.between(2_000, 30_000), partial(self.unstick, door))

    def unstick(self, door: int) -> None:
        """The contact came loose."""
        if door in self.world.stuck:
            self.world.stuck.discard(door)
            self.world.lobby.contact_speaks_again(door)

    def _miswire(self, controller: "ControllerNode") -> None:
        """Somebody repaired a contact and wired two doors the wrong way round: door 7 says 8, and 8 says 7."""
        one = self.kernel.pick(list(controller.cabinet.doors)[:-1])
        pair = {one, one + 1}
        if pair.isdisjoint(self.world.lobby.miswired | self.world.stuck):
            self.chaos.happened("contacts_miswired")
            self.world.lobby.swap_wires(one, one + 1)
            self.kernel.after(self.kernel.between(5_000, 60_000), partial(self.wire_rightly, one))

    def wire_rightly(self, one: int) -> None:
        """Whoever wired it wrongly came back."""
        if one in self.world.lobby.miswired:
            self.world.lobby.swap_wires(one, one + 1, back=True)

    def _jam(self, controller: "ControllerNode") -> None:
        door = self.kernel.pick(list(controller.cabinet.doors.values()))
        if not door.jammed and self.chaos.strikes("door_jammed"):
            door.jammed = True
            self.kernel.after(self.kernel.between(1_000, 25_000), partial(_loosen, door))

    def lock_pulsed(self, door: int) -> None:
        """A jammed lock may yield long after its pulse, or never."""
        steel = self.world.lobby.cabinet(door).doors[door]
        if steel.position == "shut" and steel.jammed:
            self.kernel.after(STAYED_SHUT_MS, partial(self._look_again, steel))
            if self.chaos.strikes("lock_yielded_late"):
                self.kernel.after(self.kernel.between(500, 20_000), partial(self._yield, door))

    def _look_again(self, steel: Door) -> None:
        if steel.position == "shut":
            self.chaos.happened("door_stayed_shut")

    def _yield(self, door: int) -> None:
        steel = self.world.lobby.cabinet(door).doors[door]
        if steel.position == "shut" and steel.jammed:
            steel.jammed = False
            self.world.lobby.spring(door, self.world.lobby.pulsed[door])


def _loosen(door: Door) -> None:
    door.jammed = False
