"""Runs of the coming days, and the demo in an empty database: once written, written."""

import base64
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from app.db.engine import transaction
from app.db.tables import load_run, person, pickup_window, run_capacity, run_stock
from app.demo.seed import DAYS_AHEAD, DEMO_LOGINS, read_gateway_keys, seed, seed_from_environment
from app.domain.basket import BasketLine
from app.settings import SettingsError
from app.use_cases.ordering.open_runs import open_runs
from app.use_cases.ordering.place_order import place_order
from tests.use_cases.cast import LOAD_FROM, NOW, ORDER_BY, SITE, Shop

KEYS = {"osmanthus": b"1" * 32, "sunny": b"2" * 32}


def add_runs(shop: Shop, *, now: object = NOW, days: int = 1) -> int:
    with shop.engine.begin() as conn:
        return open_runs(conn, now=now, days_ahead=days)  # type: ignore[arg-type]


def test_a_run_opens_with_its_times_windows_doors_and_goods(shop: Shop) -> None:
    (run,) = shop.rows("SELECT * FROM load_run WHERE site_id = :site", site=SITE)

    assert (run.kind, run.order_by, run.load_from) == ("evening", ORDER_BY, LOAD_FROM)
    assert shop.one("SELECT count(*) FROM pickup_window WHERE run_no = :run", run=run.run_no) == 2
    capacity = {
        (row.zone, row.size_or_larger): row.total
        for row in shop.rows("SELECT * FROM run_capacity WHERE run_no = :run", run=run.run_no)
    }
    assert [capacity["chilled", size] for size in ("S", "M", "L", "XL")] == [5, 2, 1, 0]
    stock = dict(shop.rows("SELECT product_id, total FROM run_stock WHERE run_no = :run", run=run.run_no))
    assert stock["tomatoes"] == 10
    assert "crabs" not in stock  # alive


def test_opening_again_adds_nothing(shop: Shop) -> None:
    before = shop.everything()

    assert add_runs(shop) == 0
    assert shop.everything() == before


def test_the_next_week_comes_with_its_days(shop: Shop) -> None:
    assert add_runs(shop, now=NOW + timedelta(days=1), days=7) == 2  # a Tuesday at each of two sites


def test_what_can_no_longer_be_ordered_is_not_opened(shop: Shop) -> None:
    shop.run_sql("TRUNCATE load_run RESTART IDENTITY CASCADE")

    assert add_runs(shop, now=ORDER_BY) == 0
    assert add_runs(shop, now=ORDER_BY - timedelta(seconds=1)) == 2


def test_a_door_out_of_service_is_not_sold(shop: Shop) -> None:
    shop.run_sql("TRUNCATE load_run RESTART IDENTITY CASCADE")
    shop.run_sql("UPDATE compartment SET condition = 'broken' WHERE door = 1")
    add_runs(shop)

    left = "SELECT max(total - blocked) FROM run_capacity WHERE zone = 'chilled' AND size_or_larger = 'S'"
    assert shop.one(left) == 4


# --- the demo


def test_the_demo_is_seeded_once(db: Engine) -> None:
    with transaction(db) as conn:
        assert seed(conn, gateway_keys=KEYS, now=NOW) > 0
    with transaction(db) as conn:
        assert seed(conn, gateway_keys=KEYS, now=NOW) == 0
        assert len(conn.execute(select(person)).all()) == len(DEMO_LOGINS)
        runs = conn.execute(select(load_run)).all()
        assert {run.kind for run in runs} == {"breakfast", "evening"}
        assert max(run.local_date for run in runs) == (NOW + timedelta(days=DAYS_AHEAD)).date()
        for table in (pickup_window, run_capacity, run_stock):
            assert {row.run_no for row in conn.execute(select(table))} == {run.run_no for run in runs}


def test_a_seeded_resident_can_order_from_the_first_minute(db: Engine) -> None:
    with transaction(db) as conn:
        seed(conn, gateway_keys=KEYS, now=NOW)
        window = conn.execute(select(pickup_window).order_by(pickup_window.c.opens_at)).first()
        resident = conn.execute(select(person.c.id).where(person.c.mail == DEMO_LOGINS[0].mail)).scalar_one()
        assert window is not None
        placed = place_order(
            conn,
            person_id=resident,
            window_id=window.id,
            lines=[BasketLine("tomatoes", 1)],
            idempotency_key="first-order",
            low_door=False,
            now=NOW,
        )

    assert placed.total_minor == 590


def test_the_environment_says_where_and_with_which_keys(db: Engine) -> None:
    keys = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in KEYS.items())
    url = db.url.render_as_string(hide_password=False)
    environment = {"DATABASE_URL": url, "CAIBOX_DEMO_GATEWAY_KEYS": keys}

    assert "new" in seed_from_environment(environment)
    assert read_gateway_keys(keys) == KEYS


@pytest.mark.parametrize(
    "environment", [{}, {"DATABASE_URL": "x"}, {"DATABASE_URL": "x", "CAIBOX_DEMO_GATEWAY_KEYS": "a:%%%"}]
)
def test_a_missing_or_broken_setting_is_a_sentence(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"\w+ \w+"):
        seed_from_environment(environment)
