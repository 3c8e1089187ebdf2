"""One whole simulated locker: controller, steel, cold, disk and cable, wired together on the asyncio loop.

It does what the controller decided, in that order, and carries what hands do to the hardware. It decides nothing of
the protocol itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from firmware_sim import controller as core
from firmware_sim import signals
from firmware_sim.faults import Fault, LockSupply, Network, Power, SetZone, UseDoor, WireDoor
from firmware_sim.fridge import ZoneFridge, new_zone, read_probes
from firmware_sim.hardware import Cabinet, Edge, HandRefusedError
from firmware_sim.journal import Journal
from firmware_sim.memory import Record
from firmware_sim.mqtt_device import Address, BusLink, LinkHandlers
from firmware_sim.settings import Bus, LockerPlan
from locker_protocol.bus_messages import BootReason, Command, Show, Unlock
from locker_protocol.clock import Clock, Now
from locker_protocol.codec import decode, encode
from locker_protocol.errors import ProtocolError
from locker_protocol.ids import RandomBytes
from locker_protocol.vocabulary import Zone

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every locker of a process shares."""

    bus: Bus
    data: Path
    clock: Clock
    random: RandomBytes


@dataclass(slots=True)
class Screen:
    """What the display shows; `number` grows with each showing, `at_ms` is monotonic."""

    show: Show | None = None
    number: int = 0
    at_ms: int = 0


@dataclass(slots=True)
class Figures:
    """Counted since the program started, for tests and replays."""

    pulses: int = 0
    scans: int = 0
    rejected: int = 0
    asked_ms: int | None = None
    scan_to_unlock_ms: int | None = None


