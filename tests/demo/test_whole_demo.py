"""`make demo` as a whole: every program up, and gone without a trace. Its time and memory are `make bench`'s."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo.ports import free_port
from app.demo.programs import is_healthy
from tests.demo.test_stack import Demo, demo, left_over, locks_in

RUNNING = "Ctrl-C stops it."


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def running(folder: Path, port: int) -> Iterator[Demo]:
    """A demo's second start, its first having left its data."""
    with demo(folder, port=port, programs=True) as first:
        first.wait_for(RUNNING, seconds=60)
    with demo(folder, port=port, programs=True) as second:
        second.wait_for(RUNNING, seconds=60)
        yield second


def test_the_shop_is_healthy_at_the_port_asked_for(running: Demo, port: int) -> None:
    assert is_healthy(port)
    assert f"http://127.0.0.1:{port}/" in running.said()


def test_it_says_who_can_sign_in_and_where(running: Demo, port: int) -> None:
    said = running.said()
    assert f"http://127.0.0.1:{port}/inbox" in said
    assert f"http://127.0.0.1:{port}/demo/clock" in said
    assert f"http://127.0.0.1:{port + 1}/" in said or "Virtual lockers  http://127.0.0.1:" in said


def test_it_leaves_its_environment_for_commands_beside_it(running: Demo) -> None:
    environment = running.root / ".caibox" / "environment"
    assert environment.stat().st_mode & 0o077 == 0
    assert "DATABASE_URL=" in environment.read_text()


def test_nothing_died_meanwhile(running: Demo) -> None:
    assert "ended by itself" not in running.said()


def test_nothing_appeared_in_the_home_folder(running: Demo) -> None:
    assert list(running.home.iterdir()) == []


def test_sigterm_ends_everything(running: Demo) -> None:
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert left_over(running.root) == []
    assert locks_in(running.root) == []
    assert not (running.root / ".caibox" / "environment").exists()
