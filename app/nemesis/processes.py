"""Stops a process with everything it started, and lets it go on: SIGSTOP and SIGCONT.

Decides who belongs to a process: its children and theirs, for PostgreSQL's leave its process group. Where the system
does not tell them, its process group.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path


def stop(pid: int) -> list[int]:
    """Stop a process and its family; who was stopped."""
    stopped: list[int] = []
    # A family that grows while it is being stopped is looked at again.
    while fresh := [each for each in family(pid) if each not in stopped]:
        for each in fresh:
            _send(each, signal.SIGSTOP)
        stopped += fresh
    return stopped


def go_on(pids: list[int]) -> None:
    """Let them go on, children first."""
    for pid in reversed(pids):
        _send(pid, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """A process and all that descend from it, parents first; nobody when it has gone."""
    if not Path("/proc/self/task").exists():
        return [-pid] if _is_there(pid) else []  # the whole group, which its parts lead
    found = [pid] if _is_there(pid) else []
    for each in found:
        found += _children(each)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has just ended
            children += [int(word) for word in task.read_text(encoding="ascii").split()]
    return children


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
