"""What hurts processes and disks, on real ones."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.nemesis.disk import Disk, SmallDisk, WriteLimit, make_disk
from app.nemesis.processes import family, go_on, stop
from locker_gateway.outputs import AppendAudit
from locker_gateway.store import Store
from tests.conftest import wait_until

# A parent whose child counts in a session of its own, as PostgreSQL's children are.
COUNTS = """
import subprocess, sys, time
child = "import sys, time\\nn = 0\\nwhile True:\\n n += 1\\n open(sys.argv[1], 'w').write(str(n))\\n time.sleep(0.01)"
subprocess.Popen([sys.executable, "-c", child, sys.argv[1]], start_new_session=True)
time.sleep(600)
"""
# Writes into a gateway's store until it fails, then says why.
WRITES = """
import sys
from pathlib import Path
from locker_gateway.outputs import AppendAudit
from locker_gateway.store import Store, StoreFailed
store = Store(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
try:
    for number in range(300):  # beyond the length that the log was given at once
        store.commit([AppendAudit(number, bytes(40_000))])
except StoreFailed as error:
    print(error, flush=True)
"""


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    count = tmp_path / "count"
    with subprocess.Popen([sys.executable, "-c", COUNTS, str(count)], start_new_session=True) as process:
        try:
            wait_until(lambda: count.exists() and len(family(process.pid)) == 2, what="the child counts")
            yield process.pid, count
        finally:
            for pid in reversed(family(process.pid)):
                subprocess.run(["kill", "-9", str(pid)], check=False)


def test_a_family_stops_and_goes_on(counter: tuple[int, Path]) -> None:
    pid, count = counter

    stopped = stop(pid)

    assert sorted(stopped) == sorted(family(pid))
    wait_until(lambda: {state(each) for each in stopped} == {"T"}, what="all stand still")
    before = count.read_text()
    go_on(stopped)
    wait_until(lambda: count.read_text() not in {"", before}, what="it counts on")
    assert "T" not in {state(each) for each in stopped}


def test_nobody_is_stopped_of_a_process_that_has_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert stop(process.pid) == []


@pytest.fixture(params=["what the machine allows", "write limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    made = make_disk(tmp_path / "data") if request.param == "what the machine allows" else WriteLimit()
    yield made
    made.take_away()


def test_a_full_disk_fails_a_store_which_reads_as_before_when_there_is_room(disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "data" / "gateway.sqlite"
    store = Store(path)
    store.commit([AppendAudit(1, b"before")])
    store.close()
    words = [sys.executable, "-c", WRITES, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        disk.fill(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        assert "cannot be written" in process.stdout.readline()
        disk.free(process.pid)

    store = Store(path)
    assert store.broken_audit_row() is None
    store.commit([AppendAudit(2, b"after")])
    store.close()


def test_a_small_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    disk = make_disk(tmp_path / "data")
    disk.fill(0)
    disk.take_away()
    assert list((tmp_path / "data").iterdir()) == []
    assert isinstance(disk, SmallDisk | WriteLimit)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
