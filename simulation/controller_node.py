"""A locker's controller in the simulation: the real core, a journal that loses what was not synced, a plug to pull.

It does what the core decided, in that order, and may lose its power between any two of those deeds.
"""

from functools import partial
from typing import TYPE_CHECKING

from firmware_sim import controller as core
from firmware_sim import signals
from firmware_sim.hardware import Cabinet
from firmware_sim.memory import EventKept
from locker_protocol.bus_messages import (
    BootReason,
    Command,
    ControllerEvent,
    DoorOpened,
    DoorShut,
    Echo,
    Unlock,
    UnlockDone,
)
from locker_protocol.codec import decode, encode
from locker_protocol.telemetry import Samples
from locker_protocol.topics import bus_topic
from simulation.clocks import SimClock
from simulation.disks import JournalDisk
from simulation.fridges import BEGINS_WITH_MIN, MINUTE_MS, Fridge
from simulation.kernel import Violation
from simulation.network import Link, Will

if TYPE_CHECKING:
    from simulation.oracle import KnownGrant
    from simulation.world import World

GATEWAY = "gw"
# The power may fail between any two deeds; likelier just before a lock is energised and just after.
_MOMENTS = {
    (False, False): "power_cut_in_a_step",
    (False, True): "power_cut_after_a_pulse",
    (True, False): "power_cut_before_a_pulse",
    (True, True): "power_cut_before_a_pulse",
}


class PowerFailed(Exception):
    """In the middle of a step."""


