"""The private PostgreSQL: whole in a closed folder, and for nobody without the password."""

import psycopg
import pytest
from sqlalchemy import Engine, text

from app.demo import postgres as module
from app.demo.postgres import EmbeddedPostgres


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_the_owner_of_the_database_is_no_superuser(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(plain(postgres.url)) as connection:
        row = connection.execute("SELECT current_user, usesuper FROM pg_user WHERE usename = current_user").fetchone()
    assert row == ("caibox", False)


def test_a_wrong_password_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(plain(postgres.url).replace(postgres.password, "wrong"))


def test_making_the_database_twice_changes_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.make_database()
    with psycopg.connect(plain(postgres.url)) as connection:
        assert connection.execute("SELECT count(*) FROM pg_database WHERE datname = 'caibox'").fetchone() == (1,)


def test_preparing_keeps_an_existing_cluster(postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PREDECESSOR_LOOKS", 1)  # it runs, and would be waited for
    before = (postgres.folder / "PG_VERSION").stat().st_mtime_ns
    postgres.prepare()
    assert (postgres.folder / "PG_VERSION").stat().st_mtime_ns == before


def test_nobody_else_can_read_the_cluster(postgres: EmbeddedPostgres) -> None:
    assert postgres.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_test_finds_every_table_empty(db: Engine, name: str) -> None:
    with db.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM category")).scalar() == 0
        connection.execute(text("INSERT INTO category VALUES (:name, 1, '菜', 'Greens')"), {"name": name})
