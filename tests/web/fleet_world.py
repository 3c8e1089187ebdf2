"""A thousand lockers on a bad evening, for the page of all lockers: written straight into the tables, in seconds.

What is wrong is spread evenly and known: `PLAN` says how many lockers stand how, by cause.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from app.db import tables as t
from app.demo.sites import load_sites
from app.domain.roles import Role
from locker_protocol.ids import new_id

LOCKERS_A_SITE = (2, 3)  # of the cabinets G1 and G2, and the same again
READINGS = {"frozen": -19.4, "chilled": 3.2, "cool": 12.1, "ambient": 21.5}
# How many lockers have each cause; the rest is fine. 18 to handle, 25 not heard, 20 to watch.
PLAN: Mapping[str, int] = {
    "too_warm": 8,
    "jammed": 6,
    "quarantined": 4,
    "locker_silent": 15,
    "unmeasured": 10,
    "left_open": 12,
    "sensor": 8,
}
HANDLE, SILENT, WATCH = 18, 25, 20


@dataclass(frozen=True, slots=True)
class Fleet:
    """What was written: lockers in the page's order, and which have which cause."""

    lockers: list[str]
    sites: list[str]
    by_cause: Mapping[str, list[str]]


def write_fleet(conn: Connection, *, now: datetime, lockers: int = 1000, orders: int = 2000) -> Fleet:
    """Write sites with two or three lockers each, loaded orders, and what is wrong by `PLAN`."""
    sites = [f"site-{n:04d}" for n in range(lockers)]
    first = _next_no(conn)
    made: list[tuple[str, str]] = []
    for n, site_id in enumerate(sites):
        few = min(LOCKERS_A_SITE[n % 2], lockers - len(made))
        if few <= 0:
            break
        made += [(f"L{len(made) + i:04d}", site_id) for i in range(few)]
    used = sorted({site_id for _, site_id in made})
    _write_sites(conn, used, first, now)
    _write_lockers(conn, made, now)
    _write_keepers(conn, used, now)
    _write_orders(conn, made, orders, now)
    # A slow test must not make what it does not ask about look old.
    conn.execute(t.zone_reading.update().values(read_at=now + timedelta(hours=1)))
    by_cause = _spread(made)
    _go_wrong(conn, by_cause, dict(made), now)
    conn.exec_driver_sql("ANALYZE")  # a database that has been running knows how much of everything it holds
    return Fleet([locker_id for locker_id, _ in made], used, by_cause)


def warm(conn: Connection, locker_id: str, *, at: datetime) -> None:
    """One more locker gets too warm."""
    site_id = conn.execute(select(t.locker.c.site_id).where(t.locker.c.id == locker_id)).scalar_one()
    conn.execute(insert(t.zone_alarm).values(**alarm(locker_id, site_id, "too_warm", at)))


def _next_no(conn: Connection) -> int:
    return max(conn.execute(select(t.site.c.site_no)).scalars(), default=0) + 1


def _write_sites(conn: Connection, sites: list[str], first: int, now: datetime) -> None:
    rows = [
        {
            "id": site_id,
            "site_no": first + n,
            "name_zh": f"望湖苑 {n + 1}",
            "name_en": f"Lakeview {n + 1}",
            "address_zh": f"苏州工业园区湖滨路 {n + 1} 号",
            "address_en": f"{n + 1} Lakeside Road, Suzhou",
            "timezone": "Asia/Shanghai",
            "currency": "CNY",
            "households": 400,
        }
        for n, site_id in enumerate(sites)
    ]
    conn.execute(insert(t.site), rows)
    gateways = [
        {
            "id": f"gw-{site_id}",
            "site_id": site_id,
            "shard": "s0",
            "public_key": bytes(32),
            "online": True,
            "heard_at": now,
        }
        for site_id in sites
    ]
    conn.execute(insert(t.gateway), gateways)


