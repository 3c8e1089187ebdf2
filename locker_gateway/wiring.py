"""Finds doors whose wires are crossed: the lock of one is pulsed, and within a moment another tells that it opened.

A door beside it may spring open from the jolt, so judgement waits until the pulsed door opened too (the other was only
loose), or the next lock is pulsed, or a second has passed (then both are miswired). Never opens or grants anything.
"""

from collections.abc import Iterator

from locker_gateway import grants, troubles
from locker_gateway.state import Pulse, Suspicion
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import UnlockDone
from locker_protocol.vocabulary import DoorTrouble

# A pulse takes 0.1 s, a spring 0.05 s, a contact rests 0.05 s; the rest is for a slow wire.
WITHIN_MS = 1_000
FORGOTTEN_MS = 20_000


def pulsed(turn: Turn, controller: str, done: UnlockDone, *, at_ms: int) -> None:
    """A lock was energised at `at_ms` (monotonic). A repeat tells of its first pulse and is none."""
    pulses = turn.site.pulses
    if done.outcome == "pulsed" and done.command_id not in pulses:
        _judge(turn, controller)
        pulses[done.command_id] = Pulse(controller, done.door, at_ms)


def opened_by(turn: Turn, controller: str, command_id: str) -> None:
    """A door opened by its own command: whatever else sprang open beside it was loose, not miswired."""
    suspicion = turn.site.suspicions.get(controller)
    if suspicion is not None and suspicion.command_id == command_id:
        del turn.site.suspicions[controller]


def opened_alone(turn: Turn, controller: str, door: int, *, at_ms: int) -> None:
    """A door opened at `at_ms` (monotonic) and nobody had unlocked it: was it another one's pulse?"""
    for command_id, pulse in _waiting_pulses(turn, controller):
        if pulse.door != door and abs(at_ms - pulse.at_ms) <= WITHIN_MS:
            turn.site.suspicions[controller] = Suspicion(pulse.door, door, command_id, turn.ms)
            return


def judge_when_due(turn: Turn) -> None:
    """On each tick."""
    for controller, suspicion in list(turn.site.suspicions.items()):
        if turn.ms - suspicion.since_ms >= WITHIN_MS:
            _judge(turn, controller)
    for command_id, pulse in list(turn.site.pulses.items()):
        if turn.ms - pulse.at_ms >= FORGOTTEN_MS:
            del turn.site.pulses[command_id]


def _judge(turn: Turn, controller: str) -> None:
    suspicion = turn.site.suspicions.pop(controller, None)
    if suspicion is not None:
        troubles.find(turn, suspicion.door, DoorTrouble.MISWIRED, other_door=suspicion.other)
        troubles.find(turn, suspicion.other, DoorTrouble.MISWIRED, other_door=suspicion.door)


def _waiting_pulses(turn: Turn, controller: str) -> Iterator[tuple[str, Pulse]]:
    """A controller's pulses whose doors were not seen to open, the latest first."""
    for command_id, pulse in reversed(turn.site.pulses.items()):
        if pulse.controller == controller and grants.is_pending(turn.site, pulse.door, command_id):
            yield command_id, pulse
