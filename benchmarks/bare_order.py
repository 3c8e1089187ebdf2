"""The floor of a paid order: the rows it writes and the counters it takes, by psycopg alone in one transaction.

The rows are those of an order that our own code placed, copied under new ids into tables without foreign keys, triggers
or checks beside the counters' own, so that nothing is left out and nothing of ours slows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

# Table: the column that says whose order a row belongs to.
ROWS: Mapping[str, str] = {
    "customer_order": "id",
    "parcel": "order_id",
    "order_line": "order_id",
    "capacity_hold": "order_id",
    "payment": "order_id",
    "ledger_entry": "order_id",
    "history": "order_id",
    "outbox": "order_id",
    "notification": "order_id",
}
TAKEN = 1_000_000
CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Copy:
    """The rows of one order, table by table."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]


def prepare_bare(conn: psycopg.Connection) -> None:
    """Make the bare tables, with the same columns and primary keys, and counters for each client."""
    for table in ROWS:
        conn.execute(
            sql.SQL("CREATE TABLE {} (LIKE {})").format(sql.Identifier(f"bare_{table}"), sql.Identifier(table))
        )
        conn.execute(
            sql.SQL("ALTER TABLE {} ADD bare_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY").format(
                sql.Identifier(f"bare_{table}")
            )
        )
    conn.execute(
        "CREATE TABLE bare_counter (client int, id int, taken int CHECK (taken >= 0), PRIMARY KEY (client, id))"
    )
    conn.execute(
        "INSERT INTO bare_counter SELECT c, n, %s FROM generate_series(0, %s) c, generate_series(1, 9) n",
        [TAKEN, CLIENTS - 1],
    )
    conn.commit()


def copies_of(conn: psycopg.Connection, orders: Sequence[str]) -> list[Copy]:
    """Read what our own code wrote for these orders."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return [
            Copy(
                {
                    table: cursor.execute(
                        sql.SQL("SELECT * FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(column)),
                        [order],
                    ).fetchall()
                    for table, column in ROWS.items()
                }
            )
            for order in orders
        ]


def write_bare(conn: psycopg.Connection, copy: Copy, order: str, client: int) -> None:
    """Take three goods, a place and five counters of doors, write every row, commit."""
    conn.execute("UPDATE bare_counter SET taken = taken - 1 WHERE client = %s AND id <= 3", [client])
    conn.execute("UPDATE bare_counter SET taken = taken - 1 WHERE client = %s AND id = 4", [client])
    conn.execute("UPDATE bare_counter SET taken = taken - 1 WHERE client = %s AND id > 4", [client])
    for table, column in ROWS.items():
        rows = [{**row, column: order} for row in copy.rows[table]]
        if rows:
            conn.execute(*_insert(table, rows))
    conn.commit()


def _insert(table: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[Any]]:
    """One statement for all rows of a table."""
    columns = list(rows[0])
    one = f"({', '.join(['%s'] * len(columns))})"
    names = ", ".join(columns)
    statement = f"INSERT INTO bare_{table} ({names}) VALUES {', '.join([one] * len(rows))}"  # noqa: S608  names of ours
    return statement, [_bare(row[column]) for row in rows for column in columns]


def _bare(value: Any) -> Any:  # noqa: ANN401  any column's value
    return Jsonb(value) if isinstance(value, dict) else value
