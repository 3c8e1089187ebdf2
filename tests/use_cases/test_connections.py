"""The service's connections give up an end that vanished without a word, rather than wait for it for hours."""

import psycopg
from sqlalchemy import Engine

from app.db.engine import NOTICES_LOSS, make_engine


def test_a_pooled_connection_asks_the_kernel_to_notice_a_vanished_end(db: Engine, postgres_url: str) -> None:
    engine = make_engine(postgres_url, pool_size=1)
    with engine.connect() as conn:
        driver = conn.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        known = driver.info.get_parameters()
    engine.dispose()

    assert {name: known[name] for name in NOTICES_LOSS} == {name: str(value) for name, value in NOTICES_LOSS.items()}
    assert "statement_timeout=10000" in known["options"]
