"""What docker-compose.yml starts, started without containers: the same commands, environments and broker files.

Only names and ports of the compose network are replaced by this machine's.
"""

import base64
import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner
from cryptography import x509
from sqlalchemy import create_engine, text

from app.cli import cli
from app.demo.child import PROJECT, Command
from app.demo.deployment import write_deployment
from app.demo.environment import machine_environment
from app.demo.mutual_tls import start_locally
from app.demo.ports import answers, free_port
from app.demo.postgres import EmbeddedPostgres
from app.demo.programs import is_healthy
from app.demo.secrets import public_key
from app.settings import SettingsError
from locker_protocol.clock import RealClock
from tests.conftest import running, wait_until

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
NOW = RealClock().now().civil
SECRET = re.compile(r"[0-9a-f]{48}|[A-Za-z0-9+/]{43}=")


class Machine:
    """One machine where each service of the compose file has ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("uplink", "bus", "web", "simulator", "postgres")}
        write_deployment(folder / "deployment", public_url="http://shop.example", smtp_url="", now=NOW)

    def environment(self, service: str) -> dict[str, str]:
        """The service's environment file with this machine's addresses."""
        file = self.folder / COMPOSE["services"][service]["env_file"]
        found = dict(line.split("=", 1) for line in file.read_text().splitlines())
        for host in ("uplink", "bus"):
            found = {
                name: value.replace(f"//{host}:8883", f"//127.0.0.1:{self.ports[host]}")
                for name, value in found.items()
            }
        for mounted, seen_at in self.mounts(service):
            found = {name: value.replace(seen_at, mounted) for name, value in found.items()}
        data = self.folder / service
        data.mkdir(exist_ok=True)
        found = {name: value.replace("/var/lib/caibox", str(data)) for name, value in found.items()}
        found = {
            name: value.replace("@postgres/", f"@127.0.0.1:{self.ports['postgres']}/") for name, value in found.items()
        }
        if "SIM_HTTP_PORT" in found:
            found["SIM_HTTP_PORT"] = str(self.ports["simulator"])
        return machine_environment() | found

    def mounts(self, service: str) -> list[tuple[str, str]]:
        """What of the deployment's folder the service sees, and where; the longest path first."""
        volumes = [volume.split(":") for volume in COMPOSE["services"][service].get("volumes", [])]
        return [(str(self.folder / parts[0]), parts[1]) for parts in volumes if parts[0].startswith("./")]

    def argv(self, service: str) -> list[str]:
        """The service's command, with this environment's programs."""
        words = [
            str(word).replace("0.0.0.0:8000", f"127.0.0.1:{self.ports['web']}")
            for word in COMPOSE["services"][service]["command"]
        ]
        words = [word.replace("=/tmp", f"={self.folder}") for word in words]
        return [str(Path(sys.executable).with_name(words[0])) if words[0] != "sh" else "sh", *words[1:]]

    def command(self, service: str, **more: Any) -> Command:
        env = self.environment(service)
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        return Command(service, self.argv(service), env, self.folder / f"{service}.log", **more)

    def broker(self, name: str) -> Command:
        """Mosquitto with the files it would mount."""
        config = self.folder / f"{name}-config"
        shutil.copytree(self.folder / "deployment" / name, config)
        settings = (config / "mosquitto.conf").read_text()
        settings = settings.replace("/mosquitto/config", str(config)).replace("/mosquitto/data", str(config))
        (config / "mosquitto.conf").write_text(settings)
        return start_locally(name, config, self.ports[name])


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Everything the compose file would start, in its order."""
    here = Machine(tmp_path_factory.mktemp("machine"))
    postgres_env = dict(
        line.split("=", 1) for line in (here.folder / "deployment/postgres.env").read_text().splitlines()
    )
    server = EmbeddedPostgres(
        here.folder / "postgres-data",
        here.ports["postgres"],
        here.folder / "postgres.log",
        "admin",
        postgres_env["POSTGRES_PASSWORD"],
        durable=False,
    )
    server.prepare()
    with ExitStack() as stack:
        stack.enter_context(running(server.command()))
        server.make_database()
        for name in ("uplink", "bus"):
            stack.enter_context(running(here.broker(name)))
        with running(here.command("setup")) as setup:
            wait_until(lambda: setup.exit_code() is not None, what="setup", seconds=60)
            assert setup.exit_code() == 0, (here.folder / "setup.log").read_text()
        for service, ready in {
            "simulator": lambda: answers(here.ports["simulator"]),
            "gateway": lambda: True,
            "worker": lambda: True,
            "web": lambda: is_healthy(here.ports["web"]),
        }.items():
            stack.enter_context(running(here.command(service, ready=ready)))
        yield here


def test_the_shop_is_healthy_and_the_building_is_online(machine: Machine) -> None:
    engine = create_engine(machine.environment("web")["DATABASE_URL"])

    def there() -> bool:
        with engine.connect() as conn:
            lockers = conn.execute(text("SELECT bool_and(online) FROM locker WHERE site_id = 'osmanthus'")).scalar()
            gateway = conn.execute(text("SELECT online FROM gateway WHERE id = 'osmanthus'")).scalar()
        return bool(lockers and gateway)

    wait_until(there, what="the building is online", seconds=30)
    engine.dispose()
    assert is_healthy(machine.ports["web"])


def test_no_broker_lets_anybody_in_without_a_certificate_nor_the_database_without_a_password(machine: Machine) -> None:
    for name in ("uplink", "bus"):
        settings = (machine.folder / "deployment" / name / "mosquitto.conf").read_text()
        assert "allow_anonymous false" in settings
        assert "set_tcp_nodelay true" in settings
        assert "require_certificate true" in settings
        assert "tls_version tlsv1.2" in settings
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://caibox:wrong@127.0.0.1:{machine.ports['postgres']}/caibox")


def test_secrets_stay_when_it_is_written_again_and_only_its_owner_may_enter(machine: Machine) -> None:
    folder = machine.folder / "deployment"
    kept = ("secrets.json", "service.env", "gateway.env", "ca/ca.crt", "uplink/server.key", "gateway/osmanthus.crt")
    before = {name: (folder / name).read_text() for name in kept}
    said = write_deployment(folder, public_url="http://shop.example", smtp_url="", now=NOW + timedelta(days=400))
    assert "demo" in said
    assert {name: (folder / name).read_text() for name in before} == before
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o777 for path in (folder / "ca").glob("*.key")} == {0o600}


def test_each_program_is_handed_its_own_key_and_no_other(machine: Machine) -> None:
    folder = machine.folder / "deployment"
    keys = {
        name: {key.stem for key in (folder / name).glob("*.key")} for name in ("uplink", "bus", "worker", "gateway")
    }
    assert keys == {"uplink": {"server"}, "bus": {"server"}, "worker": {"service"}, "gateway": {"osmanthus"}}
    assert {key.stem for key in (folder / "simulator").glob("*.key")} == {
        locker["locker_id"] for locker in json.loads((folder / "lockers.json").read_text())
    }
    everywhere = [path.read_text() for path in folder.rglob("*") if path.is_file() and path.parent.name != "ca"]
    assert not any((folder / "ca/ca.key").read_text() in text for text in everywhere)


def test_a_gateway_elsewhere_finds_its_name_for_the_uplink_in_the_brokers_certificate(tmp_path: Path) -> None:
    write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW)
    key = (tmp_path / "uplink/server.key").read_text()
    write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW, uplink_hosts=["mq.shop.example"])
    certificate = x509.load_pem_x509_certificate((tmp_path / "uplink/server.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"uplink", "mq.shop.example"} <= set(names.get_values_for_type(x509.DNSName))
    assert (tmp_path / "uplink/server.key").read_text() == key


def test_a_shop_with_mail_is_no_demo(tmp_path: Path) -> None:
    write_deployment(tmp_path, public_url="https://shop.example", smtp_url="smtp://u:p@mail.example:587", now=NOW)
    service = (tmp_path / "service.env").read_text()
    assert "CAIBOX_SMTP_URL=smtp://u:p@mail.example:587" in service
    assert "CAIBOX_DEMO=" not in service


def test_what_caibox_keys_wrote_reaches_service_and_gateway_and_stays(tmp_path: Path) -> None:
    write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW)
    first = json.loads((tmp_path / "secrets.json").read_text())["signing_key"]
    keys = f"2:{base64.b64encode(b'2' * 32).decode()},1:{first}"
    run = CliRunner().invoke(cli, ["deployment", str(tmp_path), "--signing-keys", "-"], input=keys + "\n")
    assert run.exit_code == 0
    write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW)
    assert f"CAIBOX_SIGNING_KEYS={keys}\n" in (tmp_path / "service.env").read_text()
    gateway = (tmp_path / "gateway.env").read_text()
    assert re.search(rf"GATEWAY_SERVICE_KEYS=2:\S{{44}},1:{re.escape(public_key(first))}\n", gateway)


@pytest.mark.parametrize("keys", ["", "1:short", "not a key"])
def test_signing_keys_that_are_none_change_nothing(tmp_path: Path, keys: str) -> None:
    write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    run = CliRunner().invoke(cli, ["deployment", str(tmp_path), "--signing-keys", "-"], input=keys)
    assert run.exit_code != 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_gateways_new_key_is_its_own_and_the_service_is_told_how(tmp_path: Path) -> None:
    write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW)
    before = json.loads((tmp_path / "secrets.json").read_text())["gateway_keys"]
    said = write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW, new_gateway_key="osmanthus")
    after = json.loads((tmp_path / "secrets.json").read_text())["gateway_keys"]
    assert {name for name in before if before[name] != after[name]} == {"osmanthus"}
    assert f"GATEWAY_PRIVATE_KEY={after['osmanthus']}\n" in (tmp_path / "gateway.env").read_text()
    assert said.endswith(f"caibox gateway-key osmanthus {public_key(after['osmanthus'])}")
    with pytest.raises(SettingsError, match="no gateway elsewhere"):
        write_deployment(tmp_path, public_url="http://x", smtp_url="", now=NOW, new_gateway_key="elsewhere")


def test_the_compose_file_holds_no_secret_and_no_service_runs_as_root() -> None:
    assert not SECRET.search((PROJECT / "docker-compose.yml").read_text())
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "uplink", "bus", "setup", "web", "worker", "gateway", "simulator"}
    for name in sorted(set(services) - {"postgres"}):  # it becomes its own user by itself
        assert int(services[name]["user"]) > 0
        assert services[name]["cap_drop"] == ["ALL"]
