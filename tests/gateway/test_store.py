"""The store on a real disk: all or nothing, in order, and an audit nobody can change unseen."""

import errno
import shutil
import sqlite3
from pathlib import Path

import pytest

from locker_gateway.inputs import StoredEvent
from locker_gateway.outputs import AppendAudit, AppendEvent, Delete, PruneEvents, Put
from locker_gateway.site import UnreadableRecord, restore
from locker_gateway.store import LOG_BYTES, Store, StoreFailed, kept_audit
from locker_gateway.verify_audit import main
from locker_protocol.site_events import ControllerWentSilent
from tests.gateway.world import World, loaded_world

EVENT = ControllerWentSilent("G1")


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit([Put("door", "1", b"a"), Put("door", "2", b"b"), Put("door", "1", b"c"), Delete("door", "2")])
    store.close()
    assert list(open_store(tmp_path).records()) == [("door", "1", b"c")]


def test_rows_come_back_in_the_order_they_were_first_written(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit([Put("grant", name, b"1") for name in ("z", "a", "m")])
    store.commit([Put("grant", "z", b"2")])
    assert [key for _, key, _ in store.records()] == ["z", "a", "m"]


def test_a_commit_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit([AppendEvent(1, 0, EVENT, b"x")])
    with pytest.raises(StoreFailed, match="cannot be written"):
        store.commit([Put("door", "1", b"a"), AppendEvent(1, 0, EVENT, b"x")])
    store.close()
    assert list(open_store(tmp_path).records()) == []


def test_events_are_read_from_any_number_on(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit([AppendEvent(seq, 10 * seq, EVENT, b"%d" % seq) for seq in range(1, 6)])
    assert store.read_events(3, 2) == (StoredEvent(3, 30, b"3"), StoredEvent(4, 40, b"4"))
    store.commit([PruneEvents(4, 30)])
    assert [event.seq for event in store.read_events(1, 9)] == [3, 4, 5]


def test_a_full_disk_ends_the_program_with_a_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path / "gateway.sqlite", max_pages=20)
    with pytest.raises(StoreFailed, match="full"):
        store.commit([Put("door", "1", bytes(200_000))])


def test_a_store_that_cannot_be_read_any_more_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.close()
    with pytest.raises(StoreFailed, match="cannot be read"):
        store.read_events(1, 1)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit([Put("door", "1", b"a")])
    with pytest.raises(StoreFailed, match="locked"):
        open_store(tmp_path)


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit([Put("door", str(number), bytes(4_000)) for number in range(50)])
    store.close()
    path = tmp_path / "gateway.sqlite"
    raw = bytearray(path.read_bytes())
    raw[4_096:12_288] = b"\xaa" * 8_192
    path.write_bytes(raw)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        open_store(tmp_path)


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with sqlite3.connect(tmp_path / "gateway.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreFailed, match="newer version"):
        open_store(tmp_path)


def test_a_store_where_no_folder_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="cannot be opened"):
        Store(tmp_path / "file" / "gateway.sqlite")


# --- the audit chain --------------------------------------------------------------------------------------------------


def test_an_audit_nobody_touched_holds(tmp_path: Path) -> None:
    assert audited(tmp_path).broken_audit_row() is None
    assert open_store(tmp_path / "empty").broken_audit_row() is None


def test_the_chain_goes_on_after_reopening(tmp_path: Path) -> None:
    audited(tmp_path).close()
    store = open_store(tmp_path)
    store.commit([AppendAudit(9, b"later")])
    assert store.broken_audit_row() is None


@pytest.mark.parametrize(
    ("tampering", "row"),
    [
        ("UPDATE audit SET body = 'x' WHERE no = 2", 2),
        ("UPDATE audit SET at = 7 WHERE no = 3", 3),
        ("DELETE FROM audit WHERE no = 2", 2),
        ("DELETE FROM audit WHERE no = 4", 4),
        ("UPDATE audit SET no = CASE no WHEN 2 THEN 30 ELSE 20 END WHERE no IN (2, 3)", 2),
        ("DELETE FROM audit", 1),
    ],
)
def test_any_edit_deletion_or_reorder_is_found(tmp_path: Path, tampering: str, row: int) -> None:
    audited(tmp_path).close()
    with sqlite3.connect(tmp_path / "gateway.sqlite") as database:
        database.execute(tampering)
    database.close()
    assert open_store(tmp_path).broken_audit_row() == row


@pytest.mark.parametrize("tampering", ["UPDATE audit SET body = 'x' WHERE no = 2", "DELETE FROM audit WHERE no = 2"])
def test_a_stopped_gateways_audit_is_verified_and_the_first_bad_row_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tampering: str
) -> None:
    audited(tmp_path).close()
    assert main([str(tmp_path / "gateway.sqlite")]) == 0
    assert capsys.readouterr().out == "The audit is whole.\n"

    tamper(tmp_path, tampering)

    assert main([str(tmp_path / "gateway.sqlite")]) == 1
    assert capsys.readouterr().out == "Row 2 of the audit was edited, moved or removed.\n"


