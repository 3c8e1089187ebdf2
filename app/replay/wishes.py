"""What of a real basket is ordered, and in how many orders.

Decides how a basket too big for the shop or for a household's share of the lockers is divided, and what no door takes.
Nothing is dropped without being told. Never asks a shop anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.basket import MOST_LINES, MOST_OF_ONE
from app.domain.parcelling import MAX_PARCEL_G
from app.replay.baskets import Basket
from app.replay.goods import Article, Goods
from locker_protocol.vocabulary import Zone

# About two large doors of the smaller site's; a frozen door takes 15 L, and there are five of them.
MOST_ML: Mapping[Zone, int] = {
    Zone.CHILLED: 45_000,
    Zone.COOL: 36_000,
    Zone.AMBIENT: 45_000,
    Zone.FROZEN: 28_000,
}
# What every site has a door for.
LARGEST_PIECE_ML: Mapping[Zone, int] = {
    Zone.CHILLED: 27_000,
    Zone.COOL: 27_000,
    Zone.AMBIENT: 27_000,
    Zone.FROZEN: 18_000,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """One order somebody wants: pieces by SKU. `name` is the basket's, with the part where it was divided."""

    name: str
    pieces: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of a basket was not ordered, and why."""

    name: str
    reason: str


@dataclass(slots=True)
class _Part:
    pieces: dict[str, int] = field(default_factory=dict)
    ml: dict[Zone, int] = field(default_factory=dict)

    def room_for(self, article: Article) -> int:
        if article.sku not in self.pieces and len(self.pieces) == MOST_LINES:
            return 0
        zone = article.kind.zone
        by_volume = (MOST_ML[zone] - self.ml.get(zone, 0)) // article.kind.volume_ml
        return min(by_volume, MOST_OF_ONE - self.pieces.get(article.sku, 0))

    def put(self, article: Article, count: int) -> None:
        zone = article.kind.zone
        self.pieces[article.sku] = self.pieces.get(article.sku, 0) + count
        self.ml[zone] = self.ml.get(zone, 0) + count * article.kind.volume_ml


def wishes_of(basket: Basket, goods: Goods) -> tuple[list[Wish], list[LeftOut]]:
    """Divide a basket into orders that the shop may take, and tell what no door takes."""
    wanted: dict[str, int] = {}
    for line in basket.lines:
        sku = goods.sku_of[line.product_id]
        wanted[sku] = wanted.get(sku, 0) + line.quantity
    left_out = [
        LeftOut(basket.basket_id, f"no door takes {sku}") for sku in wanted if not _fits_a_door(goods.articles[sku])
    ]
    parts = [_Part()]
    for sku, count in wanted.items():
        if _fits_a_door(goods.articles[sku]):
            _fill(parts, goods.articles[sku], count)
    filled = [part.pieces for part in parts if part.pieces]
    names = [basket.basket_id] if len(filled) == 1 else [f"{basket.basket_id}-{at + 1}" for at in range(len(filled))]
    return [Wish(name, pieces) for name, pieces in zip(names, filled, strict=True)], left_out


def _fill(parts: list[_Part], article: Article, count: int) -> None:
    while count:
        some = min(count, parts[-1].room_for(article))
        if some:
            parts[-1].put(article, some)
            count -= some
        else:
            parts.append(_Part())


def _fits_a_door(article: Article) -> bool:
    kind = article.kind
    return kind.volume_ml <= LARGEST_PIECE_ML[kind.zone] and kind.weight_g <= MAX_PARCEL_G
