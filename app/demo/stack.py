"""Everything Caibox needs, on this machine alone: PostgreSQL, two brokers, the service, gateways, simulated lockers.

`make demo` runs it for a person, tests and `caibox replay` for themselves. Decides what starts in which order, and
changes nothing outside its data folder.
"""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from types import FrameType

from app.demo.announce import say, welcome
from app.demo.brokers import BrokerKind
from app.demo.child import Command
from app.demo.clock_file import freeze_clock, run_clock
from app.demo.data_folder import DataFolder, DataFolderError, open_data_folder
from app.demo.plan import (
    Plan,
    gateway_commands,
    locker_command,
    make_plan,
    schema_commands,
    server_commands,
    service_commands,
    write_environment,
)
from app.demo.ports import is_free
from app.demo.postgres import DatabaseUnavailableError
from app.demo.sites import load_sites
from app.demo.supervisor import PartFailedError, StopRequestedError, Supervisor

DATA = ".caibox"
ENVIRONMENT = "environment"  # for `caibox` commands beside a running demo, in a shell's words
WATCH_EVERY_S = 0.2


class PortTakenError(Exception):
    """The port people would use is not free; the text is a sentence."""


FORESEEN = (DataFolderError, DatabaseUnavailableError, PartFailedError, PortTakenError)


def as_it_is(command: Command) -> Command:
    """A program is started as the plan says."""
    return command


class Stack:
    """One demo under `root`/.caibox. Use it from one thread: `start`, then `watch` now and then, at last `stop`.

    `rewire` may change how one of our programs is started: whoever hurts a stack puts a cable of theirs between. `more`
    are further settings of the order service.
    """

    def __init__(
        self,
        root: Path,
        *,
        web_port: int | None = None,
        uplink_broker: BrokerKind = "nats",
        bus_broker: BrokerKind = "nats",
        tell: Callable[[str], None] = say,
        rewire: Callable[[Command], Command] = as_it_is,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.data = root / DATA
        self.supervisor = Supervisor(tell)
        self._web_port = web_port
        self._kinds = (uplink_broker, bus_broker)
        self._rewire = rewire
        self._more = dict(more or {})
        self._folder: DataFolder | None = None
        self._plan: Plan | None = None

    def start(self, *, reset: bool = False, programs: bool = True) -> None:
        """Start everything, or with `programs=False` the database and the brokers only.

        Raises one of FORESEEN, or StopRequestedError; `stop` is due then too.
        """
        self._folder = open_data_folder(self.data)
        if self._web_port is not None and not is_free(self._web_port):
            raise PortTakenError(f"Port {self._web_port} is taken; choose another, say PORT={self._web_port + 10}.")
        if reset:
            self._folder.clear()
        uplink, bus = self._kinds
        plan = make_plan(self.data, load_sites(), web_port=self._web_port, uplink_broker=uplink, bus_broker=bus)
        plan.app_env.update(self._more)
        self._plan = plan
        run_clock(plan.clock_file)
        self.supervisor.start(*server_commands(plan))
        plan.postgres.make_database()
        if programs:
            self._start_programs(plan)

    def _start_programs(self, plan: Plan) -> None:
        # Neither gateways nor lockers need the schema, so they get ready while it is made.
        self.supervisor.begin(self._rewire(locker_command(plan)))
        self.supervisor.begin(*map(self._rewire, gateway_commands(plan)))
        for command in schema_commands(plan):
            self.supervisor.run(command)
        self.supervisor.start(*map(self._rewire, service_commands(plan)))
        write_environment(self.data / ENVIRONMENT, plan)

    def stop(self) -> None:
        """End everything in reverse order and leave no lock."""
        self.supervisor.stop()
        if self._plan is not None:
            freeze_clock(self._plan.clock_file)
            (self.data / ENVIRONMENT).unlink(missing_ok=True)
        if self._folder is not None:
            self._folder.release()
            self._folder = None

    @property
    def plan(self) -> Plan:
        """Ports, secrets and addresses of the stack. There is none before `start`."""
        assert self._plan is not None, "the stack has not been started"
        return self._plan

    @property
    def env(self) -> dict[str, str]:
        """The environment of the order service."""
        return dict(self.plan.app_env)

    @property
    def urls(self) -> dict[str, str]:
        """Where people find things: `web`, `inbox`, `clock`, `lockers`."""
        web = self.plan.addresses.web_url
        lockers = self.plan.addresses.lockers_url
        return {"web": f"{web}/", "inbox": f"{web}/inbox", "clock": f"{web}/demo/clock", "lockers": f"{lockers}/"}

    def kill(self, name: str) -> None:
        """End a part at once, as a power cut would; `watch` starts it again after a pause, `restart` now."""
        self.supervisor.kill(name)

    def restart(self, name: str) -> None:
        """End a part if it runs, start it again and wait until it is ready."""
        self.supervisor.restart(name)

    def watch(self) -> None:
        """Look once whether anything died, and start it again."""
        self.supervisor.watch()


def run_demo(root: Path, port: int, reset: bool, *, programs: bool = True) -> int:  # noqa: FBT001, the command's call
    """Run the demo until somebody ends it; the exit code. What can be foreseen is a sentence, not a traceback.

    With `programs=False` only the database and the brokers run.
    """
    stack = Stack(root, web_port=port)
    with ending_on_signals(stack.supervisor):
        try:
            say("Starting; the first time this takes a little longer.")
            stack.start(reset=reset, programs=programs)
            say(welcome(stack.urls) if programs else "The database and the brokers are running.")
            while not stack.supervisor.stop_requested:
                stack.watch()
                sleep(WATCH_EVERY_S)
        except StopRequestedError:
            pass  # somebody changed their mind while it was starting
        except FORESEEN as problem:
            say(str(problem))
            return 1
        finally:
            stack.stop()
    say("Stopped. Your data is kept; RESET=1 make demo begins anew.")
    return 0


@contextmanager
def ending_on_signals(supervisor: Supervisor) -> Iterator[None]:
    """Ctrl-C, `kill` and a closed terminal all ask to stop; a second one cannot cut the end short."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        supervisor.request_stop()

    caught = {signal.SIGINT, signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as it is under nohup
        caught.add(signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
