"""Writes the demo into an empty database: sites, doors, goods, people, and the runs of the next two weeks.

What is there is left alone: a second seed of the same day writes nothing. Runs further on come with later seeds, or
from the worker.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert

from app.db.engine import make_engine, transaction
from app.db.tables import (
    category,
    compartment,
    gateway,
    locker,
    lot,
    person,
    product,
    scale,
    site,
    site_calendar,
    supplier,
    tax_rate,
)
from app.demo import catalogue, runs, sites, supply
from app.demo.cabinet import Column, Compartment, Locker
from app.demo.environment import SHARD
from app.domain.calendar import Calendar, Closure, DayTime, MovedLoad, RunRule, WindowRule
from app.domain.roles import Role
from app.settings import SettingsError
from app.use_cases.ordering.open_runs import open_runs
from locker_protocol.clock import clock_from

DAYS_AHEAD = 14
DOMAIN = "demo.caibox.example"
# The numbers on the plates of the packing room's two table scales; a verification lasts a year.
SCALES = ("SZ-0417", "SZ-0418")
SCALES_VERIFIED_FOR = timedelta(days=200)


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """An account anybody may try; the sign-in code appears in the demo's inbox."""

    role: Role
    mail: str
    name: str
    language: str = "zh"
    site_id: str | None = None

    def __str__(self) -> str:
        """One line for the person at the terminal."""
        return f"{self.mail:<36} {self.role.value}, {self.name} ({self.language})"


RESIDENTS = (
    DemoLogin(Role.RESIDENT, f"mei@{DOMAIN}", "梅", "zh", "osmanthus"),
    DemoLogin(Role.RESIDENT, f"orla@{DOMAIN}", "Orla", "en", "osmanthus"),
)
STAFF = tuple(
    DemoLogin(Role(member.role), member.mail, member.display_name, "zh", member.site_ids[0])
    for member in sites.load_staff()
)
DEMO_LOGINS: Sequence[DemoLogin] = (*RESIDENTS, *STAFF)


def seed_from_environment(environ: Mapping[str, str]) -> str:
    """Seed the database of the environment; returns a sentence on what was done. Raises SettingsError."""
    try:
        url, keys = environ["DATABASE_URL"], read_gateway_keys(environ["CAIBOX_DEMO_GATEWAY_KEYS"])
    except KeyError as error:
        raise SettingsError(f"{error.args[0]} is not set.") from error
    engine = make_engine(url, pool_size=1)
    with transaction(engine) as conn:
        written = seed(conn, gateway_keys=keys, now=clock_from(environ).now().civil)
    engine.dispose()
    return f"Seeded: {written} rows are new." if written else "Seeded before: nothing is new."


def seed(conn: Connection, *, gateway_keys: Mapping[str, bytes], now: datetime) -> int:
    """Write what is not there yet; returns how many rows (runs count as one) are new."""
    demo_sites = sites.load_sites()
    written = _add(conn, site, [_site(one) for one in demo_sites])
    written += _add(conn, locker, [_locker(one, at, it) for one in demo_sites for at, it in enumerate(one.lockers)])
    written += _add(conn, compartment, [row for one in demo_sites for row in _compartments(one)])
    written += _add(conn, gateway, [_gateway(one, gateway_keys[one.gateway_id]) for one in demo_sites])
    written += _add(conn, site_calendar, [_calendar(one) for one in demo_sites])
    written += _add(conn, category, [_category(at, one) for at, one in enumerate(catalogue.load_categories())])
    written += _add(conn, supplier, list(supply.supplier_rows()))
    written += _add(conn, product, [_product(at, one) for at, one in enumerate(catalogue.load_products())])
    written += _add(conn, lot, list(supply.lot_rows(now)))
    written += _add(conn, tax_rate, [_rate(one, tax) for one in demo_sites for tax in catalogue.load_tax_codes()])
    verified = (now + SCALES_VERIFIED_FOR).date()
    written += _add(conn, scale, [{"id": number, "verified_until": verified} for number in SCALES])
    written += _add(conn, person, [_person(number, login, now) for number, login in enumerate(DEMO_LOGINS)])
    return written + open_runs(conn, now=now, days_ahead=DAYS_AHEAD)


def read_gateway_keys(text: str) -> dict[str, bytes]:
    """Read `gateway:<base64 of 32 bytes>[,…]`. Raises SettingsError."""
    try:
        pairs = [part.partition(":") for part in text.split(",")]
        return {name: base64.b64decode(key, validate=True) for name, _, key in pairs}
    except ValueError as error:
        raise SettingsError("CAIBOX_DEMO_GATEWAY_KEYS must read gateway:<base64 of 32 bytes>[,…].") from error


