"""The service's connections give up an end that vanished without a word, rather than wait for it for hours."""

import psycopg
import pytest
from sqlalchemy import Engine, text

from app.db.engine import NOTICES_LOSS, make_engine, transaction


def test_a_pooled_connection_asks_the_kernel_to_notice_a_vanished_end(db: Engine, postgres_url: str) -> None:
    engine = make_engine(postgres_url, pool_size=1)
    with engine.connect() as conn:
        driver = conn.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        known = driver.info.get_parameters()
    engine.dispose()

    assert {name: known[name] for name in NOTICES_LOSS} == {name: str(value) for name, value in NOTICES_LOSS.items()}
    assert "statement_timeout=10000" in known["options"]


def test_a_connection_that_was_cut_while_it_rested_is_replaced_unnoticed(
    db: Engine, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.engine.RESTED_MS", 0)
    engine = make_engine(postgres_url, pool_size=1)
    with transaction(engine) as conn:
        first = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with db.begin() as conn:
        assert conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": first}).scalar_one()

    with transaction(engine) as conn:
        second = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    engine.dispose()

    assert second != first
