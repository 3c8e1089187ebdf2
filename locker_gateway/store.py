"""The gateway's memory over power loss: SQLite, WAL, synchronous=FULL. The only file that touches it.

One transaction a commit, and an error is final: after a failed fsync nobody knows what the disk holds, so the process
ends and starts again from what the store then says.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from locker_gateway.inputs import StoredEvent
from locker_gateway.outputs import (
    AppendAudit,
    AppendEvent,
    Delete,
    PruneEvents,
    PruneMinutes,
    Put,
    PutMinutes,
    ReadMinutes,
    Record,
    StoredMinute,
)
from locker_protocol.audit_chain import EMPTY, Head, Row, chained, first_break
from locker_protocol.vocabulary import Zone

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (kind, key));
CREATE TABLE IF NOT EXISTS event_log (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS zone_minute (
  controller TEXT NOT NULL, minute INTEGER NOT NULL, zone TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (controller, minute, zone)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (no INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""
AUDIT = "SELECT no, at, CAST(body AS BLOB), CAST(hash AS BLOB) FROM audit ORDER BY no"
HEAD = "audit_head"
# SQLite begins its log anew after 1000 pages of 4 KiB, and goes on a little when a commit crosses that.
LOG_BYTES = 1100 * (4096 + 24)


class StoreFailed(Exception):
    """The disk is full, broken, in use or from another version; one sentence. The program must end."""


class Store:
    """One open store. Use it from one thread at a time; a second process is refused."""

    def __init__(self, path: Path, *, max_pages: int | None = None) -> None:
        self._head = self._durable_head = EMPTY
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.2, check_same_thread=False)
            self._open(max_pages)
            _lengthen(path.with_name(path.name + "-wal"))
        except (OSError, sqlite3.Error) as error:
            raise StoreFailed(f"The gateway's store {path} cannot be opened: {error}.") from error

    def records(self) -> Iterator[tuple[str, str, bytes]]:
        """All rows, oldest first."""
        yield from self._db.execute("SELECT kind, key, body FROM record ORDER BY rowid")

    def commit(self, records: Iterable[Record]) -> None:
        """Make all records durable, or none. Raises StoreFailed."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for record in records:
                self._write(record)
            self._db.execute("COMMIT")
            self._durable_head = self._head
        except sqlite3.Error as error:
            raise StoreFailed(f"The gateway's store cannot be written: {error}.") from error

    def read_events(self, first: int, limit: int) -> tuple[StoredEvent, ...]:
        """Read the up log from `first` on. Raises StoreFailed."""
        try:
            rows = self._db.execute(
                "SELECT seq, at, body FROM event_log WHERE seq >= ? ORDER BY seq LIMIT ?", (first, limit)
            )
            return tuple(StoredEvent(*row) for row in rows)
        except sqlite3.Error as error:
            raise StoreFailed(f"The gateway's store cannot be read: {error}.") from error

    def read_minutes(self, asked: ReadMinutes) -> tuple[StoredMinute, ...]:
        """Read minutes of temperature, oldest first. Raises StoreFailed."""
        try:
            rows = self._db.execute(
                "SELECT zone, minute, body FROM zone_minute WHERE controller = ? AND minute BETWEEN ? AND ?"
                " AND zone = coalesce(?, zone) ORDER BY minute, zone LIMIT ?",
                (asked.controller, asked.first, asked.last, asked.zone, asked.limit),
            )
            return tuple((Zone(zone), minute, body) for zone, minute, body in rows)
        except sqlite3.Error as error:
            raise StoreFailed(f"The gateway's store cannot be read: {error}.") from error

    def used_share(self) -> float:
        """How much of what the store may hold is in use, 0.0 to 1.0. Raises StoreFailed."""
        try:
            pages, free, most = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "max_page_count")
            )
        except sqlite3.Error as error:
            raise StoreFailed(f"The gateway's store cannot be read: {error}.") from error
        return float((pages - free) / most)

    def broken_audit_row(self) -> int | None:
        """The number of the first audit row that was edited, moved or removed; `None`: the chain holds."""
        return first_break(self._db.execute(AUDIT), self._head)

    @property
    def audit_head(self) -> Head:
        """The number and hash of the last audit row that is durable."""
        return self._durable_head

    def close(self) -> None:
        """Close in good order."""
        self._db.close()

    def _open(self, max_pages: int | None) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if max_pages is not None:
            self._db.execute(f"PRAGMA max_page_count = {max_pages:d}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"it was written by a newer version ({version})")
        sound = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if sound != "ok":
            raise sqlite3.DatabaseError(f"it is damaged ({sound})")
        self._db.executescript(SCHEMA)
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION:d}")
        self._head = self._durable_head = _head_of(self._db)

    def _write(self, record: Record) -> None:
        match record:
            case Put():
                self._db.execute(
                    "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                    (record.kind, record.key, record.body),
                )
            case Delete():
                self._db.execute("DELETE FROM record WHERE kind = ? AND key = ?", (record.kind, record.key))
            case AppendEvent():
                self._db.execute("INSERT INTO event_log VALUES (?, ?, ?)", (record.seq, record.at, record.body))
            case AppendAudit():
                self._chain(record)
            case PruneEvents():
                self._db.execute("DELETE FROM event_log WHERE seq <= ? AND at < ?", (record.through_seq, record.before))
            case PutMinutes():
                self._db.executemany(
                    "INSERT OR REPLACE INTO zone_minute (controller, zone, minute, body) VALUES (?, ?, ?, ?)",
                    ((record.controller, *row) for row in record.rows),
                )
            case PruneMinutes():
                self._db.execute(
                    "DELETE FROM zone_minute WHERE controller = ? AND minute <= ?", (record.controller, record.through)
                )

    def _chain(self, record: AppendAudit) -> None:
        no = self._head[0] + 1
        digest = chained(self._head[1], no, record.at, record.body)
        self._db.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (no, record.at, record.body, digest))
        self._db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (HEAD, no.to_bytes(8) + digest),
        )
        self._head = (no, digest)


def _lengthen(log: Path) -> None:
    """Give the log its full length at once: a commit within it syncs its data and not the file's size too.

    SQLite stops reading at the first frame that is none of its own, so zeros behind the last change nothing. A disk
    that has no room for them costs time, not the store.
    """
    with suppress(OSError), log.open("ab") as file:
        file.write(bytes(max(0, LOG_BYTES - file.tell())))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def kept_audit(path: Path) -> Iterator[tuple[Iterator[Row], Head]]:
    """The audit rows of a stopped gateway's store and the head it kept of them; changes nothing. Raises StoreFailed."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.2)) as db:
            yield db.execute(AUDIT), _head_of(db)
    except sqlite3.Error as error:
        raise StoreFailed(f"The gateway's store {path} cannot be read: {error}.") from error


def _head_of(db: sqlite3.Connection) -> Head:
    found = db.execute("SELECT value FROM meta WHERE name = ?", (HEAD,)).fetchone()
    return (int.from_bytes(found[0][:8]), found[0][8:]) if found else EMPTY
