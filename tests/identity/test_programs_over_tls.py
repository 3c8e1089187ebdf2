"""Worker, gateway and simulated lockers show their certificates; one they cannot use is a sentence at the start."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from app.demo.ca import Member, files_of, keep_authority
from app.settings import Settings, SettingsError, TlsFiles, settings_from
from locker_protocol.bus_messages import Show
from locker_protocol.codec import encode
from tests.conftest import wait_until
from tests.firmware.conftest import small_locker
from tests.firmware.simulator import Simulator, running_simulator
from tests.identity.stand import NOW, Stand, mosquitto_stands, speaking
from tests.link.gateway_rig import GATEWAY, LOCKER, starting_gateway, until
from tests.link.test_worker import SIGNING_KEYS

APP = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "CAIBOX_UPLINK_URL": "mqtts://127.0.0.1:1",
    "CAIBOX_SECRET_KEY": "x",
    "CAIBOX_SIGNING_KEYS": SIGNING_KEYS,
    "CAIBOX_SANDBOX_SECRET": "x",
    "CAIBOX_TLS_CA": "ca.crt",
}


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stand]]:
    with mosquitto_stands(tmp_path_factory.mktemp("tls"), lockers={GATEWAY: [LOCKER]}) as found:
        yield found


def read(**more: str) -> Settings:
    return settings_from({**APP, **more})


def test_the_service_reads_where_its_certificate_lies() -> None:
    assert read(CAIBOX_TLS_CERT="s.crt", CAIBOX_TLS_KEY="s.key").uplink_tls == TlsFiles(
        Path("ca.crt"), Path("s.crt"), Path("s.key")
    )
    assert read(CAIBOX_UPLINK_URL="mqtt://127.0.0.1", CAIBOX_TLS_CA="").uplink_tls is None


@pytest.mark.parametrize(
    "more",
    [
        {"CAIBOX_TLS_CA": ""},
        {"CAIBOX_TLS_CERT": "s.crt"},
        {"CAIBOX_TLS_KEY": "s.key"},
        {"CAIBOX_TLS_CA": "", "CAIBOX_TLS_CERT": "s.crt", "CAIBOX_TLS_KEY": "s.key"},
        {"CAIBOX_UPLINK_URL": "http://broker"},
        {"CAIBOX_UPLINK_URL": "mqtts://"},
        {"CAIBOX_UPLINK_URL": "mqtts://broker:port"},
        {"CAIBOX_SIGNING_KEYS": f"{SIGNING_KEYS},{SIGNING_KEYS}"},
        {"CAIBOX_SIGNING_KEYS": ",".join(f"{n}{SIGNING_KEYS[1:]}" for n in (1, 2, 3))},
        {"CAIBOX_SIGNING_KEYS": f"256{SIGNING_KEYS[1:]}"},
    ],
)
def test_settings_that_do_not_fit_together_are_one_sentence(more: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^[^\n]+\.$"):
        read(**more)


def damaged(folder: Path, kind: str) -> dict[str, str]:
    """The files of a member, one of which cannot be used."""
    keep_authority(folder / "ca", [Member(GATEWAY), Member("other")], now=NOW)
    files, ca = files_of(folder / "ca", GATEWAY), files_of(folder / "ca", "ca").cert
    match kind:
        case "no authority":
            ca = folder / "nowhere.crt"
        case "authority is no certificate":
            ca.write_text("hello")
        case "no certificate":
            files.cert.unlink()
        case "another's key":
            files.key.write_bytes(files_of(folder / "ca", "other").key.read_bytes())
        case "key is no key":
            files.key.write_text("hello")
    return {"CA": str(ca), "CERT": str(files.cert), "KEY": str(files.key)}


BURST = 60
KINDS = ["no authority", "authority is no certificate", "no certificate", "another's key", "key is no key"]


def run(program: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", program],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_worker_does_not_start_with_files_it_cannot_use(tmp_path: Path, kind: str) -> None:
    files = {f"CAIBOX_TLS_{name}": path for name, path in damaged(tmp_path, kind).items()}
    ended = run("app.worker", {**APP, **files})
    assert ended.returncode == 2
    assert ended.stderr.startswith("CAIBOX_TLS_")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_gateway_does_not_start_with_files_it_cannot_use(tmp_path: Path, kind: str) -> None:
    files = {f"GATEWAY_TLS_{name}": path for name, path in damaged(tmp_path, kind).items()}
    with starting_gateway("mqtts://127.0.0.1:1", tmp_path / "data", **files) as gateway:
        assert gateway.process.wait(20) == 2
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_lockers_do_not_start_with_files_they_cannot_use(tmp_path: Path, kind: str) -> None:
    files = damaged(tmp_path, kind)
    lockers = tmp_path / "lockers.json"
    lockers.write_bytes(msgspec.json.encode([msgspec.structs.replace(small_locker(), locker_id=GATEWAY)]))
    environment = {
        "SIM_BUS_URL": "mqtts://127.0.0.1:1",
        "SIM_TLS_CA": files["CA"],
        "SIM_TLS_CERTS": str(tmp_path / "ca"),
    }
    more = {"SIM_LOCKERS": str(lockers), "SIM_DATA": str(tmp_path / "data"), "SIM_HTTP_PORT": "0"}
    ended = run("firmware_sim", environment | more)
    assert ended.returncode == 2
    assert ended.stderr.startswith("SIM_TLS_CA")
    assert ended.stderr.count("\n") == 1


def test_a_simulated_locker_speaks_by_its_own_certificate(stands: dict[str, Stand], tmp_path: Path) -> None:
    bus = stands["bus"]
    assert bus.authority is not None
    command = f"locker/v1/{GATEWAY}/{LOCKER}/command"
    with (
        speaking(bus, GATEWAY, f"locker/v1/{GATEWAY}/+/presence") as gateway,
        locker_on(bus.port, bus.authority, tmp_path) as simulator,
    ):
        wait_until(lambda: bool(gateway.heard), what="its birth")
        simulator.until(lambda state: bool(state["linked"]))
        gateway.say(command, encode(Show("visit")))
        simulator.until(lambda state: state["shown"] == 1)


def test_messages_that_share_a_tls_record_are_all_heard(stands: dict[str, Stand], tmp_path: Path) -> None:
    """Some brokers put many into one. The socket turns readable once, for all of them."""
    authority = stands["bus"].authority
    assert authority is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files = files_of(authority, "bus")
    context.load_cert_chain(files.cert, files.key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve_all_at_once, args=(server, context), daemon=True).start()
        with locker_on(server.getsockname()[1], authority, tmp_path) as simulator:
            simulator.until(lambda state: state["shown"] == BURST)


def serve_all_at_once(server: socket.socket, context: ssl.SSLContext) -> None:
    """A broker of three sentences: welcome, granted, and so many messages in one write."""
    topic, payload = f"locker/v1/{GATEWAY}/{LOCKER}/command".encode(), encode(Show("visit"))
    rest = len(topic).to_bytes(2) + topic + payload
    publish = bytes([0x30, len(rest)]) + rest
    raw, _ = server.accept()
    with context.wrap_socket(raw, server_side=True) as wire:
        wire.recv(4096)
        wire.sendall(bytes([0x20, 2, 0, 0]))
        packet_id = wire.recv(4096)[2:4]
        wire.sendall(bytes([0x90, 3]) + packet_id + bytes([1]) + publish * BURST)
        while wire.recv(4096):
            pass


@contextmanager
def locker_on(port: int, authority: Path, folder: Path) -> Iterator[Simulator]:
    lockers = folder / "lockers.json"
    lockers.write_bytes(msgspec.json.encode([small_locker()]))
    more = {"SIM_TLS_CA": str(files_of(authority, "ca").cert), "SIM_TLS_CERTS": str(authority)}
    with running_simulator(f"mqtts://127.0.0.1:{port}", lockers, folder / "memory", **more) as simulator:
        yield simulator


def test_a_renewed_certificate_is_taken_up_at_the_next_connection(stands: dict[str, Stand], tmp_path: Path) -> None:
    """The gateway starts with a certificate that this broker refuses; then the right one is put in its place."""
    authority = stands["uplink"].authority
    assert authority is not None
    keep_authority(tmp_path / "wrong", [Member(GATEWAY)], now=NOW)
    mine = files_of(tmp_path, GATEWAY)
    for source, target in zip(vars_of(files_of(tmp_path / "wrong", GATEWAY)), vars_of(mine), strict=True):
        target.write_bytes(source.read_bytes())
    files = {"CA": str(files_of(authority, "ca").cert), "CERT": str(mine.cert), "KEY": str(mine.key)}
    more = {f"GATEWAY_TLS_{name}": path for name, path in files.items()}
    uplink, bus = (f"mqtts://127.0.0.1:{stands[link].port}" for link in ("uplink", "bus"))
    with starting_gateway(uplink, tmp_path / "data", GATEWAY_BUS_URL=bus, **more) as gateway:
        until(lambda: sum(line["event"] == "link_failed" for line in gateway.lines) >= 2, what="it is refused")
        for source, target in zip(vars_of(files_of(authority, GATEWAY)), vars_of(mine), strict=True):
            target.write_bytes(source.read_bytes())
        gateway.wait_ready()


def vars_of(files: object) -> list[Path]:
    return [getattr(files, name) for name in ("cert", "key")]
