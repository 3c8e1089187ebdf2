"""A stack's programs are led through cables, and know nothing of it."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.demo.child import Command
from app.nemesis.cables import Cables
from app.nemesis.proxy import Half


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.settimeout(5)
        yield listening


@pytest.fixture
def cables() -> Iterator[Cables]:
    laid = Cables()
    laid.begin()
    yield laid
    laid.end()


def worker(port: int) -> Command:
    env = {
        "DATABASE_URL": f"postgresql+psycopg://caibox:secret@127.0.0.1:{port}/caibox",
        "CAIBOX_UPLINK_URL": f"mqtt://service:secret@127.0.0.1:{port}",
        "CAIBOX_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    return Command("worker", ["true"], env, Path("log"))


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def test_each_server_of_a_program_gets_a_cable_of_its_own(cables: Cables, server: socket.socket) -> None:
    command = worker(server.getsockname()[1])

    led = cables.rewire(command)

    assert cables.names == ["worker-postgres", "worker-uplink"]
    ports = {port_of(led.env[name]) for name in ("DATABASE_URL", "CAIBOX_UPLINK_URL")}
    assert len(ports | {port_of(command.env["DATABASE_URL"])}) == 3
    assert urlsplit(led.env["DATABASE_URL"])._replace(netloc="") == urlsplit(command.env["DATABASE_URL"])._replace(
        netloc=""
    )
    assert led.env["CAIBOX_PUBLIC_URL"] == command.env["CAIBOX_PUBLIC_URL"]
    assert led.argv == command.argv


def test_what_is_done_to_one_cable_leaves_the_other(cables: Cables, server: socket.socket) -> None:
    led = cables.rewire(worker(server.getsockname()[1]))
    ends = {}
    for name, variable in (("worker-postgres", "DATABASE_URL"), ("worker-uplink", "CAIBOX_UPLINK_URL")):
        program = socket.create_connection(("127.0.0.1", port_of(led.env[variable])), timeout=5)
        served = server.accept()[0]
        served.settimeout(5)
        program.sendall(b"hello")  # heard at the other end: the cable knows this connection
        assert served.recv(5) == b"hello"
        ends[name] = (program, served)

    cables.reset("worker-postgres")
    cables.close_half("worker-uplink", Half.FROM_SERVER)

    with pytest.raises(ConnectionResetError):
        ends["worker-postgres"][0].recv(1)
    program, served = ends["worker-uplink"]
    assert program.recv(1) == b""
    program.sendall(b"still")
    assert served.recv(5) == b"still"
    for both in ends.values():
        for end in both:
            end.close()


def test_a_program_nobody_listed_is_started_as_it_is(cables: Cables) -> None:
    command = Command("upgrade", ["true"], {"DATABASE_URL": "postgresql://127.0.0.1:5/x"}, Path("log"))
    assert cables.rewire(command) == command
    assert cables.names == []