def _write_lockers(conn: Connection, made: list[tuple[str, str]], now: datetime) -> None:
    pattern = load_sites()[0].lockers[0]
    head = asdict(pattern.head)
    shape = {
        "width_mm": pattern.width_mm,
        "height_mm": pattern.height_mm,
        "head": {**head["panel"], **{part: head[part] for part in ("screen", "scanner", "keypad")}},
    }
    places, rows, doors, zones = dict[str, int](), [], [], []
    for locker_id, site_id in made:
        place = places[site_id] = places.get(site_id, -1) + 1
        names = {"name_zh": f"{place + 1} 号柜", "name_en": f"Locker {place + 1}"}
        rows.append(
            {"id": locker_id, "site_id": site_id, "position": place, "online": True, "heard_at": now, **names, **shape}
        )
        doors += [_door(site_id, locker_id, one, place * len(pattern.compartments)) for one in pattern.compartments]
        zones += [
            {"locker_id": locker_id, "zone": zone, "air_c": READINGS[zone], "product_c": READINGS[zone], "read_at": now}
            for zone in sorted({one.zone.value for one in pattern.compartments})
        ]
    for table, values in ((t.locker, rows), (t.compartment, doors), (t.zone_reading, zones)):
        conn.execute(insert(table), values)


def _door(site_id: str, locker_id: str, one: Any, offset: int) -> dict[str, Any]:
    return {
        "site_id": site_id,
        "locker_id": locker_id,
        "door": one.door + offset,
        "column_no": one.column,
        "row_no": one.row,
        "zone": one.zone.value,
        "size": one.size.value,
        "volume_ml": one.usable_ml,
        "longest_mm": one.clear_depth_mm,
        "sill_mm": one.sill_mm,
        "door_state": "shut",
        "door_changed_at": None,
        **asdict(one.leaf),
    }


def _write_keepers(conn: Connection, sites: list[str], now: datetime) -> None:
    rows = [
        {
            "id": new_id(round(now.timestamp() * 1000)),
            "phone": f"+86139{n:08d}",
            "role": Role.KEEPER.value,
            "display_name": f"老{'陈王李张刘'[n % 5]} {n}",
            "site_id": site_id,
            "created_at": now,
            "staff_no": 1000 + n,
        }
        for n, site_id in enumerate(sites)
    ]
    conn.execute(insert(t.person), rows)


