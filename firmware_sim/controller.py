"""A locker's controller, pure: one input in, what it does out, in the order it must be done.

It decides whether a lock is pulsed (once for each command, fresh ones only, recorded before), numbers what happens
at the locker and sends it until the gateway has it. It never judges a code, never knows an order, never reads a
clock, and trusts no clock but its own count of seconds since boot.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from firmware_sim.memory import CommandKept, EventKept, EventsForgotten, Memory, PulseLapsed, Record
from firmware_sim.panel import KEY_DEBOUNCE_MS, KEYS, Keypad, Sensors, SerialLine, clean_scan
from firmware_sim.sampling import Sampling, due_samples, heard, keep_samples, next_runs, send_all_again
from firmware_sim.signals import (
    Connected,
    ContactChanged,
    Disconnected,
    Display,
    Energise,
    Input,
    KeyMoved,
    KeyPressed,
    LockSupplySwitched,
    Output,
    ProbesRead,
    ProbesShown,
    ReadProbes,
    Received,
    Remember,
    ScannerSent,
    Send,
    SymbolRead,
    Woken,
)
from locker_protocol.bus_messages import (
    FRESH_BEATS,
    Beat,
    BootReason,
    CodeScanned,
    Command,
    ControllerBirth,
    ControllerDeath,
    ControllerEvent,
    DoorOpened,
    DoorReading,
    DoorShut,
    Echo,
    Events,
    EventsReceived,
    KeysEntered,
    NumberedEvent,
    Show,
    Unlock,
    UnlockDone,
    UnlockOutcome,
    ZoneReading,
    number_event,
)
from locker_protocol.clock import Now
from locker_protocol.codec import encode
from locker_protocol.ids import RandomBytes, random_id
from locker_protocol.telemetry import SAMPLE_EVERY_MS, Samples
from locker_protocol.vocabulary import CONTRACT_MINOR

FIRMWARE = "caibox-sim 0.1.0"
BEAT_EVERY_MS = 2_000
RESEND_AFTER_MS = 2_000
BIRTH_AGAIN_AFTER_MS = 3_000
# Events sent without an echo are proof of nothing: a new connection waits so long for its first one.
ECHO_WAIT_MS = 1_000
# One lock draws about 2 A while it is pulsed; the supply stands one at a time.
STAGGER_MS = 150
# A door that opens within this time after its pulse opened because of it; the gateway's grant is as long.
FOLLOW_MS = 10_000
BATCH = 32
# Thirty-two scans of 512 letters of four bytes are more than the contract's 64 KiB; what is refused is never received.
MAX_BATCH_BYTES = 48 * 1024
# Doors and outcomes need room when the gateway is away for days: scans and keys may fill only a part of the queue.
MAX_QUEUE = 4_096
MAX_QUEUE_FOR_PEOPLE = 1_024
MAX_PULSES_WAITING = 64


@dataclass(slots=True)
class Controller:
    """Everything a running controller holds; all but `memory` is gone with the power.

    `followed` names, for each door, the unlock it was last pulsed for; one that waits for its turn opened nothing yet.
    """

    memory: Memory
    boot_id: str
    boot_reason: BootReason
    booted_ms: int
    sensors: Sensors
    sampling: Sampling
    keypad: Keypad = field(default_factory=Keypad)
    keys: Sensors = field(default_factory=lambda: Sensors(dict.fromkeys(range(len(KEYS)), False), {}, KEY_DEBOUNCE_MS))
    scanner: SerialLine = field(default_factory=SerialLine)
    zones: tuple[ZoneReading, ...] = ()
    lock_supply: bool = True
    connected: bool = False
    pulses: deque[CommandKept] = field(default_factory=deque)
    next_pulse_ms: int = 0
    follow_until_ms: dict[int, int] = field(default_factory=dict)
    followed: dict[int, str] = field(default_factory=dict)
    sent_through: int = 0
    resend_ms: int = 0
    echo: int | None = None
    echo_awaited_ms: int = 0
    echo_heard_ms: int = 0
    birth_again_ms: int | None = None
    beat_ms: int = 0

    def beat(self, now: Now) -> int:
        """Whole seconds since boot."""
        return (now.monotonic_ms - self.booted_ms) // 1000

    def death(self) -> ControllerDeath:
        """The will of this boot's connections."""
        return ControllerDeath(self.boot_id)


