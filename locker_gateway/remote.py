"""Commands from afar: open a door, load a parcel. Answered once; a repeat gets the first answer and moves nothing.

Such a command is worth nothing after `not_after`, nor after it lay here for ten seconds: whoever sent it has gone.
"""

from locker_gateway import grants, loading
from locker_gateway.grants import Asked, Target
from locker_gateway.records import Answer
from locker_gateway.refusals import Refused, refuse
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import Show
from locker_protocol.uplink_messages import CommandAnswered, LoadParcel, OpenDoors
from locker_protocol.vocabulary import Refusal, Right, Via

FRESH_MS = 10_000


def obey(turn: Turn, command: OpenDoors | LoadParcel, *, received_ms: int) -> None:
    """Carry out a command and answer it."""
    site = turn.site
    answer = site.answers.rows.get(command.command_id)
    if answer is None:
        answer = _act(turn, command, received_ms=received_ms)
        turn.put(site.answers, command.command_id, answer)
    turn.up(CommandAnswered(command.command_id, list(answer.doors), answer.refusal))


def _act(turn: Turn, command: OpenDoors | LoadParcel, *, received_ms: int) -> Answer:
    try:
        _check_time(turn, command, received_ms=received_ms)
        door = _load(turn, command) if isinstance(command, LoadParcel) else _open(turn, command)
    except Refused as refused:
        refuse(turn, _controller(turn.site, command), Via.REMOTE, refused)
        return Answer(turn.civil_ms, refusal=refused.refusal)
    return Answer(turn.civil_ms, doors=(door,))


def _check_time(turn: Turn, command: OpenDoors | LoadParcel, *, received_ms: int) -> None:
    if turn.civil_ms > command.not_after or turn.ms - received_ms > FRESH_MS:
        raise Refused(Refusal.TOO_LATE, actor=command.actor)


def _controller(site: Site, command: OpenDoors | LoadParcel) -> str | None:
    return site.controller_of(command.doors[0]) if isinstance(command, OpenDoors) and command.doors else None


def _load(turn: Turn, command: LoadParcel) -> int:
    return loading.load(
        turn,
        command.label,
        actor=command.actor,
        via=Via.REMOTE,
        controller=None,
        command_id=command.command_id,
    )


def _open(turn: Turn, command: OpenDoors) -> int:
    """Open one door for staff. It changes nothing about the parcel behind it."""
    if not command.reason.strip() or len(command.doors) != 1 or command.right is not Right.STAFF:
        raise Refused(Refusal.MALFORMED, actor=command.actor)
    door = command.doors[0]
    controller = turn.site.controller_of(door)
    if controller is None:
        raise Refused(Refusal.DOOR_UNKNOWN, actor=command.actor)
    if not turn.site.seen[controller].online:
        raise Refused(Refusal.LOCKER_SILENT, actor=command.actor)
    asked = Asked(
        controller, Via.REMOTE, command.actor, Right.STAFF, reason=command.reason, command_id=command.command_id
    )
    grants.give(turn, asked, [Target(door, controller)])
    turn.command(controller, Show("opening", doors=[door]), qos=0)
    return door
