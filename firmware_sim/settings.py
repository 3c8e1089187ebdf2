"""What the environment says. Refuses to start, in one sentence, when something is missing or of another kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from firmware_sim.fault_file import FaultFile, FaultFileError, read_fault_file
from locker_protocol.vocabulary import DoorNumber, Identifier, SizeClass, Zone

PORTS = {"mqtt": 1883, "mqtts": 8883}


class SettingsError(Exception):
    """The sentence for whoever starts the program."""


class DoorPlan(msgspec.Struct, frozen=True):
    """One door's leaf: x from the left, y from the floor, in mm; columns count from the left, rows from the top."""

    door: DoorNumber
    column: int
    row: int
    zone: Zone
    size: SizeClass
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


class Rectangle(msgspec.Struct, frozen=True):
    """A part of the front."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


class HeadPlan(msgspec.Struct, frozen=True):
    """The control head with what is set into it."""

    column: int
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    screen: Rectangle
    scanner: Rectangle
    keypad: Rectangle


class ColumnPlan(msgspec.Struct, frozen=True):
    """A column of doors."""

    column: int
    zone: Zone
    x_mm: float
    width_mm: float


class LockerPlan(msgspec.Struct, frozen=True):
    """One cabinet and its place on the bus. `help_phone` is the number of a human, as it is printed on the front."""

    locker_id: Identifier
    gateway_id: Identifier
    name_zh: str
    name_en: str
    width_mm: float
    height_mm: float
    depth_mm: float
    compressor_mm: float
    columns: list[ColumnPlan]
    doors: list[DoorPlan]
    head: HeadPlan
    help_phone: str = ""

    def zones(self) -> list[Zone]:
        """The zones of its columns, left to right, each once."""
        return list(dict.fromkeys(door.zone for door in sorted(self.doors, key=lambda door: door.x_mm)))


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The authority that signed the broker's certificate; `certs` holds `{locker}.crt` and `{locker}.key` of each."""

    ca: Path
    certs: Path


@dataclass(frozen=True, slots=True)
class Bus:
    """The broker of the local bus."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All the program is told."""

    bus: Bus
    lockers: tuple[LockerPlan, ...]
    http_host: str
    http_port: int
    data: Path
    faults: tuple[Path, FaultFile] | None


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read all settings. Raises SettingsError."""
    lockers = _lockers(_needed(environment, "SIM_LOCKERS"))
    return Settings(
        bus=read_bus(_needed(environment, "SIM_BUS_URL"), tls=_tls(environment)),
        lockers=lockers,
        http_host=environment.get("SIM_HTTP_HOST", "127.0.0.1"),
        http_port=_port(_needed(environment, "SIM_HTTP_PORT")),
        data=Path(_needed(environment, "SIM_DATA")),
        faults=_faults(environment.get("SIM_FAULTS"), lockers),
    )


def simulator_url(environment: Mapping[str, str]) -> str:
    """Where the page of a running simulator is, for the command that switches its faults. Raises SettingsError."""
    if url := environment.get("SIM_URL"):
        return url
    if port := environment.get("SIM_HTTP_PORT"):
        return f"http://127.0.0.1:{_port(port)}"
    raise SettingsError("Where is the simulator? Say --url http://127.0.0.1:PORT, or set SIM_URL.")


def read_bus(url: str, *, tls: TlsFiles | None = None) -> Bus:
    """Read `mqtt://user:password@host:port`, or `mqtts://host:port`. Raises SettingsError."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise SettingsError("SIM_BUS_URL has a port that is no port.") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise SettingsError("SIM_BUS_URL must look like mqtt://user:password@host:port.")
    if (parts.scheme == "mqtts") != (tls is not None):
        raise SettingsError("SIM_BUS_URL with mqtts, SIM_TLS_CA and SIM_TLS_CERTS belong together.")
    user, password = parts.username, parts.password
    return Bus(
        parts.hostname,
        port or PORTS[parts.scheme],
        unquote(user) if user else None,
        unquote(password) if password else None,
        tls,
    )


def _tls(environment: Mapping[str, str]) -> TlsFiles | None:
    ca, certs = environment.get("SIM_TLS_CA"), environment.get("SIM_TLS_CERTS")
    if bool(ca) != bool(certs):
        raise SettingsError("SIM_TLS_CA and SIM_TLS_CERTS belong together.")
    return TlsFiles(Path(ca), Path(certs)) if ca and certs else None


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set; firmware_sim cannot start without it.")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise SettingsError("SIM_HTTP_PORT must be a port number (0 takes a free one).")
    return int(text)


def _lockers(path: str) -> tuple[LockerPlan, ...]:
    try:
        plans = msgspec.json.decode(Path(path).read_bytes(), type=list[LockerPlan])
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"SIM_LOCKERS, {path}, cannot be read: {error}.") from error
    if not plans or len({plan.locker_id for plan in plans}) < len(plans):
        raise SettingsError(f"SIM_LOCKERS, {path}, must list at least one locker, and each id once.")
    return tuple(plans)


def _faults(path: str | None, lockers: tuple[LockerPlan, ...]) -> tuple[Path, FaultFile] | None:
    if not path:
        return None
    try:
        file = read_fault_file(Path(path), {plan.locker_id: [door.door for door in plan.doors] for plan in lockers})
    except FaultFileError as error:
        raise SettingsError(f"SIM_FAULTS, {error}") from error
    return Path(path), file
