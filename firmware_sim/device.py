"""One whole simulated locker: controller, steel, cold, disk and cable, wired together on the asyncio loop.

It does what the controller decided, in that order, and carries what hands do to the hardware. It decides nothing of
the protocol itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from firmware_sim import controller as core
from firmware_sim import instruments, signals
from firmware_sim.cold_faults import ColdFaults
from firmware_sim.crystal import Crystal
from firmware_sim.fault_board import FaultBoard
from firmware_sim.faults import Fault, FaultName
from firmware_sim.fridge import ZoneFridge, new_zone
from firmware_sim.hands import SetZone, UseDoor
from firmware_sim.hardware import Cabinet, Edge, HandRefusedError
from firmware_sim.journal import Journal, keep_copy
from firmware_sim.memory import Record
from firmware_sim.meter import Meter
from firmware_sim.mqtt_device import Address, BusLink, LinkHandlers
from firmware_sim.probes import Probes
from firmware_sim.sampling import CAUGHT_UP_MS
from firmware_sim.settings import Bus, LockerPlan
from firmware_sim.switching import Switches
from firmware_sim.wire import Wire
from locker_protocol.bus_messages import BootReason, Command, Show, Unlock
from locker_protocol.clock import Clock, Now
from locker_protocol.codec import decode, encode
from locker_protocol.errors import ProtocolError
from locker_protocol.ids import RandomBytes
from locker_protocol.telemetry import SAMPLE_EVERY_MS
from locker_protocol.topics import BusKind
from locker_protocol.vocabulary import Zone

# The watchdog bites so long after the memory refused.
RESET_AFTER_S = 1.0
# A weak supply is charged again after so long.
RECHARGED_AFTER_MS = 1_000
# What was cold before the program began can be loaded at once: the load gate wants ten minutes.
RUNNING_BEFORE_MS = 900_000
# Controller, display and scanner.
ELECTRONICS_W = 8.0
LATCH_HOLDS: tuple[FaultName, ...] = ("jams_shut", "latch_sticks")

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
    """What the display shows; `number` grows with each showing, `at_ms` is monotonic.

    `opened`: the doors it names whose contacts said open since. `typing_from_ms`: when one may type again.
    """

    show: Show | None = None
    number: int = 0
    at_ms: int = 0
    opened: set[int] = field(default_factory=set)
    typing_from_ms: int = 0

    def put(self, show: Show, now_ms: int) -> None:
        """Show this. The same words for the same doors again are one story: what opened has opened."""
        again = self.show is not None and (show.screen, show.doors) == (self.show.screen, self.show.doors)
        self.opened = self.opened if again else set()
        self.show, self.number, self.at_ms = show, self.number + 1, now_ms
        self.typing_from_ms = max(self.typing_from_ms, now_ms + 1000 * show.wait_s)

    def see(self, contacts: Mapping[int, bool]) -> None:
        """Keep which of the named doors are open."""
        named = self.show.doors if self.show else ()
        self.opened.update(door for door in named if contacts.get(door, False))


@dataclass(slots=True)
class Figures:
    """Counted since the program started, for tests and replays."""

    pulses: int = 0
    scans: int = 0
    rejected: int = 0
    asked_ms: int | None = None
    scan_to_unlock_ms: int | None = None


class MemoryRefusedError(Exception):
    """The memory did not take what must not be lost."""


@dataclass(frozen=True, slots=True)
class _Packet:
    """A message on its way out."""

    kind: BusKind
    payload: bytes
    qos: int
    retain: bool


class LockerDevice:
    """A locker one can touch."""

    def __init__(self, plan: LockerPlan, around: Surroundings) -> None:
        self.plan, self._around = plan, around
        self.cabinet = Cabinet(door.door for door in plan.doors)
        self.fridges = {zone: new_zone(zone) for zone in plan.zones()}
        self.controller: core.Controller | None = None
        self.screen, self.figures = Screen(), Figures()
        self.crystal = Crystal(around.clock)
        self.board = FaultBoard(around.random)
        self.journal_path = around.data / f"{plan.locker_id}.journal"
        self.put_away = False
        self._probes = Probes(self.board, around.random)
        self._zone_of = {door.door: door.zone for door in plan.doors}
        self._cold_faults = ColdFaults(self.board)
        self._meter = Meter(around.data / f"{plan.locker_id}.meter")
        self._passed: deque[tuple[int, signals.Sample]] = deque(maxlen=CAUGHT_UP_MS // SAMPLE_EVERY_MS)
        self._settled_ms: int | None = None
        self._has_run = False
        self._electronics_j = 0.0
        self._journal: Journal | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._bouncing: dict[int, list[asyncio.TimerHandle]] = {}
        self._pulsed_ms = deque[int](maxlen=8)
        self._watchers: set[Callable[[], None]] = set()
        self._incoming = Wire(self.board, self._payload)
        self._outgoing = Wire(self.board, self._publish)
        handlers = LinkHandlers(up=self._link_up, down=self._link_down, payload=self._incoming.send)
        self.link = BusLink(around.bus, Address(plan.gateway_id, plan.locker_id), handlers, around.random)
        self.switches = Switches(self)

    # --- power and network ---------------------------------------------------------------------------------------

    def power_on(self, reason: BootReason = "power_on") -> None:
        """Boot: read the memory, look at the doors, connect."""
        if self.controller is not None:
            return
        running_ms = self._begin()
        try:
            keep_copy(self.journal_path)
            self._journal = Journal(self.journal_path, self._around.random)
        except OSError as error:
            self._reset(str(error))
            return
        self.controller, outputs = core.boot(
            self._journal.memory,
            contacts=self.cabinet.contacts(),
            reason=reason,
            now=self.now(),
            random=self._around.random,
            samples_from_ms=running_ms,
        )
        self.controller.lock_supply = not self.board.on("locks_dead")
        self._do(outputs)
        if not self.board.on("network_cut"):
            self.plug(on=True)
        self.changed()

    def _begin(self) -> int:
        """Since when there are samples: a locker that comes with the program has been running for a while."""
        now_ms = self.now().civil_ms
        begins_ms = now_ms if self._has_run else now_ms - RUNNING_BEFORE_MS
        self._has_run = True
        self.settle(begins_ms)
        return begins_ms

    def power_off(self) -> None:
        """Pull the plug: everything not written is gone, locks are dead, doors stay as they are."""
        self.settle()
        self._hang_up()
        self.controller = None
        self.screen = Screen(number=self.screen.number)
        if self._alarm is not None:
            self._alarm.cancel()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self.changed()

    def stop(self) -> None:
        """Put the locker away for good."""
        self.put_away = True
        self.switches.rest()
        self.power_off()
        self._meter.put_away(self._used_j())

    def plug(self, *, on: bool) -> None:
        """Plug the network cable in, or pull it."""
        if not on:
            self._hang_up()
            self._link_down()
        elif self.controller is not None and not self.link.is_open:
            self.link.open(encode(self.controller.death()))
        self.changed()

    def replug(self) -> None:
        """Lose the connection, if there is one by now, and begin another."""
        if self.controller is not None and self.controller.connected:
            self.plug(on=False)
            self.plug(on=True)

    # --- people --------------------------------------------------------------------------------------------------

    def scan(self, text: str) -> None:
        """Hold a symbol before the scanner."""
        self.figures.scans += 1
        self._ask()
        self._come(instruments.scan(text, self.board, self._around.random))

    def press(self, keys: list[str]) -> None:
        """Press keys one after the other."""
        self._ask()
        self._come(instruments.press(keys, self.board))

    def apply(self, hand: UseDoor | SetZone) -> None:
        """Do what a hand does. Raises HandRefusedError, and then nothing has changed."""
        self.settle()
        match hand:
            case UseDoor(door, ("jam" | "unjam") as action):
                self.switches.switch(Fault("jams_shut", self.cabinet.door(door).number), on=action == "jam")
            case UseDoor(door, action):
                self._edges(self.cabinet.use(door, action, bounce_ms=self._ms("contact_bounces", door)))
            case SetZone():
                self._set_zone(hand)
        self.changed()

    def fridge(self, zone: Zone) -> ZoneFridge:
        """One zone's cold. Raises HandRefusedError(zone_unknown)."""
        if zone not in self.fridges:
            raise HandRefusedError("zone_unknown")
        return self.fridges[zone]

    def rewire(self, change: Callable[[], None]) -> None:
        """Change what contacts say without a door moving; the controller sees what has become different."""
        change()
        self._still(self._bouncing)
        for door, is_open in self.cabinet.contacts().items():
            self.feed(signals.ContactChanged(door, is_open))

    # --- watchers ------------------------------------------------------------------------------------------------

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` after every change, until what this returns is called."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def now(self) -> Now:
        """Read both clocks; the monotonic one is the controller's own."""
        return self.crystal.now()

    def feed(self, given: signals.Input) -> None:
        """Give the controller one input and do what it says; without power nothing happens."""
        if self.controller is not None:
            self._do(core.step(self.controller, given, self.now()))
        self.changed()

    # --- doing ---------------------------------------------------------------------------------------------------

    def _do(self, outputs: list[signals.Output]) -> None:
        try:
            for output in outputs:
                self._do_one(output)
        except MemoryRefusedError as error:
            self._reset(str(error))
        else:
            self._set_alarm()

    def _reset(self, reason: str) -> None:
        """What was not written did not happen: forget it with the power, as a watchdog makes sure, and begin again."""
        log.warning("memory_refused", locker=self.plan.locker_id, reason=reason)
        self.power_off()
        asyncio.get_running_loop().call_later(RESET_AFTER_S, self.switches.light, "watchdog")

    def _do_one(self, output: signals.Output) -> None:
        match output:
            case signals.Remember(records, synced):
                self._remember(records, synced=synced)
            case signals.Energise(door):
                self._energise(door)
            case signals.Send(kind, message, qos, retain):
                self._outgoing.send(_Packet(kind, encode(message), qos=qos, retain=retain))
            case signals.ReadProbes(at_ms):
                self._sample(at_ms)
            case signals.Display(show):
                self.screen.put(show, self.now().monotonic_ms)

    def _remember(self, records: tuple[Record, ...], *, synced: bool) -> None:
        """Blocks the loop until the disk has it, on purpose: nothing that follows may come first."""
        if self._journal is None or self.controller is None:
            return
        if self.board.strikes("memory_refuses"):
            raise MemoryRefusedError("as it was told to")
        try:
            self._journal.append(records, synced=synced)
            self._journal.compact(self.controller.memory)
        except OSError as error:
            raise MemoryRefusedError(str(error)) from error

    def _energise(self, door: int) -> None:
        self.figures.pulses += 1
        if self.figures.asked_ms is not None:
            self.figures.scan_to_unlock_ms = self.now().monotonic_ms - self.figures.asked_ms
            self.figures.asked_ms = None
        holds = self._too_weak() or any(self.board.strikes(name, door=door) for name in LATCH_HOLDS)
        late_ms = 0 if holds else self._ms("springs_late", door)
        if late_ms:
            asyncio.get_running_loop().call_later(late_ms / 1000, self._spring, door)
        else:
            self._spring(door, latch_holds=holds)

    def _spring(self, door: int, *, latch_holds: bool = False) -> None:
        self.settle()
        bounce_ms = self._ms("contact_bounces", door)
        self._edges(self.cabinet.pulse(door, latch_holds=latch_holds, bounce_ms=bounce_ms))
        self.changed()

    def _too_weak(self) -> bool:
        """A weak supply frees so many latches at once; later pulses pull in vain until it is charged again."""
        at_once, now_ms = self.board.amount("locks_weak"), self.now().monotonic_ms
        recent = sum(now_ms - at_ms < RECHARGED_AFTER_MS for at_ms in self._pulsed_ms)
        if at_once is not None and recent >= at_once:
            return True
        self._pulsed_ms.append(now_ms)
        return False

    def _ms(self, name: FaultName, door: int) -> int:
        fault = self.board.strikes(name, door=door)
        return int(fault.amount or 0) if fault else 0

    def show_probes(self) -> None:
        """Read the probes now, between two samples."""
        self.settle()
        if self.controller is not None:
            readings = self._probes.read(self.fridges, self.now().civil_ms)
            core.step(self.controller, signals.ProbesShown(readings), self.now())

    def _sample(self, at_ms: tuple[int, ...]) -> None:
        samples = tuple(self._sample_at(each_ms) for each_ms in at_ms)
        if self.controller is not None:
            self._do(core.step(self.controller, signals.ProbesRead(samples, self.energy_wh()), self.now()))

    def _sample_at(self, civil_ms: int) -> signals.Sample:
        if self._settled_ms is None or civil_ms > self._settled_ms:
            self.settle(civil_ms)
        while self._passed and self._passed[0][0] <= civil_ms - SAMPLE_EVERY_MS:
            self._passed.popleft()
        if self._passed and self._passed[0][0] <= civil_ms:
            return self._passed.popleft()[1]
        return self._read(civil_ms)

    def _read(self, civil_ms: int) -> signals.Sample:
        readings = self._probes.read(self.fridges, civil_ms)
        return tuple(
            signals.ZoneSample(each.zone, each.air_c, each.product_c, fridge.compressor_on, fridge.defrosting)
            for each, fridge in zip(readings, self.fridges.values(), strict=True)
        )

    def _come(self, pieces: Iterable[instruments.Later]) -> None:
        for piece in pieces:
            if piece.after_ms == 0:
                self.feed(piece.given)
            else:
                asyncio.get_running_loop().call_later(piece.after_ms / 1000, self.feed, piece.given)

    def _edges(self, edges: list[Edge]) -> None:
        """Play a contact's bouncing. A door that turns round in mid-swing bounces no more of its first way."""
        loop = asyncio.get_running_loop()
        self._still({edge.door for edge in edges})
        for edge in edges:
            change = signals.ContactChanged(edge.door, edge.is_open)
            handle = loop.call_later(edge.after_ms / 1000, self.feed, change)
            self._bouncing.setdefault(edge.door, []).append(handle)

    def _still(self, contacts: Iterable[int]) -> None:
        for contact in list(contacts):
            for late in self._bouncing.pop(contact, ()):
                late.cancel()

    def _ask(self) -> None:
        self.figures.asked_ms = self.now().monotonic_ms

    def _set_zone(self, change: SetZone) -> None:
        fridge = self.fridge(change.zone)
        if change.target_c is not None:
            if fridge.machine is None:
                raise HandRefusedError("not_cooled")
            fridge.machine.target_c = change.target_c
        if change.ambient_c is not None:
            fridge.lobby_c = change.ambient_c
        if change.warm_by_c is not None:
            fridge.warm_by(change.warm_by_c)
        self.show_probes()

    def settle(self, civil_ms: int | None = None) -> None:
        """Let the cold catch up before anything that bears on it changes.

        Where the civil clock jumped, what its probes would have read on the way is kept for the samples that are due.
        """
        civil_ms = self.now().civil_ms if civil_ms is None else civil_ms
        before_ms = civil_ms if self._settled_ms is None or self.controller is None else self._settled_ms
        for passed_ms in range(max(before_ms, civil_ms - CAUGHT_UP_MS), civil_ms - SAMPLE_EVERY_MS, SAMPLE_EVERY_MS):
            self._pass_to(passed_ms + SAMPLE_EVERY_MS)
            self._passed.append((passed_ms + SAMPLE_EVERY_MS, self._read(passed_ms + SAMPLE_EVERY_MS)))
        self._pass_to(civil_ms)

    def _pass_to(self, civil_ms: int) -> None:
        powered = self.controller is not None
        for zone, fridge in self.fridges.items():
            open_doors = self._open_doors(zone)
            around = self._cold_faults.bear_on(fridge, civil_ms, open_doors=open_doors, powered=powered)
            fridge.advance(civil_ms, around)
        if powered and self._settled_ms is not None:
            self._electronics_j += ELECTRONICS_W * max(0, civil_ms - self._settled_ms) / 1000
        self._settled_ms = civil_ms

    def energy_wh(self) -> int:
        """What the cabinet's meter shows, in watt-hours."""
        return self._meter.read(self._used_j())

    def outside_c(self, zone: Zone) -> float:
        """What the lobby's air has now where this zone stands."""
        return self.fridges[zone].outside_c(self.now().civil_ms, self._cold_faults.hotter_k())

    def _used_j(self) -> float:
        machines = [fridge.machine for fridge in self.fridges.values() if fridge.machine is not None]
        return self._electronics_j + sum(machine.used_j for machine in machines)

    def _open_doors(self, zone: Zone) -> int:
        doors = self.cabinet.doors.values()
        return sum(door.position != "shut" and self._zone_of[door.number] == zone for door in doors)

    # --- the link's and the clock's calls ------------------------------------------------------------------------

    def _hang_up(self) -> None:
        """Drop the connection, and with it what is under way."""
        self.link.close()
        self._incoming.cut()
        self._outgoing.cut()

    def _publish(self, packet: "_Packet") -> None:
        self.link.publish(packet.kind, packet.payload, qos=packet.qos, retain=packet.retain)

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
            wait_ms = max(0, core.due_ms(self.controller) - self.now().monotonic_ms)
            wait_s = self.crystal.real_s(wait_ms)
            self._alarm = asyncio.get_running_loop().call_later(wait_s, self.feed, signals.Woken())

    def changed(self) -> None:
        """Tell the watchers."""
        if self.controller is not None:
            self.screen.see(self.controller.sensors.is_open)
        for watcher in list(self._watchers):
            watcher()
