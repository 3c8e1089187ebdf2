"""What `docker-compose.yml` mounts and reads: one environment file a service, the brokers' configurations, the lockers.

Decides names and addresses inside the compose network. Secrets are made once and stay; everything else is written anew
from them, so that running it again after an update changes only what the update changed. Starts nothing.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from app.demo.brokers import site_bus_identities, uplink_identities
from app.demo.ca import Member, files_of, keep_authority
from app.demo.environment import SHARD
from app.demo.mutual_tls import TLS_PORT, write_client_files, write_tls_broker
from app.demo.secrets import Secrets, load_or_make, public_key, replace_in
from app.demo.sites import Site, load_sites, lockers_as_json
from app.settings import SettingsError, read_signing_keys

LOCKERS_PORT = 8001
DATA = "/var/lib/caibox"
MOSQUITTO_CONFIG, MOSQUITTO_DATA = "/mosquitto/config", "/mosquitto/data"
TLS = Path("/etc/caibox/tls")
# Compose calls them so; who runs something beside the containers reaches them on the machine itself.
BROKER_HOSTS = {"uplink": ("uplink", "localhost", "127.0.0.1"), "bus": ("bus", "localhost", "127.0.0.1")}
SERVICE = "service"


def write_deployment(
    folder: Path,
    *,
    public_url: str,
    smtp_url: str,
    now: datetime,
    uplink_hosts: Sequence[str] = (),
    signing_keys: str = "",
    new_gateway_key: str = "",
) -> str:
    """Write everything into `folder`, which only its owner may enter. Returns a sentence for the terminal.

    `uplink_hosts`: what else gateways call the uplink's broker, when they run on other machines. `signing_keys`: what
    `caibox keys` wrote. `new_gateway_key`: the gateway that gets another key. Raises AuthorityError or SettingsError.
    """
    if signing_keys:
        read_signing_keys(signing_keys)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    sites = load_sites()
    site, gateways = sites[0], [site.gateway_id for site in sites]
    secrets = load_or_make(folder / "secrets.json", gateways=gateways, mqtt_identities=[])
    if new_gateway_key and new_gateway_key not in gateways:
        raise SettingsError(f"There is no gateway {new_gateway_key}; there are {', '.join(gateways)}.")
    changes = {"signing_keys": signing_keys, "new_gateway_key": new_gateway_key}
    secrets = replace_in(folder / "secrets.json", secrets, **changes)
    keep_authority(folder / "ca", _members(sites, uplink_hosts), now=now)
    _write_env(folder / "postgres.env", _postgres(secrets))
    _write_env(folder / "service.env", _service(secrets, public_url=public_url, smtp_url=smtp_url))
    _write_env(folder / "gateway.env", _gateway(secrets, site))
    _write_env(folder / "simulator.env", _simulator())
    _write_tls(folder, sites)
    (folder / "lockers.json").write_text(lockers_as_json(), encoding="utf-8")
    kind = "a shop that sends mail" if smtp_url else "a demo: everybody may read its inbox"
    return f"{folder} is written, for {kind}. `docker-compose up -d` starts it; {public_url} is the shop." + (
        f" The service must be told: caibox gateway-key {new_gateway_key}"
        f" {public_key(secrets.gateway_keys[new_gateway_key])}"
        if new_gateway_key
        else ""
    )


def _members(sites: Sequence[Site], uplink_hosts: Sequence[str]) -> list[Member]:
    servers = [
        Member("uplink", tuple(dict.fromkeys((*BROKER_HOSTS["uplink"], *uplink_hosts)))),
        Member("bus", BROKER_HOSTS["bus"]),
    ]
    gateways = [Member(site.gateway_id) for site in sites]
    return [*servers, Member(SERVICE), *gateways, *(Member(name) for name in _lockers(sites))]


def _lockers(sites: Sequence[Site]) -> list[str]:
    return [locker.locker_id for site in sites for locker in site.lockers]


def _write_tls(folder: Path, sites: Sequence[Site]) -> None:
    """Each program gets its own folder: what it shows and whom it believes, and no other's key."""
    gateways = [site.gateway_id for site in sites]
    on_bus = [
        identity
        for site in sites
        for identity in site_bus_identities(site.gateway_id, [locker.locker_id for locker in site.lockers])
    ]
    for broker, identities in {"uplink": uplink_identities(SHARD, gateways, {}), "bus": on_bus}.items():
        write_tls_broker(
            folder / broker,
            authority=folder / "ca",
            server=broker,
            identities=identities,
            seen_at=MOSQUITTO_CONFIG,
            data=MOSQUITTO_DATA,
        )
        (folder / broker / "passwords").unlink(missing_ok=True)
    names = {"worker": [SERVICE], "gateway": [sites[0].gateway_id], "simulator": _lockers(sites)}
    for program, shown in names.items():
        write_client_files(folder / program, authority=folder / "ca", names=shown)


