"""A cable between a program and a server, whole and hurt."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from app.nemesis.proxy import Cable, Half

SOON_S = 5.0
# Long enough for a piece to arrive on a busy machine, if it could.
A_WHILE_S = 0.3


@dataclass
class Server:
    """Sends back what it hears, in capitals, and notes how its connections ended."""

    heard: list[bytes] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    began: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.began += 1
        try:
            while piece := await reader.read(1000):
                self.heard.append(piece)
                writer.write(piece.upper())
            self.ends.append("closed")
        except ConnectionResetError:
            self.ends.append("reset")
        if not writer.is_closing():
            writer.write(b"LAST WORDS")
        await hang_up(writer)


@dataclass
class Program:
    """One connection through the cable."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, text: bytes) -> None:
        self.writer.write(text)

    async def hear(self) -> bytes:
        async with asyncio.timeout(SOON_S):
            return await self.reader.read(1000)

    async def hears_nothing(self) -> bool:
        try:
            async with asyncio.timeout(A_WHILE_S):
                await self.reader.read(1000)
        except TimeoutError:
            return True
        return False


@dataclass
class Rig:
    server: Server
    cable: Cable

    async def program(self) -> Program:
        return Program(*await asyncio.open_connection("127.0.0.1", self.cable.port))


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    cable = Cable("program-server", listener.sockets[0].getsockname()[1])
    await cable.lay()
    try:
        yield Rig(server, cable)
    finally:
        await cable.take_away()
        listener.close()
        await until(lambda: len(server.ends) == server.began)


def on_a_rig(test: Callable[[Rig, Program], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rig() as made:
            program = await made.program()
            program.say(b"first")
            assert await program.hear() == b"FIRST"
            await test(made, program)
            await hang_up(program.writer)

    asyncio.run(run())


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not happened():  # noqa: ASYNC110  what is awaited tells nobody
            await asyncio.sleep(0.01)


def test_a_whole_cable_carries_both_ways_and_the_end() -> None:
    async def test(made: Rig, program: Program) -> None:
        program.writer.write_eof()
        assert await program.hear() == b"LAST WORDS"
        assert made.server.ends == ["closed"]
        await until(lambda: made.cable.connections == 0)

    on_a_rig(test)


def test_a_large_piece_arrives_whole() -> None:
    async def test(_made: Rig, program: Program) -> None:
        sent = bytes(range(97, 123)) * 40_000
        program.say(sent)
        heard = b""
        while len(heard) < len(sent):
            heard += await program.hear()
        assert heard == sent.upper()

    on_a_rig(test)


def test_what_is_held_goes_on_when_it_is_mended() -> None:
    async def test(made: Rig, program: Program) -> None:
        made.cable.hold()
        program.say(b"later")
        assert await program.hears_nothing()
        assert made.server.heard == [b"first"]
        made.cable.mend()
        assert await program.hear() == b"LATER"

    on_a_rig(test)


def test_what_is_delayed_comes_later_and_in_order() -> None:
    async def test(made: Rig, program: Program) -> None:
        made.cable.delay(0.4)
        began_s = asyncio.get_running_loop().time()
        program.say(b"one")
        assert await program.hear() == b"ONE"
        # 0.4 s each way; the loop's clock may be a tick coarse.
        assert asyncio.get_running_loop().time() - began_s >= 0.79

    on_a_rig(test)


def test_what_is_lost_never_comes_and_its_connection_breaks_in_the_end() -> None:
    async def test(made: Rig, program: Program) -> None:
        made.cable.lose()
        program.say(b"lost")
        assert await program.hears_nothing()
        made.cable.mend()
        with pytest.raises(ConnectionResetError):
            await program.hear()
        assert made.server.heard == [b"first"]
        other = await made.program()
        other.say(b"again")
        assert await other.hear() == b"AGAIN"
        await hang_up(other.writer)

    on_a_rig(test)


def test_a_connection_that_lost_nothing_lives_through_a_loss() -> None:
    async def test(made: Rig, program: Program) -> None:
        made.cable.lose()
        made.cable.mend()
        program.say(b"still here")
        assert await program.hear() == b"STILL HERE"

    on_a_rig(test)


def test_a_reset_reaches_both_ends() -> None:
    async def test(made: Rig, program: Program) -> None:
        made.cable.reset()
        with pytest.raises(ConnectionResetError):
            await program.hear()
        await until(lambda: made.server.ends == ["reset"])

    on_a_rig(test)


def test_the_servers_half_closed_leaves_the_programs() -> None:
    async def test(made: Rig, program: Program) -> None:
        made.cable.close_half(Half.FROM_SERVER)
        assert await program.hear() == b""
        program.say(b"one way")
        await until(lambda: b"one way" in made.server.heard)

    on_a_rig(test)


def test_the_programs_half_closed_leaves_the_servers() -> None:
    async def test(made: Rig, program: Program) -> None:
        made.cable.close_half(Half.FROM_PROGRAM)
        assert await program.hear() == b"LAST WORDS"
        assert made.server.ends == ["closed"]

    on_a_rig(test)


def test_a_server_that_is_away_is_away_through_the_cable_too() -> None:
    async def run() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
            cable = Cable("program-nobody", taken.getsockname()[1])
            await cable.lay()
            reader, writer = await asyncio.open_connection("127.0.0.1", cable.port)
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            await hang_up(writer)
            await cable.take_away()

    asyncio.run(run())
