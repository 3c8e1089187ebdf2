"""What a driver's visit shows: who is there, what to take out, to wipe and to load, and how warm it is. Reads only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text

from app.db.tables import gateway, site, visit
from app.db.visits import ToRemove, in_hand_of_others, to_check, to_remove, visit_under_way
from app.domain.parcel_state import ParcelState
from app.domain.shelf_life import LOADABLE_BEFORE
from app.domain.visit import MEASURED, Gate, Place
from app.domain.visit_record import NOT_COMING

PEOPLE = text("""
    SELECT p.id, p.display_name, p.staff_no FROM visit_driver d JOIN person p ON p.id = d.person_id
    WHERE d.visit_id = :visit_id ORDER BY d.joined_at, p.id
""")
TO_LOAD = text("""
    SELECT p.id, p.ref, p.state, p.zone, p.look_door, o.site_id, o.id AS order_id, o.order_no, r.run_no
    FROM parcel p JOIN customer_order o ON o.id = p.order_id JOIN load_run r USING (run_no)
    WHERE (CAST(:site_id AS text) IS NULL OR o.site_id = :site_id)
        AND o.state IN ('paid', 'packed', 'ready') AND p.state IN ('planned', 'packed')
        AND r.load_from - CAST(:before AS interval) <= :now AND r.removal_from > :now AND r.called_off_at IS NULL
    ORDER BY r.load_from, r.run_no, o.order_no, p.ref
""")
CRATES = text("SELECT zone, product_c FROM crate_reading WHERE visit_id = :visit_id")
PHOTOS = text("SELECT count(*) FROM photo WHERE visit_id = :visit_id")
TROUBLES = text("""
    SELECT r.id, r.trouble, r.door, r.done_at, p.ref, (
        SELECT count(*) FROM visit_record f WHERE f.visit_id = r.visit_id AND f.kind = 'photo' AND f.parcel_id = p.id
    ) AS photos
    FROM visit_record r JOIN parcel p ON p.id = r.parcel_id
    WHERE r.visit_id = :visit_id AND r.kind = 'trouble' AND r.undone_at IS NULL ORDER BY r.done_at, r.id
""")
# Read by the phone while it had no network, and no locker has told of it since.
SCANNED = text("""
    SELECT p.ref, max(r.done_at) AS done_at FROM visit_record r JOIN parcel p ON p.id = r.parcel_id
    WHERE r.visit_id = :visit_id AND r.kind = 'scan' AND p.state IN ('planned', 'packed') GROUP BY p.ref
""")
LAST_OPENING = text("""
    SELECT m.*, (
        SELECT array_agg(DISTINCT CAST(e.body->>'door' AS integer)) FROM site_event e
        WHERE e.gateway_id = m.gateway_id AND e.type = 'DoorStayedShut' AND e.at >= m.asked_at
            AND CAST(e.body->>'door' AS integer) = ANY(m.answered_doors)
    ) AS stayed_shut
    FROM remote_command m JOIN gateway g ON g.id = m.gateway_id
    WHERE g.site_id = :site_id AND m.person_id = :person_id AND m."right" = :right AND m.asked_at >= :since
    ORDER BY m.asked_at DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Stop:
    """A site on the driver's list, and how much waits there."""

    site: Row[Any]
    to_remove: int
    to_check: int
    to_load: int
    under_way: bool

    @property
    def anything(self) -> bool:
        """Whether a driver has to go there."""
        return bool(self.under_way or self.to_remove or self.to_check or self.to_load)


@dataclass(frozen=True, slots=True)
class VisitNow:
    """A site as a driver meets it. `visit` is `None` while none is under way."""

    site: Row[Any]
    visit: Row[Any] | None
    people: Sequence[Row[Any]]
    to_remove: Sequence[ToRemove]
    to_check: Sequence[Place]
    to_load: Sequence[Row[Any]]
    others: Sequence[Row[Any]]
    photos: int
    crates: Mapping[str, float]  # how cold each zone's crate came, °C
    troubles: Sequence[Row[Any]]  # with bags and doors, not taken back
    scanned: Mapping[str, datetime]  # bags a phone read without a network, and nobody saw behind a door

    @property
    def crate_zones(self) -> list[str]:
        """The zones whose crates are to be measured before they are loaded."""
        return sorted({bag.zone for bag in self.to_load} & MEASURED)

    @property
    def visit_id(self) -> str | None:
        """The visit under way."""
        return self.visit.id if self.visit else None

    @property
    def packed(self) -> Sequence[Row[Any]]:
        """The bags that can be loaded now; the others of `to_load` are not packed yet."""
        return [bag for bag in self.to_load if bag.state == ParcelState.PACKED]

    @property
    def away(self) -> frozenset[str]:
        """The bags that were told as missing or broken: nobody waits for them."""
        return frozenset(row.ref for row in self.troubles if row.trouble in NOT_COMING)

    @property
    def gate(self) -> Gate:
        """How the zones were judged at this visit."""
        return self.visit.gate if self.visit else {}


def visit_now(conn: Connection, *, site_id: str, person_id: str, now: datetime, rate: float) -> VisitNow | None:
    """All that is to be done at a site; `None` when there is no such site with a gateway."""
    here = conn.execute(
        select(site, gateway.c.online.label("gateway_online")).join_from(site, gateway).where(site.c.id == site_id)
    ).one_or_none()
    if here is None:
        return None
    under_way = visit_under_way(conn, site_id=site_id)
    mine = {"visit_id": under_way.id if under_way else ""}
    return VisitNow(
        site=here,
        visit=under_way,
        people=conn.execute(PEOPLE, mine).all(),
        to_remove=to_remove(conn, site_id=site_id, now=now),
        to_check=[Place(row.locker_id, row.column_no, row.door) for row in to_check(conn, site_id=site_id)],
        to_load=conn.execute(TO_LOAD, _loadable(site_id, now)).all(),
        others=in_hand_of_others(conn, site_id=site_id, person_id=person_id, now=now, rate=rate),
        photos=conn.execute(PHOTOS, mine).scalar_one(),
        crates={row.zone: row.product_c for row in conn.execute(CRATES, mine)},
        troubles=conn.execute(TROUBLES, mine).all(),
        scanned={row.ref: row.done_at for row in conn.execute(SCANNED, mine)},
    )


def stops(conn: Connection, *, now: datetime) -> list[Stop]:
    """Every site where something waits for a driver, or a visit is under way."""
    removals = Counter(parcel.site_id for parcel in to_remove(conn, site_id=None, now=now))
    checks = Counter(row.site_id for row in to_check(conn, site_id=None))
    bags = Counter(
        row.site_id for row in conn.execute(TO_LOAD, _loadable(None, now)) if row.state == ParcelState.PACKED
    )
    under_way = set(conn.execute(select(visit.c.site_id).where(visit.c.ended_at.is_(None))).scalars())
    sites = conn.execute(select(site).order_by(site.c.site_no)).all()
    found = [Stop(row, removals[row.id], checks[row.id], bags[row.id], row.id in under_way) for row in sites]
    return [stop for stop in found if stop.anything]


def last_opening(conn: Connection, *, site_id: str, person_id: str, right: str, since: datetime) -> Row[Any] | None:
    """What this driver asked to be opened last by that right, with the doors of it that stayed shut."""
    asked = {"site_id": site_id, "person_id": person_id, "right": right, "since": since}
    return conn.execute(LAST_OPENING, asked).one_or_none()


def _loadable(site_id: str | None, now: datetime) -> dict[str, Any]:
    return {"site_id": site_id, "now": now, "before": LOADABLE_BEFORE}
