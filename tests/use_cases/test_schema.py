"""The migrations and `app.db.tables` describe the same schema, down to every constraint and index."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from app.db.tables import metadata

CONSTRAINTS = """
    SELECT conrelid::regclass::text AS place, conname AS name, pg_get_constraintdef(pg_constraint.oid) AS rule
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE pg_class.relnamespace = CAST(:schema AS regnamespace) AND contype <> 't'
"""
INDEXES = "SELECT tablename AS place, indexname AS name, indexdef AS rule FROM pg_indexes WHERE schemaname = :schema"
COLUMNS = """
    SELECT table_name AS place, column_name AS name,
        concat_ws(' ', data_type, udt_name, is_nullable, column_default, is_identity) AS rule
    FROM information_schema.columns WHERE table_schema = :schema
"""
TRIGGERS = """
    SELECT tgrelid::regclass::text AS place, tgname AS name FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2
"""


@pytest.fixture
def fresh(db: Engine) -> Iterator[Connection]:
    """The tables as `metadata` makes them, in a schema of their own that is rolled back."""
    with db.connect() as conn:
        conn.execute(text("CREATE SCHEMA fresh"))
        conn.execute(text("SET LOCAL search_path TO fresh"))
        metadata.create_all(conn, checkfirst=False)
        yield conn
        conn.rollback()


def described(conn: Connection, query: str, schema: str) -> set[tuple[str, str, str]]:
    conn.execute(text(f"SET LOCAL search_path TO {schema}"))
    rows = conn.execute(text(query), {"schema": schema})
    return {
        (row.place, row.name, str(row.rule).replace(f"{schema}.", "")) for row in rows if row.place != "alembic_version"
    }


@pytest.mark.parametrize("query", [CONSTRAINTS, INDEXES, COLUMNS], ids=["constraints", "indexes", "columns"])
def test_the_migrated_schema_is_the_one_the_code_describes(fresh: Connection, query: str) -> None:
    assert described(fresh, query, "public") == described(fresh, query, "fresh")


def test_autogenerate_finds_nothing_to_do(db: Engine) -> None:
    with db.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_the_rules_only_a_database_can_keep_are_there(db: Engine) -> None:
    with db.connect() as conn:
        assert [tuple(row) for row in conn.execute(text(TRIGGERS))] == [
            ("audit", "insert_only"),
            ("audit_told", "insert_only"),
            ("change", "insert_only"),
            ("cold_policy", "insert_only"),
            ("history", "insert_only"),
            ("ledger_entry", "insert_only"),
            ("ledger_entry", "ledger_sums_to_zero"),
            ("receipt", "insert_only"),
            ("refund", "count_refund"),
        ]
