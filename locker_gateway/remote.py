"""Commands from afar: open doors, load a parcel, collect by a code. Answered once; a repeat gets the first answer.

Such a command is worth nothing after `not_after`, nor after it lay here for ten seconds: whoever sent it has gone.
"""

from locker_gateway import codes, collecting, loading, staff_doors
from locker_gateway.loading import LabelShown
from locker_gateway.records import Answer
from locker_gateway.refusals import Refused, refuse
from locker_gateway.staff_doors import Wish
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.uplink_messages import CommandAnswered, LoadParcel, OpenDoors, OpenForOwner
from locker_protocol.vocabulary import Refusal, Via

FRESH_MS = 10_000

Remote = OpenDoors | LoadParcel | OpenForOwner


def obey(turn: Turn, command: Remote, *, received_ms: int) -> None:
    """Carry out a command and answer it."""
    site = turn.site
    answer = site.answers.rows.get(command.command_id)
    if answer is None:
        answer = _act(turn, command, received_ms=received_ms)
        turn.put(site.answers, command.command_id, answer)
    turn.up(CommandAnswered(command.command_id, list(answer.doors), answer.refusal))


def _act(turn: Turn, command: Remote, *, received_ms: int) -> Answer:
    try:
        _check_time(turn, command, received_ms=received_ms)
        doors = _doors(turn, command)
    except Refused as refused:
        refuse(turn, _controller(turn.site, command), Via.REMOTE, refused)
        return Answer(turn.civil_ms, refusal=refused.refusal)
    return Answer(turn.civil_ms, doors=doors)


def _doors(turn: Turn, command: Remote) -> tuple[int, ...]:
    match command:
        case LoadParcel():
            return (_load(turn, command),)
        case OpenForOwner():
            return collecting.open_for(turn, codes.judge_told(turn, command), controller=None, via=Via.REMOTE)
        case OpenDoors():
            return _open(turn, command)


def _check_time(turn: Turn, command: Remote, *, received_ms: int) -> None:
    if turn.civil_ms > command.not_after or turn.ms - received_ms > FRESH_MS:
        order_id = command.order_id if isinstance(command, OpenForOwner) else None
        raise Refused(Refusal.TOO_LATE, order_id=order_id, actor=getattr(command, "actor", None))


def _controller(site: Site, command: Remote) -> str | None:
    return site.controller_of(command.doors[0]) if isinstance(command, OpenDoors) and command.doors else None


def _load(turn: Turn, command: LoadParcel) -> int:
    shown = LabelShown(
        command.label,
        command.actor,
        Via.REMOTE,
        command_id=command.command_id,
        instead_of=command.instead_of,
        fault=command.fault,
        cold_since=command.cold_since,
    )
    return loading.load(turn, shown)


def _open(turn: Turn, command: OpenDoors) -> tuple[int, ...]:
    if not command.reason.strip():
        raise Refused(Refusal.MALFORMED, actor=command.actor)
    wish = Wish(
        command.right,
        tuple(command.doors),
        command.actor,
        Via.REMOTE,
        reason=command.reason,
        order_id=command.order_id,
        command_id=command.command_id,
        confirmed_by=command.confirmed_by,
    )
    return staff_doors.open_doors(turn, wish)
