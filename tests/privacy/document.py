"""docs/privacy.md as tables, and which columns of the schema it must speak of."""

import re
from functools import cache
from pathlib import Path

from sqlalchemy import ARRAY, Column, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables import metadata

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"


@cache
def rows(header: str) -> list[tuple[str, ...]]:
    """The rows of the table with this header; code marks are taken off."""
    text = PAGE.read_text()
    body = text.partition(f"| {header} |\n")[2].partition("\n\n")[0]
    assert body, f"docs/privacy.md has no table {header}"
    lines = [line for line in body.splitlines() if not line.startswith("|---")]
    return [tuple(cell.strip().replace("`", "") for cell in line.strip("|").split("|")) for line in lines]


def personal() -> dict[str, str]:
    """`table.column` and how it is erased."""
    return {column: how for column, _why, how in rows("table.column | why | erased how")}


def of_others() -> set[str]:
    """`table.column` that may tell of somebody who has no account."""
    return {column for column, _whose, _how in rows("table.column | whose | erased how")}


def harmless() -> set[str]:
    """`table.column` of those that hold nothing of anybody's."""
    return {f"{table}.{one.strip()}" for table, columns in rows("table | columns") for one in columns.split(",")}


def can_hold_words() -> set[str]:
    """`table.column` of every column that could hold somebody's name: free text, JSON or bytes; no reference."""
    return {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.c
        if _is_free(column) and not column.foreign_keys and column.name not in _limited(table)
    }


def _is_free(column: Column[object]) -> bool:
    kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    return isinstance(kind, Text | LargeBinary | JSONB)


def _limited(table: Table) -> set[str]:
    """Columns that a constraint allows only words of ours."""
    rules = [str(getattr(rule, "sqltext", "")) for rule in table.constraints]
    return {found[1] for rule in rules if (found := re.match(r'"?(\w+)"? IN \(', rule))}
