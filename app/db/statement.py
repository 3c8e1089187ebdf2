"""Statements that every paid order asks: they go to the driver as they are, prepared, and come back as named tuples.

SQLAlchemy takes 86 µs of processor time where the driver takes 24 (it compiles, binds and dresses the result each
time), which was a sixth of an order's. Everything that is asked less often is asked with `text()` or Core: there it is
worth what it does. A statement joins the transaction that its connection is in.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

ALONE = "each_statement_alone"
# `:name` as in `text()`; what follows a letter or another colon is none (`a[1:n]`, `now()::date`).
PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


class Statement:
    """One statement with `:named` parameters. Its columns must have names of their own."""

    def __init__(self, words: str) -> None:
        self._words = PARAMETER.sub(r"%(\1)s", words.replace("%", "%%"))

    def rows(self, conn: Connection, values: Mapping[str, Any]) -> list[Any]:
        """All rows."""
        return self._ask(conn, values).fetchall()

    def row(self, conn: Connection, values: Mapping[str, Any]) -> Any | None:  # noqa: ANN401
        """The only row; `None` when there is none."""
        cursor = self._ask(conn, values)
        assert cursor.rowcount <= 1, f"{cursor.rowcount} rows where one was meant"
        return cursor.fetchone()

    def one(self, conn: Connection, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """The only row, which there must be."""
        found = self.row(conn, values)
        assert found is not None, "no row where one was meant"
        return found

    def run(self, conn: Connection, values: Mapping[str, Any]) -> int:
        """Run it; how many rows it touched or returned."""
        return self._ask(conn, values).rowcount

    def _ask(self, conn: Connection, values: Mapping[str, Any]) -> "psycopg.Cursor[Any]":
        if not conn.in_transaction() and ALONE not in conn.get_execution_options():
            conn.begin()  # as SQLAlchemy does before the first statement
        return ask_driver(conn, self._words, values)


def as_json(value: object) -> str:
    """For a parameter that is `jsonb`."""
    return msgspec.json.encode(value).decode()


def driver_of(conn: Connection) -> "psycopg.Connection[Any]":
    """The driver's own connection."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def ask_driver(conn: Connection, words: str, values: Mapping[str, Any] | None = None) -> "psycopg.Cursor[Any]":
    """Ask in the driver's words. Raises what SQLAlchemy would, and gives up a connection as it would."""
    try:
        cursor = driver_of(conn).cursor(row_factory=namedtuple_row)
        return cursor.execute(words, values, prepare=values is not None)
    except psycopg.Error as error:
        lost = driver_of(conn).closed
        told = DBAPIError.instance(words, None, error, psycopg.Error, connection_invalidated=lost, dialect=conn.dialect)
        if lost:
            conn.invalidate(error)
        raise told from error
    except BaseException as error:
        if not isinstance(error, Exception):  # a greenlet was ended while it waited
            conn.invalidate()
        raise
