"""Who may connect at all, by certificate; and nobody ends another's session."""

import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from app.demo.brokers import uplink_identities
from app.demo.ca import Member, files_of, keep_authority
from app.demo.environment import SHARD
from app.demo.mutual_tls import local_tls_broker
from app.demo.ports import free_port
from tests.conftest import running, wait_until
from tests.identity.stand import GATEWAYS, NOW, STRANGER, WITNESS, Stand, answer_to, certified, speaking

DOWN = "caibox/v1/s0/osmanthus/down"
SUCCESS = "Success"
# paho leaves the socket of a handshake that failed on our side to the garbage collector.
handshake_fails = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def bare_client() -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)


def showing(context: ssl.SSLContext) -> mqtt.Client:
    client = bare_client()
    client.tls_set_context(context)
    return client


@pytest.fixture
def uplink(mosquitto: dict[str, Stand]) -> Iterator[Stand]:
    """The uplink's broker; after each refusal it still lets in whom it should."""
    found = mosquitto["uplink"]
    yield found
    assert answer_to(found.client("osmanthus"), found.port) == SUCCESS


@pytest.fixture
def authority(uplink: Stand) -> Path:
    assert uplink.authority is not None
    return uplink.authority


def test_the_certificate_of_a_member_is_enough(uplink: Stand) -> None:
    for name in ("service", "osmanthus", STRANGER):
        assert answer_to(uplink.client(name), uplink.port) == SUCCESS


def test_without_a_certificate_nobody_is_let_in(uplink: Stand, authority: Path) -> None:
    context = ssl.create_default_context(cafile=str(files_of(authority, "ca").cert))
    assert answer_to(showing(context), uplink.port) != SUCCESS


def test_a_name_and_a_password_are_no_certificate(uplink: Stand, authority: Path) -> None:
    client = showing(ssl.create_default_context(cafile=str(files_of(authority, "ca").cert)))
    client.username_pw_set("osmanthus", "guess")
    assert answer_to(client, uplink.port) != SUCCESS
    plain = bare_client()
    plain.username_pw_set("osmanthus", "guess")
    assert answer_to(plain, uplink.port) != SUCCESS


def test_the_same_name_from_another_authority_is_refused(uplink: Stand, authority: Path, tmp_path: Path) -> None:
    keep_authority(tmp_path / "other", [Member("osmanthus")], now=NOW)
    context = ssl.create_default_context(cafile=str(files_of(authority, "ca").cert))
    files = files_of(tmp_path / "other", "osmanthus")
    context.load_cert_chain(files.cert, files.key)
    assert answer_to(showing(context), uplink.port) != SUCCESS


@pytest.mark.parametrize("made", [NOW - timedelta(days=800), NOW + timedelta(days=2)], ids=["expired", "not yet valid"])
def test_a_certificate_out_of_its_time_is_refused(uplink: Stand, authority: Path, tmp_path: Path, made: object) -> None:
    folder = tmp_path / "ca"
    shutil.copytree(authority, folder)
    keep_authority(folder, now=made, renew=["osmanthus"])  # type: ignore[arg-type]
    assert answer_to(showing(certified(folder, "osmanthus")), uplink.port) != SUCCESS


def test_a_brokers_own_certificate_is_no_clients(uplink: Stand, authority: Path) -> None:
    assert answer_to(showing(certified(authority, "bus")), uplink.port) != SUCCESS


@handshake_fails
def test_a_gateways_certificate_passes_for_no_broker(tmp_path: Path) -> None:
    members = [Member("uplink", ("127.0.0.1",)), Member("osmanthus"), Member("service")]
    keep_authority(tmp_path / "ca", members, now=NOW)
    port = free_port()
    command = local_tls_broker(
        "false", tmp_path / "false", port, authority=tmp_path / "ca", server="osmanthus", identities=[]
    )
    with running(command):
        answer = answer_to(showing(certified(tmp_path / "ca", "service")), port)
    assert "CERTIFICATE_VERIFY_FAILED" in answer


