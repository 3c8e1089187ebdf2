"""What goes to the driver as it is behaves as everything else on a connection: transactions, errors, lost ends."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.db.engine import each_alone, make_engine, transaction
from app.db.statement import Statement

KEEP = Statement("INSERT INTO kept (id, words) VALUES (:id, :words) RETURNING id, words")
KEPT = Statement("SELECT id, words FROM kept ORDER BY id")
PID = Statement("SELECT pg_backend_pid() AS pid")
END = text("SELECT pg_terminate_backend(:pid, 5000)")
LEVEL = Statement("SELECT current_setting('transaction_isolation') AS level, now()::date AS today, '5%' AS share")


class OnPurpose(Exception):
    pass


def undone() -> "AbstractContextManager[object, bool]":
    return pytest.raises(OnPurpose)


@pytest.fixture(params=["ours", "any"])
def engine(request: pytest.FixtureRequest, db: Engine, postgres_url: str) -> Iterator[Engine]:
    """An engine as our programs make it, and one as anybody would."""
    made = make_engine(postgres_url, pool_size=2) if request.param == "ours" else db
    with db.begin() as conn:
        conn.execute(text("CREATE TABLE kept (id int PRIMARY KEY, words text)"))
    yield made
    if made is not db:
        made.dispose()
    with db.begin() as conn:
        conn.execute(text("DROP TABLE kept"))


def lost_on_the_way() -> "AbstractContextManager[pytest.ExceptionInfo[OperationalError], bool]":
    return pytest.raises(OperationalError)


def ids(engine: Engine) -> list[int]:
    with each_alone(engine) as conn:
        return [row.id for row in KEPT.rows(conn, {})]


def test_a_statement_is_kept_with_its_transaction_and_undone_with_it(engine: Engine) -> None:
    with transaction(engine) as conn:
        assert KEEP.one(conn, {"id": 1, "words": "colons: 100 %"}).words == "colons: 100 %"
    with undone(), transaction(engine) as conn:
        KEEP.run(conn, {"id": 2, "words": None})
        raise OnPurpose

    assert ids(engine) == [1]


def test_the_first_statement_of_a_bare_connection_begins_its_transaction(engine: Engine) -> None:
    with engine.connect() as conn:
        KEEP.run(conn, {"id": 1, "words": ""})
        conn.rollback()
        KEEP.run(conn, {"id": 2, "words": ""})
        conn.commit()

    assert ids(engine) == [2]


def test_alone_each_statement_is_kept_at_once_whatever_comes_after(engine: Engine) -> None:
    with undone(), each_alone(engine) as conn:
        KEEP.run(conn, {"id": 1, "words": ""})
        conn.execute(text("INSERT INTO kept VALUES (2, '')"))
        raise OnPurpose

    assert ids(engine) == [1, 2]


def test_a_connection_that_served_alone_serves_a_transaction_next(postgres_url: str, engine: Engine) -> None:
    one = make_engine(postgres_url, pool_size=1)
    with each_alone(one) as conn:
        KEEP.run(conn, {"id": 1, "words": ""})
    with undone(), transaction(one) as conn:
        conn.execute(text("INSERT INTO kept VALUES (2, '')"))
        raise OnPurpose
    one.dispose()

    assert ids(engine) == [1]


def test_a_broken_rule_is_said_as_everywhere_and_a_savepoint_survives_it(engine: Engine) -> None:
    with transaction(engine) as conn:
        KEEP.run(conn, {"id": 1, "words": ""})
        with pytest.raises(IntegrityError), conn.begin_nested():
            KEEP.run(conn, {"id": 1, "words": "again"})
        KEEP.run(conn, {"id": 2, "words": ""})

    assert ids(engine) == [1, 2]


def test_a_lost_connection_is_said_as_everywhere_and_replaced(db: Engine, engine: Engine) -> None:
    with lost_on_the_way() as lost, transaction(engine) as conn:
        KEEP.run(conn, {"id": 1, "words": ""})
        first = PID.one(conn, {}).pid
        with db.begin() as other:
            other.execute(END, {"pid": first})
        KEEP.run(conn, {"id": 2, "words": ""})

    assert lost.value.connection_invalidated
    assert ids(engine) == []
    with transaction(engine) as conn:
        assert PID.one(conn, {}).pid != first


def test_who_asks_for_an_isolation_level_has_it_and_nobody_after_them(postgres_url: str, db: Engine) -> None:
    one = make_engine(postgres_url, pool_size=1)
    for asked, level in [(one.execution_options(isolation_level="REPEATABLE READ"), "repeatable read")] + [
        (one, "read committed")
    ] * 2:
        with transaction(asked) as conn:
            assert LEVEL.one(conn, {}).level == level
            assert LEVEL.one(conn, {}).share == "5%"
    one.dispose()


def test_more_rows_than_were_meant_are_our_bug(engine: Engine) -> None:
    with transaction(engine) as conn:
        for one in (1, 2):
            KEEP.run(conn, {"id": one, "words": ""})
    with each_alone(engine) as conn, pytest.raises(AssertionError, match="2 rows"):
        KEPT.row(conn, {})
    with each_alone(engine) as conn, pytest.raises(AssertionError, match="no row"):
        Statement("SELECT id FROM kept WHERE id = :id").one(conn, {"id": 9})
