"""One child process of the demo: how it starts, when it is ready, how it ends.

It never outlives the process that started it (on Linux), and takes its own children with it when it is killed.
Whether and when to start it again is the stack's decision.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LOG_KEPT_BYTES = 5_000_000
PROJECT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `ready` asks the running program itself; `stop_signal` is how it ends in good order."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    ready: Callable[[], bool] = field(default=lambda: True)
    stop_signal: signal.Signals = signal.SIGTERM
    ready_within_s: float = 30.0


class Child:
    """A running command. Use it from one thread: on Linux a child dies with the thread that started it."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._process = start(command)

    @property
    def pid(self) -> int:
        """Its process id, which is also its process group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative numbers are signals."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send its stop signal, if it still runs."""
        if self.exit_code() is None:
            self._process.send_signal(self.command.stop_signal)

    def kill(self) -> None:
        """End it and its whole process group at once, and collect it."""
        with suppress(ProcessLookupError):  # the group has ended by itself
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def start(command: Command) -> subprocess.Popen[bytes]:
    """Start in a session of its own, so that Ctrl-C reaches the supervisor alone, who then ends them in order."""
    with open_log(command.log) as log:
        return subprocess.Popen(
            [*ends_with_parent(command.stop_signal), *command.argv],
            env=dict(command.env),
            cwd=PROJECT,  # `python -m` imports from there first
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def open_log(path: Path) -> BinaryIO:
    """Open for appending; a log that has grown too long becomes `.1` first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_KEPT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def ends_with_parent(stop_signal: signal.Signals) -> list[str]:
    """Put before a command, this has the kernel send it `stop_signal` when its parent dies, however that happens."""
    setpriv = shutil.which("setpriv")
    if sys.platform != "linux" or setpriv is None:
        return []
    return [setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--"]


def last_lines(log: Path, count: int = 12) -> str:
    """Return the end of a log, to show why something did not start."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
