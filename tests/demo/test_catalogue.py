import re
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import get_args

import pytest

from app.demo.catalogue import (
    PRODUCTS_FILE,
    WITHOUT_LIMIT,
    DemoProduct,
    Flag,
    FoodClass,
    PricedPer,
    load_categories,
    load_products,
    load_tax_codes,
)
from app.demo.sites import load_sites
from locker_protocol.vocabulary import Zone

PRODUCTS = load_products()
BY_SKU = {product.sku: product for product in PRODUCTS}
EACH = pytest.mark.parametrize("product", PRODUCTS, ids=[product.sku for product in PRODUCTS])
HAN = re.compile(r"[一-鿿]")
PICTURES = Path(__file__).parents[2] / "node_modules/@lobehub/fluent-emoji-3d/assets"
COUNTED_AS = {"g": 1, "kg": 1_000, "ml": 1, "L": 1_000}
PRICED_PER = {"500g": 500, "kg": 1_000, "L": 1_000}

# What the demo was promised: price, cap, unit price, class, hours of life, millilitres, longest side.
GIVEN = {
    "pak-choi": (390, None, 488, "chilled_quality", 72, 3000, 260),
    "spinach": (450, None, 750, "chilled_quality", 48, 3500, 340),
    "celery": (420, None, 420, "chilled_quality", 96, 3500, 430),
    "shiitake": (590, None, 1475, "chilled_quality", 120, 1200, 200),
    "tomatoes": (590, None, 590, "cool_sensitive", 144, 1200, 200),
    "cucumbers": (490, None, 490, "cool_sensitive", 120, 1500, 320),
    "bananas": (590, None, 393, "cool_sensitive", 96, 2500, 260),
    "potatoes": (360, None, 240, "ambient", 336, 1300, 220),
    "sheyang-rice-5kg": (3290, None, 329, "ambient", 4320, 6000, 400),
    "strawberries": (1990, None, 3317, "chilled_quality", 48, 1500, 190),
    "eggs-10": (990, None, None, "chilled_quality", 720, 2000, 260),
    "fresh-milk": (1380, None, 1453, "chilled_tcs", 168, 1200, 240),
    "soft-tofu": (290, None, 414, "chilled_tcs", 168, 500, 130),
    "pork-belly": (1980, 2178, 1980, "chilled_tcs", 48, 800, 220),
    "yellow-chicken": (3476, 3792, 1580, "chilled_tcs", 48, 3000, 320),
    "minced-pork": (990, None, 1650, "chilled_strict", 24, 500, 190),
    "sea-bass": (2290, None, 2290, "chilled_strict", 24, 1200, 330),
    "frozen-dumplings": (1690, None, 1760, "frozen", 8760, 1800, 240),
    "frozen-shrimp": (2990, None, 5980, "frozen", 8760, 700, 220),
    "breakfast-buns": (850, None, None, "chilled_tcs", 12, 1000, 180),
    "hairy-crabs-4": (12800, None, None, "live", 24, 3000, 250),
}


def test_there_are_sixty_products_and_each_sku_is_an_id() -> None:
    assert (len(PRODUCTS), len(BY_SKU)) == (60, 60)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", sku) and len(sku) <= 32 for sku in BY_SKU)


def test_the_given_products_are_as_given() -> None:
    read = {
        sku: (p.price_minor, p.cap_minor, p.unit_price_minor, p.food_class, p.life_h, p.volume_ml, p.longest_mm)
        for sku, p in BY_SKU.items()
        if sku in GIVEN
    }

    assert read == GIVEN


@EACH
def test_both_languages_are_there(product: DemoProduct) -> None:
    assert HAN.search(product.name_zh)
    assert HAN.search(product.origin_zh)
    assert product.unit_zh
    for text in (product.name_en, product.unit_en, product.origin_en):
        assert text
        assert not HAN.search(text)


@EACH
def test_both_languages_name_the_same_amount(product: DemoProduct) -> None:
    if product.unit_price_minor is not None:
        assert amounts_in(product.unit_zh) == amounts_in(product.unit_en)


def test_search_knows_the_pinyin_and_its_initials() -> None:
    assert {"fanqie", "fq", "西红柿"} <= set(BY_SKU["tomatoes"].search.split())
    assert all(re.search(r"\b[a-z]{4,}\b", product.search) for product in PRODUCTS)


def test_no_price_or_unit_uses_an_illegal_measure() -> None:
    assert "斤" not in PRODUCTS_FILE.read_text(encoding="utf-8")


@EACH
def test_every_word_is_one_of_its_list(product: DemoProduct) -> None:
    assert product.food_class in get_args(FoodClass)
    assert product.flags <= set(get_args(Flag))
    assert product.unit_price_per in get_args(PricedPer)
    assert product.category in {category.id for category in load_categories()}
    assert product.tax_code in {tax.code for tax in load_tax_codes()}


def test_every_category_has_products_and_both_names() -> None:
    categories = load_categories()

    assert 6 <= len(categories) <= 8
    assert {category.id for category in categories} == {product.category for product in PRODUCTS}
    assert all(HAN.search(category.name_zh) and not HAN.search(category.name_en) for category in categories)


