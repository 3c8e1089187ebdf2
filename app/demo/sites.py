"""Reads the demo's sites, lockers and staff from `sites.toml`, and writes the lockers for the simulated firmware.

It decides nothing but the order of door numbers over a site's lockers: they go on from one locker to the next, so that
a number is enough to find a door.
"""

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from app.demo.cabinet import Compartment, Head, Locker, Table, build_locker

SITES_FILE = Path(__file__).with_name("sites.toml")

Role = Literal["picker", "driver", "keeper", "operator", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A building and its lockers. `site_no` is what labels and codes carry, `site_id` what people and logs read."""

    site_id: str
    site_no: int
    gateway_id: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    time_zone: str
    currency: str
    households: int
    neighbours: tuple[str, ...]
    lockers: tuple[Locker, ...]

    @property
    def compartments(self) -> tuple[Compartment, ...]:
        """Every compartment of the site in the order of door numbers."""
        return tuple(compartment for locker in self.lockers for compartment in locker.compartments)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    """Someone who works at these sites and signs in with a one-time code to this address."""

    role: Role
    mail: str
    display_name: str
    site_ids: tuple[str, ...]


def load_sites() -> tuple[Site, ...]:
    """Read both sites, every door computed."""
    tables = read_tables()
    return tuple(build_site(row, tables["cabinet"]) for row in tables["sites"])


def load_staff() -> tuple[StaffMember, ...]:
    """Read the staff accounts to seed."""
    return tuple(StaffMember(**row | {"site_ids": tuple(row["site_ids"])}) for row in read_tables()["staff"])


def lockers_as_json() -> str:
    """Write what the simulated controllers must know about their cabinets: a JSON list, one object a locker."""
    help_phone = read_tables()["cabinet"]["help_phone"]
    described = [
        describe_locker(locker, site.gateway_id) | {"help_phone": help_phone}
        for site in load_sites()
        for locker in site.lockers
    ]
    return json.dumps(described, ensure_ascii=False, indent=2)


def read_tables() -> Table:
    return tomllib.loads(SITES_FILE.read_text(encoding="utf-8"))


def build_site(row: Table, cabinet: Table) -> Site:
    lockers: list[Locker] = []
    for locker_row in row["lockers"]:
        first_door = 1 + sum(len(locker.compartments) for locker in lockers)
        lockers.append(build_locker(locker_row, cabinet, first_door=first_door))
    return Site(**row | {"lockers": tuple(lockers), "neighbours": tuple(row["neighbours"])})


def describe_locker(locker: Locker, gateway_id: str) -> dict[str, Any]:
    return {
        "locker_id": locker.locker_id,
        "gateway_id": gateway_id,
        "name_zh": locker.name_zh,
        "name_en": locker.name_en,
        "width_mm": locker.width_mm,
        "height_mm": locker.height_mm,
        "depth_mm": locker.depth_mm,
        "compressor_mm": locker.compressor_mm,
        "columns": [
            {"column": column.column, "zone": column.zone.value, "x_mm": column.x_mm, "width_mm": column.width_mm}
            for column in locker.columns
        ],
        "doors": [describe_door(compartment) for compartment in locker.compartments],
        "head": describe_head(locker.head),
    }


def describe_door(compartment: Compartment) -> dict[str, Any]:
    """Give a door's place and its leaf: a page draws the front from nothing else."""
    return {
        "door": compartment.door,
        "column": compartment.column,
        "row": compartment.row,
        "zone": compartment.zone.value,
        "size": compartment.size.value,
        **asdict(compartment.leaf),
    }


def describe_head(head: Head) -> dict[str, Any]:
    """Give the panel's rectangle as the head's own, and those of the screen, scanner and keypad on it."""
    return {
        "column": head.column,
        **asdict(head.panel),
        "screen": asdict(head.screen),
        "scanner": asdict(head.scanner),
        "keypad": asdict(head.keypad),
    }
