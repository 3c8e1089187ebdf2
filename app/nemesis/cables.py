"""The cables of a whole stack: one between each program and each server it uses, in a thread of their own.

Decides which variable of which program leads to which server. The stack's programs are given the cables' addresses
instead of the servers' and know nothing of it.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from app.demo.child import Command
from app.demo.ports import free_port
from app.nemesis.proxy import Cable, Half

LEADS: Mapping[str, Mapping[str, str]] = {
    "web": {"DATABASE_URL": "postgres"},
    "worker": {"DATABASE_URL": "postgres", "CAIBOX_UPLINK_URL": "uplink"},
    "gateway": {"GATEWAY_UPLINK_URL": "uplink", "GATEWAY_BUS_URL": "bus"},
    "lockers": {"SIM_BUS_URL": "bus"},
}


class Cables:
    """Begin it before the stack starts, end it after the stack has stopped."""

    def __init__(self) -> None:
        self._cables: dict[str, Cable] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cables", daemon=True)

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Take all cables away."""
        for cable in self._cables.values():
            asyncio.run_coroutine_threadsafe(cable.take_away(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def names(self) -> list[str]:
        """Every cable as `program-server`."""
        return list(self._cables)

    def rewire(self, command: Command) -> Command:
        """Lay the cables of a program and lead its addresses through them; others stay as they are."""
        env = dict(command.env)
        for variable, server in LEADS.get(command.name.split("-")[0], {}).items():
            port = urlsplit(env[variable]).port
            assert port is not None, "the demo's addresses name their ports"
            cable = self._lay(f"{command.name}-{server}", port)
            env[variable] = env[variable].replace(f":{port}", f":{cable.port}", 1)
        return replace(command, env=env)

    def delay(self, name: str, seconds: float) -> None:
        """Every piece waits so long from now on."""
        self._do(lambda: self._cables[name].delay(seconds))

    def hold(self, name: str) -> None:
        """Nothing goes through, and nothing is lost."""
        self._do(self._cables[name].hold)

    def lose(self, name: str) -> None:
        """What is sent now never arrives."""
        self._do(self._cables[name].lose)

    def mend(self, name: str) -> None:
        """End what lasts."""
        self._do(self._cables[name].mend)

    def reset(self, name: str) -> None:
        """Break its connections."""
        self._do(self._cables[name].reset)

    def close_half(self, name: str, half: Half) -> None:
        """End one way of its connections."""
        self._do(lambda: self._cables[name].close_half(half))

    def _lay(self, name: str, server_port: int) -> Cable:
        async def lay() -> Cable:
            cable = Cable(name, server_port)
            await cable.lay(free_port())
            return cable

        self._cables[name] = asyncio.run_coroutine_threadsafe(lay(), self._loop).result()
        return self._cables[name]

    def _do(self, act: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(act)