@EACH
def test_the_unit_price_is_the_price_of_that_much(product: DemoProduct) -> None:
    assert (product.unit_price_minor is None) == (product.unit_price_per == "none")
    if product.unit_price_minor is None:
        return
    if product.unit_price_per == "each":
        share = Decimal(1) / int(product.unit_en.split(" ")[0].strip(","))
    else:
        share = Decimal(PRICED_PER[product.unit_price_per]) / amounts_in(product.unit_en)[0]
    assert product.unit_price_minor == rounded(product.price_minor * share)


def test_some_goods_are_sold_by_catch_weight() -> None:
    assert [product.sku for product in PRODUCTS if product.is_catch_weight] == [
        "pork-belly",
        "yellow-chicken",
        "pork-ribs",
        "beef-brisket",
    ]


@pytest.mark.parametrize("product", [product for product in PRODUCTS if product.is_catch_weight], ids=lambda p: p.sku)
def test_the_cap_is_the_unit_price_of_the_heaviest_piece(product: DemoProduct) -> None:
    estimate, cap = amounts_in(product.unit_en)

    assert estimate < cap <= product.weight_g
    assert product.unit_price_per == "500g"
    assert product.cap_minor == rounded(Decimal(product.unit_price_minor or 0) * cap / 500)


@EACH
def test_what_is_sold_by_weight_says_how_much_is_in_one(product: DemoProduct) -> None:
    counted = " pcs" in product.unit_en or "×" in product.unit_en or not re.search(r"\d k?g\b", product.unit_en)
    assert product.net_g == (None if counted else amounts_in(product.unit_en)[0])


@EACH
def test_a_class_has_its_zone(product: DemoProduct) -> None:
    chilled = product.food_class.startswith("chilled_")
    own_zone = {"cool_sensitive": Zone.COOL, "live": Zone.COOL, "frozen": Zone.FROZEN, "ambient": Zone.AMBIENT}

    assert product.zone == (Zone.CHILLED if chilled else own_zone[product.food_class])


@EACH
def test_other_zones_are_tolerated_by_the_rule_and_no_longer(product: DemoProduct) -> None:
    tolerated: dict[Zone, int] = {}
    if product.food_class == "ambient":
        tolerated = {Zone.COOL: WITHOUT_LIMIT, Zone.CHILLED: WITHOUT_LIMIT}
    elif product.sku in {"tomatoes", "cucumbers"}:
        tolerated = {Zone.CHILLED: 6}
    elif product.food_class == "chilled_quality" and product.category in {"greens", "dairy"}:
        tolerated = {Zone.COOL: 2}

    assert product.tolerates == tolerated


def test_bananas_never_stand_in_another_zone() -> None:
    assert not BY_SKU["bananas"].tolerates


def test_live_crabs_are_refused_by_lockers() -> None:
    live = [product for product in PRODUCTS if not product.is_sellable_in_lockers]

    assert [product.sku for product in live] == ["hairy-crabs-4"]
    assert [product for product in PRODUCTS if "live" in product.flags] == live


def test_raw_meat_fish_and_tofu_go_into_a_bag_of_their_own() -> None:
    apart = {product.sku for product in PRODUCTS if "seal_apart" in product.flags}
    raw = {product.sku for product in PRODUCTS if product.category == "meat-fish" and product.is_sellable_in_lockers}

    assert apart == raw | {"soft-tofu"}
    assert "leaks" in BY_SKU["sea-bass"].flags


@EACH
def test_what_lockers_sell_fits_a_door_of_its_zone(product: DemoProduct) -> None:
    depths = {c.clear_depth_mm for site in load_sites() for c in site.compartments if c.zone is product.zone}
    smallest_ml = min(c.usable_ml for site in load_sites() for c in site.compartments if c.zone is product.zone)

    assert 0 < product.longest_mm <= min(depths)
    assert 0 < product.volume_ml <= smallest_ml


@EACH
def test_measures_are_plausible(product: DemoProduct) -> None:
    assert 8 <= product.stock <= 120
    assert 12 <= product.life_h <= 365 * 24
    assert product.price_minor > 0
    assert 0 < product.weight_g <= min(6_000, 1.2 * product.volume_ml), "nothing we sell sinks like a stone"


@pytest.mark.parametrize("product", [p for p in PRODUCTS if p.unit_price_per == "500g"], ids=lambda p: p.sku)
def test_goods_with_their_packing_weigh_at_least_their_net_weight(product: DemoProduct) -> None:
    assert max(amounts_in(product.unit_en)) <= product.weight_g


def test_no_picture_stands_for_more_than_three_products() -> None:
    assert max(Counter(product.picture for product in PRODUCTS).values()) <= 3


@EACH
def test_every_picture_exists(product: DemoProduct) -> None:
    assert (PICTURES / f"{product.picture}.webp").is_file()


def amounts_in(unit: str) -> list[Decimal]:
    """Read each amount of a unit text in grams or millilitres: "4 × 200 g" is 800, "est. 1.1 kg, cap 1.2 kg" two."""
    found = re.findall(r"(?:(\d+) ?× ?)?(\d+(?:\.\d+)?) (kg|g|ml|L)\b", unit)
    return [Decimal(times or 1) * Decimal(amount) * COUNTED_AS[measure] for times, amount, measure in found]


def rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
