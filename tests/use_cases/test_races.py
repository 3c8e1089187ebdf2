"""Races for what is left: the short form of `python -m benchmarks.races`, and a run that is called off meanwhile."""

import threading

import pytest
from sqlalchemy import Engine

from app.db.engine import transaction
from app.db.holds import lock_counters
from app.domain.basket import OrderCycleClosed
from app.use_cases.evening.call_off_run import call_off_run
from benchmarks.races import furnish, run_trials
from tests.conftest import wait_until
from tests.use_cases.cast import NOW, Shop


def test_in_random_races_nothing_is_sold_twice_and_no_hold_is_left(db: Engine) -> None:
    furnish(db)

    told = run_trials(db, trials=25, seed_=1)

    assert (told.violations(), told.as_json()["violated"]) == (0, [])
    # A race that nobody lost, or in which nothing was paid, let go or refunded, would prove nothing.
    assert {"sold_out", "window_full", "run_full"} <= told.refusals.keys()
    assert {"paid", "released", "refunded"} <= told.ended.keys()
    assert told.answers > told.orders > 100


def test_whoever_orders_while_the_run_is_called_off_gets_no_order(shop: Shop) -> None:
    ordering = threading.Event()
    answer: list[object] = []

    def order() -> None:
        ordering.set()
        with pytest.raises(OrderCycleClosed) as refused:
            shop.order(("milk", 1))
        answer.append(refused.value)

    buyer = threading.Thread(target=order)
    with transaction(shop.engine) as conn:
        lock_counters(conn, run_no=shop.run_no)  # as calling off does before it writes that it did
        buyer.start()
        ordering.wait()
        wait_until(lambda: waits_for_a_lock(shop), what="the buyer waits")
        call_off_run(conn, run_no=shop.run_no, actor="clock", now=NOW, settings=shop.settings)
    buyer.join()

    assert len(answer) == 1
    assert shop.one("SELECT count(*) FROM customer_order") == 0
    assert shop.taken() == {"stock": {}, "doors": {}, "places": 0}
    assert shop.one("SELECT count(*) FROM idempotent_request") == 0


def waits_for_a_lock(shop: Shop) -> bool:
    waiting: int = shop.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return waiting > 0
