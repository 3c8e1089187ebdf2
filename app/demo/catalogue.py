"""Reads the demo's sixty products, their categories and tax codes from `products.toml`; the file explains each key.

It decides one thing: what is alive is not sold through lockers.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.demo.cabinet import Table
from locker_protocol.vocabulary import Zone

PRODUCTS_FILE = Path(__file__).with_name("products.toml")
WITHOUT_LIMIT = -1

FoodClass = Literal["chilled_strict", "chilled_tcs", "chilled_quality", "cool_sensitive", "frozen", "ambient", "live"]
Flag = Literal["leaks", "smells", "live", "seal_apart", "ready_to_eat", "fragile"]
PricedPer = Literal["500g", "kg", "L", "each", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A shelf of the shop, in the order of browsing."""

    id: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxCode:
    """A rate in basis points, included in every price."""

    code: str
    rate_bp: int
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProduct:
    """One article. Money in fen; `tolerates` gives hours in zones other than its own, -1 without limit."""

    sku: str
    category: str
    name_zh: str
    name_en: str
    unit_zh: str
    unit_en: str
    price_minor: int
    cap_minor: int | None = None
    unit_price_minor: int | None = None
    unit_price_per: PricedPer
    tax_code: str
    origin_zh: str
    origin_en: str
    food_class: FoodClass
    zone: Zone
    tolerates: Mapping[Zone, int]
    life_h: int
    volume_ml: int
    longest_mm: int
    weight_g: int
    net_g: int | None = None
    flags: frozenset[Flag]
    picture: str
    search: str
    stock: int

    @property
    def is_catch_weight(self) -> bool:
        """True when the price is an estimate: the cap is charged, the difference to the weighed piece goes back."""
        return self.cap_minor is not None

    @property
    def is_sellable_in_lockers(self) -> bool:
        """False for live goods: no compartment keeps them alive, so they go over a staffed table only."""
        return self.food_class != "live"


def load_products() -> tuple[DemoProduct, ...]:
    """Read every product, by category."""
    return tuple(build_product(row) for row in read_tables()["products"])


def load_categories() -> tuple[Category, ...]:
    """Read the categories in the order of browsing."""
    return tuple(Category(**row) for row in read_tables()["categories"])


def load_tax_codes() -> tuple[TaxCode, ...]:
    """Read the tax codes that products name."""
    return tuple(TaxCode(**row) for row in read_tables()["tax_codes"])


def read_tables() -> Table:
    return tomllib.loads(PRODUCTS_FILE.read_text(encoding="utf-8"))


def build_product(row: Table) -> DemoProduct:
    built = {
        "zone": Zone(row["zone"]),
        "tolerates": {Zone(zone): hours for zone, hours in row.get("tolerates", {}).items()},
        "flags": frozenset(row.get("flags", ())),
    }
    return DemoProduct(**row | built)