def _write_orders(conn: Connection, made: list[tuple[str, str]], orders: int, now: datetime) -> None:
    """One loaded parcel an order, behind the doors of the lockers in turn."""
    person_id = new_id(round(now.timestamp() * 1000))
    conn.execute(insert(t.person).values(id=person_id, phone="+8613700000000", role="resident", created_at=now))
    runs = _write_runs(conn, sorted({site_id for _, site_id in made}), now)
    doors = dict[str, list[int]]()
    for row in conn.execute(select(t.compartment.c.locker_id, t.compartment.c.door).order_by(t.compartment.c.door)):
        doors.setdefault(row.locker_id, []).append(row.door)
    rows, parcels = [], []
    for n in range(orders):
        locker_id, site_id = made[n % len(made)]
        run_no, window_id = runs[site_id]
        order_id = f"fleet-order-{n:06d}"
        rows.append(
            {
                "id": order_id,
                "order_no": f"F{n:06d}",
                "person_id": person_id,
                "site_id": site_id,
                "run_no": run_no,
                "window_id": window_id,
                "state": "ready",
                "currency": "CNY",
                "total_minor": 4_000 + n % 3_000,
                "placed_at": now - timedelta(hours=20),
                "hold_until": now - timedelta(hours=19),
            }
        )
        parcels.append(
            {
                "id": f"fleet-parcel-{n:06d}",
                "ref": f"P{n:07d}",
                "order_id": order_id,
                "state": "loaded",
                "zone": "chilled",
                "size": "S",
                "volume_ml": 9_000,
                "longest_mm": 250,
                "weight_g": 3_000,
                "collect_until": now + timedelta(hours=20),
                "door": doors[locker_id][(n // len(made)) % len(doors[locker_id])],
                "loaded_at": now - timedelta(hours=1),
            }
        )
    conn.execute(insert(t.customer_order), rows)
    conn.execute(insert(t.parcel), parcels)


def _write_runs(conn: Connection, sites: list[str], now: datetime) -> dict[str, tuple[int, int]]:
    runs = [
        {
            "site_id": site_id,
            "kind": "evening",
            "local_date": now.date(),
            "order_by": now - timedelta(hours=12),
            "load_from": now - timedelta(hours=2),
            "load_until": now - timedelta(hours=1),
            "removal_from": now + timedelta(hours=21),
        }
        for site_id in sites
    ]
    conn.execute(insert(t.load_run), runs)
    numbers = {
        row.site_id: row.run_no
        for row in conn.execute(
            select(t.load_run.c.site_id, t.load_run.c.run_no).where(t.load_run.c.site_id.in_(sites))
        )
    }
    hours = {"opens_at": now - timedelta(hours=1), "closes_at": now + timedelta(hours=2), "order_cap": 99}
    conn.execute(insert(t.pickup_window), [{"run_no": numbers[site_id], **hours} for site_id in sites])
    windows = {row.run_no: row.id for row in conn.execute(select(t.pickup_window.c.run_no, t.pickup_window.c.id))}
    return {site_id: (run_no, windows[run_no]) for site_id, run_no in numbers.items()}


def _spread(made: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Each wrong locker at a site of its own, evenly over all, as long as there are enough."""
    by_site: dict[str, str] = {}
    for locker_id, site_id in made:
        by_site.setdefault(site_id, locker_id)
    places = _evenly(list(by_site.values()), sum(PLAN.values()))
    return {cause: [next(places) for _ in range(count)] for cause, count in PLAN.items()}


def _evenly(lockers: list[str], count: int) -> Iterator[str]:
    return (lockers[n * len(lockers) // count] for n in range(count))


def _go_wrong(conn: Connection, by_cause: Mapping[str, list[str]], sites: Mapping[str, str], now: datetime) -> None:
    since = now - timedelta(minutes=25)
    for cause in ("too_warm", "sensor"):
        conn.execute(insert(t.zone_alarm), [alarm(one, sites[one], cause, since) for one in by_cause[cause]])
    for locker_id in by_cause["jammed"]:
        _first_door(conn, locker_id, trouble="jammed", trouble_at=since)
    for locker_id in by_cause["left_open"]:
        _first_door(conn, locker_id, door_state="open", door_changed_at=since)
    silent = t.locker.c.id.in_(by_cause["locker_silent"])
    conn.execute(t.locker.update().where(silent).values(online=False, heard_at=since))
    old = (t.zone_reading.c.locker_id.in_(by_cause["unmeasured"])) & (t.zone_reading.c.zone == "chilled")
    conn.execute(t.zone_reading.update().where(old).values(read_at=since))
    for n, locker_id in enumerate(by_cause["quarantined"]):
        _keep_shut(conn, n, locker_id, sites[locker_id], since)


def alarm(locker_id: str, site_id: str, cause: str, at: datetime) -> dict[str, Any]:
    """A row of `zone_alarm`: something is wrong with a locker's chilled zone."""
    return {
        "id": f"{cause}-{locker_id}",
        "site_id": site_id,
        "locker_id": locker_id,
        "zone": "chilled",
        "alarm": cause,
        "found_at": at,
    }


def _first_door(conn: Connection, locker_id: str, **values: Any) -> None:
    mine = t.compartment.c.locker_id == locker_id
    first = select(t.compartment.c.door).where(mine).order_by(t.compartment.c.door).limit(1).scalar_subquery()
    conn.execute(t.compartment.update().where(mine, t.compartment.c.door == first).values(**values))


def _keep_shut(conn: Connection, n: int, locker_id: str, site_id: str, at: datetime) -> None:
    found = conn.execute(
        select(t.parcel.c.id, t.parcel.c.order_id, t.parcel.c.door)
        .join_from(t.parcel, t.customer_order)
        .join(
            t.compartment,
            (t.compartment.c.site_id == t.customer_order.c.site_id) & (t.compartment.c.door == t.parcel.c.door),
        )
        .where(t.compartment.c.locker_id == locker_id)
        .limit(1)
    ).one()
    conn.execute(
        insert(t.quarantine).values(
            id=f"shut-{n}",
            parcel_id=found.id,
            order_id=found.order_id,
            site_id=site_id,
            locker_id=locker_id,
            door=found.door,
            food_class="chilled_tcs",
            cause="too_warm",
            since=at,
            found_at=at,
            due_at=at + timedelta(hours=2),
        )
    )