def boot(
    memory: Memory,
    *,
    contacts: Mapping[int, bool],
    reason: BootReason,
    now: Now,
    random: RandomBytes,
    samples_from_ms: int | None = None,
) -> tuple[Controller, list[Output]]:
    """Power up with what was remembered and what the door contacts say now (True is open).

    `samples_from_ms`: civil time of the first sample, if the probes can be asked what they said before now.
    """
    sampling = Sampling((now.civil_ms if samples_from_ms is None else samples_from_ms) - SAMPLE_EVERY_MS)
    state = Controller(memory, random_id(random), reason, now.monotonic_ms, Sensors(dict(contacts)), sampling)
    state.followed = dict(memory.pulsed)
    outputs: list[Output] = [ReadProbes(due_samples(sampling, now))]
    changed = [door for door, is_open in contacts.items() if is_open != (door in memory.open_doors)]
    _record(state, outputs, now, *(_moved(state, door) for door in changed))
    _forget_pulses(state, outputs, sorted(memory.pulsed))
    state.beat_ms = now.monotonic_ms + BEAT_EVERY_MS
    return state, outputs


def step(state: Controller, given: Input, now: Now) -> list[Output]:
    """Take one input. The outputs must be done in their order."""
    outputs: list[Output] = []
    match given:
        case Connected():
            _connected(state, outputs, now)
        case Disconnected():
            state.connected, state.birth_again_ms = False, None
        case Received(command):
            _obey(state, outputs, now, command)
        case ContactChanged(door, is_open):
            state.sensors.edge(door, is_open=is_open, now_ms=now.monotonic_ms)
        case SymbolRead() | ScannerSent() | KeyPressed() | KeyMoved():
            _touched(state, outputs, now, given)
        case ProbesRead():
            _sampled(state, outputs, now, given)
        case ProbesShown(zones):
            state.zones = zones
        case LockSupplySwitched(on):
            state.lock_supply = on
        case Woken():
            _wake(state, outputs, now)
    return outputs


def due_ms(state: Controller) -> int:
    """Monotonic time of the next `Woken`."""
    times = [
        state.beat_ms,
        state.birth_again_ms,
        state.sampling.look_ms,
        state.sensors.due_ms(),
        state.keypad.due_ms(),
        state.keys.due_ms(),
        state.scanner.due_ms(),
        *state.follow_until_ms.values(),
    ]
    if state.pulses:
        times.append(state.next_pulse_ms)
    if state.connected and state.memory.events:
        times.append(state.resend_ms)
    return min(time for time in times if time is not None)


def door_readings(state: Controller) -> list[DoorReading]:
    """All doors as the controller believes them to be."""
    return [DoorReading(door, "open" if is_open else "shut") for door, is_open in state.sensors.is_open.items()]


# --- commands ---------------------------------------------------------------------------------------------------------


def _obey(state: Controller, outputs: list[Output], now: Now, command: Command) -> None:
    match command:
        case Unlock():
            _unlock(state, outputs, now, command)
        case EventsReceived():
            _received(state, outputs, now, command)
        case Echo():
            _echo(state, outputs, now, command)
        case Show():
            outputs.append(Display(command))


def _unlock(state: Controller, outputs: list[Output], now: Now, command: Unlock) -> None:
    """A repeat is answered from memory before anything else is looked at, so that it can never pulse twice."""
    first = state.memory.outcomes.get(command.command_id)
    if first is not None:
        _record(state, outputs, now, UnlockDone(first.command_id, first.door, first.outcome))
        return
    kept = CommandKept(command.command_id, command.door, _judge(state, now, command))
    _remember(state, outputs, kept)
    if kept.outcome == "pulsed":
        state.pulses.append(kept)
        state.follow_until_ms[kept.door] = now.monotonic_ms + FOLLOW_MS
        _pulse(state, outputs, now)
    else:
        _record(state, outputs, now, UnlockDone(kept.command_id, kept.door, kept.outcome))


def _judge(state: Controller, now: Now, command: Unlock) -> UnlockOutcome:
    age = state.beat(now) - command.beat
    if command.boot_id != state.boot_id or not 0 <= age <= FRESH_BEATS:
        return "stale"
    if command.door not in state.sensors.is_open:
        return "unknown_door"
    return "pulsed" if state.lock_supply and len(state.pulses) < MAX_PULSES_WAITING else "disabled"


