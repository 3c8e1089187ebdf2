"""What a picker sees: a run's waves, the walk through one, what goes into a tote, and what may be packed instead.

Waves are made of everything that was ever paid for, so that they stay as they are; what is withdrawn is shown as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from app.db.pick_lines import read_lines, suits
from app.db.tables import (
    category,
    customer_order,
    load_run,
    order_line,
    parcel,
    photo,
    pickup_window,
    product,
    run_stock,
    site,
)
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.picking import InnerBag, inner_bag
from app.domain.waves import ShelfPlace, WaitingTote, start_by, walk, waves
from app.domain.weighing import tolerance_g
from locker_protocol.vocabulary import Zone

MOST_CANDIDATES = 8
Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToteLine:
    """One product in a tote, and what was done with it."""

    line_no: int
    product_id: str
    name: Names
    unit: Names
    picture: str
    quantity: int
    picked: int | None
    short_reason: str | None
    weight_g: int | None
    catch_weight: bool
    net_g: int | None
    bag: InnerBag
    substitute: Names | None
    substitute_quantity: int
    food_class: str
    price_minor: int
    cap_minor: int | None

    @property
    def band_g(self) -> tuple[int, int | None]:
        """What the pieces may weigh, grams: the least the law lets a portion of one price have, or the most charged.

        One of the two: what is charged by weight may be lighter, and more for one price is the household's gain.
        """
        grams = (self.picked or self.quantity) * (self.net_g or 0)
        if self.cap_minor and self.price_minor:
            return 0, grams * self.cap_minor // self.price_minor
        return grams - (self.picked or self.quantity) * tolerance_g(self.net_g or 0, food_class=self.food_class), None

    @property
    def missing(self) -> int:
        """Pieces that are neither there nor replaced."""
        return 0 if self.picked is None else self.quantity - self.picked - self.substitute_quantity


@dataclass(frozen=True, slots=True)
class Tote:
    """One parcel while it is filled; `number` is its place on the cart."""

    id: str
    number: int
    ref: str
    order_no: str
    state: ParcelState
    withdrawn: bool
    wants_similar: bool
    zone: str
    size: str
    seal: str | None
    lines: Sequence[ToteLine]

    @property
    def waits(self) -> bool:
        """Whether it is still being filled."""
        return self.state is ParcelState.PLANNED and not self.withdrawn

    @property
    def open_lines(self) -> int:
        """How many lines nothing was done with yet."""
        return sum(line.picked is None for line in self.lines) if self.waits else 0


@dataclass(frozen=True, slots=True)
class Stop:
    """A product of the walk, and the totes it goes into."""

    product_id: str
    first: ToteLine
    cells: Sequence[tuple[Tote, ToteLine]]

    @property
    def open(self) -> Sequence[tuple[Tote, ToteLine]]:
        """Totes that still wait for it."""
        return [(tote, line) for tote, line in self.cells if tote.waits and line.picked is None]

    @property
    def wanted(self) -> int:
        """Pieces still to be taken from the shelf."""
        return sum(line.quantity for _, line in self.open)


@dataclass(frozen=True, slots=True)
class WavePage:
    """A cart's worth of totes, and the walk that fills them."""

    number: int
    start_by: datetime
    totes: Sequence[Tote]
    stops: Sequence[Stop]

    @property
    def orders(self) -> int:
        """How many households."""
        return len({tote.order_no for tote in self.totes})

    @property
    def sealed(self) -> int:
        """How many totes need nothing more."""
        return sum(not tote.waits for tote in self.totes)

    def stop(self, product_id: str) -> Stop | None:
        """The wished stop, else the next with something to do; none when all is done."""
        wished = next((stop for stop in self.stops if stop.product_id == product_id), None)
        return wished or next((stop for stop in self.stops if stop.open), None)


@dataclass(frozen=True, slots=True)
class RunWaves:
    """A run and its waves, in the order in which they are packed."""

    run: Row[Any]
    waves: Sequence[WavePage]

    def wave(self, number: int) -> WavePage | None:
        """The wave of this number."""
        return next((wave for wave in self.waves if wave.number == number), None)

    def tote(self, parcel_id: str) -> tuple[WavePage, Tote] | None:
        """A tote and its wave."""
        found = ((wave, tote) for wave in self.waves for tote in wave.totes if tote.id == parcel_id)
        return next(found, None)


def run_waves(conn: Connection, *, run_no: int) -> RunWaves | None:
    """A run divided into waves; `None` when there is no such run."""
    asked = select(load_run, site.c.name_zh, site.c.name_en, site.c.timezone).join_from(load_run, site)
    run = conn.execute(asked.where(load_run.c.run_no == run_no)).one_or_none()
    if run is None:
        return None
    rows = conn.execute(_lines().where(customer_order.c.run_no == run_no)).all()
    by_parcel = {parcel_id: list(of_one) for parcel_id, of_one in groupby(rows, key=lambda row: row.id)}
    found = waves(_waiting(of_one) for of_one in by_parcel.values())
    begins = start_by(found, load_from=run.load_from)
    pages = [
        _wave(number, begin, [by_parcel[tote.parcel_id] for tote in wave])
        for number, (wave, begin) in enumerate(zip(found, begins, strict=True), start=1)
    ]
    return RunWaves(run, pages)


def run_of_parcel(conn: Connection, *, parcel_id: str) -> int | None:
    """Which run a parcel belongs to; `None` when there is no such parcel."""
    query = select(customer_order.c.run_no).join_from(parcel, customer_order).where(parcel.c.id == parcel_id)
    return conn.execute(query).scalar_one_or_none()


