"""Doors that are not to be had count as such at checkout; those that were promised all the same are told as short."""

import pytest

from app.db.pages.capacity import doors_short
from app.domain.capacity import RunFull
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, NOW, SITE
from tests.use_cases.evening import Evening


def blocked(evening: Evening, run_no: int) -> dict[tuple[str, str], int]:
    query = "SELECT zone, size_or_larger, blocked FROM run_capacity WHERE run_no = :r AND blocked > 0"
    return {(row.zone, row.size_or_larger): row.blocked for row in evening.shop.rows(query, r=run_no)}


def set_condition(evening: Evening, condition: str, *doors: int) -> None:
    query = "UPDATE compartment SET condition = :c WHERE site_id = :s AND door = ANY(:doors)"
    evening.shop.run_sql(query, c=condition, s=SITE, doors=list(doors))


def test_a_broken_door_counts_in_each_size_it_served(evening: Evening) -> None:
    set_condition(evening, "broken", 4)  # chilled M
    assert evening.recount(now=NOW) == 1
    assert blocked(evening, evening.shop.run_no) == {("chilled", "S"): 1, ("chilled", "M"): 1}

    set_condition(evening, "free", 4)
    assert evening.recount(now=NOW) == 1
    assert blocked(evening, evening.shop.run_no) == {}


def test_counting_again_changes_nothing_and_a_door_to_check_is_no_loss(evening: Evening) -> None:
    set_condition(evening, "to_check", 1, 2)
    assert evening.recount(now=NOW) == 0


def test_nobody_orders_behind_a_blocked_door(evening: Evening) -> None:
    set_condition(evening, "broken", 9, 10)  # all that is frozen
    evening.recount(now=NOW)
    before = evening.shop.everything()

    with pytest.raises(RunFull):
        evening.shop.order(("dumplings", 1))
    after = evening.shop.everything()
    assert after == before


def test_parcels_of_an_earlier_run_keep_their_doors_until_they_are_out(evening: Evening) -> None:
    run = evening.add_run(kind="breakfast", shift_h=-9)  # loads before the evening's leftovers are taken away
    order = evening.shop.packed(("milk", 1))
    evening.recount()
    assert blocked(evening, run[0]) == {("chilled", "S"): 1}
    assert blocked(evening, evening.shop.run_no) == {}

    evening.load(order, first_door=5)  # an L door after all
    evening.recount()
    assert blocked(evening, run[0]) == {("chilled", size): 1 for size in "SML"}

    evening.collect(order, at=LOAD_FROM)
    evening.recount()
    assert blocked(evening, run[0]) == {}


def test_what_will_be_out_before_the_next_van_comes_does_not_count(evening: Evening) -> None:
    evening.shop.packed(("milk", 1))
    run = evening.add_run()
    evening.recount()
    assert blocked(evening, run[0]) == {}


def test_doors_that_were_promised_and_broke_are_short(evening: Evening) -> None:
    evening.shop.paid(("dumplings", 1), person=ALICE)
    evening.shop.paid(("dumplings", 1), person=BOB)
    set_condition(evening, "broken", 9)
    evening.recount(now=NOW)

    with evening.shop.engine.begin() as conn:
        short = doors_short(conn, now=NOW)
    assert [(row.run_no, row.zone, row.size, row.short) for row in short] == [(evening.shop.run_no, "frozen", "S", 1)]