def _pulse(state: Controller, outputs: list[Output], now: Now) -> None:
    if not state.pulses or now.monotonic_ms < state.next_pulse_ms:
        return
    kept = state.pulses.popleft()
    outputs.append(Energise(kept.door))
    state.followed[kept.door] = kept.command_id
    state.next_pulse_ms = now.monotonic_ms + STAGGER_MS
    state.follow_until_ms[kept.door] = now.monotonic_ms + FOLLOW_MS
    _record(state, outputs, now, UnlockDone(kept.command_id, kept.door, kept.outcome))


def _received(state: Controller, outputs: list[Output], now: Now, command: EventsReceived) -> None:
    """A receipt of another memory's events, or of events not yet made, says nothing about ours."""
    memory = state.memory
    if command.store_id != memory.store_id or not memory.events or command.event_no > memory.last_event_no:
        return
    if command.event_no >= memory.events[0].event_no:
        _remember(state, outputs, EventsForgotten(command.event_no), synced=False)
        if memory.last_event_no > state.sent_through:
            _send_events(state, outputs, now)


def _echo(state: Controller, outputs: list[Output], now: Now, command: Echo) -> None:
    """The last one counts, whatever its number: a new gateway counts from anywhere."""
    is_first, state.echo = state.echo is None, command.echo
    silent_ms, state.echo_heard_ms = now.monotonic_ms - state.echo_heard_ms, now.monotonic_ms
    if is_first:
        _send_events(state, outputs, now)
    if is_first:
        send_all_again(state.sampling)
    heard(state.sampling, silent_ms=silent_ms)
    _send_samples(state, outputs, now)


# --- events -----------------------------------------------------------------------------------------------------------


def _touched(
    state: Controller, outputs: list[Output], now: Now, given: SymbolRead | ScannerSent | KeyPressed | KeyMoved
) -> None:
    match given:
        case SymbolRead(text):
            _scanned(state, outputs, now, clean_scan(text))
        case ScannerSent(raw):
            _scanned(state, outputs, now, *state.scanner.take(raw, now.monotonic_ms))
        case KeyPressed(key):
            _pressed(state, outputs, now, key)
        case KeyMoved(key, is_down):
            state.keys.edge(KEYS.index(key), is_open=is_down, now_ms=now.monotonic_ms)


def _scanned(state: Controller, outputs: list[Output], now: Now, *texts: str) -> None:
    for text in texts:
        _people(state, outputs, now, CodeScanned(text) if text else None)


def _pressed(state: Controller, outputs: list[Output], now: Now, key: str) -> None:
    digits = state.keypad.press(key, now.monotonic_ms)
    _people(state, outputs, now, KeysEntered(digits) if digits else None)


def _people(state: Controller, outputs: list[Output], now: Now, event: CodeScanned | KeysEntered | None) -> None:
    if event is not None and len(state.memory.events) < MAX_QUEUE_FOR_PEOPLE:
        _record(state, outputs, now, event)


def _record(state: Controller, outputs: list[Output], now: Now, *events: ControllerEvent) -> None:
    """Number events, make them durable, then send. An event that finds the queue full gets no number: no gap."""
    room = MAX_QUEUE - len(state.memory.events)
    first = state.memory.last_event_no + 1
    kept = [
        EventKept(first + place, state.boot_id, now.monotonic_ms, event) for place, event in enumerate(events[:room])
    ]
    if kept:
        _remember(state, outputs, *kept)
        if kept[0].event_no < state.memory.events[0].event_no + BATCH:
            _send_events(state, outputs, now)


def _send_events(state: Controller, outputs: list[Output], now: Now) -> None:
    """Always from the first one not received: the gateway takes only the next number, so order is never in doubt."""
    if not state.connected or not state.memory.events:
        return
    if state.echo is None and now.monotonic_ms < state.echo_awaited_ms:
        state.resend_ms = state.echo_awaited_ms
        return
    batch = _next_batch(state, now)
    state.sent_through = batch[-1].event_no
    state.resend_ms = now.monotonic_ms + RESEND_AFTER_MS
    report = Events(state.boot_id, state.beat(now), state.memory.store_id, batch, state.echo)
    outputs.append(Send("report", report, qos=1))


def _next_batch(state: Controller, now: Now) -> list[NumberedEvent]:
    batch, size = list[NumberedEvent](), 0
    for kept in islice(state.memory.events, BATCH):
        each = _numbered(state, now, kept)
        size += len(encode(each)) + 1
        if batch and size > MAX_BATCH_BYTES:
            break
        batch.append(each)
    return batch