def test_a_broker_by_another_name_is_not_believed(uplink: Stand, authority: Path) -> None:
    context = certified(authority, "osmanthus")
    with socket.create_connection(("127.0.0.1", uplink.port)) as wire, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(wire, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", uplink.port)) as wire:
        context.wrap_socket(wire, server_hostname="127.0.0.1").close()


@handshake_fails
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_before_1_2_is_refused(uplink: Stand, authority: Path) -> None:
    newer = certified(authority, "osmanthus")
    newer.minimum_version = newer.maximum_version = ssl.TLSVersion.TLSv1_2
    newer.set_ciphers("ALL:@SECLEVEL=0")
    assert answer_to(showing(newer), uplink.port) == SUCCESS
    older = certified(authority, "osmanthus")
    older.minimum_version = ssl.TLSVersion.TLSv1
    older.maximum_version = ssl.TLSVersion.TLSv1_1
    older.set_ciphers("ALL:@SECLEVEL=0")
    assert "protocol version" in answer_to(showing(older), uplink.port).lower().replace("_", " ")


def test_a_revoked_certificate_is_refused_and_its_successor_let_in(tmp_path: Path) -> None:
    members = [Member("uplink", ("127.0.0.1",)), Member("osmanthus"), Member("sunny")]
    keep_authority(tmp_path / "ca", members, now=NOW)
    stolen = certified(tmp_path / "ca", "osmanthus")
    with broker_in(tmp_path) as port:
        assert answer_to(showing(stolen), port) == SUCCESS
    keep_authority(tmp_path / "ca", now=NOW, revoke=["osmanthus"])
    with broker_in(tmp_path) as port:
        assert answer_to(showing(stolen), port) != SUCCESS
        assert answer_to(showing(certified(tmp_path / "ca", "osmanthus")), port) == SUCCESS
        assert answer_to(showing(certified(tmp_path / "ca", "sunny")), port) == SUCCESS


@contextmanager
def broker_in(folder: Path) -> Iterator[int]:
    port, rights = free_port(), uplink_identities(SHARD, GATEWAYS, {})
    with running(
        local_tls_broker("uplink", folder / "uplink", port, authority=folder / "ca", server="uplink", identities=rights)
    ):
        yield port


def test_a_stranger_who_takes_a_gateways_client_id_does_not_end_its_session(uplink: Stand) -> None:
    with speaking(uplink, "osmanthus", DOWN, client_id="osmanthus-uplink") as victim:
        for thief in (STRANGER, "sunny"):
            for client_id in ("osmanthus-uplink", "osmanthus", "service"):
                with speaking(uplink, thief, DOWN, client_id=client_id) as taking:
                    with speaking(uplink, "service") as service:
                        service.say(DOWN, f"{thief} as {client_id}".encode())
                    wait_until(lambda: len(victim.heard) > 0)
                    assert victim.heard.pop() == (DOWN, f"{thief} as {client_id}".encode())
                    assert taking.heard == []
        assert victim.losses == 0


def test_a_second_connection_of_the_same_identity_ends_the_first(uplink: Stand) -> None:
    with speaking(uplink, "osmanthus", client_id="one") as first:
        first.client._reconnect_on_failure = False
        assert answer_to(uplink.client("osmanthus", "two"), uplink.port) == SUCCESS
        wait_until(lambda: first.losses == 1, what="the first ends")


def test_the_brokers_own_figures_are_for_nobody(uplink: Stand) -> None:
    with speaking(uplink, WITNESS, "$SYS/broker/version") as witness:
        wait_until(lambda: witness.topics() == {"$SYS/broker/version"})
    for name in ("service", "osmanthus", STRANGER):
        with speaking(uplink, name, "$SYS/#", "$SYS/broker/version") as voice:
            voice.listen("barrier")
            assert voice.heard == []
