"""A controller's memory and its file: what survives, and what a torn or broken file does."""

from pathlib import Path

from firmware_sim.journal import COMPACT_ABOVE_BYTES, Journal
from firmware_sim.memory import CommandKept, EventKept, EventsForgotten, Memory, PulseLapsed, Record, new_memory
from locker_protocol.bus_messages import CodeScanned, DoorOpened, DoorShut
from locker_protocol.ids import random_bytes

RECORDS: list[Record] = [
    CommandKept("c1", 2, "pulsed"),
    EventKept(1, "boot", 10, DoorOpened(2, "c1")),
    EventKept(2, "boot", 20, CodeScanned("A")),
    CommandKept("c2", 3, "pulsed"),
    CommandKept("c3", 4, "pulsed"),
    PulseLapsed(4),
    EventKept(3, "boot", 30, DoorShut(2)),
    EventKept(4, "boot", 40, DoorOpened(1)),
    EventsForgotten(1),
]


def folded(records: list[Record]) -> Memory:
    memory = Memory()
    for record in records:
        memory.apply(record)
    return memory


def written(path: Path) -> Memory:
    journal = Journal(path, random_bytes)
    for record in RECORDS:
        journal.memory.apply(record)
    journal.append(RECORDS, synced=True)
    journal.close()
    return journal.memory


def reopened(path: Path) -> Memory:
    journal = Journal(path, random_bytes)
    journal.close()
    return journal.memory


def test_a_compacted_memory_is_the_same_memory_at_every_length() -> None:
    for length in range(len(RECORDS) + 1):
        memory = new_memory("store")
        for record in RECORDS[:length]:
            memory.apply(record)
        assert folded(memory.records()) == memory


def test_a_memory_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    assert written(tmp_path / "T1.journal") == reopened(tmp_path / "T1.journal")


def test_a_torn_last_line_is_cut_off_and_writing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "T1.journal"
    before = written(path)
    with path.open("ab") as file:
        file.write(b'0badc0de {"type":"Event')
    assert reopened(path) == before

    journal = Journal(path, random_bytes)
    journal.append([EventsForgotten(2)], synced=True)
    journal.close()
    assert [kept.event_no for kept in reopened(path).events] == [3, 4]


def test_a_file_torn_at_any_byte_keeps_its_store_id_or_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "T1.journal"
    store_id = written(path).store_id
    whole = path.read_bytes()
    first_line = whole.index(b"\n") + 1
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert (reopened(path).store_id == store_id) == (length >= first_line)


def test_a_line_broken_in_the_middle_begins_a_new_memory_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "T1.journal"
    store_id = written(path).store_id
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)

    assert reopened(path).store_id != store_id
    assert path.with_suffix(".broken").read_bytes() == raw


def test_a_long_journal_is_compacted(tmp_path: Path) -> None:
    path = tmp_path / "T1.journal"
    journal = Journal(path, random_bytes)
    filler = EventsForgotten(0)
    while path.stat().st_size < COMPACT_ABOVE_BYTES:
        journal.append([filler] * 1_000, synced=False)
    journal.compact(journal.memory)
    journal.append([EventKept(1, "boot", 10, CodeScanned("A"))], synced=True)
    journal.close()

    assert path.stat().st_size < 1_000
    assert [kept.event_no for kept in reopened(path).events] == [1]
    assert not list(tmp_path.glob("*.new"))