class ControllerNode:
    """One locker."""

    def __init__(self, world: "World", name: str, doors: list[int]) -> None:
        self.world, self.name = world, name
        self.kernel, self.chaos = world.kernel, world.chaos
        self.cabinet = Cabinet(doors)
        self.clock = SimClock(self.kernel)
        self.disk = JournalDisk(self.kernel)
        self.state: core.Controller | None = None
        self.refused_ms = -1
        self.worn_out = False
        self.echoes_since_ms: int | None = None
        self.boots: dict[str, int] = {}
        self.fridge = Fridge(self, world.lobby)
        self.samples_sent: dict[bytes, tuple[int, int]] = {}
        self._woken = 0
        self.topics = {kind: bus_topic(GATEWAY, name, kind) for kind in ("command", "report", "presence")}
        self.link = Link(
            f"{GATEWAY}:{name}",
            world.bus,
            self.kernel,
            self._hear,
            lambda topic: topic == self.topics["command"],
            up=lambda: self.feed(signals.Connected()),
            down=self._lost_bus,
            will=self._will,
        )

    # --- power

    def power_on(self, reason: BootReason = "power_on") -> None:
        """Boot from what the journal holds."""
        if self.state is not None:
            return
        self.fridge.advance()
        self.clock.restart()
        was_running_ms = self.clock.true_ms() - BEGINS_WITH_MIN * MINUTE_MS
        self.state, outputs = core.boot(
            self.disk.read(),
            contacts=self.cabinet.contacts(),
            reason=reason,
            now=self.clock.now(),
            random=self.kernel.random_bytes,
            samples_from_ms=None if self.boots else was_running_ms,
        )
        self.boots[self.state.boot_id] = len(self.boots) + 1
        self.kernel.note("power_on", self.name)
        self._do(outputs)
        if self.state is not None:
            self.link.start()

    def power_off(self, lasts_ms: int, *, reason: BootReason = "power_on") -> None:
        """Pull the plug for a while, or let a new firmware begin."""
        if self.state is None:
            return
        self.kernel.note("power_off", self.name)
        self.fridge.advance()
        for opening in self.world.lobby.open.values():
            # Found open after the boot, it is put down to the command kept last, which may be another one.
            if opening.door in self.cabinet.doors and not opening.known and self._names(opening.door) != opening.grant:
                opening.late = True
        self.state = self.echoes_since_ms = None
        self.link.stop()
        if self.chaos.strikes("unsynced_lost") and self.disk.lose_unsynced():
            self.chaos.happened("journal_torn")
        self.kernel.after(lasts_ms, partial(self.power_on, reason))

    def _names(self, door: int) -> "KnownGrant | None":
        assert self.state is not None
        return self.world.oracle.commands.get(self.state.memory.pulsed.get(door, ""))

    def lose_memory(self) -> None:
        """The flash is worn out: at its next boot the memory is a new one."""
        self.power_off(self.kernel.between(500, 20_000))
        self.disk, self.worn_out = JournalDisk(self.kernel), True
        for bag in self.world.lobby.bags.values():
            if bag.place in self.cabinet.doors or (bag.taken and bag.taken.door in self.cabinet.doors):
                bag.excuse("controller_memory_lost")

    # --- what comes in

    def scan(self, text: str) -> None:
        """Hold a symbol before the scanner."""
        self.feed(signals.SymbolRead(text))

    def type(self, digits: str) -> None:
        """Type digits and confirm."""
        for key in (*digits, "enter"):
            self.feed(signals.KeyPressed(key))

    def contact_changed(self, door: int, *, is_open: bool) -> None:
        """A contact said something."""
        if self.cabinet.doors[door].stuck_contact is None:
            self.feed(signals.ContactChanged(door, is_open))

    def feed(self, given: signals.Input) -> None:
        """Give the core one input; without power nothing happens."""
        if self.state is not None:
            self._do(core.step(self.state, given, self.clock.now()))

    def _hear(self, topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001 - a link's handler
        if kept:
            raise Violation("ghost rule", f"a kept command came on {topic}", self.name)
        command = decode(payload, Command)
        if isinstance(command, Unlock):
            self.kernel.note("unlock_came", self.name, command.door, command.order_id, command.command_id)
        if isinstance(command, Echo):
            self._heard_echo(command)
        self.feed(signals.Received(command))

    def _heard_echo(self, command: Echo) -> None:
        """Since when the last number heard in this connection is one of the gateway that runs now."""
        if (self.name, command.echo) not in self.world.gateway.asked_ms:
            self.echoes_since_ms = None
        elif self.echoes_since_ms is None:
            self.echoes_since_ms = self.kernel.ms

    def _lost_bus(self) -> None:
        self.echoes_since_ms = None
        self.feed(signals.Disconnected())

    # --- what goes out

    def _do(self, outputs: list[signals.Output]) -> None:
        try:
            pulsed = False
            for place, output in enumerate(outputs):
                pulses = isinstance(output, signals.Energise)
                self._may_fail(_MOMENTS[pulses, pulsed])
                self._do_one(output, outputs[place + 1 :])
                pulsed = pulses
        except PowerFailed:
            self.power_off(self.kernel.between(200, 8_000))
            return
        self._set_alarm()

    def _may_fail(self, moment: str) -> None:
        if self.chaos.strikes(moment):
            raise PowerFailed

    def _do_one(self, output: signals.Output, rest: list[signals.Output]) -> None:
        match output:
            case signals.Remember(records, synced):
                assert self.state is not None
                self.disk.append(records, synced=synced)
                for record in records:
                    if isinstance(record, EventKept):
                        self._recorded(self.state, record.event)
                self.disk.compact(self.state.memory)
            case signals.Energise(door):
                self._energise(door, _obeyed(door, rest))
            case signals.Send(kind, message, qos, retain):
                payload = encode(message)
                self.kernel.note("report", self.name, data=payload)
                if isinstance(message, Samples):
                    self.samples_sent[payload] = self.kernel.ms, self.clock.true_ms()
                    self.world.cold_trouble.carry(self, payload)
                else:
                    self.link.publish(self.topics[kind], payload, retain=retain, reliable=qos > 0)
            case signals.ReadProbes(at_ms):
                assert self.state is not None
                read = signals.ProbesRead(self.fridge.read(at_ms))
                for sent in core.step(self.state, read, self.clock.now()):
                    self._do_one(sent, [])
            case signals.Display(show):
                self.refused_ms = self.kernel.ms if show.screen == "refused" else -1

    def _recorded(self, state: core.Controller, event: ControllerEvent) -> None:
        if isinstance(event, DoorOpened | DoorShut):
            self.world.oracle.movements.seen(event)
        if isinstance(event, DoorOpened):
            named = self.world.oracle.commands.get(event.command_id or "")
            meant = named.parcel_id if named else None
            self.world.lobby.recorded(event.door, event.command_id, boot_id=state.boot_id, meant=meant)

    def _energise(self, door: int, command_id: str) -> None:
        grant = self.world.oracle.pulsed(self, door, command_id)
        if self.world.lobby.pulse(door, grant):
            self.chaos.happened("contact_bounced")
            if len(self.world.lobby.open) > 1:
                self.chaos.happened("two_doors_at_once")
        if self.chaos.strikes("power_cut_near_a_pulse"):
            self.kernel.after(self.kernel.between(1, 400), partial(self.power_off, self.kernel.between(200, 8_000)))
        self.world.lock_pulsed(door)

    def _set_alarm(self) -> None:
        if self.state is None:
            return
        self._woken += 1
        wait_ms = self.clock.local_ms(core.due_ms(self.state))
        self.kernel.after(wait_ms, partial(self._wake, self._woken))

    def _wake(self, number: int) -> None:
        if number == self._woken:
            self.feed(signals.Woken())

    def _will(self) -> Will | None:
        return Will(self.topics["presence"], encode(self.state.death())) if self.state else None


def _obeyed(door: int, rest: list[signals.Output]) -> str:
    """Which command a pulse obeys: the core says so right after it."""
    for output in rest:
        if isinstance(output, signals.Remember):
            for record in output.records:
                if isinstance(record, EventKept) and isinstance(record.event, UnlockDone) and record.event.door == door:
                    return record.event.command_id
    raise Violation("I6", f"door {door} was pulsed and no command is named", door)
