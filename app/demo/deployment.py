"""What `docker-compose.yml` mounts and reads: one environment file a service, the brokers' configurations, the lockers.

Decides names and addresses inside the compose network. Secrets are made once and stay; everything else is written anew
from them, so that running it again after an update changes only what the update changed. Starts nothing.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.demo.brokers import (
    TUNED_MOSQUITTO,
    Identity,
    bus_identities,
    mosquitto_passwords,
    mosquitto_rights,
    uplink_identities,
)
from app.demo.environment import SERVICE_KEY_ID, SHARD
from app.demo.secrets import Secrets, load_or_make, public_key
from app.demo.sites import Site, load_sites, lockers_as_json

MQTT_PORT = 1883
LOCKERS_PORT = 8001
DATA = "/var/lib/caibox"
MOSQUITTO_CONFIG, MOSQUITTO_DATA = "/mosquitto/config", "/mosquitto/data"


def write_deployment(folder: Path, *, public_url: str, smtp_url: str) -> str:
    """Write everything into `folder`, which only its owner may enter. Returns a sentence for the terminal."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    sites = load_sites()
    site, gateways = sites[0], [site.gateway_id for site in sites]
    secrets = load_or_make(
        folder / "secrets.json", gateways=gateways, mqtt_identities=["service", "controllers", *gateways]
    )
    _write_env(folder / "postgres.env", _postgres(secrets))
    _write_env(folder / "service.env", _service(secrets, public_url=public_url, smtp_url=smtp_url))
    _write_env(folder / "gateway.env", _gateway(secrets, site))
    _write_env(folder / "simulator.env", _simulator(secrets))
    _write_broker(folder / "uplink", uplink_identities(SHARD, gateways, secrets.mqtt_passwords))
    _write_broker(folder / "bus", bus_identities(gateways, secrets.mqtt_passwords))
    (folder / "lockers.json").write_text(lockers_as_json(), encoding="utf-8")
    kind = "a shop that sends mail" if smtp_url else "a demo: everybody may read its inbox"
    return f"{folder} is written, for {kind}. `docker-compose up -d` starts it; {public_url} is the shop."


def _postgres(secrets: Secrets) -> dict[str, str]:
    return {"POSTGRES_USER": "caibox", "POSTGRES_DB": "caibox", "POSTGRES_PASSWORD": secrets.database_password}


def _service(secrets: Secrets, *, public_url: str, smtp_url: str) -> dict[str, str]:
    gateway_keys = ",".join(f"{gateway}:{public_key(seed)}" for gateway, seed in secrets.gateway_keys.items())
    mail = {"CAIBOX_SMTP_URL": smtp_url} if smtp_url else {"CAIBOX_DEMO": "1"}
    return {
        "DATABASE_URL": f"postgresql+psycopg://caibox:{secrets.database_password}@postgres/caibox",
        "CAIBOX_UPLINK_URL": _mqtt(secrets, "service", "uplink"),
        "CAIBOX_SHARD": SHARD,
        "CAIBOX_SECRET_KEY": secrets.secret_key,
        "CAIBOX_SIGNING_KEYS": f"{SERVICE_KEY_ID}:{secrets.signing_key}",
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
        "GATEWAY_UPLINK_URL": _mqtt(secrets, site.gateway_id, "uplink"),
        "GATEWAY_BUS_URL": _mqtt(secrets, site.gateway_id, "bus"),
        "GATEWAY_SERVICE_KEYS": f"{SERVICE_KEY_ID}:{public_key(secrets.signing_key)}",
        "GATEWAY_PRIVATE_KEY": secrets.gateway_keys[site.gateway_id],
        "GATEWAY_CONTROLLERS": ",".join(locker.locker_id for locker in site.lockers),
    }


def _simulator(secrets: Secrets) -> dict[str, str]:
    return {
        "SIM_BUS_URL": _mqtt(secrets, "controllers", "bus"),
        "SIM_LOCKERS": "/etc/caibox/lockers.json",
        "SIM_DATA": DATA,
        "SIM_HTTP_HOST": "0.0.0.0",  # noqa: S104  inside its container; compose publishes it on the host's loopback
        "SIM_HTTP_PORT": str(LOCKERS_PORT),
    }


def _mqtt(secrets: Secrets, identity: str, host: str) -> str:
    return f"mqtt://{identity}:{secrets.mqtt_passwords[identity]}@{host}:{MQTT_PORT}"


def _write_env(path: Path, values: Mapping[str, str]) -> None:
    """Compose reads it as root on the host; no container sees the file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("".join(f"{name}={value}\n" for name, value in values.items()))


def _write_broker(folder: Path, identities: Sequence[Identity]) -> None:
    """Read by the broker's own user in its container, hence the wide modes; the folder above keeps others out."""
    folder.mkdir(exist_ok=True, mode=0o755)
    settings = [
        f"listener {MQTT_PORT}",
        *TUNED_MOSQUITTO,
        f"password_file {MOSQUITTO_CONFIG}/passwords",
        f"acl_file {MOSQUITTO_CONFIG}/acl",
        f"persistence_location {MOSQUITTO_DATA}/",
    ]
    (folder / "mosquitto.conf").write_text("\n".join(settings) + "\n", encoding="utf-8")
    (folder / "passwords").write_text(mosquitto_passwords(identities), encoding="utf-8")
    (folder / "acl").write_text(mosquitto_rights(identities), encoding="utf-8")
