"""An order goes with another van: what it holds moves whole, or nothing does."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.basket import WindowFull
from app.domain.capacity import RunFull
from app.domain.errors import DomainError, IllegalMove, NotFound
from app.domain.refunding import RefundCause
from app.domain.replanning import RunNotComing
from app.domain.shelf_life import KeepsTooShort
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.planning.replan_broken import replan_broken
from locker_protocol.site_entries import IssueCredential, PlanOrder
from tests.use_cases.cast import LOAD_FROM, NOW, OTHER_SITE, REMOVAL_FROM, SITE, add_people, at_once
from tests.use_cases.evening import Evening

A_DAY = timedelta(days=1)


def holds(evening: Evening, run_no: int) -> dict[str, Any]:
    rows = evening.shop.rows(
        "SELECT zone, size_or_larger, taken FROM run_capacity WHERE run_no = :r AND taken > 0", r=run_no
    )
    places = evening.shop.one("SELECT sum(orders_taken) FROM pickup_window WHERE run_no = :r", r=run_no)
    return {"doors": {(row.zone, row.size_or_larger): row.taken for row in rows}, "places": places}


def test_what_it_holds_moves_to_the_other_run(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1), ("dumplings", 1))
    before = holds(evening, evening.shop.run_no)
    run = evening.add_run()

    evening.move(order, run)

    assert holds(evening, run[0]) == before
    assert holds(evening, evening.shop.run_no) == {"doors": {}, "places": 0}
    assert evening.shop.rows("SELECT DISTINCT run_no FROM capacity_hold") == [(run[0],)]
    assert evening.shop.state(order) == "packed"
    assert evening.shop.rows("SELECT event FROM history WHERE event = 'moved'") == [("moved",)]
    assert evening.told(order) == ["order_moved"]


def test_its_life_goes_on_from_when_it_was_packed(evening: Evening) -> None:
    evening.shop.run_sql("UPDATE product SET life_h = 40 WHERE id = 'pork'")
    packed = evening.shop.packed(("pork", 1))  # at LOAD_FROM
    unpacked = evening.shop.paid(("pork", 1))
    run = evening.add_run()

    evening.move(packed, run)
    evening.move(unpacked, run)

    assert evening.shop.parcels(packed)[0].collect_until == LOAD_FROM + timedelta(hours=40)
    assert evening.shop.parcels(unpacked)[0].collect_until == REMOVAL_FROM + A_DAY


def test_the_same_site_hears_the_new_plan_and_a_code_that_lives_as_long(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1))
    run = evening.add_run()
    known = len(evening.shop.entries())

    evening.move(order, run)

    plan, code = evening.shop.entries()[known:]
    assert isinstance(plan, PlanOrder)
    assert plan.parcels[0].run_no == run[0]
    assert plan.parcels[0].doors
    assert isinstance(code, IssueCredential)
    assert code.credential.generation == 2
    assert code.credential.expires_at == plan.parcels[0].collect_until


def test_a_neighbour_gets_the_order_and_its_own_site_forgets_it(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1))
    theirs = evening.shop.rows(
        "SELECT r.run_no, w.id FROM load_run r JOIN pickup_window w USING (run_no) WHERE site_id = :s ORDER BY w.id",
        s=OTHER_SITE,
    )[0]

    evening.move(order, (theirs.run_no, theirs.id))

    told = evening.shop.rows(
        "SELECT gateway_id, convert_from(entry, 'UTF8')::json->>'type' AS type FROM outbox ORDER BY id"
    )
    assert [tuple(row) for row in told[-3:]] == [
        (SITE, "CancelOrder"),
        (OTHER_SITE, "PlanOrder"),
        (OTHER_SITE, "IssueCredential"),
    ]
    assert evening.shop.rows("SELECT site_id FROM credential WHERE ended_at IS NULL") == [(OTHER_SITE,)]
    evening.confirm_cancelled(order, at=LOAD_FROM)  # the old site's word ends nothing
    assert evening.shop.state(order) == "packed"


@pytest.mark.parametrize(
    ("wanted", "refusal", "places", "shift_h"),
    [
        ("milk", WindowFull, 0, 0),
        ("oysters", KeepsTooShort, 50, 0),
        ("milk", RunNotComing, 50, -36),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    evening: Evening, wanted: str, refusal: type[DomainError], places: int, shift_h: float
) -> None:
    order = evening.shop.packed(("milk", 1))
    if wanted == "oysters":
        evening.shop.run_sql("UPDATE product SET life_h = 20 WHERE id = 'milk'")
    run = evening.add_run(places=places, shift_h=shift_h)
    before = evening.shop.everything()

    with pytest.raises(refusal):
        evening.move(order, run)
    assert evening.shop.everything() == before


def test_a_run_without_doors_left_a_run_called_off_and_its_own_run_are_refused(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1))
    full, gone = evening.add_run(), evening.add_run(days=2)
    evening.shop.run_sql("UPDATE run_capacity SET blocked = total WHERE run_no = :r", r=full[0])
    evening.shop.run_sql("UPDATE load_run SET called_off_at = load_from WHERE run_no = :r", r=gone[0])
    before = evening.shop.everything()

    for run, refusal in (
        (full, RunFull),
        (gone, RunNotComing),
        ((evening.shop.run_no, evening.shop.late_window_id), IllegalMove),
        ((full[0], gone[1]), NotFound),
    ):
        with pytest.raises(refusal):
            evening.move(order, run)
    assert evening.shop.everything() == before


def test_goods_that_stand_a_colder_door_for_some_hours_are_not_moved_beyond_them(evening: Evening) -> None:
    evening.shop.run_sql("UPDATE compartment SET condition = 'broken' WHERE zone = 'cool'")
    evening.shop.run_sql("UPDATE run_capacity SET blocked = total WHERE zone = 'cool'")
    order = evening.shop.packed(("tomatoes", 1), ("milk", 1))
    assert {parcel.zone for parcel in evening.shop.parcels(order)} == {"chilled"}
    run = evening.add_run()
    evening.shop.run_sql("UPDATE pickup_window SET closes_at = opens_at + interval '5 hours' WHERE id = :w", w=run[1])

    with pytest.raises(KeepsTooShort):
        evening.move(order, run)


def test_an_order_of_which_anything_was_loaded_is_not_moved(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1), ("dumplings", 1))
    evening.load(order, bags=1)
    run = evening.add_run()
    before = evening.shop.everything()

    with pytest.raises(IllegalMove):
        evening.move(order, run)
    assert evening.shop.everything() == before


def test_of_forty_orders_three_find_the_three_places(evening: Evening) -> None:
    people = add_people(evening.shop.engine, 40)
    evening.shop.run_sql("UPDATE run_capacity SET total = 100")
    orders = [evening.shop.paid(("milk", 1), person=person) for person in people]
    run = evening.add_run(places=3)
    evening.shop.run_sql("UPDATE run_capacity SET total = 100")

    results = at_once(*(lambda order=order: evening.move(order, run) for order in orders))

    assert results.count(None) == 3
    assert {type(result) for result in results} == {type(None), WindowFull}
    assert holds(evening, run[0])["places"] == 3
    assert holds(evening, run[0])["doors"] == {("chilled", "S"): 3}
    assert holds(evening, evening.shop.run_no)["doors"] == {("chilled", "S"): 37}


def test_of_forty_orders_three_find_the_three_doors(evening: Evening) -> None:
    people = add_people(evening.shop.engine, 40)
    evening.shop.run_sql("UPDATE run_capacity SET total = 100")
    orders = [evening.shop.paid(("milk", 1), person=person) for person in people]
    run = evening.add_run()
    evening.shop.run_sql("UPDATE run_capacity SET blocked = 2 WHERE run_no = :r AND total = 5", r=run[0])

    results = at_once(*(lambda order=order: evening.move(order, run) for order in orders))

    assert results.count(None) == 3  # five doors, two of them blocked
    assert {type(result) for result in results} == {type(None), RunFull}


def test_an_order_that_moved_gives_back_its_goods_to_the_run_it_was_ordered_for(evening: Evening) -> None:
    order = evening.shop.paid(("milk", 2))
    run = evening.add_run()
    evening.shop.run_sql("INSERT INTO run_stock (run_no, product_id, total) VALUES (:r, 'milk', 9)", r=run[0])
    evening.move(order, run)

    with transaction(evening.shop.engine) as conn:
        withdraw_order(conn, order_id=order.order_id, cause=RefundCause.GIVEN_UP, actor="x", now=NOW)

    assert evening.shop.rows(
        "SELECT run_no, taken FROM run_stock WHERE product_id = 'milk' AND run_no IN (:a, :b) ORDER BY 1",
        a=evening.shop.run_no,
        b=run[0],
    ) == [(evening.shop.run_no, 0), (run[0], 0)]
    assert holds(evening, run[0]) == {"doors": {}, "places": 0}


def test_parcels_meant_for_a_door_that_broke_get_another_plan(evening: Evening) -> None:
    order = evening.shop.packed(("milk", 1), ("dumplings", 1))
    (chilled,) = [parcel for parcel in evening.shop.parcels(order) if parcel.zone == "chilled"]
    evening.shop.run_sql(
        "UPDATE compartment SET condition = 'broken' WHERE site_id = :s AND door = :d",
        s=SITE,
        d=chilled.planned_doors[0],
    )

    with transaction(evening.shop.engine) as conn:
        assert replan_broken(conn, now=NOW) == 1
        assert replan_broken(conn, now=NOW) == 0

    (after,) = [parcel for parcel in evening.shop.parcels(order) if parcel.zone == "chilled"]
    assert after.planned_doors
    assert chilled.planned_doors[0] not in after.planned_doors
    plan = evening.shop.entries()[-1]
    assert isinstance(plan, PlanOrder)
    assert [(one.parcel_id, list(one.doors)) for one in plan.parcels] == [(after.id, after.planned_doors)]


def test_where_doors_broke_as_few_households_as_possible_go_without(evening: Evening) -> None:
    two_doors, one_door, another = (evening.shop.paid(("milk", pieces)) for pieces in (32, 1, 1))
    assert [len(evening.shop.parcels(order)) for order in (two_doors, one_door, another)] == [2, 1, 1]
    meant = [parcel.planned_doors[0] for o in (two_doors, one_door, another) for parcel in evening.shop.parcels(o)]
    evening.shop.run_sql("UPDATE compartment SET condition = 'broken' WHERE door = ANY(:d)", d=meant)

    with transaction(evening.shop.engine) as conn:
        assert replan_broken(conn, now=NOW) == 3

    assert [parcel.planned_doors for parcel in evening.shop.parcels(two_doors)] == [[], []]
    either = [evening.shop.parcels(order)[0].planned_doors for order in (one_door, another)]
    assert sorted(either) == [[], [5]]  # the only one left, for either of those placed at the same moment
