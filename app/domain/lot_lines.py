"""Reads what came with a delivery: a table typed, pasted from a spreadsheet, or sent as a file; a lot a line.

Decides what each line means or what is wrong with it, named by its line (the heading is line 1) and column; all lines
are judged before any is used. Never whether a product or lot is known: that is the database's to say.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.domain.errors import DomainError

MOST_LINES = 500
MOST_PIECES = 100_000
LONGEST = {"product": 32, "lot": 40, "origin": 80, "origin_en": 80, "grower": 80, "certificate": 60}
NEEDED = ("product", "lot", "quantity", "expires_on")
HEADINGS: Mapping[str, str] = {
    **{name: name for name in (*LONGEST, "quantity", "harvested_at", "expires_on")},
    "货号": "product",
    "批号": "lot",
    "数量": "quantity",
    "产地": "origin",
    "产地英文": "origin_en",
    "种植者": "grower",
    "采收时间": "harvested_at",
    "合格证号": "certificate",
    "到期日": "expires_on",
}
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d")
MOMENTS = tuple(f"{day} {hour}" for day in DAYS for hour in ("%H:%M", "%H:%M:%S")) + DAYS


class Wrong(StrEnum):
    """What is wrong with a column of a line."""

    COLUMN_MISSING = "column_missing"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    NO_COUNT = "no_count"
    NO_DATE = "no_date"
    OVER = "over"  # it expired already
    NOT_YET = "not_yet"  # harvested in the future
    NO_SUCH_PRODUCT = "no_such_product"
    KNOWN = "known"  # that lot of that product is there already
    TWICE = "twice"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake; `value` is what stood there."""

    line: int
    column: str
    wrong: Wrong
    value: str = ""


class LinesWrong(DomainError):
    """Nothing was taken over. Facts: `wrong` (how many lines), `all`. `faults` has each mistake."""

    code = "lines_wrong"
    status = 422

    def __init__(self, faults: Sequence[Fault], lines: int) -> None:
        super().__init__(wrong=len({fault.line for fault in faults}), all=lines)
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """One lot as it came; `line` is where it stands. Empty origins are the product's."""

    line: int
    product_id: str
    code: str
    received: int
    origin_zh: str
    origin_en: str
    grower: str
    harvested_at: datetime | None
    certificate: str
    expires_on: date


def read_lot_lines(text: str, *, zone: ZoneInfo, now: datetime) -> tuple[list[LotLine], list[Fault]]:
    """Every line that is right, and every mistake in the others. Times without a zone are local ones of `zone`.

    Raises LinesWrong when there is nothing to judge: no lines, too many, or a heading without a needed column.
    """
    rows = _rows(text)
    heading = [HEADINGS.get(cell.strip().lower(), "") for cell in rows[0]] if rows else []
    missing = [Fault(1, name, Wrong.COLUMN_MISSING) for name in NEEDED if name not in heading]
    body = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    if missing:
        raise LinesWrong(missing, len(body))
    if not 0 < len(body) <= MOST_LINES:
        wrong = Wrong.TOO_MANY if body else Wrong.EMPTY
        raise LinesWrong([Fault(2, "lot", wrong, str(MOST_LINES) if body else "")], len(body))
    lines, faults = [], []
    for number, row in body:
        cells = {name: cell.strip() for name, cell in zip(heading, row, strict=False) if name}
        reader = _Line(number, cells, zone, now)
        line = reader.read()
        faults += reader.faults
        if not reader.faults:
            lines.append(line)
    return lines, [*faults, *_twice(lines)]


def _rows(text: str) -> list[list[str]]:
    lines = text.lstrip("\ufeff").strip("\r\n").splitlines()
    heading = lines[0] if lines else ""
    mark = next((mark for mark in ("\t", ";", "，") if mark in heading), ",")
    return list(csv.reader(lines, delimiter=mark))


def _twice(lines: Sequence[LotLine]) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for line in lines:
        if (line.product_id, line.code) in seen:
            yield Fault(line.line, "lot", Wrong.TWICE, line.code)
        seen.add((line.product_id, line.code))


class _Line:
    """Reads the cells of one line and collects what is wrong with them."""

    def __init__(self, number: int, cells: Mapping[str, str], zone: ZoneInfo, now: datetime) -> None:
        self.faults: list[Fault] = []
        self._number = number
        self._cells = cells
        self._zone = zone
        self._now = now

    def read(self) -> LotLine:
        """The line; it means something only without faults."""
        origin = self._words("origin")
        return LotLine(
            line=self._number,
            product_id=self._words("product"),
            code=self._words("lot"),
            received=self._count("quantity"),
            origin_zh=origin,
            origin_en=self._words("origin_en") or origin,
            grower=self._words("grower"),
            harvested_at=self._moment("harvested_at"),
            certificate=self._words("certificate"),
            expires_on=self._day("expires_on"),
        )

    def _wrong(self, column: str, wrong: Wrong) -> None:
        self.faults.append(Fault(self._number, column, wrong, self._cells.get(column, "")[:40]))

    def _words(self, column: str) -> str:
        words = self._cells.get(column, "")
        if not words and column in NEEDED:
            self._wrong(column, Wrong.EMPTY)
        if len(words) > LONGEST[column] or not words.isprintable():
            self._wrong(column, Wrong.TOO_LONG)
        return words

    def _count(self, column: str) -> int:
        words = self._cells.get(column, "")
        count = int(words) if words.isascii() and words.isdecimal() and len(words) <= 6 else 0
        if not 0 < count <= MOST_PIECES:
            self._wrong(column, Wrong.NO_COUNT if words else Wrong.EMPTY)
        return count

    def _day(self, column: str) -> date:
        words = self._cells.get(column, "")
        today = self._now.astimezone(self._zone).date()
        found = _read(words, DAYS)
        if found is None:
            self._wrong(column, Wrong.NO_DATE if words else Wrong.EMPTY)
            return today
        if found.date() < today:
            self._wrong(column, Wrong.OVER)
        return found.date()

    def _moment(self, column: str) -> datetime | None:
        words = self._cells.get(column, "")
        if not words:
            return None
        found = _read(words.replace("T", " "), MOMENTS)
        if found is None:
            self._wrong(column, Wrong.NO_DATE)
            return None
        at = found.replace(tzinfo=self._zone)
        if at > self._now:
            self._wrong(column, Wrong.NOT_YET)
        return at


def _read(words: str, patterns: Sequence[str]) -> datetime | None:
    for pattern in patterns:
        try:
            return datetime.strptime(words, pattern)  # noqa: DTZ007  local; the caller gives it its zone
        except ValueError:
            continue
    return None
