"""The running stack of a replay: one it starts itself, watches and may hurt, or the demo at an address.

Decides where the stack lives and what of it may be killed. It never looks at an order.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.demo.brokers import BrokerKind
from app.demo.stack import Stack, as_it_is, ending_on_signals
from app.nemesis.hands import Hands

WATCH_EVERY_S = 0.2
NO_SETTINGS: Mapping[str, str] = {}


@dataclass(slots=True)
class Stage:
    """A running stack; `stack` is its supervisor when it is our own, `hands` what can hurt it in more ways than one,
    `keep` leaves its folder for people to look at.
    """

    url: str
    stack: Stack | None = None
    hands: Hands | None = None
    keep: bool = False

    @property
    def processes(self) -> Sequence[str]:
        """What may be killed."""
        return [] if self.stack is None else self.stack.supervisor.names()

    def kill(self, process: str) -> None:
        """End a process at once; `watch` starts it again."""
        assert self.stack is not None, "only a stack of our own is hurt"
        self.stack.kill(process)

    async def watch(self, stop: Callable[[], object]) -> None:
        """Start again what died, until cancelled; call `stop` when somebody asks to end."""
        while self.stack is not None and not self.stack.supervisor.stop_requested:
            self.stack.watch()
            await asyncio.sleep(WATCH_EVERY_S)
        if self.stack is not None:
            stop()


@contextmanager
def stage_of(
    url: str | None,
    broker: BrokerKind,
    say: Callable[[str], object],
    *,
    faults: bool = False,
    settings: Mapping[str, str] = NO_SETTINGS,
) -> Iterator[Stage]:
    """The demo at an address, or a stack of our own that ends with the replay, with `faults` one that can be hurt.
    `settings` are further ones of its order service.

    Raises what a start may raise.
    """
    if url is not None:
        yield Stage(url if url.endswith("/") else url + "/")
        return
    folder = Path(tempfile.mkdtemp(prefix="caibox-replay-"))
    hands = Hands() if faults else None
    rewire = as_it_is if hands is None else hands.rewire
    stack = Stack(folder, uplink_broker=broker, bus_broker=broker, tell=_silently, rewire=rewire, more=settings)
    stage = Stage("", stack, hands)
    with ending_on_signals(stack.supervisor):
        try:
            say("Starting a stack of its own.")
            stack.start()
            stage.url = stack.urls["web"]
            if hands is not None:
                hands.begin(stack)
            yield stage
        finally:
            stack.stop()
            if hands is not None:
                hands.end()
            if stage.keep:
                say(f"Its logs are kept in {folder / '.caibox' / 'log'}.")
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _silently(_sentence: str) -> None:
    """What the supervisor tells of a process that was killed is in the replay's own report."""