class LockerDevice:
    """A locker one can touch."""

    def __init__(self, plan: LockerPlan, around: Surroundings) -> None:
        self.plan, self._around = plan, around
        self.cabinet = Cabinet(door.door for door in plan.doors)
        self.fridges = {zone: new_zone(zone) for zone in plan.zones()}
        self.controller: core.Controller | None = None
        self.screen, self.figures = Screen(), Figures()
        self.network_on, self.lock_supply_on = True, True
        self._zone_of = {door.door: door.zone for door in plan.doors}
        self._journal: Journal | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._bouncing: dict[int, list[asyncio.TimerHandle]] = {}
        self._watchers: set[Callable[[], None]] = set()
        handlers = LinkHandlers(up=self._link_up, down=self._link_down, payload=self._payload)
        self.link = BusLink(around.bus, Address(plan.gateway_id, plan.locker_id), handlers, around.random)

    # --- power and network ---------------------------------------------------------------------------------------

    def power_on(self, reason: BootReason = "power_on") -> None:
        """Boot: read the memory, look at the doors, connect."""
        if self.controller is not None:
            return
        self._settle()
        self._journal = Journal(self._around.data / f"{self.plan.locker_id}.journal", self._around.random)
        self.controller, outputs = core.boot(
            self._journal.memory,
            contacts=self.cabinet.contacts(),
            reason=reason,
            now=self._now(),
            random=self._around.random,
        )
        self.controller.lock_supply = self.lock_supply_on
        self._do(outputs)
        if self.network_on:
            self.link.open(encode(self.controller.death()))
        self._changed()

    def power_off(self) -> None:
        """Pull the plug: everything not written is gone, locks are dead, doors stay as they are."""
        self._settle()
        self.link.close()
        self.controller = None
        self.screen.show = None
        if self._alarm is not None:
            self._alarm.cancel()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self._changed()

    def set_network(self, *, on: bool) -> None:
        """Cut or mend the cable between this controller and its broker."""
        self.network_on = on
        if not on:
            self.link.close()
            self._link_down()
        elif self.controller is not None and not self.link.is_open:
            self.link.open(encode(self.controller.death()))
        self._changed()

    # --- people --------------------------------------------------------------------------------------------------

    def scan(self, text: str) -> None:
        """Hold a symbol before the scanner."""
        self.figures.scans += 1
        self._ask()
        self.feed(signals.SymbolRead(text))

    def press(self, keys: list[str]) -> None:
        """Press keys one after the other."""
        self._ask()
        for key in keys:
            self.feed(signals.KeyPressed(key))

    def apply(self, fault: Fault) -> None:
        """Do what hands or a fault do. Raises HandRefusedError, and then nothing has changed."""
        self._settle()
        match fault:
            case UseDoor(door, action):
                self._edges(self.cabinet.use(door, action))
            case WireDoor(door, wired_as):
                self._wire(door, wired_as)
            case Power(on):
                self.power_on() if on else self.power_off()
            case Network(on):
                self.set_network(on=on)
            case LockSupply(on):
                self.lock_supply_on = on
                self.feed(signals.LockSupplySwitched(on))
            case SetZone():
                self._set_zone(fault)
        self._changed()

    # --- watchers ------------------------------------------------------------------------------------------------

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` after every change, until what this returns is called."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def feed(self, given: signals.Input) -> None:
        """Give the controller one input and do what it says; without power nothing happens."""
        if self.controller is not None:
            self._do(core.step(self.controller, given, self._now()))
        self._changed()

    # --- doing ---------------------------------------------------------------------------------------------------

    def _do(self, outputs: list[signals.Output]) -> None:
        for output in outputs:
            self._do_one(output)
        self._set_alarm()

    def _do_one(self, output: signals.Output) -> None:
        match output:
            case signals.Remember(records, synced):
                self._remember(records, synced=synced)
            case signals.Energise(door):
                self._energise(door)
            case signals.Send(kind, message, qos, retain):
                self.link.publish(kind, encode(message), qos=qos, retain=retain)
            case signals.ReadProbes():
                self._sample()
            case signals.Display(show):
                self.screen = Screen(show, self.screen.number + 1, self._now().monotonic_ms)

    def _remember(self, records: tuple[Record, ...], *, synced: bool) -> None:
        """Blocks the loop until the disk has it, on purpose: nothing that follows may come first."""
        if self._journal is not None and self.controller is not None:
            self._journal.append(records, synced=synced)
            self._journal.compact(self.controller.memory)

    def _energise(self, door: int) -> None:
        self._settle()
        self.figures.pulses += 1
        if self.figures.asked_ms is not None:
            self.figures.scan_to_unlock_ms = self._now().monotonic_ms - self.figures.asked_ms
            self.figures.asked_ms = None
        self._edges(self.cabinet.pulse(door))

    def _sample(self) -> None:
        self._settle()
        if self.controller is not None:
            readings = (read_probes(fridge, self._around.random) for fridge in self.fridges.values())
            core.step(self.controller, signals.ProbesRead(tuple(readings)), self._now())

    def _edges(self, edges: list[Edge]) -> None:
        """Play a contact's bouncing. A door that turns round in mid-swing bounces no more of its first way."""
        loop = asyncio.get_running_loop()
        for contact in {edge.door for edge in edges}:
            for late in self._bouncing.pop(contact, ()):
                late.cancel()
        for edge in edges:
            change = signals.ContactChanged(edge.door, edge.is_open)
            handle = loop.call_later(edge.after_ms / 1000, self.feed, change)
            self._bouncing.setdefault(edge.door, []).append(handle)

    def _ask(self) -> None:
        self.figures.asked_ms = self._now().monotonic_ms

    def _wire(self, door: int, wired_as: int) -> None:
        self.cabinet.door(wired_as)
        self.cabinet.door(door).wired_as = None if wired_as == door else wired_as

    def _set_zone(self, change: SetZone) -> None:
        fridge = self._fridge(change.zone)
        if change.ambient_c is not None:
            fridge.lobby_c = change.ambient_c
        if change.target_c is not None:
            fridge.target_c = change.target_c
        if change.warm_by_c is not None:
            fridge.warm_by(change.warm_by_c)
        self._sample()

    def _fridge(self, zone: Zone) -> ZoneFridge:
        if zone not in self.fridges:
            raise HandRefusedError("zone_unknown")
        return self.fridges[zone]

    def _settle(self) -> None:
        """Let the cold catch up before anything that bears on it changes."""
        civil_ms = self._now().civil_ms
        for zone, fridge in self.fridges.items():
            fridge.advance(civil_ms, open_doors=self._open_doors(zone), powered=self.controller is not None)

    def _open_doors(self, zone: Zone) -> int:
        doors = self.cabinet.doors.values()
        return sum(door.position != "shut" and self._zone_of[door.number] == zone for door in doors)

    # --- the link's and the clock's calls ------------------------------------------------------------------------

    def _link_up(self) -> None:
        self.feed(signals.Connected())

    def _link_down(self) -> None:
        self.feed(signals.Disconnected())

    def _payload(self, payload: bytes) -> None:
        try:
            command = decode(payload, Command)
        except ProtocolError as error:
            self.figures.rejected += 1
            log.warning("command_rejected", locker=self.plan.locker_id, fault=error.fault, reason=error.reason)
            return
        if isinstance(command, Unlock):
            log.info("unlock_received", locker=self.plan.locker_id, door=command.door, order_id=command.order_id)
        self.feed(signals.Received(command))

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self.controller is not None:
            wait_ms = max(0, core.due_ms(self.controller) - self._now().monotonic_ms)
            self._alarm = asyncio.get_running_loop().call_later(wait_ms / 1000, self.feed, signals.Woken())

    def _changed(self) -> None:
        for watcher in list(self._watchers):
            watcher()

    def _now(self) -> Now:
        return self._around.clock.now()
