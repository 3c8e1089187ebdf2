"""The database and the brokers as `make demo` runs them: gone without a trace, and nothing outside touched."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from app.demo.ports import free_port
from app.demo.stack import Stack
from tests.conftest import wait_until

RUN = """
import sys
from pathlib import Path
from app.demo.stack import run_demo
sys.exit(run_demo(Path({!r}), {}, {}, programs={}))
"""
RUNNING = "The database and the brokers are running."

# In a user namespace root looks like an ordinary user to all our code, and an ordinary user like root.
AS = {
    "root": [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--"],
    "an ordinary user": [] if os.geteuid() != 0 else ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"],
}


@dataclass
class Demo:
    """A demo in a process of its own."""

    process: subprocess.Popen[str]
    root: Path
    home: Path
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, sentence: str, *, seconds: float = 20) -> None:
        wait_until(lambda: sentence in self.said(), what=sentence, seconds=seconds, log=self.output)


def as_at_a_terminal() -> None:
    """Whoever runs the tests beyond the end of their terminal ignores SIGHUP, and children would inherit that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def demo(
    folder: Path, *, port: int | None = None, reset: bool = False, who: str | None = None, programs: bool = False
) -> Iterator[Demo]:
    """Start one, and see to it that it ends with the block."""
    root, home, output = folder / "clone", folder / "home", folder / f"output-{len(list(folder.iterdir()))}"
    root.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    code = RUN.format(str(root), port or free_port(), reset, programs)
    with output.open("w") as file:
        process = subprocess.Popen(
            [*(AS[who] if who else []), sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=as_at_a_terminal,  # noqa: PLW1509  nothing else runs in these threads' locks before the exec
        )
    try:
        yield Demo(process, root, home, output)
    finally:
        process.terminate()
        process.wait(60)


def left_over(root: Path) -> list[str]:
    """Processes that know this demo's folder from their command line or environment."""
    mark = os.fsencode(root)
    return [each.name for each in Path("/proc").iterdir() if each.name.isdigit() and mark in told_to(each)]


def told_to(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def locks_in(root: Path) -> list[Path]:
    return [*root.rglob("lock"), *root.rglob("*.pid")]


@pytest.mark.parametrize("who", ["root", "an ordinary user"])
def test_it_runs_for(who: str, tmp_path: Path) -> None:
    with demo(tmp_path, who=who) as running:
        running.wait_for(RUNNING)
        assert len(left_over(running.root)) > 3
        running.process.terminate()
        assert running.process.wait(60) == 0
        assert left_over(running.root) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_and_leaves_neither_process_nor_lock(number: signal.Signals, tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        running.wait_for(RUNNING)
        running.process.send_signal(number)
        assert running.process.wait(60) == 0
        assert "Stopped." in running.said()
        assert left_over(running.root) == []
        assert locks_in(running.root) == []


def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        running.wait_for("Starting")
        running.process.terminate()
        assert running.process.wait(60) == 0
        assert left_over(running.root) == []
        assert locks_in(running.root) == []


def test_when_it_is_killed_its_children_end_by_themselves_and_the_next_start_works(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        running.wait_for(RUNNING)
        running.process.kill()
        running.process.wait(60)
        wait_until(lambda: left_over(running.root) == [], what="the children to end")
    with demo(tmp_path) as again:
        again.wait_for(RUNNING)
        again.process.terminate()
        again.process.wait(60)
        assert left_over(again.root) == []


def test_nothing_appears_in_the_home_folder(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        running.wait_for(RUNNING)
        assert list(running.home.iterdir()) == []


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(tmp_path, port=port) as running:
            assert running.process.wait(60) == 1
            assert f"Port {port} is taken; choose another, say PORT={port + 10}." in running.said()
            assert "Traceback" not in running.said()
            assert locks_in(running.root) == []


def test_a_second_start_is_a_sentence_and_the_first_goes_on(tmp_path: Path) -> None:
    with demo(tmp_path) as first:
        first.wait_for(RUNNING)
        with demo(tmp_path) as second:
            assert second.process.wait(60) == 1
            assert "already running" in second.said()
            assert "Traceback" not in second.said()
        assert first.process.poll() is None
        assert len(locks_in(first.root)) >= 1


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, tell=lambda _: None)
    yield made
    made.stop()


def query(stack: Stack, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(stack.env["DATABASE_URL"].replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_what_was_stored_is_there_after_a_restart_until_it_begins_anew(stack: Stack) -> None:
    stack.start(programs=False)
    query(stack, "CREATE TABLE kept AS SELECT 1 AS one")
    stack.stop()
    stack.start(programs=False)
    assert query(stack, "SELECT one FROM kept") == [(1,)]
    stack.stop()
    stack.start(programs=False, reset=True)
    assert query(stack, "SELECT to_regclass('kept')") == [(None,)]


def test_a_killed_database_is_back_with_what_it_had_confirmed(stack: Stack) -> None:
    stack.start(programs=False)
    query(stack, "CREATE TABLE kept AS SELECT 1 AS one")
    stack.kill("postgres")
    stack.restart("postgres")
    assert query(stack, "SELECT one FROM kept") == [(1,)]


@pytest.mark.parametrize("kind", ["nats", "mosquitto"])
def test_it_runs_on_either_broker(kind: str, tmp_path: Path) -> None:
    stack = Stack(tmp_path, uplink_broker=kind, bus_broker=kind, tell=lambda _: None)  # type: ignore[arg-type]
    try:
        stack.start(programs=False)
        assert stack.supervisor.names() == ["postgres", "uplink", "bus"]
        assert stack.env["CAIBOX_UPLINK_URL"].startswith("mqtt://service:")
    finally:
        stack.stop()


def test_its_data_are_closed_to_others(stack: Stack) -> None:
    stack.start(programs=False)
    assert stack.data.stat().st_mode & 0o077 == 0