def test_an_end_cut_off_with_the_stores_own_note_of_it_shows_against_what_the_service_was_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = audited(tmp_path)
    no, digest = store.audit_head
    store.close()
    told = ["--told", str(no), digest.hex()]
    assert main([str(tmp_path / "gateway.sqlite"), *told]) == 0

    short = "UPDATE meta SET value = CAST(X'0000000000000003' || hash AS BLOB) FROM audit WHERE no = 3"
    tamper(tmp_path, "DELETE FROM audit WHERE no = 4", short)

    assert main([str(tmp_path / "gateway.sqlite")]) == 0
    assert main([str(tmp_path / "gateway.sqlite"), *told]) == 1
    assert "Row 4" in capsys.readouterr().out


def test_a_power_loss_before_the_write_ahead_log_was_folded_in_hides_no_row(tmp_path: Path) -> None:
    store = audited(tmp_path)
    for name in ("gateway.sqlite", "gateway.sqlite-wal"):
        (tmp_path / "copy").mkdir(exist_ok=True)
        (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
    head = store.audit_head
    with kept_audit(tmp_path / "copy" / "gateway.sqlite") as (rows, found):
        assert (len(list(rows)), found) == (4, head)


@pytest.mark.parametrize("arguments", [["nowhere.sqlite"], ["gateway.sqlite", "--told", "4", "no-hash"]])
def test_what_cannot_be_verified_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    audited(tmp_path).close()
    assert main([str(tmp_path / arguments[0]), *arguments[1:]]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_running_gateways_store_is_not_read(tmp_path: Path) -> None:
    store = audited(tmp_path)
    assert main([str(tmp_path / "gateway.sqlite")]) == 2
    store.close()


# --- with the core ----------------------------------------------------------------------------------------------------


def test_a_site_comes_back_from_a_real_store_as_it_was(tmp_path: Path) -> None:
    world, store = loaded_world(1, 2), open_store(tmp_path)
    store.commit([Put(kind, key, body) for (kind, key), body in world.records.items()])
    store.close()
    site = restore(world.config, open_store(tmp_path).records())
    expected = {table.kind: table.rows for table in world.site.tables() if table.kind != "stamp"}
    found = {table.kind: table.rows for table in site.tables() if table.kind != "stamp"}
    assert found["placement"] == expected["placement"]
    assert found["credential"] == expected["credential"]
    assert found["door"] == expected["door"]


@pytest.mark.parametrize("row", [("firework", "1", b"{}"), ("mark", "only", b'{"seq":"x"}'), ("mark", "only", b"{")])
def test_a_row_this_version_cannot_read_is_not_guessed(row: tuple[str, str, bytes]) -> None:
    with pytest.raises(UnreadableRecord, match="cannot read"):
        restore(World().config, [row])


def open_store(folder: Path) -> Store:
    return Store(folder / "gateway.sqlite")


def audited(folder: Path) -> Store:
    store = open_store(folder)
    store.commit([AppendAudit(number, b"row %d" % number) for number in range(1, 5)])
    return store


def test_a_log_of_full_length_from_the_start_is_read_as_far_as_it_was_written(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit([Put("door", "1", b"a")])
    store.commit([Put("door", "2", b"b")])
    (tmp_path / "killed").mkdir()
    for file in tmp_path.glob("*.sqlite*"):
        shutil.copy(file, tmp_path / "killed")
    log = next((tmp_path / "killed").glob("*-wal"))
    assert log.stat().st_size == LOG_BYTES
    assert [body for _, _, body in open_store(tmp_path / "killed").records()] == [b"a", b"b"]


def test_a_disk_without_room_for_the_whole_log_still_gets_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("locker_gateway.store.os.fsync", full)
    store = open_store(tmp_path)
    store.commit([Put("door", "1", b"a")])
    assert list(store.records()) == [("door", "1", b"a")]


def tamper(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "gateway.sqlite") as database:
        for statement in statements:
            database.execute(statement)
    database.close()
