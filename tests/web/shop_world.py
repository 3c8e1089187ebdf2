"""A shop to test pages against: the demo's sites, lockers and products, and one run with two windows at each site."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from app.db import tables as t
from app.demo.catalogue import load_categories, load_products
from app.demo.sites import load_sites
from app.domain.capacity import totals
from app.domain.roles import Role
from locker_protocol.ids import new_id
from locker_protocol.vocabulary import Zone

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Suzhou


def furnish(conn: Connection, now: datetime = NOW) -> None:
    """Write sites, lockers, products, and tomorrow's evening run."""
    conn.execute(insert(t.category), [{**asdict(one), "position": n} for n, one in enumerate(load_categories())])
    conn.execute(insert(t.product), [_product(one, n) for n, one in enumerate(load_products())])
    for site in load_sites():
        _write_site(conn, site, now)


def add_person(conn: Connection, phone: str, *, role: Role = Role.RESIDENT, now: datetime = NOW) -> str:
    """Write a person and give their id."""
    person_id = new_id(round(now.timestamp() * 1000))
    conn.execute(insert(t.person).values(id=person_id, phone=phone, role=role.value, created_at=now))
    return person_id


def _product(one: Any, position: int) -> dict[str, Any]:
    row = asdict(one)
    per = None if row["unit_price_per"] == "none" else row["unit_price_per"]
    return {
        **{name: value for name, value in row.items() if name in t.product.c},
        "id": row["sku"],
        "category_id": row["category"],
        "position": position,
        "unit_price_per": per,
        "zone": "ambient" if row["food_class"] == "live" and row["zone"] not in set(Zone) else row["zone"],
        "tolerates": {str(zone): hours for zone, hours in row["tolerates"].items()},
        "flags": sorted(row["flags"]),
        "stock_a_run": row["stock"],
    }


def _write_site(conn: Connection, site: Any, now: datetime) -> None:
    conn.execute(
        insert(t.site).values(
            id=site.site_id,
            timezone=site.time_zone,
            **{name: getattr(site, name) for name in ("site_no", "name_zh", "name_en", "address_zh", "address_en")},
            currency=site.currency,
            households=site.households,
            neighbours=list(site.neighbours),
        )
    )
    for position, locker in enumerate(site.lockers):
        _write_locker(conn, site.site_id, locker, position, now)
    _write_run(conn, site, now)


def _write_locker(conn: Connection, site_id: str, locker: Any, position: int, now: datetime) -> None:
    head = asdict(locker.head)
    conn.execute(
        insert(t.locker).values(
            id=locker.locker_id,
            site_id=site_id,
            position=position,
            name_zh=locker.name_zh,
            name_en=locker.name_en,
            width_mm=locker.width_mm,
            height_mm=locker.height_mm,
            head={**head["panel"], **{part: head[part] for part in ("screen", "scanner", "keypad")}},
            online=True,
            heard_at=now,
        )
    )
    conn.execute(insert(t.compartment), [_door(site_id, locker.locker_id, door) for door in locker.compartments])
    readings = {"frozen": -19.4, "chilled": 3.2, "cool": 12.1, "ambient": 21.5}
    rows = [
        {
            "locker_id": locker.locker_id,
            "zone": zone,
            "air_c": readings[zone],
            "product_c": readings[zone],
            "read_at": now,
        }
        for zone in {column.zone.value for column in locker.columns}
    ]
    conn.execute(insert(t.zone_reading), rows)


def _door(site_id: str, locker_id: str, door: Any) -> dict[str, Any]:
    return {
        "site_id": site_id,
        "locker_id": locker_id,
        "door": door.door,
        "column_no": door.column,
        "row_no": door.row,
        "zone": door.zone.value,
        "size": door.size.value,
        "volume_ml": door.usable_ml,
        "longest_mm": door.clear_depth_mm,
        "sill_mm": door.sill_mm,
        "door_state": "shut",
        **asdict(door.leaf),
    }


def _write_run(conn: Connection, site: Any, now: datetime) -> None:
    noon = now.replace(minute=0, second=0, microsecond=0)
    run_no = conn.execute(
        insert(t.load_run)
        .values(
            site_id=site.site_id,
            kind="evening",
            local_date=date(2026, 11, 23),
            order_by=noon + timedelta(hours=11),
            load_from=noon + timedelta(hours=26),
            load_until=noon + timedelta(hours=28, minutes=15),
            removal_from=noon + timedelta(hours=49, minutes=30),
        )
        .returning(t.load_run.c.run_no)
    ).scalar_one()
    for start, length, cap in ((28.5, 2, 16), (30.5, 3, 2)):
        opens = noon + timedelta(hours=start)
        closes = opens + timedelta(hours=length)
        conn.execute(insert(t.pickup_window).values(run_no=run_no, opens_at=opens, closes_at=closes, order_cap=cap))
    doors = totals((door.zone, door.size) for door in site.compartments)
    capacity = [
        {"run_no": run_no, "zone": zone.value, "size_or_larger": size.value, "total": total}
        for (zone, size), total in doors.items()
    ]
    conn.execute(insert(t.run_capacity), capacity)
    stock = [{"run_no": run_no, "product_id": one.sku, "total": one.stock} for one in load_products()]
    conn.execute(insert(t.run_stock), stock)