def candidates(conn: Connection, *, parcel_id: str, line_no: int, quantity: int) -> Sequence[Row[Any]]:
    """What may be packed instead of a line, and of which the run has so many: nearest price first."""
    line = next(line for line in read_lines(conn, parcel_id=parcel_id) if line.line_no == line_no)
    query = (
        select(product)
        .join_from(product, run_stock, run_stock.c.product_id == product.c.id)
        .where(run_stock.c.run_no == line.run_no, run_stock.c.total - run_stock.c.taken >= quantity)
        .where(product.c.category_id == line.category_id, product.c.active)
        .order_by(func.abs(product.c.price_minor - line.estimate_minor), product.c.position)
    )
    return [one for one in conn.execute(query) if suits(one, line)][:MOST_CANDIDATES]


def photo_of(conn: Connection, *, photo_id: str, owner_id: str | None) -> bytes | None:
    """A parcel's photo as JPEG; with `owner_id`, only if the order is theirs."""
    query = (
        select(photo.c.jpeg)
        .join_from(photo, parcel, parcel.c.id == photo.c.parcel_id)
        .join(customer_order, customer_order.c.id == parcel.c.order_id)
        .where(photo.c.id == photo_id)
    )
    if owner_id is not None:
        query = query.where(customer_order.c.person_id == owner_id)
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else bytes(found)


def photos_of_order(conn: Connection, *, order_id: str) -> Sequence[Row[Any]]:
    """Which photos of an order's parcels there are."""
    query: Select[Any] = select(photo.c.id, photo.c.at, parcel.c.ref).join_from(
        photo, parcel, parcel.c.id == photo.c.parcel_id
    )
    return conn.execute(query.where(parcel.c.order_id == order_id).order_by(parcel.c.ref, photo.c.at)).all()


_instead = product.alias("instead")


def _lines() -> Select[Any]:
    return (
        select(
            parcel.c.id,
            parcel.c.ref,
            parcel.c.state,
            parcel.c.zone,
            parcel.c.size,
            parcel.c.seal,
            customer_order.c.order_no,
            customer_order.c.state.label("order_state"),
            customer_order.c.substitution,
            pickup_window.c.opens_at,
            order_line,
            product.c.name_zh,
            product.c.name_en,
            product.c.unit_zh,
            product.c.unit_en,
            product.c.picture,
            product.c.cap_minor,
            product.c.price_minor.label("estimate_minor"),
            product.c.net_g,
            product.c.food_class,
            product.c.flags,
            product.c.zone.label("product_zone"),
            product.c.position,
            category.c.position.label("category_position"),
            _instead.c.name_zh.label("instead_zh"),
            _instead.c.name_en.label("instead_en"),
        )
        .join_from(parcel, customer_order)
        .join(pickup_window, pickup_window.c.id == customer_order.c.window_id)
        .join(order_line, order_line.c.parcel_id == parcel.c.id)
        .join(product, product.c.id == order_line.c.product_id)
        .join(category, category.c.id == product.c.category_id)
        .outerjoin(_instead, _instead.c.id == order_line.c.substitute_id)
        .where(parcel.c.state != ParcelState.DRAFT)
        .order_by(parcel.c.id, order_line.c.line_no)
    )


def _waiting(rows: Sequence[Row[Any]]) -> WaitingTote:
    first = rows[0]
    return WaitingTote(
        parcel_id=first.id, order_no=first.order_no, ref=first.ref, opens_at=first.opens_at, lines=len(rows)
    )


def _wave(number: int, begin: datetime, parcels: Sequence[Sequence[Row[Any]]]) -> WavePage:
    totes = [_tote(place, rows) for place, rows in enumerate(parcels, start=1)]
    way = walk(_place(row) for rows in parcels for row in rows)
    return WavePage(number, begin, totes, [_stop(product_id, totes) for product_id in way])


def _place(row: Row[Any]) -> ShelfPlace:
    return ShelfPlace(
        product_id=row.product_id,
        category_position=row.category_position,
        position=row.position,
        frozen=row.product_zone == Zone.FROZEN,
        fragile="fragile" in row.flags,
    )


def _stop(product_id: str, totes: Sequence[Tote]) -> Stop:
    cells = [(tote, line) for tote in totes for line in tote.lines if line.product_id == product_id]
    return Stop(product_id, cells[0][1], cells)


def _tote(number: int, rows: Sequence[Row[Any]]) -> Tote:
    first = rows[0]
    return Tote(
        id=first.id,
        number=number,
        ref=first.ref,
        order_no=first.order_no,
        state=ParcelState(first.state),
        withdrawn=first.state == ParcelState.PLANNED and first.order_state != OrderState.PAID,
        wants_similar=first.substitution == "similar",
        zone=first.zone,
        size=first.size,
        seal=first.seal,
        lines=[_line(row) for row in rows],
    )


def _line(row: Row[Any]) -> ToteLine:
    return ToteLine(
        line_no=row.line_no,
        product_id=row.product_id,
        name={"zh": row.name_zh, "en": row.name_en},
        unit={"zh": row.unit_zh, "en": row.unit_en},
        picture=row.picture,
        quantity=row.quantity,
        picked=row.picked_quantity,
        short_reason=row.short_reason,
        weight_g=row.weight_g,
        catch_weight=row.cap_minor is not None,
        net_g=row.net_g,
        bag=inner_bag(food_class=row.food_class, flags=row.flags),
        substitute=None if row.substitute_id is None else {"zh": row.instead_zh, "en": row.instead_en},
        substitute_quantity=row.substitute_quantity or 0,
        food_class=row.food_class,
        price_minor=row.estimate_minor,
        cap_minor=row.cap_minor,
    )
