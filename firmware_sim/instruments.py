"""The scanner and the keypad as they send to the controller, well or faulty. Pure.

It decides which bytes and which contact changes come, and when. What they mean is the controller's business.
"""

from dataclasses import dataclass

from firmware_sim.fault_board import FaultBoard
from firmware_sim.panel import WAIT
from firmware_sim.signals import KeyMoved, KeyPressed, ScannerSent
from locker_protocol.ids import RandomBytes

# A blank, a bell, an escape sequence as it moves a terminal's cursor, and what ends a file elsewhere.
CONTROL_SIGNS = b"\x07\x1b[2J\x00\x08\x1a"
CHUNK_BYTES = 16
# The scanner sends what it holds once more after so long.
REPEAT_MS = 120
# A bouncing key: milliseconds after the finger, and what its contact says.
BOUNCES = ((0, True), (3, False), (6, True), (9, False), (12, True), (60, False), (64, True), (68, False))
KEY_EVERY_MS = 120


@dataclass(frozen=True, slots=True)
class Later:
    """What comes to the controller, so many milliseconds from now."""

    after_ms: int
    given: ScannerSent | KeyMoved | KeyPressed


def scan(text: str, board: FaultBoard, random: RandomBytes) -> list[Later]:
    """Hold a symbol with this text before the scanner."""
    if board.strikes("scanner_dead"):
        return []
    line = _spoilt(text.encode(errors="ignore"), board, random) + b"\r"
    repeats = board.strikes("scanner_repeats")
    times = int(repeats.amount or 1) if repeats else 1
    once = _pieces(line, board)
    span_ms = once[-1].after_ms + REPEAT_MS
    return [Later(each.after_ms + turn * span_ms, each.given) for turn in range(times) for each in once]


def press(keys: list[str], board: FaultBoard) -> list[Later]:
    """Press keys one after the other; those a dead keypad does not feel are missing."""
    felt = [key for key in keys if key == WAIT or not board.strikes("keypad_dead")]
    pressed = list[Later]()
    for key in felt:
        if key != WAIT and board.strikes("keypad_bounces"):
            begins_ms = pressed[-1].after_ms + KEY_EVERY_MS if pressed else 0
            pressed += [Later(begins_ms + after_ms, KeyMoved(key, is_down)) for after_ms, is_down in BOUNCES]
        else:
            pressed.append(Later(pressed[-1].after_ms if pressed else 0, KeyPressed(key)))
    return pressed


def _spoilt(line: bytes, board: FaultBoard, random: RandomBytes) -> bytes:
    if overlong := board.strikes("scanner_overlong"):
        line += b"A" * int(overlong.amount or 0)
    if board.strikes("scanner_control_signs"):
        middle = len(line) // 2
        line = CONTROL_SIGNS + line[:middle] + CONTROL_SIGNS + line[middle:]
    if board.strikes("scanner_garbles"):
        line = _garbled(line, random)
    return line


def _garbled(line: bytes, random: RandomBytes) -> bytes:
    """One byte in eight, and at least one, comes as another."""
    spoilt = bytearray(line)
    for _ in range(len(line) // 8 + 1):
        place = int.from_bytes(random(4)) % len(spoilt)
        spoilt[place] ^= random(1)[0] | 1
    return bytes(spoilt)


def _pieces(line: bytes, board: FaultBoard) -> list[Later]:
    dribbles = board.strikes("scanner_dribbles")
    if dribbles is None:
        return [Later(0, ScannerSent(line))]
    gap_ms = int(dribbles.amount or 0)
    starts = range(0, len(line), CHUNK_BYTES)
    return [Later(turn * gap_ms, ScannerSent(line[at : at + CHUNK_BYTES])) for turn, at in enumerate(starts)]
