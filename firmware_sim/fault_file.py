"""Reads a fault file, TOML. What is wrong with one is one sentence with its line; nothing of a wrong file is used.

seed = 7

[[fault]]
locker = "W1"
door = 7
name = "jams_shut"
at_s = 30
for_s = 60
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from firmware_sim.fault_plan import Choice, Planned
from firmware_sim.faults import KINDS, Fault, FaultError, FaultName, Probe, complete
from firmware_sim.words import words
from locker_protocol.vocabulary import DoorNumber, Zone

Seconds = Annotated[float, msgspec.Meta(ge=0, le=31_536_000)]
# Shorter ones would come faster than they are looked for.
Span = Annotated[float, msgspec.Meta(ge=0.05, le=31_536_000)]
MAX_FILE_BYTES = 1024 * 1024


class FaultFileError(Exception):
    """One sentence that names the file and the line."""


@dataclass(frozen=True, slots=True)
class FaultFile:
    """What a file asks for."""

    planned: tuple[Planned, ...] = ()
    seed: str = "0"


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    locker: str
    name: FaultName
    door: DoorNumber | Choice | None = None
    zone: Zone | None = None
    probe: Probe | None = None
    amount: float | None = None
    one_in: int | None = None
    at_s: Seconds = 0.0
    for_s: Span | None = None
    every_s: Span | None = None


class _EntryError(Exception):
    def __init__(self, reason: str, field: str | None) -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


def read_fault_file(path: Path, doors: Mapping[str, Sequence[int]]) -> FaultFile:
    """Read `path` for these lockers and their doors. Raises FaultFileError."""
    text = _text(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultFileError(f"{path}: this is not TOML: {str(error)[:200]}.") from error
    lines = text.splitlines()
    if unknown := sorted(raw.keys() - {"seed", "fault"}):
        raise FaultFileError(f"{path}, line {_line_of(lines, 0, unknown[0])}: {unknown[0]} means nothing here.")
    entries = raw.get("fault", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FaultFileError(f"{path}, line {_line_of(lines, 0, 'fault')}: faults are written under [[fault]].")
    planned = tuple(_planned(path, lines, begins, entry, doors) for begins, entry in _placed(lines, entries))
    return FaultFile(planned, str(raw.get("seed", 0)))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise FaultFileError(f"{path}, cannot be read: {reason}.") from error
    if len(raw) > MAX_FILE_BYTES:
        raise FaultFileError(f"{path}, cannot be read: it is longer than {MAX_FILE_BYTES} bytes.")
    return text


def _placed(lines: list[str], entries: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Each entry with the line of its `[[fault]]`, counted from 1."""
    heads = [number for number, line in enumerate(lines, 1) if re.match(r"\s*\[\[\s*fault\s*\]\]", line)]
    return list(zip(heads, entries, strict=True)) if len(heads) == len(entries) else [(1, entry) for entry in entries]


def _planned(
    path: Path, lines: list[str], begins: int, raw: dict[str, Any], doors: Mapping[str, Sequence[int]]
) -> Planned:
    try:
        return _checked(_entry(raw), doors, begins)
    except _EntryError as error:
        raise FaultFileError(f"{path}, line {_line_of(lines, begins, error.field)}: {error.reason}") from error


def _entry(raw: dict[str, Any]) -> _Entry:
    try:
        return msgspec.convert(raw, _Entry)
    except msgspec.ValidationError as error:
        found = re.search(r"`\$\.([^`]+)`", str(error)) or re.search(r"field `([^`]+)`", str(error))
        raise _EntryError(f"{str(error).rstrip('.')}.", found[1] if found else None) from error


def _checked(entry: _Entry, doors: Mapping[str, Sequence[int]], line: int) -> Planned:
    if entry.locker not in {*doors, "all", "any"}:
        raise _EntryError(f"there is no locker {entry.locker}.", "locker")
    if KINDS[entry.name].moment and entry.for_s is not None:
        raise _EntryError(f"{entry.name} happens in a moment and cannot last.", "for_s")
    if entry.every_s is not None and entry.for_s is None and not KINDS[entry.name].moment:
        raise _EntryError("what comes again and again needs for_s, or it would never go.", "every_s")
    door = entry.door
    stand_in = 1 if isinstance(door, str) else door
    fault = Fault(entry.name, stand_in, entry.zone, entry.probe, entry.amount, entry.one_in)
    try:
        complete(fault)
    except FaultError as error:
        raise _EntryError(words("en")[f"problem.{error.code}"], error.field) from error
    _known_door(entry, doors)
    return Planned(entry.locker, door, fault, entry.at_s, entry.for_s, entry.every_s, line)


def _known_door(entry: _Entry, doors: Mapping[str, Sequence[int]]) -> None:
    """A door by its number must be one of that locker's; with several lockers it must be all or any."""
    if isinstance(entry.door, int) and entry.door not in doors.get(entry.locker, ()):
        raise _EntryError(f"locker {entry.locker} has no door {entry.door}.", "door")


def _line_of(lines: list[str], begins: int, field: str | None) -> int:
    """The line of a field within its entry; the entry's own where it is missing."""
    if field is not None:
        for number, line in enumerate(lines[begins:], begins + 1):
            if begins and re.match(r"\s*\[", line):
                break
            if re.match(rf"\s*[\"']?{re.escape(field)}[\"']?\s*(=|\.)|\s*\[+\s*{re.escape(field)}", line):
                return number
    return begins or 1
