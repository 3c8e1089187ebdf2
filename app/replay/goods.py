"""What stands for the products of a grocery chain in our shop: one product a category and zone.

Decides size, food class, zone and shelf life by category, from `goods.toml`; docs/replay.md says why so. The price is
the category's median, in fen. Never asks a shop anything.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from app.replay.baskets import FileUnreadableError, Malformed, is_amount, is_number, read_rows, shown
from locker_protocol.vocabulary import Zone

KINDS_FILE = Path(__file__).with_name("goods.toml")
COLUMNS = (
    "product_id",
    "department",
    "product_category",
    "product_type",
    "package_size",
    "zone",
    "unit_price_usd",
    "times_bought",
)
# In fen. Prices only have to be plausible: nothing in a replay depends on them but the sums.
FEN_A_DOLLAR = 700
CHEAPEST_FEN = 100
# What a piece may weigh more than usual is charged at first, and given back where it does not.
CAP_PERCENT = 120
STOCK_A_RUN = 5_000
LONGEST_STEM = 27
ZONES_THERE = ("ambient", "chilled", "frozen")


@dataclass(frozen=True, slots=True)
class Kind:
    """How goods of some categories are kept and how big one piece is."""

    name: str
    shelf: str
    food_class: str
    zone: Zone
    volume_ml: int
    longest_mm: int
    weight_g: int
    life_h: int
    tolerates: Mapping[str, int]
    flags: tuple[str, ...]
    by_weight: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """What is sold for a category: `sku` in our shop."""

    sku: str
    category: str
    kind: Kind
    price_minor: int

    def as_json(self, *, weighed: bool = False) -> dict[str, Any]:
        """Write it as `POST /api/products` takes it; with `weighed` what is weighed in shops is charged by weight."""
        kind, name = self.kind, self.category.title()
        same = ("food_class", "volume_ml", "longest_mm", "weight_g", "life_h")
        return {
            "id": self.sku,
            "category_id": kind.shelf,
            "name_zh": name,
            "name_en": name,
            "unit_zh": "件",
            "unit_en": "piece",
            "origin_zh": "杂货连锁店",
            "origin_en": "A grocery chain",
            "price_minor": self.price_minor,
            "tax_code": "vat-exempt",
            "zone": kind.zone.value,
            "tolerates": dict(kind.tolerates),
            "flags": list(kind.flags),
            "stock_a_run": STOCK_A_RUN,
            **{field: getattr(kind, field) for field in same},
            **(self._by_weight() if weighed and kind.by_weight else {}),
        }

    def _by_weight(self) -> dict[str, Any]:
        return {"cap_minor": -(-self.price_minor * CAP_PERCENT // 100), "net_g": self.kind.weight_g}


@dataclass(frozen=True, slots=True)
class Goods:
    """Every article by SKU, and which one stands for each product of the chain."""

    articles: Mapping[str, Article]
    sku_of: Mapping[str, str]


def read_goods(path: Path, tell: Callable[[Malformed], None]) -> Goods:
    """Read the chain's products. Raises FileUnreadableError."""
    goods = goods_of(read_rows(path, COLUMNS), tell)
    if not goods.sku_of:
        raise FileUnreadableError(f"{path} holds no product.")
    return goods


def goods_of(rows: Iterable[tuple[int, Sequence[str]]], tell: Callable[[Malformed], None]) -> Goods:
    """Make one article a category and zone, of rows with their numbers."""
    prices: dict[tuple[str, str], list[float]] = {}
    where: dict[str, tuple[str, str]] = {}
    for number, row in rows:
        reason = why_not(row)
        if reason:
            tell(Malformed(number, f"{reason} (products)"))
            continue
        place = (row[2], row[5])
        where[row[0]] = place
        prices.setdefault(place, []).append(float(row[6]))
    kinds = load_kinds()
    articles = {
        place: Article(_sku(*place), place[0] or "Other", kinds.of(*place), _price(found))
        for place, found in sorted(prices.items())
    }
    return Goods(
        {article.sku: article for article in articles.values()},
        {product: articles[place].sku for product, place in where.items()},
    )


def why_not(row: Sequence[str]) -> str:
    """What is wrong with a product's row, or nothing."""
    if len(row) != len(COLUMNS):
        return f"it has {len(row)} fields, not {len(COLUMNS)}"
    if not is_number(row[0]):
        return f"product_id is {shown(row[0])}, not a number"
    if row[5] not in ZONES_THERE:
        return f"zone is {shown(row[5])}, not one of {', '.join(ZONES_THERE)}"
    return "" if is_amount(row[6]) else f"unit_price_usd is {shown(row[6])}, not an amount"


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which kind a category is."""

    by_category: Mapping[str, Kind]
    rest: Mapping[str, Kind]

    def of(self, category: str, zone: str) -> Kind:
        """The category's own kind; one that contradicts what the chain says of frozen goods is not taken."""
        own = self.by_category.get(category)
        if own is not None and (own.zone is Zone.FROZEN) == (zone == "frozen"):
            return own
        return self.rest[zone]


def load_kinds() -> Kinds:
    """Read `goods.toml`."""
    tables = tomllib.loads(KINDS_FILE.read_text(encoding="utf-8"))
    by_category = {category: _kind(row) for row in tables["kinds"] for category in row["categories"]}
    return Kinds(by_category, {zone: _kind({**row, "zone": zone}) for zone, row in tables["rest"].items()})


def _kind(row: Mapping[str, Any]) -> Kind:
    same = ("name", "shelf", "food_class", "volume_ml", "longest_mm", "weight_g", "life_h")
    return Kind(
        **{field: row[field] for field in same},
        zone=Zone(row["zone"]),
        tolerates=row.get("tolerates", {}),
        flags=tuple(row.get("flags", ())),
        by_weight=row.get("by_weight", False),
    )


def _sku(category: str, zone: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-")[:LONGEST_STEM].strip("-")
    return f"{stem or 'other'}-{zone[:2]}"


def _price(dollars: Sequence[float]) -> int:
    return max(CHEAPEST_FEN, round(median(dollars) * FEN_A_DOLLAR))
