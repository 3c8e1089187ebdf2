"""Runs to allocate: a demo site's doors, and orders that come one after another until they want more than there is.

Cut from real baskets (a file in the form `caibox replay` takes), or made up of the demo's products: 3 to 11 different
ones an order, one or two pieces of each, every product as likely as any other. A run begins at a random order of the
queue and takes all that follow until their fewest doors are 10 to 30 % more than the site has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from app.demo.catalogue import DemoProduct, load_products
from app.demo.sites import Site, load_sites
from app.domain.allocation import FreeDoor
from app.domain.capacity import CounterKey, totals
from app.domain.parcelling import DoorType, Goods, plan_parcels
from app.replay.baskets import read_baskets
from app.replay.goods import Goods as Range
from app.replay.goods import read_goods
from app.replay.wishes import wishes_of
from locker_protocol.vocabulary import Zone

# From loading at 14:00 to the end of each window of an evening: 18:30 and 21:30.
HOURS = (4.5, 7.5)
OVERFULL = (0.1, 0.3)
MOST_BASKETS = 30_000
MADE_UP = 3_000
LONGEST_QUEUE = 400

Order = Sequence[Goods]


@dataclass(frozen=True, slots=True)
class Wall:
    """A site's doors, as parcels are planned for them and as allocation sees them."""

    types: tuple[DoorType, ...]
    left: dict[CounterKey, int]
    doors: tuple[FreeDoor, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """An instance: orders in the order in which they come."""

    wall: Wall
    hours: float
    orders: tuple[Order, ...]


def read_orders(baskets: Path | None, chance: Random) -> list[Order]:
    """Every order there is, in the order of the file; without a file made-up ones."""
    if baskets is None:
        sold = [product for product in load_products() if product.is_sellable_in_lockers]
        return [_made_up(sold, chance) for _ in range(MADE_UP)]
    goods = read_goods(baskets.with_name("products.csv"), lambda _: None)
    found = islice(read_baskets(baskets, goods.sku_of, lambda _: None), MOST_BASKETS)
    return [_of(wish.pieces, goods) for basket in found for wish in wishes_of(basket, goods)[0]]


def cut_runs(orders: Sequence[Order], count: int, chance: Random) -> Iterator[Run]:
    """So many runs, by turns at each of the demo's sites."""
    sites = walls()
    for number in range(count):
        wall, hours = sites[number % len(sites)], chance.choice(HOURS)
        begin = chance.randrange(len(orders) - LONGEST_QUEUE)
        most = (1 + chance.uniform(*OVERFULL)) * len(wall.doors)
        yield Run(wall, hours, tuple(_until(orders[begin : begin + LONGEST_QUEUE], wall, hours, most)))


def walls() -> list[Wall]:
    """The demo's sites."""
    return [_wall(site) for site in load_sites()]


def _until(queue: Sequence[Order], wall: Wall, hours: float, most: float) -> Iterator[Order]:
    wanted = 0
    for order in queue:
        if wanted >= most:
            return
        wanted += len(plan_parcels(order, doors=wall.types, left=wall.left, hours=hours))
        yield order


def _wall(site: Site) -> Wall:
    types = {
        (door.zone, door.size): DoorType(
            zone=door.zone, size=door.size, volume_ml=door.usable_ml, longest_mm=door.clear_depth_mm
        )
        for door in site.compartments
    }
    doors = tuple(
        FreeDoor(
            door=door.door,
            locker_id=locker.locker_id,
            zone=door.zone,
            size=door.size,
            volume_ml=door.usable_ml,
            longest_mm=door.clear_depth_mm,
            x_mm=door.leaf.x_mm,
            sill_mm=door.sill_mm,
        )
        for locker in site.lockers
        for door in locker.compartments
    )
    return Wall(tuple(types.values()), totals((door.zone, door.size) for door in site.compartments), doors)


def _of(pieces: Mapping[str, int], goods: Range) -> Order:
    kinds = [(goods.articles[sku].kind, quantity) for sku, quantity in sorted(pieces.items())]
    return [
        Goods(
            line=line,
            quantity=quantity,
            zone=kind.zone,
            tolerates={Zone(zone): hours for zone, hours in kind.tolerates.items()},
            volume_ml=kind.volume_ml,
            longest_mm=kind.longest_mm,
            weight_g=kind.weight_g,
        )
        for line, (kind, quantity) in enumerate(kinds)
    ]


def _made_up(sold: Sequence[DemoProduct], chance: Random) -> Order:
    return [
        Goods(
            line=line,
            quantity=chance.randint(1, 2),
            zone=product.zone,
            tolerates=product.tolerates,
            volume_ml=product.volume_ml,
            longest_mm=product.longest_mm,
            weight_g=product.weight_g,
        )
        for line, product in enumerate(chance.sample(sold, chance.randint(3, 11)))
    ]
