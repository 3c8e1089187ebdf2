"""Marks nobody else writes, and where of the database they are found."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from app.db.tables import metadata

PHONE, MAIL, NAME = "+8613877712345", "kanarie-7x@canary.example", "金丝雀七号"
WORDS = "Canary-words-31415 王大妈的鹦鹉"
PICTURE = b"\xff\xd8canary picture 27182\xff\xd9"
ALL: tuple[bytes, ...] = (
    b"13877712345",
    MAIL.encode(),
    NAME.encode(),
    WORDS.encode(),
    b"canary",
    b"Canary",
    "鹦鹉".encode(),
)


def found_in(content: bytes) -> list[bytes]:
    """Which marks these bytes hold, as UTF-8, as JSON writes Chinese, or as UTF-16."""
    spelled = {mark: {mark, *_other_spellings(mark)} for mark in ALL}
    return [mark for mark, ways in spelled.items() if any(way in content for way in ways)]


def found_in_database(engine: Engine) -> list[str]:
    """Every `table.column` that holds a mark, JSON and bytes too."""
    return sorted({f"{place}: {mark.decode()}" for place, content in dump(engine) for mark in found_in(content)})


def dump(engine: Engine) -> Iterator[tuple[str, bytes]]:
    """Each value of each column of each row, as bytes."""
    with engine.begin() as conn:
        for table in metadata.sorted_tables:
            for row in conn.execute(table.select()):
                for column, value in zip(table.c, row, strict=True):
                    yield f"{table.name}.{column.name}", _as_bytes(value)


def _as_bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def _other_spellings(mark: bytes) -> set[bytes]:
    text = mark.decode()
    escaped = text.encode("ascii", "backslashreplace")
    return {escaped, text.encode("utf-16-le"), text.encode("utf-16-be")}
