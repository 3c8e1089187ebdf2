"""A keeper looks an order up, opens its doors, takes food into a cold bag, gives it out or throws it away."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert

from app.db import tables
from app.db.engine import transaction
from app.db.moves import MovedMeanwhile
from app.domain.asking_for import LOOK_LIVES, LookOver, LooksPaused, LookWrong
from app.domain.errors import DomainError, NotFound
from app.domain.keeping import NoDoorChosen, NothingBehindDoor, NothingToHandOver, TooManyDoors
from app.domain.refunding import RefundCause
from app.use_cases.evening.withdraw_order import close_withdrawn, withdraw_order
from app.use_cases.keeping.discard_rescued import discard_overdue, discard_rescued
from app.use_cases.keeping.hand_over_order import hand_over_order
from app.use_cases.keeping.hand_over_rescued import hand_over_rescued
from app.use_cases.keeping.look_up_order import look_up_order
from app.use_cases.keeping.report_trouble import report_trouble
from app.use_cases.keeping.rescue_parcels import rescue_parcels
from app.use_cases.ordering.choose_site import choose_site
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.site.apply_locker_event import Told, apply_locker_event
from app.use_cases.site.ask_site import ReasonNeeded
from locker_protocol.site_events import ParcelCollected, ParcelLoaded, ParcelRemoved, SiteEvent
from locker_protocol.vocabulary import Right
from tests.use_cases.cast import ALICE, LOAD_FROM, NOW, OTHER_SITE, PICKER, REMOVAL_FROM, SITE, Shop, at_once

KEEPER, OTHER_KEEPER, OPERATOR = "d" * 32, "e" * 32, "f" * 32
EVENING = LOAD_FROM + timedelta(hours=4)
WHY = "the door is jammed"


@dataclass
class Evening:
    """The shop with a keeper, and what a keeper does."""

    shop: Shop

    def loaded(self, *wanted: tuple[str, int]) -> PlacedOrder:
        order = self.shop.packed(*(wanted or (("milk", 1), ("dumplings", 1))))
        for door, bag in enumerate(self.shop.parcels(order), start=3):
            self.tell(ParcelLoaded(bag.id, order.order_id, "L1", door, PICKER), at=LOAD_FROM)
        return order

    def tell(self, event: SiteEvent, *, at: datetime = EVENING) -> None:
        with transaction(self.shop.engine) as conn:
            told = Told(SITE, SITE, at, at)
            apply_locker_event(conn, event, told=told, settings=self.shop.settings)

    def rescued(self, order: PlacedOrder, *, at: datetime = EVENING, by: str = KEEPER) -> list[Any]:
        for bag in self.shop.parcels(order):
            if bag.state == "loaded":
                self.tell(ParcelRemoved(bag.id, order.order_id, "L1", bag.door, Right.RESCUE, by), at=at)
        return self.shop.parcels(order)

    def look(self, order_no: str, said: str, **changes: Any) -> str:
        asked = {"site_id": SITE, "person_id": KEEPER, "now": EVENING, **changes}
        with transaction(self.shop.engine) as conn:
            return look_up_order(conn, order_no=order_no, said=said, **asked)

    def hand_over(self, look_id: str, *, reason: str = "grandmother has no phone", **changes: Any) -> str:
        asked = {"person_id": KEEPER, "now": EVENING, **changes}
        with transaction(self.shop.engine) as conn:
            return hand_over_order(conn, look_id=look_id, reason=reason, **asked)

    def give(self, look_id: str, **changes: Any) -> int:
        asked = {"person_id": KEEPER, "now": EVENING, **changes}
        with transaction(self.shop.engine) as conn:
            return hand_over_rescued(conn, look_id=look_id, **asked)

    def rescue(self, *doors: int, site_id: str = SITE, reason: str = WHY) -> str:
        with transaction(self.shop.engine) as conn:
            return rescue_parcels(conn, site_id=site_id, doors=doors, person_id=KEEPER, reason=reason, now=EVENING)

    def discard(
        self, parcel_id: str, *, reason: str = "it was torn", by: str = KEEPER, now: datetime = EVENING
    ) -> None:
        with transaction(self.shop.engine) as conn:
            discard_rescued(conn, parcel_id=parcel_id, person_id=by, reason=reason, now=now)

    def sweep(self, now: datetime) -> int:
        with transaction(self.shop.engine) as conn:
            return discard_overdue(conn, now=now)

    def withdraw(self, order: PlacedOrder) -> None:
        with transaction(self.shop.engine) as conn:
            withdraw_order(conn, order_id=order.order_id, cause=RefundCause.GIVEN_UP, actor="x", now=EVENING)

    def bodies(self, kind: str) -> list[str]:
        rows = self.shop.rows("SELECT body FROM notification WHERE kind = :kind ORDER BY id", kind=kind)
        return [row.body for row in rows]

    def refused(self, refusal: type[DomainError], doing: Any) -> DomainError:
        before = self.shop.everything()
        with pytest.raises(refusal) as caught:
            doing()
        assert self.shop.everything() == before
        return caught.value


@pytest.fixture
def evening(shop: Shop) -> Evening:
    people: list[dict[str, Any]] = [
        {"id": KEEPER, "mail": "keeper@x.example", "role": "keeper", "site_id": SITE, "display_name": "阿珍"},
        {"id": OTHER_KEEPER, "mail": "zhou@x.example", "role": "keeper", "site_id": SITE, "display_name": "老周"},
        {"id": OPERATOR, "mail": "office@x.example", "role": "operator", "site_id": None, "display_name": "顾宁"},
    ]
    with shop.engine.begin() as conn:
        conn.execute(insert(tables.person), [{**row, "language": "en", "created_at": NOW} for row in people])
    shop.run_sql("UPDATE person SET display_name = '林秀', phone = '+8613812345678' WHERE id = :id", id=ALICE)
    return Evening(shop)


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["林秀", " 5678 ", "ALICE@x.example"])
def test_a_number_and_one_thing_about_its_owner_find_an_order(evening: Evening, said: str) -> None:
    order = evening.loaded()

    look_id = evening.look(order.order_no.lower(), said)

    (row,) = evening.shop.rows("SELECT * FROM keeper_look")
    assert (row.id, row.person_id, row.site_id, row.order_id) == (look_id, KEEPER, SITE, order.order_id)


def test_a_wrong_look_is_counted_and_says_nothing_of_what_was_wrong(evening: Evening) -> None:
    order = evening.loaded()

    wrong = [("0000000", "林秀"), (order.order_no, "李秀"), (order.order_no, ""), ("", "")]
    refusals = []
    for order_no, said in wrong:
        with pytest.raises(LookWrong) as caught:
            evening.look(order_no, said)
        refusals.append(caught.value.facts)

    assert refusals == [{"tries_left": left} for left in (4, 3, 2, 1)]
    assert evening.shop.one("SELECT count(*) FROM keeper_look WHERE order_id IS NULL") == 4


def test_each_look_right_or_wrong_stands_in_the_audit(evening: Evening) -> None:
    order = evening.loaded()

    evening.look(order.order_no, "林秀")
    with pytest.raises(LookWrong):
        evening.look(order.order_no, "李秀")

    rows = evening.shop.rows("SELECT act, actor, site_id, order_id FROM audit ORDER BY no")
    assert rows == [
        ("order_looked_up", f"person:{KEEPER}", SITE, order.order_id),
        ("look_wrong", f"person:{KEEPER}", SITE, None),
    ]


def test_another_buildings_order_is_not_found_here(evening: Evening) -> None:
    order = evening.loaded()

    with pytest.raises(LookWrong):
        evening.look(order.order_no, "林秀", site_id=OTHER_SITE)


def test_after_five_wrong_looks_even_a_right_one_waits(evening: Evening) -> None:
    order = evening.loaded()
    for minute in range(5):
        with pytest.raises(LookWrong):
            evening.look(order.order_no, "nobody", now=EVENING + timedelta(minutes=minute))

    paused = partial(evening.look, order.order_no, "林秀", now=EVENING + timedelta(minutes=6))
    assert evening.refused(LooksPaused, paused).facts == {"minutes": 4}

    assert evening.look(order.order_no, "林秀", person_id=OTHER_KEEPER, now=EVENING + timedelta(minutes=6))
    assert evening.look(order.order_no, "林秀", now=EVENING + timedelta(minutes=10))


def test_twenty_wrong_looks_at_once_are_five(evening: Evening) -> None:
    order = evening.loaded()

    results = at_once(*[partial(evening.look, order.order_no, "nobody")] * 20)

    assert sorted(type(one).__name__ for one in results) == ["LookWrong"] * 5 + ["LooksPaused"] * 15
    assert evening.shop.one("SELECT count(*) FROM keeper_look") == 5


# --- from the doors ---------------------------------------------------------------------------------------------------


def test_a_looked_up_orders_doors_are_asked_for_with_who_and_why(evening: Evening) -> None:
    order = evening.loaded()

    command_id = evening.hand_over(evening.look(order.order_no, "5678"), reason=" her  phone is broken ")

    (row,) = evening.shop.rows("SELECT * FROM remote_command")
    assert (row.id, row.right, row.order_id, row.person_id) == (command_id, "hand_over", order.order_id, KEEPER)
    assert (sorted(row.doors), row.reason) == ([3, 4], "her phone is broken")


def test_the_sites_word_ends_an_order_that_was_handed_over(evening: Evening) -> None:
    order = evening.loaded()
    evening.hand_over(evening.look(order.order_no, "5678"))

    for bag in evening.shop.parcels(order):
        evening.tell(ParcelCollected(bag.id, order.order_id, "L1", bag.door, Right.HAND_OVER, KEEPER))

    assert evening.shop.state(order) == "collected"


def test_only_food_that_is_still_good_is_asked_for(evening: Evening) -> None:
    order = evening.loaded()
    first, second = evening.shop.parcels(order)
    evening.shop.run_sql("UPDATE parcel SET collect_until = :now WHERE id = :id", id=first.id, now=LOAD_FROM)

    evening.hand_over(evening.look(order.order_no, "5678"))

    assert evening.shop.one("SELECT doors FROM remote_command") == [second.door]


def test_nothing_is_asked_for_an_order_that_may_not_be_given_out(evening: Evening) -> None:
    withdrawn, late, packed = evening.loaded(), evening.loaded(), evening.shop.packed()
    looks = {each.order_id: evening.look(each.order_no, "5678") for each in (withdrawn, late, packed)}
    evening.withdraw(withdrawn)
    evening.shop.run_sql("UPDATE parcel SET collect_until = :now WHERE order_id = :id", id=late.order_id, now=LOAD_FROM)

    for order in (withdrawn, late, packed):
        evening.refused(NothingToHandOver, partial(evening.hand_over, looks[order.order_id]))


def test_a_look_serves_its_keeper_for_a_quarter_of_an_hour(evening: Evening) -> None:
    order = evening.loaded()
    look_id = evening.look(order.order_no, "5678")
    too_late = EVENING + LOOK_LIVES + timedelta(seconds=1)

    evening.refused(LookOver, partial(evening.hand_over, look_id, now=too_late))
    evening.refused(LookOver, partial(evening.hand_over, look_id, person_id=OTHER_KEEPER))
    evening.refused(LookOver, partial(evening.hand_over, "nothing"))
    evening.refused(ReasonNeeded, partial(evening.hand_over, look_id, reason="why"))

    assert evening.hand_over(look_id, now=too_late, rate=60)


def test_a_wrong_look_opens_nothing(evening: Evening) -> None:
    order = evening.loaded()
    with pytest.raises(LookWrong):
        evening.look(order.order_no, "nobody")
    look_id = evening.shop.one("SELECT id FROM keeper_look")

    evening.refused(LookOver, partial(evening.hand_over, look_id))


# --- into the bag -----------------------------------------------------------------------------------------------------


def test_doors_with_food_are_asked_for_by_the_right_to_rescue(evening: Evening) -> None:
    evening.loaded()

    command_id = evening.rescue(4, 3, 4)

    (row,) = evening.shop.rows("SELECT * FROM remote_command")
    assert (row.id, row.right, row.doors, row.reason) == (command_id, "rescue", [3, 4], WHY)


def test_doors_that_need_no_rescue_are_not_asked_for(evening: Evening) -> None:
    evening.loaded()

    evening.refused(NoDoorChosen, evening.rescue)
    evening.refused(NothingBehindDoor, partial(evening.rescue, 3, 9))
    evening.refused(NothingBehindDoor, partial(evening.rescue, 3, site_id=OTHER_SITE))
    evening.refused(TooManyDoors, partial(evening.rescue, *range(1, 10)))
    evening.refused(ReasonNeeded, partial(evening.rescue, 3, reason="  "))


def test_rescued_food_has_a_keeper_and_an_end(evening: Evening) -> None:
    order = evening.loaded()

    chilled, frozen = sorted(evening.rescued(order), key=lambda bag: str(bag.zone))

    assert (chilled.state, frozen.state) == ("rescued", "rescued")
    assert {chilled.rescued_by, frozen.rescued_by} == {KEEPER}
    assert chilled.keep_until == EVENING + timedelta(hours=2)
    assert frozen.keep_until == EVENING + timedelta(minutes=30)
    assert evening.shop.state(order) == "ready"


def test_the_owner_is_told_who_has_the_food_and_until_when(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))

    evening.rescued(order)

    (said,) = evening.bodies("order_rescued")
    assert "阿珍" in said
    assert "20:00" in said  # 10:00 UTC and two hours, in Suzhou
    assert order.order_no in said


def test_the_owner_is_told_again_only_when_the_time_grew_shorter(evening: Evening) -> None:
    order = evening.loaded()
    chilled, frozen = sorted(evening.shop.parcels(order), key=lambda bag: str(bag.zone))
    for bag in (chilled, frozen):
        evening.tell(ParcelRemoved(bag.id, order.order_id, "L1", bag.door, Right.RESCUE, KEEPER))
    assert sorted("18:30" in said for said in evening.bodies("order_rescued")) == [False, True]

    other = evening.loaded()
    chilled, frozen = sorted(evening.shop.parcels(other), key=lambda bag: str(bag.zone))
    for bag in (frozen, chilled):
        evening.tell(ParcelRemoved(bag.id, other.order_id, "L1", bag.door, Right.RESCUE, KEEPER))
    assert len(evening.bodies("order_rescued")) == 3


def test_a_rescue_by_somebody_unknown_is_followed_all_the_same(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))

    (bag,) = evening.rescued(order, by="nobody-we-know")

    assert (bag.state, bag.rescued_by) == ("rescued", None)
    assert "the keeper" in evening.bodies("order_rescued")[0]


def test_nobody_is_told_of_food_that_was_refunded(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))
    evening.withdraw(order)
    with transaction(evening.shop.engine) as conn:
        close_withdrawn(conn, order_id=order.order_id, site_id=SITE, actor="x", now=EVENING)

    (bag,) = evening.rescued(order)

    assert bag.state == "rescued"
    assert evening.bodies("order_rescued") == []
    evening.refused(NothingToHandOver, partial(evening.give, evening.look(order.order_no, "5678")))


# --- out of the bag ---------------------------------------------------------------------------------------------------


def test_food_from_the_bag_is_given_to_its_owner_and_the_order_ends(evening: Evening) -> None:
    order = evening.loaded()
    evening.rescued(order)

    given = evening.give(evening.look(order.order_no, "林秀"))

    assert given == 2
    assert {bag.state for bag in evening.shop.parcels(order)} == {"collected"}
    assert evening.shop.state(order) == "collected"
    assert evening.shop.one("SELECT count(*) FROM refund") == 0
    actors = evening.shop.rows("SELECT actor FROM history WHERE event = 'handed_over'")
    assert {row.actor for row in actors} == {f"person:{KEEPER}"}


def test_an_order_goes_on_while_a_bag_of_it_still_lies_behind_a_door(evening: Evening) -> None:
    order = evening.loaded()
    first, second = evening.shop.parcels(order)
    evening.tell(ParcelRemoved(first.id, order.order_id, "L1", first.door, Right.RESCUE, KEEPER))

    evening.give(evening.look(order.order_no, "林秀"))
    assert evening.shop.state(order) == "ready"

    evening.tell(ParcelCollected(second.id, order.order_id, "L1", second.door))
    assert evening.shop.state(order) == "collected"


def test_the_owner_may_collect_the_rest_first(evening: Evening) -> None:
    order = evening.loaded()
    first, second = evening.shop.parcels(order)
    evening.tell(ParcelRemoved(first.id, order.order_id, "L1", first.door, Right.RESCUE, KEEPER))
    evening.tell(ParcelCollected(second.id, order.order_id, "L1", second.door))
    assert evening.shop.state(order) == "ready"

    evening.give(evening.look(order.order_no, "林秀"))

    assert evening.shop.state(order) == "collected"


def test_food_is_given_out_of_ones_own_bag_in_its_time_and_once(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))
    evening.rescued(order)
    mine = evening.look(order.order_no, "林秀")
    theirs = evening.look(order.order_no, "林秀", person_id=OTHER_KEEPER)

    evening.refused(NothingToHandOver, partial(evening.give, theirs, person_id=OTHER_KEEPER))
    evening.refused(NothingToHandOver, partial(evening.give, mine, now=EVENING + timedelta(hours=3), rate=60))
    evening.refused(LookOver, partial(evening.give, mine, now=EVENING + timedelta(hours=1)))

    evening.give(mine)
    evening.refused(NothingToHandOver, partial(evening.give, mine))


def test_two_taps_at_once_give_out_once(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))
    evening.rescued(order)
    look_id = evening.look(order.order_no, "林秀")

    results = at_once(*[partial(evening.give, look_id)] * 8)

    assert results.count(1) == 1
    assert evening.shop.one("SELECT count(*) FROM history WHERE event = 'handed_over'") == 1
    assert evening.shop.one("SELECT count(*) FROM notification WHERE kind = 'order_collected'") == 1


def test_thrown_away_food_is_refunded_and_its_reason_kept(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))
    (bag,) = evening.rescued(order)

    evening.discard(bag.id, reason="the bag  was torn")

    (bag,) = evening.shop.parcels(order)
    assert (bag.state, bag.discarded_for) == ("disposed", "the bag was torn")
    assert evening.shop.state(order) == "refunded"
    (refund,) = evening.shop.rows("SELECT * FROM refund")
    assert (refund.cause, refund.amount_minor) == ("not_collected", 1380)


def test_what_is_thrown_away_of_an_order_is_refunded_line_by_line(evening: Evening) -> None:
    order = evening.loaded()
    chilled, frozen = sorted(evening.rescued(order), key=lambda bag: str(bag.zone))
    evening.discard(frozen.id)
    assert evening.shop.one("SELECT count(*) FROM refund") == 0

    evening.give(evening.look(order.order_no, "林秀"))

    assert evening.shop.state(order) == "collected"
    assert evening.shop.one("SELECT amount_minor FROM refund") == 1690
    assert evening.shop.one("SELECT state FROM parcel WHERE id = :id", id=chilled.id) == "collected"


def test_nobody_throws_away_what_is_not_in_their_bag(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))
    evening.refused(NotFound, partial(evening.discard, evening.shop.parcels(order)[0].id))
    (bag,) = evening.rescued(order)

    evening.refused(NotFound, partial(evening.discard, bag.id, by=OTHER_KEEPER))
    evening.refused(NotFound, partial(evening.discard, "nothing"))
    evening.refused(ReasonNeeded, partial(evening.discard, bag.id, reason="no"))

    evening.give(evening.look(order.order_no, "林秀"))
    evening.refused(MovedMeanwhile, partial(evening.discard, bag.id))


def test_the_clock_throws_away_what_is_past_its_time(evening: Evening) -> None:
    order = evening.loaded()
    evening.rescued(order)

    assert evening.sweep(EVENING + timedelta(minutes=30)) == 0
    assert evening.sweep(EVENING + timedelta(minutes=31)) == 1
    assert evening.shop.state(order) == "ready"
    assert evening.sweep(EVENING + timedelta(minutes=121)) == 1
    assert evening.sweep(EVENING + timedelta(minutes=122)) == 0

    assert evening.shop.state(order) == "refunded"
    assert evening.shop.one("SELECT sum(amount_minor) FROM refund") == 1380 + 1690
    assert {bag.discarded_for for bag in evening.shop.parcels(order)} == {"past its time in the bag"}


def test_the_clock_and_a_tap_at_the_same_moment_agree(evening: Evening) -> None:
    orders = [evening.loaded(("milk", 1)) for _ in range(4)]
    looks = []
    for order in orders:
        evening.rescued(order)
        looks.append(evening.look(order.order_no, "林秀"))
    over = EVENING + timedelta(hours=2, seconds=1)
    taps = [partial(evening.give, look_id) for look_id in looks]

    at_once(*taps, *[partial(evening.sweep, over)] * 4)
    evening.sweep(over)

    for order in orders:
        ended = (evening.shop.parcels(order)[0].state, evening.shop.state(order))
        assert ended in {("collected", "collected"), ("disposed", "refunded")}


def test_food_in_the_bag_of_a_withdrawn_order_is_thrown_away_and_refunded_once(evening: Evening) -> None:
    order = evening.loaded(("milk", 1))
    evening.rescued(order)
    evening.withdraw(order)
    with transaction(evening.shop.engine) as conn:
        close_withdrawn(conn, order_id=order.order_id, site_id=SITE, actor="x", now=EVENING)
    evening.refused(NothingToHandOver, partial(evening.give, evening.look(order.order_no, "林秀")))

    assert evening.sweep(REMOVAL_FROM) == 1

    assert evening.shop.state(order) == "refunded"
    assert evening.shop.one("SELECT count(*) FROM refund") == 1


# --- the office -------------------------------------------------------------------------------------------------------


def test_a_report_is_kept_and_sent_to_the_office(evening: Evening) -> None:
    with transaction(evening.shop.engine) as conn:
        report_trouble(conn, site_id=SITE, person_id=KEEPER, words=" the light  is out ", door=3, now=EVENING)

    (row,) = evening.shop.rows("SELECT * FROM trouble_report")
    assert (row.site_id, row.person_id, row.door, row.words) == (SITE, KEEPER, 3, "the light is out")
    assert evening.bodies("trouble") == ["Caibox, Osmanthus, door 3: the light is out"]


def test_a_report_that_says_nothing_or_of_nowhere_is_refused(evening: Evening) -> None:
    def report(**changes: Any) -> None:
        asked = {"site_id": SITE, "words": "the light is out", "door": 3, **changes}
        with transaction(evening.shop.engine) as conn:
            report_trouble(conn, person_id=KEEPER, now=EVENING, **asked)

    evening.refused(ReasonNeeded, partial(report, words="hm"))
    evening.refused(NotFound, partial(report, door=77))
    evening.refused(NotFound, partial(report, site_id="nowhere"))


def test_a_keeper_who_shops_elsewhere_still_looks_after_their_own_building(evening: Evening) -> None:
    with transaction(evening.shop.engine) as conn:
        choose_site(conn, person_id=KEEPER, site_id=OTHER_SITE)
        choose_site(conn, person_id=ALICE, site_id=OTHER_SITE)

    sites = dict(evening.shop.rows("SELECT id, site_id FROM person WHERE id IN (:a, :k)", a=ALICE, k=KEEPER))
    assert sites == {KEEPER: SITE, ALICE: OTHER_SITE}
