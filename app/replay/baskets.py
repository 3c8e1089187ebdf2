"""Reads real baskets, a row at a time: `basket_id, household_id, store_id, transaction_timestamp, product_id, quantity,
sales_value`. The rows of a basket follow one another.

Decides which rows can be believed. A row that cannot is told with its number and skipped; a file that cannot be read at
all is one sentence. Never decides what is sold for a product.
"""

import csv
import gzip
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import IO, NoReturn

COLUMNS = (
    "basket_id",
    "household_id",
    "store_id",
    "transaction_timestamp",
    "product_id",
    "quantity",
    "sales_value",
)
MOST_PIECES = 10_000
LONGEST_ROW = 4_096
BLOCK = 1 << 20


class FileUnreadableError(Exception):
    """A file is missing, empty, torn or something else; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that was skipped, its number in the file (the header is 1), and why."""

    row: int
    reason: str

    def __str__(self) -> str:
        """One line for the person at the terminal."""
        return f"row {self.row}: {self.reason}"


@dataclass(frozen=True, slots=True)
class BasketLine:
    """So many pieces of a product."""

    basket_id: str
    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Basket:
    """What somebody bought at once."""

    basket_id: str
    lines: tuple[BasketLine, ...]


def read_baskets(path: Path, known: Container[str], tell: Callable[[Malformed], None]) -> Iterator[Basket]:
    """Every basket of a file, plain or gzipped. Raises FileUnreadableError, for a torn file before the first basket."""
    check_whole(path)
    yield from baskets_of(believable(read_rows(path, COLUMNS), known, tell))


def baskets_of(lines: Iterable[BasketLine]) -> Iterator[Basket]:
    """Put lines that follow one another and belong together into baskets."""
    for basket_id, own in groupby(lines, key=lambda line: line.basket_id):
        yield Basket(basket_id, tuple(own))


def believable(
    rows: Iterable[tuple[int, Sequence[str]]], known: Container[str], tell: Callable[[Malformed], None]
) -> Iterator[BasketLine]:
    """Check rows field by field; `known` are the products that exist."""
    for number, row in rows:
        reason = why_not(row, known)
        if reason:
            tell(Malformed(number, reason))
        else:
            yield BasketLine(row[0], row[4], int(row[5]))


def why_not(row: Sequence[str], known: Container[str]) -> str:
    """What is wrong with a row, or nothing."""
    if len(row) != len(COLUMNS):
        return f"it has {len(row)} fields, not {len(COLUMNS)}"
    for name, value in zip(COLUMNS, row, strict=True):
        if name in {"basket_id", "household_id", "store_id", "product_id"} and not is_number(value):
            return f"{name} is {shown(value)}, not a number"
    if not _is_time(row[3]):
        return f"transaction_timestamp is {shown(row[3])}, not a date and time"
    if not is_number(row[5]) or not 1 <= int(row[5]) <= MOST_PIECES:
        return f"quantity is {shown(row[5])}, not a whole number from 1 to {MOST_PIECES}"
    if not is_amount(row[6]):
        return f"sales_value is {shown(row[6])}, not an amount"
    return "" if row[4] in known else f"product_id {row[4]} is not among the products"


def is_number(value: str) -> bool:
    """True for a handful of digits."""
    return value.isascii() and value.isdigit() and len(value) <= 20


def is_amount(value: str) -> bool:
    """True for digits with at most one point."""
    return len(value) <= 20 and value.isascii() and value.replace(".", "", 1).isdigit()


def shown(value: str) -> str:
    """A field as one can print it."""
    return ascii(value[:40])


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


# --- files ------------------------------------------------------------------------------------------------------------


def check_whole(path: Path) -> None:
    """Read a compressed file to its end, so that a torn one is refused before anything was ordered from it."""
    if not _is_gzip(path):
        return
    try:
        with gzip.open(path) as file:
            while file.read(BLOCK):
                pass
    except (OSError, EOFError, zlib.error) as error:
        _refuse(path, error)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Every row after the header with its number. Raises FileUnreadableError."""
    try:
        with _open(path) as file:
            lines = _lines(file)
            header = next(lines, None)
            if header is None:
                raise FileUnreadableError(f"{path} is empty.")
            if next(csv.reader([header.rstrip("\r\n").lstrip("\ufeff")]), []) != list(columns):
                raise FileUnreadableError(f"{path} does not begin with the columns {', '.join(columns)}.")
            for number, line in enumerate(lines, start=2):
                if line.strip():
                    yield number, next(csv.reader([line.rstrip("\r\n").replace("\0", "?")]))
    except (OSError, EOFError, zlib.error) as error:
        _refuse(path, error)


def _open(path: Path) -> IO[str]:
    if _is_gzip(path):
        return gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n")
    return path.open(encoding="utf-8", errors="replace", newline="\n")


def _is_gzip(path: Path) -> bool:
    return path.name.endswith(".gz")


def _lines(file: IO[str]) -> Iterator[str]:
    """Lines, none longer than `LONGEST_ROW`: what is longer is cut, and is no row then."""
    while line := file.readline(LONGEST_ROW):
        rest = line
        while rest and not rest.endswith("\n"):
            rest = file.readline(LONGEST_ROW)
        yield line


def _refuse(path: Path, error: Exception) -> NoReturn:
    if isinstance(error, FileNotFoundError):
        raise FileUnreadableError(f"There is no file {path}.") from None
    if isinstance(error, EOFError | zlib.error):
        raise FileUnreadableError(f"{path} is torn: it ends in the middle of the compressed data.") from None
    reason = getattr(error, "strerror", None) or str(error)
    raise FileUnreadableError(f"{path} cannot be read: {reason}.") from None