def _postgres(secrets: Secrets) -> dict[str, str]:
    return {"POSTGRES_USER": "caibox", "POSTGRES_DB": "caibox", "POSTGRES_PASSWORD": secrets.database_password}


def _service(secrets: Secrets, *, public_url: str, smtp_url: str) -> dict[str, str]:
    gateway_keys = ",".join(f"{gateway}:{public_key(seed)}" for gateway, seed in secrets.gateway_keys.items())
    mail = {"CAIBOX_SMTP_URL": smtp_url} if smtp_url else {"CAIBOX_DEMO": "1"}
    return {
        "DATABASE_URL": f"postgresql+psycopg://caibox:{secrets.database_password}@postgres/caibox",
        "CAIBOX_UPLINK_URL": _mqtts("uplink"),
        **_tls("CAIBOX", SERVICE),
        "CAIBOX_SHARD": SHARD,
        "CAIBOX_SECRET_KEY": secrets.secret_key,
        "CAIBOX_SIGNING_KEYS": secrets.live_keys,
        "CAIBOX_SANDBOX_SECRET": secrets.sandbox_secret,
        "CAIBOX_PUBLIC_URL": public_url,
        "CAIBOX_DEMO_GATEWAY_KEYS": gateway_keys,
        **mail,
    }


def _gateway(secrets: Secrets, site: Site) -> dict[str, str]:
    return {
        "GATEWAY_ID": site.gateway_id,
        "GATEWAY_SITE_NO": str(site.site_no),
        "GATEWAY_SHARD": SHARD,
        "GATEWAY_DATA": DATA,
        "GATEWAY_UPLINK_URL": _mqtts("uplink"),
        "GATEWAY_BUS_URL": _mqtts("bus"),
        **_tls("GATEWAY", site.gateway_id),
        "GATEWAY_SERVICE_KEYS": secrets.public_live_keys,
        "GATEWAY_PRIVATE_KEY": secrets.gateway_keys[site.gateway_id],
        "GATEWAY_CONTROLLERS": ",".join(locker.locker_id for locker in site.lockers),
    }


def _simulator() -> dict[str, str]:
    return {
        "SIM_BUS_URL": _mqtts("bus"),
        "SIM_TLS_CA": str(TLS / "ca.crt"),
        "SIM_TLS_CERTS": str(TLS),
        "SIM_LOCKERS": "/etc/caibox/lockers.json",
        "SIM_DATA": DATA,
        "SIM_HTTP_HOST": "0.0.0.0",  # noqa: S104  inside its container; compose publishes it on the host's loopback
        "SIM_HTTP_PORT": str(LOCKERS_PORT),
    }


def _mqtts(host: str) -> str:
    return f"mqtts://{host}:{TLS_PORT}"


def _tls(program: str, name: str) -> dict[str, str]:
    files = files_of(TLS, name)
    return {
        f"{program}_TLS_CA": str(TLS / "ca.crt"),
        f"{program}_TLS_CERT": str(files.cert),
        f"{program}_TLS_KEY": str(files.key),
    }


def _write_env(path: Path, values: Mapping[str, str]) -> None:
    """Compose reads it as root on the host; no container sees the file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("".join(f"{name}={value}\n" for name, value in values.items()))
