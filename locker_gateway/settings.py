"""What the gateway must be told from outside. It refuses to start when something is missing or cannot be read."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from locker_protocol.topics import ID_PATTERN

# Three days alone are some 20 MB; a year's audit of a busy site is some 100.
DEFAULT_STORE_MB = 1_024
MOST_STORE_MB = 1_000_000
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class SettingsError(Exception):
    """A setting is missing or wrong; the text is one sentence for the person who starts the program."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """`mqtt://user:password@host:port`; `tls` for `mqtts`."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The authority that signed the brokers' certificates, and this gateway's own certificate and key."""

    ca: Path
    cert: Path | None
    key: Path | None


@dataclass(frozen=True, slots=True)
class Settings:
    """One reading of the environment."""

    gateway: str
    site_no: int
    shard: str
    data: Path
    uplink: BrokerAddress
    bus: BrokerAddress
    tls: TlsFiles | None
    service_keys: Mapping[int, Ed25519PublicKey]
    private_key: Ed25519PrivateKey
    controllers: tuple[str, ...]
    metrics_port: int | None
    store_mb: int


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with a sentence."""
    settings = Settings(
        gateway=_identifier(environment, "GATEWAY_ID"),
        site_no=_number("GATEWAY_SITE_NO", _required(environment, "GATEWAY_SITE_NO")),
        shard=_identifier(environment, "GATEWAY_SHARD"),
        data=Path(_required(environment, "GATEWAY_DATA")),
        uplink=_broker(environment, "GATEWAY_UPLINK_URL"),
        bus=_broker(environment, "GATEWAY_BUS_URL"),
        tls=_tls(environment),
        service_keys=_service_keys(_required(environment, "GATEWAY_SERVICE_KEYS")),
        private_key=_private_key(_required(environment, "GATEWAY_PRIVATE_KEY")),
        controllers=_controllers(_required(environment, "GATEWAY_CONTROLLERS")),
        metrics_port=_port(environment, "GATEWAY_METRICS_PORT"),
        store_mb=_store_mb(environment),
    )
    if settings.tls is None and (settings.uplink.tls or settings.bus.tls):
        raise SettingsError("An mqtts address needs GATEWAY_TLS_CA, the file of the authority to trust.")
    return settings


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set.")
    return value


def _identifier(environment: Mapping[str, str], name: str) -> str:
    value = _required(environment, name)
    if ID_PATTERN.fullmatch(value) is None:
        raise SettingsError(f"{name} must be 1 to 32 letters, digits, - or _.")
    return value


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise SettingsError(f"{name} must be a number.")
    return int(value)


def _store_mb(environment: Mapping[str, str]) -> int:
    megabytes = _number("GATEWAY_STORE_MB", environment.get("GATEWAY_STORE_MB") or str(DEFAULT_STORE_MB))
    if not 1 <= megabytes <= MOST_STORE_MB:
        raise SettingsError(f"GATEWAY_STORE_MB must be 1 to {MOST_STORE_MB}.")
    return megabytes


def _port(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name)
    return _number(name, value) if value else None


def _broker(environment: Mapping[str, str], name: str) -> BrokerAddress:
    try:
        parts = urlsplit(_required(environment, name))
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"{name} must read mqtt://user:password@host:port.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise SettingsError(f"{name} must read mqtt://user:password@host:port.")
    return BrokerAddress(
        parts.hostname,
        port or DEFAULT_PORTS[parts.scheme],
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        parts.scheme == "mqtts",
    )


def _tls(environment: Mapping[str, str]) -> TlsFiles | None:
    ca, cert, key = (environment.get(name) for name in ("GATEWAY_TLS_CA", "GATEWAY_TLS_CERT", "GATEWAY_TLS_KEY"))
    if bool(cert) != bool(key) or (cert and not ca):
        raise SettingsError("GATEWAY_TLS_CERT, GATEWAY_TLS_KEY and GATEWAY_TLS_CA belong together.")
    return TlsFiles(Path(ca), Path(cert) if cert else None, Path(key) if key else None) if ca else None


def _service_keys(text: str) -> Mapping[int, Ed25519PublicKey]:
    keys: dict[int, Ed25519PublicKey] = {}
    for part in text.split(","):
        number, _, public = part.partition(":")
        try:
            keys[int(number)] = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        except (ValueError, binascii.Error) as error:
            raise SettingsError("GATEWAY_SERVICE_KEYS must read 1:<base64 of 32 bytes>[,2:…].") from error
    return keys


def _private_key(text: str) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error) as error:
        raise SettingsError("GATEWAY_PRIVATE_KEY must be the base64 of a 32-byte seed.") from error


def _controllers(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if len(set(names)) != len(names) or not all(ID_PATTERN.fullmatch(name) for name in names):
        raise SettingsError("GATEWAY_CONTROLLERS must be different ids with commas between them.")
    return names