def _add(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    added = insert(table).values(list(rows)).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return len(conn.execute(added).all())


def _site(one: sites.Site) -> dict[str, Any]:
    return {
        "id": one.site_id,
        "site_no": one.site_no,
        "name_zh": one.name_zh,
        "name_en": one.name_en,
        "address_zh": one.address_zh,
        "address_en": one.address_en,
        "timezone": one.time_zone,
        "currency": one.currency,
        "households": one.households,
        "neighbours": list(one.neighbours),
    }


def _locker(one: sites.Site, position: int, built: Locker) -> dict[str, Any]:
    return {
        "id": built.locker_id,
        "site_id": one.site_id,
        "position": position,
        "name_zh": built.name_zh,
        "name_en": built.name_en,
        "width_mm": built.width_mm,
        "height_mm": built.height_mm,
        "head": sites.describe_head(built.head),
    }


def _compartments(one: sites.Site) -> list[dict[str, Any]]:
    return [
        _compartment(one, built, column, door)
        for built in one.lockers
        for column in built.columns
        for door in column.compartments
    ]


def _compartment(one: sites.Site, built: Locker, column: Column, door: Compartment) -> dict[str, Any]:
    return {
        "site_id": one.site_id,
        "door": door.door,
        "locker_id": built.locker_id,
        "column_no": column.column,
        "row_no": door.row,
        "zone": door.zone.value,
        "size": door.size.value,
        "volume_ml": door.usable_ml,
        "longest_mm": max(door.clear_width_mm, door.clear_height_mm, door.clear_depth_mm),
        "x_mm": door.leaf.x_mm,
        "y_mm": door.leaf.y_mm,
        "width_mm": door.leaf.width_mm,
        "height_mm": door.leaf.height_mm,
        "sill_mm": door.sill_mm,
    }


def _gateway(one: sites.Site, public_key: bytes) -> dict[str, Any]:
    return {"id": one.gateway_id, "site_id": one.site_id, "shard": SHARD, "public_key": public_key}


def _calendar(one: sites.Site) -> dict[str, Any]:
    calendar = Calendar(
        timezone=one.time_zone,
        runs=tuple(_rule(run, one.site_id) for run in runs.load_runs()),
        closures=tuple(
            Closure(day.first_day, day.last_day, day.last_run_day, day.last_order_at, day.removed_by)
            for day in runs.load_closures()
        ),
        moved=tuple(
            MovedLoad(cut.starts.date(), cut.moved_run_id, cut.moved_load_from)
            for cut in runs.load_planned_outages()
            if cut.site_id == one.site_id
        ),
    )
    return {"site_id": one.site_id, "calendar": msgspec.to_builtins(calendar)}


def _rule(run: runs.LoadRun, site_id: str) -> RunRule:
    return RunRule(
        kind=run.run_id,
        weekdays=run.weekdays,
        order_by=DayTime(run.order_by.day, run.order_by.at),
        load_from=run.load_from,
        load_until=run.load_until,
        removal_from=DayTime(run.removal_from.day, run.removal_from.at),
        windows=tuple(WindowRule(one.starts, one.ends, one.order_caps[site_id]) for one in run.windows),
    )


def _category(position: int, one: catalogue.Category) -> dict[str, Any]:
    return {"id": one.id, "position": position, "name_zh": one.name_zh, "name_en": one.name_en}


def _product(position: int, one: catalogue.DemoProduct) -> dict[str, Any]:
    same = (
        "name_zh name_en unit_zh unit_en origin_zh origin_en picture search price_minor cap_minor unit_price_minor"
        " tax_code food_class life_h volume_ml longest_mm weight_g net_g"
    )
    return {
        "id": one.sku,
        "category_id": one.category,
        "position": position,
        "zone": one.zone.value,
        "tolerates": {zone.value: hours for zone, hours in one.tolerates.items()},
        "flags": sorted(one.flags),
        "stock_a_run": one.stock,
        "supplier_id": supply.supplier_of(one.sku),
        "unit_price_per": None if one.unit_price_per == "none" else one.unit_price_per,
        **{name: getattr(one, name) for name in same.split()},
    }


def _rate(one: sites.Site, tax: catalogue.TaxCode) -> dict[str, Any]:
    same = {"rate_bp": tax.rate_bp, "name_zh": tax.name_zh, "name_en": tax.name_en}
    return {"site_id": one.site_id, "tax_code": tax.code, **same}


def _person(number: int, login: DemoLogin, now: datetime) -> dict[str, Any]:
    return {
        "id": f"{number + 1:032x}",
        "role": login.role.value,
        "staff_no": None if login.role is Role.RESIDENT else number,
        "mail": login.mail,
        "display_name": login.name,
        "site_id": login.site_id,
        "language": login.language,
        "created_at": now,
    }
