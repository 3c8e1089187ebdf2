"""A cable that can be hurt: a TCP proxy between one program and one server.

Decides nothing about when; it does what it is told to every connection through it: delays, holds back, loses, resets,
closes one half. What goes through is never looked at.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

CHUNK = 64 * 1024
CONNECT_WITHIN_S = 5.0
LOOPBACK = "127.0.0.1"
# SO_LINGER on, for no time: closing sends RST and forgets what was not sent.
AT_ONCE = struct.pack("ii", 1, 0)


class Half(Enum):
    """Which way of a connection ends."""

    FROM_PROGRAM = "from_program"
    FROM_SERVER = "from_server"


@dataclass(slots=True, eq=False)
class _Connection:
    """Both ends. `ended` are the ways on which nothing goes any more; `maimed`: it lost bytes and can only be reset."""

    program: asyncio.StreamWriter
    server: asyncio.StreamWriter
    ended: set[Half]
    maimed: bool = False

    def ends(self) -> Iterator[asyncio.StreamWriter]:
        yield self.program
        yield self.server


class Cable:
    """One cable. Use it from its event loop's thread. `port` is where the program connects, once it is laid."""

    def __init__(self, name: str, server_port: int) -> None:
        self.name = name
        self.port = 0
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self._delay_s = 0.0
        self._losing = False

    async def lay(self, port: int = 0) -> None:
        """Begin to listen."""
        self._listener = await asyncio.start_server(self._serve, LOOPBACK, port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def take_away(self) -> None:
        """Stop listening and break what is left."""
        self.mend()
        if self._listener is not None:
            self._listener.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            await self._listener.wait_closed()

    @property
    def connections(self) -> int:
        """How many go through it now."""
        return len(self._connections)

    # --- what can be done to it

    def delay(self, seconds: float) -> None:
        """From now on every piece waits so long, in order."""
        self._delay_s = seconds

    def hold(self) -> None:
        """Nothing goes through until `mend`; then everything that waited goes at once."""
        self._passes.clear()

    def lose(self) -> None:
        """What is sent from now on until `mend` never arrives; whoever lost something is reset then."""
        self._losing = True

    def mend(self) -> None:
        """End delay, hold and loss."""
        self._delay_s, self._losing = 0.0, False
        for connection in [each for each in self._connections if each.maimed]:
            _break(connection)
        self._passes.set()

    def reset(self) -> None:
        """Break every connection with RST."""
        for connection in list(self._connections):
            _break(connection)

    def close_half(self, half: Half) -> None:
        """End one way of every connection with FIN; the other goes on."""
        for connection in list(self._connections):
            self._end(connection, half)

    # --- carrying

    async def _serve(self, from_program: asyncio.StreamReader, program: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server's callback runs in a task"
        self._tasks.add(task)
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                from_server, server = await asyncio.open_connection(LOOPBACK, self._server_port)
        except (OSError, asyncio.CancelledError):  # the server is away, or the cable is taken away
            _break_end(program)
            self._tasks.discard(task)
            return
        connection = _Connection(program, server, set())
        self._connections.add(connection)
        try:
            await asyncio.gather(
                self._carry(connection, from_program, Half.FROM_PROGRAM),
                self._carry(connection, from_server, Half.FROM_SERVER),
            )
        except (OSError, asyncio.CancelledError):  # cancelled, it ends here: the streams take no cancelled server
            _break(connection)
        finally:
            self._connections.discard(connection)
            self._tasks.discard(task)
            for end in connection.ends():
                end.close()
            for end in connection.ends():
                with suppress(OSError):
                    await end.wait_closed()

    async def _carry(self, connection: _Connection, source: asyncio.StreamReader, half: Half) -> None:
        to = connection.server if half is Half.FROM_PROGRAM else connection.program
        while piece := await source.read(CHUNK):
            if self._losing:
                connection.maimed = True
                continue
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._passes.wait()
            if half not in connection.ended and not connection.maimed:
                to.write(piece)
                await to.drain()
        self._end(connection, half)

    def _end(self, connection: _Connection, half: Half) -> None:
        if half in connection.ended:
            return
        connection.ended.add(half)
        to = connection.server if half is Half.FROM_PROGRAM else connection.program
        with suppress(OSError, RuntimeError):  # it may have been closed meanwhile
            to.write_eof()


def _break(connection: _Connection) -> None:
    for end in connection.ends():
        _break_end(end)


def _break_end(end: asyncio.StreamWriter) -> None:
    sock = end.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    end.transport.abort()
