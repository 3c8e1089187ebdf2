"""/healthz tells the truth and /metrics counts, also when something is missing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.demo.ports import free_port
from app.factory import create_app
from tests.link.world import SHARD, add_order, add_person, add_run, add_site, make_settings


@pytest.fixture
def client(db: Engine) -> Iterator[FlaskClient]:
    app = create_app(make_settings(db.url.render_as_string(hide_password=False)))
    yield app.test_client()
    app.extensions["caibox"].engine.dispose()


def beat(db: Engine, *, age_s: int = 0, connected: bool = True) -> None:
    query = "INSERT INTO worker_beat VALUES (:shard, :connected, clock_timestamp() - make_interval(secs => :age))"
    with db.begin() as conn:
        conn.execute(text(query), {"shard": SHARD, "connected": connected, "age": age_s})


def test_all_is_well_with_a_database_and_a_beating_worker(client: FlaskClient, db: Engine) -> None:
    beat(db)
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["well"] is True
    assert answer.json["worker"]["connected"] is True


def test_without_a_worker_or_with_one_that_stopped_it_is_not_well(client: FlaskClient, db: Engine) -> None:
    assert client.get("/healthz").status_code == 503
    beat(db, age_s=11)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json is not None
    worker = answer.json["worker"]
    assert 11 <= worker.pop("age_s") < 60
    assert worker == {"beating": False, "connected": False}


def test_a_gateway_that_is_away_is_a_fact_and_no_illness(client: FlaskClient, db: Engine) -> None:
    with db.begin() as conn:
        add_site(conn)
    beat(db)
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["gateways"] == [
        {"id": "gw-test", "online": False, "heard_s_ago": None, "unconfirmed_entries": 0}
    ]


def test_while_no_worker_listens_nobody_claims_to_know_the_gateways(client: FlaskClient, db: Engine) -> None:
    with db.begin() as conn:
        add_site(conn)
        conn.execute(text("UPDATE gateway SET online = true"))
    answer = client.get("/healthz")
    assert answer.json is not None
    assert answer.json["gateways"][0]["online"] is None


def test_another_schema_than_this_programs_is_told(client: FlaskClient, db: Engine) -> None:
    beat(db)
    with db.connect() as conn:
        known = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    try:
        with db.begin() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = 'older'"))
        answer = client.get("/healthz")
    finally:
        with db.begin() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = :known"), {"known": known})
    assert answer.status_code == 503
    assert answer.json == {"well": False, "database": "not_migrated"}


@pytest.mark.parametrize("page", ["/healthz", "/metrics"])
def test_without_a_database_it_says_so(db: Engine, page: str, tmp_path: Path) -> None:
    settings = make_settings(db.url.render_as_string(hide_password=False))
    nowhere = f"postgresql+psycopg://nobody:nothing@127.0.0.1:{free_port()}/none"
    client = create_app(replace(settings, database_url=nowhere)).test_client()
    answer = client.get(page)
    if page == "/healthz":
        assert (answer.status_code, answer.json) == (503, {"well": False, "database": "unreachable"})
    else:
        assert b"caibox_database_up 0.0" in answer.data


def test_metrics_count_and_are_not_for_the_world(client: FlaskClient, db: Engine) -> None:
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
        add_order(conn, "o1", run=add_run(conn), parcels=[])
    beat(db)
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert b"caibox_outbox_backlog 0.0" in answer.data
    assert b'caibox_orders{state="packed"} 1.0' in answer.data
    assert b"caibox_worker_beat_age_seconds" in answer.data
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
