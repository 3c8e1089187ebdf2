"""What a stack will run: ports, secrets, brokers, and the command of every part. Makes files, starts nothing."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.demo.brokers import Broker, BrokerKind, bus_identities, make_broker, uplink_identities
from app.demo.child import Command
from app.demo.environment import (
    SHARD,
    Addresses,
    EdgePlaces,
    app_environment,
    gateway_environment,
    simulator_environment,
    web_environment,
    worker_environment,
)
from app.demo.ports import free_port
from app.demo.postgres import EmbeddedPostgres
from app.demo.programs import module_command, seed_command, upgrade_command, web_command
from app.demo.secrets import Secrets, load_or_make
from app.demo.sites import Site, lockers_as_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything decided before the first child starts. `app_env` is what web, worker and migrations share."""

    data: Path
    clock_file: Path
    sites: Sequence[Site]
    addresses: Addresses
    secrets: Secrets
    postgres: EmbeddedPostgres
    uplink: Broker
    bus: Broker
    app_env: dict[str, str]


def make_plan(
    data: Path, sites: Sequence[Site], *, web_port: int | None, uplink_broker: BrokerKind, bus_broker: BrokerKind
) -> Plan:
    """Choose free ports, read or make the secrets, and put everything together."""
    gateways = [site.gateway_id for site in sites]
    secrets = load_or_make(
        data / "secrets.json", gateways=gateways, mqtt_identities=["service", "controllers", *gateways]
    )
    addresses = choose_addresses(web_port, gateways)
    postgres = EmbeddedPostgres(
        data / "postgres",
        free_port(),
        log_of(data, "postgres"),
        secrets.database_admin_password,
        secrets.database_password,
    )
    on_uplink = uplink_identities(SHARD, gateways, secrets.mqtt_passwords)
    on_bus = bus_identities(gateways, secrets.mqtt_passwords)
    uplink = make_broker(uplink_broker, name="uplink", data=data, port=free_port(), identities=on_uplink)
    bus = make_broker(bus_broker, name="bus", data=data, port=free_port(), identities=on_bus)
    clock_file = data / "clock.json"
    app_env = app_environment(
        secrets,
        database_url=postgres.url,
        uplink_url=uplink.url("service"),
        public_url=addresses.web_url,
        clock_file=clock_file,
    )
    return Plan(
        data=data,
        clock_file=clock_file,
        sites=sites,
        addresses=addresses,
        secrets=secrets,
        postgres=postgres,
        uplink=uplink,
        bus=bus,
        app_env=app_env,
    )


def choose_addresses(web_port: int | None, gateways: Sequence[str]) -> Addresses:
    """The lockers' page stays beside the shop from one start to the next, as far as that port is free."""
    web = web_port or free_port()
    return Addresses(
        web=web,
        lockers=free_port(web + 1),
        worker_metrics=free_port(),
        gateway_metrics={gateway: free_port() for gateway in gateways},
    )


def log_of(data: Path, name: str) -> Path:
    """Where a part's log is."""
    return data / "log" / f"{name}.log"


def server_commands(plan: Plan) -> list[Command]:
    """The database and the brokers, which know nothing of Caibox."""
    plan.postgres.prepare()
    plan.uplink.prepare()
    plan.bus.prepare()
    return [plan.postgres.command(), plan.uplink.command(), plan.bus.command()]


def schema_commands(plan: Plan) -> list[Command]:
    """What runs once, in this order, before the service starts."""
    env = web_environment(plan.app_env, plan.sites, plan.addresses)
    return [upgrade_command(env, log_of(plan.data, "upgrade")), seed_command(env, log_of(plan.data, "seed"))]


def locker_command(plan: Plan) -> Command:
    """All simulated lockers of all sites."""
    lockers_file = plan.data / "lockers.json"
    lockers_file.write_text(lockers_as_json(), encoding="utf-8")
    env = simulator_environment(_edge(plan), bus_url=plan.bus.url("controllers"), lockers_file=lockers_file)
    log = log_of(plan.data, "lockers")
    return module_command("lockers", "firmware_sim", env, log, port=plan.addresses.lockers)


def gateway_commands(plan: Plan) -> list[Command]:
    """Each site's gateway; they go on whether or not the service runs."""
    return [_gateway_command(plan, site) for site in plan.sites]


def service_commands(plan: Plan) -> list[Command]:
    """The order service's two programs."""
    scratch = plan.data / "run"
    scratch.mkdir(exist_ok=True)
    web_env = web_environment(plan.app_env, plan.sites, plan.addresses)
    worker_env = worker_environment(plan.app_env, plan.addresses)
    metrics = plan.addresses.worker_metrics
    return [
        module_command("worker", "app.worker", worker_env, log_of(plan.data, "worker"), port=metrics),
        web_command(web_env, log_of(plan.data, "web"), port=plan.addresses.web, scratch=scratch),
    ]


def _edge(plan: Plan) -> EdgePlaces:
    return EdgePlaces(plan.data, plan.clock_file, plan.addresses)


def _gateway_command(plan: Plan, site: Site) -> Command:
    gateway = site.gateway_id
    env = gateway_environment(
        plan.secrets, site, _edge(plan), uplink_url=plan.uplink.url(gateway), bus_url=plan.bus.url(gateway)
    )
    name = f"gateway-{gateway}"
    port = plan.addresses.gateway_metrics[gateway]
    return module_command(name, "locker_gateway", env, log_of(plan.data, name), port=port)


def write_environment(path: Path, plan: Plan) -> None:
    """Write the service's environment for a shell, readable by its owner alone: it holds the stack's secrets."""
    env = web_environment(plan.app_env, plan.sites, plan.addresses)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items()), encoding="utf-8")
