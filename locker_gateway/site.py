"""The site's core, pure: one input in, records and effects out. No I/O, no clock, no randomness of its own.

The shell commits all records of a step in one transaction before it performs any of its effects; a crash anywhere
leaves a store from which `restore` rebuilds the state, and everything that was not recorded did not happen.
"""

from collections.abc import Iterable

import msgspec

from locker_gateway import (
    cancelling,
    codes,
    collecting,
    controllers,
    door_events,
    echoes,
    grants,
    loading,
    refusals,
    remote,
    staff_doors,
    status,
    tidy,
    unread,
    uplink_log,
    wiring,
)
from locker_gateway.codes import Holder
from locker_gateway.cold import gate, minutes, sampling, sending, zones
from locker_gateway.door_events import Moment
from locker_gateway.inputs import (
    AuditGrown,
    BusDown,
    BusMessage,
    BusUp,
    EventsRead,
    Input,
    MinutesRead,
    Started,
    StoreMeasured,
    Tick,
    UplinkDown,
    UplinkMessage,
    UplinkUp,
)
from locker_gateway.loading import LabelShown
from locker_gateway.outputs import Output
from locker_gateway.records import UpLog
from locker_gateway.refusals import Refused
from locker_gateway.state import ONLY, Session, Site, SiteConfig
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import (
    Beat,
    CodeScanned,
    ControllerBirth,
    ControllerDeath,
    ControllerPresence,
    DoorOpened,
    DoorShut,
    Events,
    KeysEntered,
    NumberedEvent,
    Report,
    Show,
    UnlockDone,
    event_of,
)
from locker_protocol.clock import Now
from locker_protocol.codec import decode
from locker_protocol.errors import ProtocolError
from locker_protocol.ids import RandomBytes
from locker_protocol.label import read_label
from locker_protocol.signing import Direction, unseal
from locker_protocol.telemetry import MinutesApplied, Samples
from locker_protocol.topics import parse_bus_topic
from locker_protocol.uplink_messages import AuditHead, Down, DownBatch, EventsApplied
from locker_protocol.vocabulary import Refusal, Via

# What was shown longer ago, or may have been, is nobody's wish any more.
SHOWN_FRESH_MS = 10_000
SESSION_MS = 600_000
LABEL_PREFIX = "P1-"
# A door's number; typed pickup codes are longer.
DOOR_DIGITS = 3


class UnreadableRecord(Exception):
    """The store was written by a newer version, or is damaged. Nothing is guessed."""


