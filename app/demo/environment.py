"""What each program of the demo is told, and nothing else: the environment is the contract between them.

Decides names and values of variables. Never starts anything.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.demo.secrets import Secrets, public_key
from app.demo.sites import Site

SHARD = "s0"
SERVICE_KEY_ID = 1

# What a program needs of the machine it runs on. The rest of the caller's environment stays outside, so that a
# DATABASE_URL left in somebody's shell cannot lead the demo to their own database.
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens on 127.0.0.1."""

    web: int
    worker_metrics: int
    lockers: int
    gateway_metrics: Mapping[str, int]

    @property
    def web_url(self) -> str:
        """Where people find the shop."""
        return f"http://127.0.0.1:{self.web}"

    @property
    def lockers_url(self) -> str:
        """Where people find the virtual lockers."""
        return f"http://127.0.0.1:{self.lockers}"


def machine_environment() -> dict[str, str]:
    """The caller's variables that every program may see."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {"PYTHONUNBUFFERED": "1"}


def app_environment(
    secrets: Secrets, *, database_url: str, uplink_url: str, public_url: str, clock_file: Path | None = None
) -> dict[str, str]:
    """For web, worker, migrations and seed. Without a clock file it is no demo: civil time is the machine's."""
    gateway_keys = ",".join(f"{gateway}:{public_key(seed)}" for gateway, seed in secrets.gateway_keys.items())
    demo = {"CAIBOX_DEMO": "1", "CAIBOX_CLOCK_FILE": str(clock_file), **_payment_faults()} if clock_file else {}
    return {
        **machine_environment(),
        **demo,
        "DATABASE_URL": database_url,
        "CAIBOX_UPLINK_URL": uplink_url,
        "CAIBOX_SHARD": SHARD,
        "CAIBOX_SECRET_KEY": secrets.secret_key,
        "CAIBOX_SIGNING_KEYS": f"{SERVICE_KEY_ID}:{secrets.signing_key}",
        "CAIBOX_PUBLIC_URL": public_url,
        "CAIBOX_SANDBOX_SECRET": secrets.sandbox_secret,
        "CAIBOX_DEMO_GATEWAY_KEYS": gateway_keys,
    }


def locker_pages(sites: Sequence[Site], addresses: Addresses) -> dict[str, str]:
    """Each locker's page, as the service shows it to people in the demo."""
    return {
        locker.locker_id: f"{addresses.lockers_url}/{locker.locker_id}" for site in sites for locker in site.lockers
    }


def web_environment(app: Mapping[str, str], sites: Sequence[Site], addresses: Addresses) -> dict[str, str]:
    """The service's, and where the virtual lockers are."""
    return {**app, "CAIBOX_LOCKER_PAGES": json.dumps(locker_pages(sites, addresses))}


def worker_environment(app: Mapping[str, str], addresses: Addresses) -> dict[str, str]:
    """The service's, and where the worker tells its figures."""
    return {**app, "CAIBOX_METRICS_PORT": str(addresses.worker_metrics)}


@dataclass(frozen=True, slots=True)
class EdgePlaces:
    """What gateways and simulated lockers share."""

    data: Path
    clock_file: Path
    addresses: Addresses


def gateway_environment(
    secrets: Secrets, site: Site, places: EdgePlaces, *, uplink_url: str, bus_url: str
) -> dict[str, str]:
    """For the gateway of one site. It holds the service's public key only."""
    return {
        **machine_environment(),
        "GATEWAY_ID": site.gateway_id,
        "GATEWAY_SITE_NO": str(site.site_no),
        "GATEWAY_SHARD": SHARD,
        "GATEWAY_DATA": str(places.data / f"gateway-{site.gateway_id}"),
        "GATEWAY_UPLINK_URL": uplink_url,
        "GATEWAY_BUS_URL": bus_url,
        "GATEWAY_SERVICE_KEYS": f"{SERVICE_KEY_ID}:{public_key(secrets.signing_key)}",
        "GATEWAY_PRIVATE_KEY": secrets.gateway_keys[site.gateway_id],
        "GATEWAY_CONTROLLERS": ",".join(locker.locker_id for locker in site.lockers),
        "GATEWAY_METRICS_PORT": str(places.addresses.gateway_metrics[site.gateway_id]),
        "CAIBOX_CLOCK_FILE": str(places.clock_file),
    }


def simulator_environment(places: EdgePlaces, *, bus_url: str, lockers_file: Path) -> dict[str, str]:
    """For all simulated lockers together."""
    return {
        **machine_environment(),
        "SIM_BUS_URL": bus_url,
        "SIM_LOCKERS": str(lockers_file),
        "SIM_HTTP_PORT": str(places.addresses.lockers),
        "SIM_DATA": str(places.data / "lockers"),
        "CAIBOX_CLOCK_FILE": str(places.clock_file),
        **_fault_file(),
    }


def _payment_faults() -> dict[str, str]:
    """How the sandbox payment provider fails, where the caller said so."""
    return {name: os.environ[name] for name in ("CAIBOX_SANDBOX_FAULTS",) if os.environ.get(name)}


def _fault_file() -> dict[str, str]:
    """The caller's own fault file, where they named one."""
    return {"SIM_FAULTS": str(Path(os.environ["SIM_FAULTS"]).absolute())} if os.environ.get("SIM_FAULTS") else {}
