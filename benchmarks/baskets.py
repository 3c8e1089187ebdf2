"""Made-up baskets in the form of the real ones, for tests and figures that must not need the real file."""

import csv
from collections.abc import Sequence
from pathlib import Path

from app.replay.baskets import COLUMNS as BASKET_COLUMNS
from app.replay.goods import COLUMNS as PRODUCT_COLUMNS

PRODUCTS: Sequence[tuple[str, str, str, str]] = (
    ("1001", "FLUID MILK PRODUCTS", "chilled", "2.69"),
    ("1002", "BAKED BREAD/BUNS/ROLLS", "ambient", "1.99"),
    ("1003", "TROPICAL FRUIT", "ambient", "0.94"),
    ("1004", "TOMATOES", "ambient", "1.50"),
    ("1005", "BEEF", "chilled", "5.20"),
    ("1006", "FROZEN PIZZA", "frozen", "3.30"),
    ("1007", "EGGS", "chilled", "1.20"),
    ("1008", "SALAD MIX", "chilled", "2.50"),
    ("1009", "POTATOES", "ambient", "2.99"),
    ("1010", "YOGURT", "chilled", "0.60"),
)


def write_baskets(folder: Path, count: int, *, most_lines: int = 5) -> Path:
    """Write `baskets.csv` with its `products.csv` beside it; about one basket in six holds something frozen."""
    rows = [
        (f"9{basket:06}", "1", "1", "2017-01-01T10:00:00", PRODUCTS[place % len(PRODUCTS)][0], str(pieces), "1.00")
        for basket in range(count)
        for place, pieces in _places(basket, most_lines)
    ]
    _write(folder / "baskets.csv", BASKET_COLUMNS, rows)
    products = [(number, "MADE UP", name, "", "", zone, price, "1") for number, name, zone, price in PRODUCTS]
    _write(folder / "products.csv", PRODUCT_COLUMNS, products)
    return folder / "baskets.csv"


def _places(basket: int, most_lines: int) -> list[tuple[int, int]]:
    places = {
        (basket * 7 + line * 3) % len(PRODUCTS): 1 + (basket + line) % 2 for line in range(basket % most_lines + 1)
    }
    if basket % 6:
        places.pop(5, None)
    return sorted(places.items()) or [(0, 1)]


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
