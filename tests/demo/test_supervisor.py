"""The supervisor starts, restarts and ends real processes."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo import supervisor as module
from app.demo.child import Command
from app.demo.supervisor import PartFailedError, StopRequestedError, Supervisor
from tests.conftest import wait_until


class Told(list[str]):
    """What the supervisor said."""


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def supervisor(told: Told) -> Iterator[Supervisor]:
    made = Supervisor(told.append)
    yield made
    made.stop()


def python(folder: Path, name: str, code: str, *, ready: bool = True) -> Command:
    argv = [sys.executable, "-c", code]
    log = folder / f"{name}.log"
    return Command(name, argv, {"PATH": os.defpath}, log, ready=lambda: ready, ready_within_s=5)


def sleeper(folder: Path, name: str) -> Command:
    return python(folder, name, "import time; time.sleep(60)")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_was_started_last_ends_first(supervisor: Supervisor, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    note = (
        "import signal,sys,time; signal.signal(15, lambda *_: (open({!r},'a').write({!r}), sys.exit()));"
        "print('on',flush=True); time.sleep(60)"
    )
    for name in ("first", "second"):
        log = tmp_path / f"{name}.log"
        command = python(tmp_path, name, note.format(str(ends), f"{name} "))
        supervisor.start(command)
        wait_until(lambda log=log: "on" in log.read_text())  # type: ignore[misc]
    supervisor.stop()
    assert ends.read_text() == "second first "


def test_stopping_leaves_no_process(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(sleeper(tmp_path, "one"), sleeper(tmp_path, "two"))
    pids = [supervisor.pid("one"), supervisor.pid("two")]
    supervisor.stop()
    assert not any(is_alive(pid) for pid in pids)


def test_one_that_will_not_end_is_killed_with_its_children(
    supervisor: Supervisor, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_WITHIN_S", 0.3)
    code = (
        "import signal,subprocess,sys,time; signal.signal(15, signal.SIG_IGN);"
        "print(subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)']).pid, flush=True); time.sleep(60)"
    )
    supervisor.start(python(tmp_path, "stubborn", code))
    wait_until(lambda: (tmp_path / "stubborn.log").read_text().endswith("\n"))
    grandchild = int((tmp_path / "stubborn.log").read_text())
    supervisor.stop()
    wait_until(lambda: not is_running(grandchild))
    assert told == ["stubborn did not end within 0.3 s and was killed."]


def watch_until_replaced(supervisor: Supervisor, pid: int) -> None:
    def replaced() -> bool:
        supervisor.watch()
        return supervisor.pid("one") != pid

    wait_until(replaced)


def is_running(pid: int) -> bool:
    """A killed grandchild may stay a zombie until whoever adopted it looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_that_dies_is_told_of_and_started_again(supervisor: Supervisor, tmp_path: Path, told: Told) -> None:
    supervisor.start(sleeper(tmp_path, "one"))
    first = supervisor.pid("one")
    supervisor.kill("one")
    watch_until_replaced(supervisor, first)
    assert len(told) == 1
    assert told[0].startswith("one ended by itself (signal 9); it starts again in 0.5 s.")


def test_one_that_dies_again_and_again_is_started_ever_more_seldom(
    supervisor: Supervisor, tmp_path: Path, told: Told
) -> None:
    supervisor.start(sleeper(tmp_path, "one"))
    for deaths in (1, 2):
        supervisor.kill("one")
        before = supervisor.pid("one")
        watch_until_replaced(supervisor, before)
        assert len(told) == deaths
    assert "in 0.5 s" in told[0]
    assert "in 1 s" in told[1]


def test_restarting_gives_a_new_process(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(sleeper(tmp_path, "one"))
    first = supervisor.pid("one")
    supervisor.restart("one")
    assert supervisor.pid("one") != first
    assert not is_alive(first)


def test_one_that_ends_while_starting_shows_the_end_of_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    broken = python(tmp_path, "broken", "print('no such table'); raise SystemExit(3)", ready=False)
    with pytest.raises(PartFailedError, match=r"(?s)broken ended \(exit code 3\).*no such table"):
        supervisor.start(broken)


def test_one_that_never_gets_ready_is_given_up(supervisor: Supervisor, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    late = Command("late", argv, {}, tmp_path / "late.log", ready=lambda: False, ready_within_s=0.2)
    with pytest.raises(PartFailedError, match=r"late did not get ready within 0.2 s"):
        supervisor.start(late)


def test_a_command_that_fails_is_a_failed_part(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(PartFailedError, match="exit code 1"):
        supervisor.run(python(tmp_path, "upgrade", "raise SystemExit(1)"))


def test_asking_to_stop_ends_the_wait_for_a_part(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.request_stop()
    began = time.monotonic()
    with pytest.raises(StopRequestedError):
        supervisor.start(python(tmp_path, "slow", "import time; time.sleep(60)", ready=False))
    assert time.monotonic() - began < 2
