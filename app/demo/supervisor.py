"""Starts children in order, keeps them running, ends them in reverse order.

Decides when a part is ready, when one that died starts again, and when patience ends. It has no thread: whoever uses it
calls `watch` now and then. It never looks at what a part does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.demo.child import Child, Command, last_lines
from locker_protocol.clock import Clock, RealClock

LOOK_EVERY_S = 0.03
STOP_WITHIN_S = 8.0
LONGEST_PAUSE_S = 30.0
STABLE_AFTER_S = 60.0


class PartFailedError(Exception):
    """A part did not start; the text is a sentence, then the end of its log."""


class StopRequestedError(Exception):
    """Somebody asked to stop while parts were starting."""


@dataclass(slots=True)
class Part:
    """A command and the child that runs it now. `begin_at_s` is set while it waits to be started again."""

    command: Command
    child: Child
    began_at_s: float
    deaths: int = 0
    begin_at_s: float | None = None


class Supervisor:
    """Parts in the order they were started; those started together form a group."""

    def __init__(self, tell: Callable[[str], None], clock: Clock | None = None) -> None:
        self._tell = tell
        self._clock = clock or RealClock()
        self._groups: list[dict[str, Part]] = []
        self._stop_requested = False

    def request_stop(self) -> None:
        """Safe in a signal handler: whatever is being waited for gives up."""
        self._stop_requested = True

    @property
    def stop_requested(self) -> bool:
        """True from the first `request_stop` on."""
        return self._stop_requested

    def start(self, *commands: Command) -> None:
        """Start these and wait for all parts to be ready. Raises PartFailedError, StopRequestedError."""
        self.begin(*commands)
        for part in self._parts():
            self._await_ready(part)

    def begin(self, *commands: Command) -> None:
        """Start these together without waiting for them; the next `start` does."""
        group: dict[str, Part] = {}
        self._groups.append(group)
        for command in commands:
            group[command.name] = Part(command, Child(command), self._now_s())

    def run(self, command: Command) -> None:
        """Run a command to its end. Raises PartFailedError, StopRequestedError."""
        child = Child(command)
        try:
            self._wait(lambda: child.exit_code() is not None, seconds=command.ready_within_s)
        finally:
            code = child.exit_code()
            child.kill()
        if code != 0:
            raise PartFailedError(_did_not_start(command, code))

    def watch(self) -> None:
        """Look once at every part: tell of one that died, start again one whose pause is over."""
        for part in self._parts():
            if part.begin_at_s is not None:
                if self._now_s() >= part.begin_at_s:
                    self._begin_again(part)
            elif (code := part.child.exit_code()) is not None:
                self._note_death(part, code)

    def kill(self, name: str) -> None:
        """End a part at once, as a power cut would. `watch` or `restart` starts it again."""
        self._part(name).child.kill()

    def restart(self, name: str) -> None:
        """End a part in good order if it runs, start it again and wait until it is ready."""
        part = self._part(name)
        self._end([part])
        self._begin_again(part)
        self._await_ready(part)

    def pid(self, name: str) -> int:
        """The process id of a part."""
        return self._part(name).child.pid

    def names(self) -> list[str]:
        """All parts in the order they were started."""
        return [part.command.name for part in self._parts()]

    def stop(self) -> None:
        """End everything, last started first. What does not end in time is killed."""
        while self._groups:
            self._end(list(self._groups.pop().values()))

    def _parts(self) -> list[Part]:
        return [part for group in self._groups for part in group.values()]

    def _part(self, name: str) -> Part:
        return next(part for part in self._parts() if part.command.name == name)

    def _await_ready(self, part: Part) -> None:
        command, child = part.command, part.child
        ready = self._wait(lambda: child.exit_code() is not None or command.ready(), seconds=command.ready_within_s)
        if not ready or child.exit_code() is not None:
            raise PartFailedError(_did_not_start(command, child.exit_code()))

    def _wait(self, happened: Callable[[], bool], *, seconds: float) -> bool:
        deadline = self._now_s() + seconds
        while not happened():
            if self._stop_requested:
                raise StopRequestedError
            if self._now_s() > deadline:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def _note_death(self, part: Part, code: int) -> None:
        if self._now_s() - part.began_at_s > STABLE_AFTER_S:
            part.deaths = 0
        pause_s = min(LONGEST_PAUSE_S, 0.5 * 2**part.deaths)
        part.deaths += 1
        part.begin_at_s = self._now_s() + pause_s
        part.child.kill()  # what it left of its own children
        name, log = part.command.name, part.command.log
        self._tell(f"{name} ended by itself ({_manner(code)}); it starts again in {pause_s:g} s. Its log: {log}")

    def _begin_again(self, part: Part) -> None:
        part.child = Child(part.command)
        part.began_at_s = self._now_s()
        part.begin_at_s = None

    def _end(self, parts: list[Part]) -> None:
        for part in parts:
            part.child.ask_to_stop()
        deadline = self._now_s() + STOP_WITHIN_S
        while any(part.child.exit_code() is None for part in parts) and self._now_s() < deadline:
            time.sleep(LOOK_EVERY_S)
        for part in parts:
            if part.child.exit_code() is None:
                self._tell(f"{part.command.name} did not end within {STOP_WITHIN_S:g} s and was killed.")
            part.child.kill()

    def _now_s(self) -> float:
        return self._clock.now().monotonic_ms / 1000


def _did_not_start(command: Command, code: int | None) -> str:
    how = f"did not get ready within {command.ready_within_s:g} s" if code is None else f"ended ({_manner(code)})"
    tail = last_lines(command.log)
    return f"{command.name} {how}. Its log, {command.log}, ends:\n{tail}"


def _manner(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
