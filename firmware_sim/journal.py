"""A controller's memory on disk: one file of checked lines, appended and fsynced, as a flash log would be.

A torn last line was never acted upon and is cut off. A line broken further up means the memory cannot be trusted:
it is set aside and a new one, with a new store id, begins. It never decides what is worth keeping.
"""

import os
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from firmware_sim.memory import Memory, Record, new_memory
from locker_protocol.ids import RandomBytes, random_id

COMPACT_ABOVE_BYTES = 256 * 1024

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


class BrokenJournalError(Exception):
    """A line in the middle does not have its checksum."""


class Journal:
    """The open file of one controller and the memory folded from it."""

    def __init__(self, path: Path, random: RandomBytes) -> None:
        self._path = path
        self.memory = _load(path, random)
        self._file = path.open("ab", buffering=0)
        self._size = path.stat().st_size

    def append(self, records: Sequence[Record], *, synced: bool) -> None:
        """Write records; when this returns and `synced` was asked for, a power cut cannot take them back."""
        lines = b"".join(write_line(record) for record in records)
        self._file.write(lines)
        self._size += len(lines)
        if synced:
            os.fdatasync(self._file.fileno())

    def compact(self, memory: Memory) -> None:
        """Rewrite the file when it has grown long; a crash leaves the old or the new one, both whole."""
        if self._size < COMPACT_ABOVE_BYTES:
            return
        _write_whole(self._path, memory.records())
        self._file.close()
        self._file = self._path.open("ab", buffering=0)
        self._size = self._path.stat().st_size

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def keep_copy(path: Path) -> None:
    """Put a copy of a memory aside, as it is; none where there is none yet."""
    if path.exists():
        shutil.copyfile(path, path.with_suffix(".copy"))


def lose_memory(path: Path) -> None:
    """Take a memory away: the next boot begins a new one."""
    path.unlink(missing_ok=True)


def restore_memory(path: Path) -> None:
    """Put the copy back, which no real controller should ever do; without a copy the memory is lost."""
    copy = path.with_suffix(".copy")
    if copy.exists():
        shutil.copyfile(copy, path)
    else:
        lose_memory(path)


def _load(path: Path, random: RandomBytes) -> Memory:
    if path.exists():
        try:
            return _read(path)
        except BrokenJournalError:
            path.replace(path.with_suffix(".broken"))
    memory = new_memory(random_id(random))
    _write_whole(path, memory.records())
    return memory


def _read(path: Path) -> Memory:
    raw = path.read_bytes()
    memory, end = Memory(), 0
    for line in raw.splitlines(keepends=True):
        record = read_line(line)
        if record is None:
            break
        memory.apply(record)
        end += len(line)
    if b"\n" in raw[end:-1] or not memory.store_id:
        raise BrokenJournalError(path.name)
    if end < len(raw):
        os.truncate(path, end)
    return memory


def write_line(record: Record) -> bytes:
    """One record as its line, with a checksum before it."""
    body = _encoder.encode(record)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def read_line(line: bytes) -> Record | None:
    """The record of a line; `None` when it is torn or damaged."""
    checksum, _, body = line.partition(b" ")
    if not body.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body[:-1]):
        return None
    try:
        record: Record = _decoder.decode(body)
    except msgspec.DecodeError:
        return None
    return record


def _write_whole(path: Path, records: Sequence[Record]) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(b"".join(write_line(record) for record in records))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