def _numbered(state: Controller, now: Now, kept: EventKept) -> NumberedEvent:
    earlier = kept.boot_id != state.boot_id
    since_ms = state.booted_ms if earlier else kept.at_ms
    return number_event(kept.event_no, now.monotonic_ms - since_ms, kept.event, earlier_boot=earlier)


def _moved(state: Controller, door: int) -> DoorOpened | DoorShut:
    if not state.sensors.is_open[door]:
        return DoorShut(door)
    return DoorOpened(door, state.followed.pop(door, None))


# --- temperatures -----------------------------------------------------------------------------------------------------


def _sampled(state: Controller, outputs: list[Output], now: Now, read: ProbesRead) -> None:
    keep_samples(state.sampling, read.samples, energy_wh=read.energy_wh)
    if read.samples:
        state.zones = tuple(ZoneReading(each.zone, each.air_c, each.product_c) for each in read.samples[-1])
    _send_samples(state, outputs, now)


def _send_samples(state: Controller, outputs: list[Output], now: Now) -> None:
    """Like events they wait for a new connection's first echo."""
    if not state.connected or (state.echo is None and now.monotonic_ms < state.echo_awaited_ms):
        return
    for run in next_runs(state.sampling, now):
        report = Samples(
            state.boot_id,
            state.beat(now),
            state.memory.store_id,
            run.first_no,
            run.age_ms,
            SAMPLE_EVERY_MS,
            run.zones,
            state.sampling.energy_wh,
            state.echo,
        )
        outputs.append(Send("report", report, qos=1))


# --- time and connection ----------------------------------------------------------------------------------------------


def _connected(state: Controller, outputs: list[Output], now: Now) -> None:
    """A broker may publish the will of the connection before only now, over the retained birth: it is born twice."""
    state.connected, state.echo = True, None
    state.echo_awaited_ms = now.monotonic_ms + ECHO_WAIT_MS
    state.birth_again_ms = now.monotonic_ms + BIRTH_AGAIN_AFTER_MS
    outputs.append(_birth(state, now))
    _send_events(state, outputs, now)
    send_all_again(state.sampling)


def _birth(state: Controller, now: Now) -> Send:
    birth = ControllerBirth(
        state.boot_id,
        state.beat(now),
        state.memory.store_id,
        state.memory.last_event_no,
        state.boot_reason,
        FIRMWARE,
        door_readings(state),
        list(state.zones),
        CONTRACT_MINOR,
    )
    return Send("presence", birth, qos=1, retain=True)


def _wake(state: Controller, outputs: list[Output], now: Now) -> None:
    _record(state, outputs, now, *(_moved(state, door) for door in state.sensors.settled(now.monotonic_ms)))
    _pulse(state, outputs, now)
    _scanned(state, outputs, now, *state.scanner.expire(now.monotonic_ms))
    for key in state.keys.settled(now.monotonic_ms):
        if state.keys.is_open[key]:
            _pressed(state, outputs, now, KEYS[key])
    state.keypad.expire(now.monotonic_ms)
    lapsed = [door for door, until_ms in state.follow_until_ms.items() if now.monotonic_ms >= until_ms]
    _forget_pulses(state, outputs, lapsed)
    if state.connected and state.memory.events and now.monotonic_ms >= state.resend_ms:
        _send_events(state, outputs, now)
    if state.birth_again_ms is not None and now.monotonic_ms >= state.birth_again_ms:
        state.birth_again_ms = None
        outputs.append(_birth(state, now))
    if due := due_samples(state.sampling, now):
        outputs.append(ReadProbes(due))
    if now.monotonic_ms >= state.beat_ms:
        _beat(state, outputs, now)


def _beat(state: Controller, outputs: list[Output], now: Now) -> None:
    state.beat_ms = now.monotonic_ms + BEAT_EVERY_MS
    if state.connected:
        memory = state.memory
        report = Beat(
            state.boot_id,
            state.beat(now),
            memory.store_id,
            memory.last_event_no,
            door_readings(state),
            list(state.zones),
            state.echo,
        )
        outputs.append(Send("report", report, qos=0))


def _forget_pulses(state: Controller, outputs: list[Output], doors: list[int]) -> None:
    for door in doors:
        state.follow_until_ms.pop(door, None)
        state.followed.pop(door, None)
    still = [PulseLapsed(door) for door in doors if door in state.memory.pulsed]
    if still:
        _remember(state, outputs, *still, synced=False)


def _remember(state: Controller, outputs: list[Output], *records: Record, synced: bool = True) -> None:
    for record in records:
        state.memory.apply(record)
    outputs.append(Remember(records, synced))