def restore(config: SiteConfig, records: Iterable[tuple[str, str, bytes]]) -> Site:
    """Rebuild the state from the store's rows `(kind, key, body)`; the first input must then be `Started`.

    Raises UnreadableRecord.
    """
    site = Site(config)
    tables = {table.kind: table for table in site.tables()}
    try:
        for kind, key, body in records:
            tables[kind].load(key, body)
    except (KeyError, msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UnreadableRecord(f"The gateway's store holds a row this version cannot read ({error}).") from error
    stamp = site.stamps.rows.get(ONLY)
    site.civil_ms = stamp.civil_ms if stamp else 0
    site.sending.sent_through = site.sending.written_mark = site.mark
    codes.index(site)
    return site


def step(site: Site, given: Input, *, now: Now, random: RandomBytes) -> list[Output]:
    """Take one input; return what to record and what to do, in order."""
    turn = Turn(site, now, random)
    match given:
        case Started():
            echoes.begin(site, random)
            _start(turn)
        case Tick():
            _tick(turn)
        case UplinkUp() | UplinkDown() | BusUp() | BusDown():
            _note_link(turn, given)
        case UplinkMessage():
            _hear_service(turn, given)
        case BusMessage():
            _hear_bus(turn, given)
        case EventsRead(asked, events):
            uplink_log.take_read(turn, asked.first, events)
        case MinutesRead():
            minutes.take_read(turn, given)
            sending.take_read(turn, given)
        case AuditGrown(no, digest):
            site.audit_head = AuditHead(no, digest.hex())
        case StoreMeasured(share):
            tidy.make_room(turn, share)
    cancelling.tell_settled(turn)
    _tell_service(turn)
    return turn.finish()


def _tell_service(turn: Turn) -> None:
    """Send what is due, but not before an unlock: somebody waits for that, and signing what goes up takes 0.1 ms.

    The service hears of it with the next step: the controller's answer, or a tick.
    """
    if not turn.unlocks:
        uplink_log.pump(turn)
        sending.pump(turn)
        status.send_when_due(turn)


def _start(turn: Turn) -> None:
    """Timers begin anew: how long the process was gone, nobody knows."""
    site = turn.site
    if ONLY not in site.up_log.rows:
        turn.put(site.up_log, ONLY, UpLog(turn.new_id(), 0))
    site.granted_ms = dict.fromkeys(site.grants.rows, turn.ms)
    minutes.begin(turn)
    gate.begin(turn)


def _note_link(turn: Turn, given: UplinkUp | UplinkDown | BusUp | BusDown) -> None:
    match given:
        case UplinkUp():
            uplink_log.connected(turn)
            sending.connected(turn)
        case UplinkDown():
            turn.site.uplink_up = False
        case BusUp():
            turn.site.bus_up = True
            echoes.ask_all(turn)
        case BusDown():
            turn.site.bus_up = False
    _say_ready(turn)


def _say_ready(turn: Turn) -> None:
    if turn.site.uplink_up and turn.site.bus_up and not turn.site.said_ready:
        turn.site.said_ready = True
        turn.say("ready")


def _tick(turn: Turn) -> None:
    _measure_rate(turn)
    controllers.notice_silence(turn)
    wiring.judge_when_due(turn)
    grants.lapse_what_stayed_shut(turn)
    door_events.watch_open_doors(turn)
    zones.note_open_doors(turn)
    minutes.end_when_due(turn)
    refusals.write_counts(turn)
    unread.write_counts(turn)
    uplink_log.keep_mark(turn)
    tidy.tidy_when_due(turn)


def _measure_rate(turn: Turn) -> None:
    """How fast civil time runs, from one tick to the next: 1, except on a demo stack."""
    site = turn.site
    if site.ticked is not None and turn.ms > site.ticked[1]:
        site.civil_rate = max(1.0, (turn.civil_ms - site.ticked[0]) / (turn.ms - site.ticked[1]))
    site.ticked = (turn.civil_ms, turn.ms)


# --- from the service -------------------------------------------------------------------------------------------------


def _hear_service(turn: Turn, message: UplinkMessage) -> None:
    config = turn.site.config
    try:
        keys = turn.site.live_keys()
        body = unseal(message.payload, direction=Direction.DOWN, gateway=config.gateway, keys=keys)
        command: Down = decode(body, Down)
    except ProtocolError as error:
        turn.say("down_refused", level="warning", fault=error.fault)
        return
    match command:
        case DownBatch():
            uplink_log.take_batch(turn, command)
        case EventsApplied():
            uplink_log.take_acknowledgement(turn, command)
        case MinutesApplied():
            sending.take_answer(turn, command)
        case _:
            remote.obey(turn, command, received_ms=message.received_ms)


# --- from the controllers ---------------------------------------------------------------------------------------------


def _hear_bus(turn: Turn, message: BusMessage) -> None:
    """Take a controller's message. Whatever it is, the loop goes on."""
    try:
        topic = parse_bus_topic(message.topic)
        if topic.gateway != turn.site.config.gateway or topic.controller not in turn.site.seen:
            turn.say("controller_unknown", level="warning", controller=topic.controller)
            return
        if topic.kind == "presence":
            presence: ControllerPresence = decode(message.payload, ControllerPresence)
            _take_presence(turn, topic.controller, presence, retained=message.retained)
        else:
            report: Report = decode(message.payload, Report)
            _take_report(turn, topic.controller, report, received_ms=message.received_ms)
    except ProtocolError as error:
        turn.say("report_refused", level="warning", fault=error.fault)


def _take_presence(turn: Turn, controller: str, presence: ControllerBirth | ControllerDeath, *, retained: bool) -> None:
    if isinstance(presence, ControllerDeath):
        controllers.died(turn, controller, presence)
        return
    controllers.born(turn, controller, presence, retained=retained)
    if not retained and turn.site.seen[controller].boot_id == presence.boot_id:
        door_events.see_doors(turn, controller, presence)
        echoes.ask(turn, controller)


def _take_report(turn: Turn, controller: str, report: Report, *, received_ms: int) -> None:
    if controllers.heard(turn, controller, report):
        match report:
            case Beat():
                door_events.see_doors(turn, controller, report)
                sampling.take_beat(turn, controller, report)
            case Events():
                _take_events(turn, controller, report, received_ms=received_ms)
            case Samples():
                sampling.take(turn, controller, report, received_ms=received_ms)
    echoes.ask_when_due(turn, controller)  # a boot taken for an earlier one too: its answer proves that it lives


def _take_events(turn: Turn, controller: str, report: Events, *, received_ms: int) -> None:
    on_its_way_ms = echoes.longest_on_its_way_ms(turn, controller, report)
    for numbered in controllers.next_events(turn, controller, report):
        seen_in = None if numbered.earlier_boot else Moment(report.boot_id, received_ms - numbered.age_ms)
        fresh = on_its_way_ms is not None and on_its_way_ms + numbered.age_ms <= SHOWN_FRESH_MS
        _take_event(turn, controller, numbered, seen_in=seen_in, fresh=fresh)


def _take_event(turn: Turn, controller: str, numbered: NumberedEvent, *, seen_in: Moment | None, fresh: bool) -> None:
    """Take one event. `seen_in`: in this boot of the controller; of an earlier one nobody knows when."""
    fresh = fresh and seen_in is not None
    try:
        event = event_of(numbered)
    except ProtocolError as error:
        unread.refuse(turn, controller, numbered, error)
        return
    match event:
        case DoorOpened(door, command_id):
            door_events.door_opened(turn, controller, door, command_id, seen_in=seen_in)
        case DoorShut(door):
            door_events.door_shut(turn, controller, door, boot_id=seen_in.boot_id if seen_in else None)
        case UnlockDone():
            grants.unlock_done(turn, event)
            if seen_in is not None:
                wiring.pulsed(turn, controller, event, at_ms=seen_in.at_ms)
        case CodeScanned(text):
            _shown(turn, controller, text, Via.SCANNER, fresh=fresh)
        case KeysEntered(digits):
            _shown(turn, controller, digits, Via.KEYPAD, fresh=fresh)


# --- what people show -------------------------------------------------------------------------------------------------


def _shown(turn: Turn, controller: str, shown: str, via: Via, *, fresh: bool) -> None:
    """Somebody showed a code, a label or typed digits: open, or refuse and say why."""
    if not fresh:
        refusals.refuse(turn, controller, via, Refused(Refusal.TOO_LATE))
        return
    try:
        if via is Via.KEYPAD and len(shown) <= DOOR_DIGITS and _session(turn, controller) is not None:
            _door_typed(turn, controller, shown)
        elif via is Via.KEYPAD:
            collecting.open_for(turn, codes.judge_keys(turn, controller, shown), controller=controller, via=via)
        elif shown.startswith(LABEL_PREFIX) or read_label(shown):
            _label_shown(turn, controller, shown)
        else:
            _symbol_shown(turn, controller, shown)
    except Refused as refused:
        refusals.refuse(turn, controller, via, refused)


def _symbol_shown(turn: Turn, controller: str, text: str) -> None:
    judged = codes.judge_symbol(turn, text)
    if isinstance(judged, Holder):
        collecting.open_for(turn, judged, controller=controller, via=Via.SCANNER)
        return
    turn.site.sessions[controller] = Session(judged.actor, turn.ms)
    turn.command(controller, Show("visit"), qos=0)
    turn.say("driver_session", controller=controller, actor=judged.actor)


def _label_shown(turn: Turn, controller: str, text: str) -> None:
    session = _session(turn, controller)
    if session is None:
        raise Refused(Refusal.NO_DRIVER)
    session.touched_ms = turn.ms
    loading.load(turn, LabelShown(text, session.actor, Via.SCANNER, controller))


def _door_typed(turn: Turn, controller: str, digits: str) -> None:
    session = turn.site.sessions[controller]
    session.touched_ms = turn.ms
    staff_doors.open_typed(turn, int(digits), controller=controller, actor=session.actor)


def _session(turn: Turn, controller: str) -> Session | None:
    """Who stands in front of this locker by their rotating code, if they showed it or used it lately."""
    session = turn.site.sessions.get(controller)
    return session if session and turn.ms - session.touched_ms <= SESSION_MS else None
