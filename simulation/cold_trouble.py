"""What goes wrong with cold: plugs, compressors, gaskets, probes, samples; and the minutes in which it tells.

Time leaps by minutes, most of all while somebody stands before a door, for a warm cabinet harms nobody in two minutes.
"""

from functools import partial
from typing import TYPE_CHECKING

from simulation.fridges import MINUTE_MS, PROBE_FAULTS
from simulation.kernel import Process

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.world import World

LONG_MIN = 5


class ColdTrouble:
    """Breaks what keeps food cold, and what tells of it."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos

    def strike(self) -> None:
        """One second of faults."""
        chaos, kernel = self.chaos, self.kernel
        controller = kernel.pick(list(self.world.controllers.values()))
        fridge = controller.fridge
        if chaos.strikes("minutes_pass"):
            kernel.spawn(self._minutes_pass())
        if chaos.strikes("power_out_for_long"):
            controller.power_off(kernel.between(15_000, 40_000))
            kernel.spawn(self._minutes_pass())
        if not fridge.dead and chaos.strikes("compressor_dead"):
            self._break(controller, "dead")
        if not fridge.leaks and chaos.strikes("gasket_leaks"):
            self._break(controller, "leaks")
        how = kernel.pick(PROBE_FAULTS)
        if fridge.probe is None and chaos.strikes(how):
            fridge.advance()
            fridge.break_probe(how)
            kernel.note("probe_broke", controller.name, how)
            kernel.after(kernel.between(10_000, 60_000), partial(self._mend_probe, controller))

    def at_the_door(self) -> None:
        """Somebody stands there, with a code or a bag: minutes pass, all or some of them before a door opens."""
        if self.chaos.strikes("minutes_pass_at_the_door"):
            self.kernel.spawn(self._minutes_pass(), self.kernel.between(0, 2_000))

    def quarantined(self) -> None:
        """A site just said that food is kept shut."""
        link = self.world.gateway.uplink
        if not link.is_cut() and self.chaos.strikes("uplink_cut_in_quarantine"):
            self.kernel.after(self.kernel.between(0, 500), partial(link.cut, {"in", "out"}, self._up_to(40_000)))

    def minutes_written(self) -> bool:
        """Minutes are durable, and what has to be done with them is not; true: the gateway is killed now."""
        if self.chaos.strikes("clock_set_while_judged"):
            self.world.trouble.clocks.set_for_a_moment()
        return self.chaos.strikes("gateway_killed_between_minutes")

    def carry(self, controller: "ControllerNode", payload: bytes) -> None:
        """Samples on their way to the gateway."""

        def send() -> None:
            controller.link.publish(controller.topics["report"], payload, retain=False, reliable=True)

        if self.chaos.strikes("samples_lost"):
            # Nobody knows for a while; then the connection breaks, and all that is held is sent again.
            self.kernel.after(self.kernel.between(2_000, 25_000), controller.link.reset)
            return
        if self.chaos.strikes("samples_late"):
            self.kernel.after(self.kernel.pick((2_000, 5_000, 9_000, 25_000)), send)
            return
        if self.chaos.strikes("samples_doubled"):
            self.kernel.after(self.kernel.between(1, 8_000), send)
        send()

    def _minutes_pass(self) -> Process:
        for _ in range(self.kernel.between(1, 5)):
            if not self.chaos.active:
                return
            minutes = self.kernel.between(2, 14)
            if minutes >= LONG_MIN and self.world.lobby.open:
                self.chaos.happened("door_open_for_long")
            self.world.leap(minutes * MINUTE_MS)
            yield self.kernel.between(1_000, 6_000)

    def _break(self, controller: "ControllerNode", what: str) -> None:
        self.kernel.note("fridge_broke", controller.name, what)
        controller.fridge.advance()
        setattr(controller.fridge, what, True)
        self.kernel.after(self.kernel.between(10_000, 60_000), partial(self._repair, controller, what))

    def _repair(self, controller: "ControllerNode", what: str) -> None:
        controller.fridge.advance()
        setattr(controller.fridge, what, False)

    def _mend_probe(self, controller: "ControllerNode") -> None:
        controller.fridge.advance()
        controller.fridge.probe = None

    def _up_to(self, longest_ms: int) -> int:
        return self.kernel.between(2_000, longest_ms)
