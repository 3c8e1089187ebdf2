"""A keeper looks an order up, opens its doors, and reports to the office."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.asking_for import LOOK_LIVES, LookOver, LooksPaused, LookWrong
from app.domain.errors import NotFound
from app.domain.keeping import NothingToHandOver
from app.use_cases.keeping.report_trouble import report_trouble
from app.use_cases.ordering.choose_site import choose_site
from app.use_cases.site.ask_site import ReasonNeeded
from locker_protocol.site_events import ParcelCollected
from locker_protocol.vocabulary import Right
from tests.use_cases.cast import ALICE, LOAD_FROM, OTHER_SITE, SITE, at_once
from tests.use_cases.keeping_world import EVENING, KEEPER, OTHER_KEEPER, Keeping

# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["林秀", " 5678 ", "ALICE@x.example"])
def test_a_number_and_one_thing_about_its_owner_find_an_order(keeping: Keeping, said: str) -> None:
    order = keeping.loaded()

    look_id = keeping.look(order.order_no.lower(), said)

    (row,) = keeping.shop.rows("SELECT * FROM keeper_look")
    assert (row.id, row.person_id, row.site_id, row.order_id) == (look_id, KEEPER, SITE, order.order_id)


def test_a_wrong_look_is_counted_and_says_nothing_of_what_was_wrong(keeping: Keeping) -> None:
    order = keeping.loaded()

    wrong = [("0000000", "林秀"), (order.order_no, "李秀"), (order.order_no, ""), ("", "")]
    refusals = []
    for order_no, said in wrong:
        with pytest.raises(LookWrong) as caught:
            keeping.look(order_no, said)
        refusals.append(caught.value.facts)

    assert refusals == [{"tries_left": left} for left in (4, 3, 2, 1)]
    assert keeping.shop.one("SELECT count(*) FROM keeper_look WHERE order_id IS NULL") == 4


def test_each_look_right_or_wrong_stands_in_the_audit(keeping: Keeping) -> None:
    order = keeping.loaded()

    keeping.look(order.order_no, "林秀")
    with pytest.raises(LookWrong):
        keeping.look(order.order_no, "李秀")

    rows = keeping.shop.rows("SELECT act, actor, site_id, order_id FROM audit ORDER BY no")
    assert rows == [
        ("order_looked_up", f"person:{KEEPER}", SITE, order.order_id),
        ("look_wrong", f"person:{KEEPER}", SITE, None),
    ]


def test_another_buildings_order_is_not_found_here(keeping: Keeping) -> None:
    order = keeping.loaded()

    with pytest.raises(LookWrong):
        keeping.look(order.order_no, "林秀", site_id=OTHER_SITE)


def test_after_five_wrong_looks_even_a_right_one_waits(keeping: Keeping) -> None:
    order = keeping.loaded()
    for minute in range(5):
        with pytest.raises(LookWrong):
            keeping.look(order.order_no, "nobody", now=EVENING + timedelta(minutes=minute))

    paused = partial(keeping.look, order.order_no, "林秀", now=EVENING + timedelta(minutes=6))
    assert keeping.refused(LooksPaused, paused).facts == {"minutes": 4}

    assert keeping.look(order.order_no, "林秀", person_id=OTHER_KEEPER, now=EVENING + timedelta(minutes=6))
    assert keeping.look(order.order_no, "林秀", now=EVENING + timedelta(minutes=10))


def test_twenty_wrong_looks_at_once_are_five(keeping: Keeping) -> None:
    order = keeping.loaded()

    results = at_once(*[partial(keeping.look, order.order_no, "nobody")] * 20)

    assert sorted(type(one).__name__ for one in results) == ["LookWrong"] * 5 + ["LooksPaused"] * 15
    assert keeping.shop.one("SELECT count(*) FROM keeper_look") == 5


# --- from the doors ---------------------------------------------------------------------------------------------------


def test_a_looked_up_orders_doors_are_asked_for_with_who_and_why(keeping: Keeping) -> None:
    order = keeping.loaded()

    command_id = keeping.hand_over(keeping.look(order.order_no, "5678"), reason=" her  phone is broken ")

    (row,) = keeping.shop.rows("SELECT * FROM remote_command")
    assert (row.id, row.right, row.order_id, row.person_id) == (command_id, "hand_over", order.order_id, KEEPER)
    assert (sorted(row.doors), row.reason) == ([3, 4], "her phone is broken")


def test_the_sites_word_ends_an_order_that_was_handed_over(keeping: Keeping) -> None:
    order = keeping.loaded()
    keeping.hand_over(keeping.look(order.order_no, "5678"))

    for bag in keeping.shop.parcels(order):
        keeping.tell(ParcelCollected(bag.id, order.order_id, "L1", bag.door, Right.HAND_OVER, KEEPER))

    assert keeping.shop.state(order) == "collected"


def test_only_food_that_is_still_good_is_asked_for(keeping: Keeping) -> None:
    order = keeping.loaded()
    first, second = keeping.shop.parcels(order)
    keeping.shop.run_sql("UPDATE parcel SET collect_until = :now WHERE id = :id", id=first.id, now=LOAD_FROM)

    keeping.hand_over(keeping.look(order.order_no, "5678"))

    assert keeping.shop.one("SELECT doors FROM remote_command") == [second.door]


def test_nothing_is_asked_for_an_order_that_may_not_be_given_out(keeping: Keeping) -> None:
    withdrawn, late, packed = keeping.loaded(), keeping.loaded(), keeping.shop.packed()
    looks = {each.order_id: keeping.look(each.order_no, "5678") for each in (withdrawn, late, packed)}
    keeping.withdraw(withdrawn)
    keeping.shop.run_sql("UPDATE parcel SET collect_until = :now WHERE order_id = :id", id=late.order_id, now=LOAD_FROM)

    for order in (withdrawn, late, packed):
        keeping.refused(NothingToHandOver, partial(keeping.hand_over, looks[order.order_id]))


def test_a_look_serves_its_keeper_for_a_quarter_of_an_hour(keeping: Keeping) -> None:
    order = keeping.loaded()
    look_id = keeping.look(order.order_no, "5678")
    too_late = EVENING + LOOK_LIVES + timedelta(seconds=1)

    keeping.refused(LookOver, partial(keeping.hand_over, look_id, now=too_late))
    keeping.refused(LookOver, partial(keeping.hand_over, look_id, person_id=OTHER_KEEPER))
    keeping.refused(LookOver, partial(keeping.hand_over, "nothing"))
    keeping.refused(ReasonNeeded, partial(keeping.hand_over, look_id, reason="why"))

    assert keeping.hand_over(look_id, now=too_late, rate=60)


def test_a_wrong_look_opens_nothing(keeping: Keeping) -> None:
    order = keeping.loaded()
    with pytest.raises(LookWrong):
        keeping.look(order.order_no, "nobody")
    look_id = keeping.shop.one("SELECT id FROM keeper_look")

    keeping.refused(LookOver, partial(keeping.hand_over, look_id))


# --- the office -------------------------------------------------------------------------------------------------------


def test_a_report_is_kept_and_sent_to_the_office(keeping: Keeping) -> None:
    with transaction(keeping.shop.engine) as conn:
        report_trouble(conn, site_id=SITE, person_id=KEEPER, words=" the light  is out ", door=3, now=EVENING)

    (row,) = keeping.shop.rows("SELECT * FROM trouble_report")
    assert (row.site_id, row.person_id, row.door, row.words) == (SITE, KEEPER, 3, "the light is out")
    assert keeping.bodies("trouble") == ["Caibox, Osmanthus, door 3: the light is out"]


def test_a_report_that_says_nothing_or_of_nowhere_is_refused(keeping: Keeping) -> None:
    def report(**changes: Any) -> None:
        asked = {"site_id": SITE, "words": "the light is out", "door": 3, **changes}
        with transaction(keeping.shop.engine) as conn:
            report_trouble(conn, person_id=KEEPER, now=EVENING, **asked)

    keeping.refused(ReasonNeeded, partial(report, words="hm"))
    keeping.refused(NotFound, partial(report, door=77))
    keeping.refused(NotFound, partial(report, site_id="nowhere"))


def test_a_keeper_who_shops_elsewhere_still_looks_after_their_own_building(keeping: Keeping) -> None:
    with transaction(keeping.shop.engine) as conn:
        choose_site(conn, person_id=KEEPER, site_id=OTHER_SITE)
        choose_site(conn, person_id=ALICE, site_id=OTHER_SITE)

    sites = dict(keeping.shop.rows("SELECT id, site_id FROM person WHERE id IN (:a, :k)", a=ALICE, k=KEEPER))
    assert sites == {KEEPER: SITE, ALICE: OTHER_SITE}
