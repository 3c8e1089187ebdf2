"""A keeper's cold bag: food rescued from doors into it, and given to its owner or thrown away out of it."""

from datetime import timedelta
from functools import partial

from app.db.engine import transaction
from app.db.moves import MovedMeanwhile
from app.domain.asking_for import LookOver
from app.domain.errors import NotFound
from app.domain.keeping import NoDoorChosen, NothingBehindDoor, NothingToHandOver, TooManyDoors
from app.use_cases.evening.withdraw_order import close_withdrawn
from app.use_cases.site.ask_site import ReasonNeeded
from locker_protocol.site_events import ParcelCollected, ParcelRemoved
from locker_protocol.vocabulary import Right
from tests.use_cases.cast import OTHER_SITE, REMOVAL_FROM, SITE, at_once
from tests.use_cases.keeping_world import EVENING, KEEPER, OTHER_KEEPER, WHY, Keeping

# --- into the bag -----------------------------------------------------------------------------------------------------


def test_doors_with_food_are_asked_for_by_the_right_to_rescue(keeping: Keeping) -> None:
    keeping.loaded()

    command_id = keeping.rescue(4, 3, 4)

    (row,) = keeping.shop.rows("SELECT * FROM remote_command")
    assert (row.id, row.right, row.doors, row.reason) == (command_id, "rescue", [3, 4], WHY)


def test_doors_that_need_no_rescue_are_not_asked_for(keeping: Keeping) -> None:
    keeping.loaded()

    keeping.refused(NoDoorChosen, keeping.rescue)
    keeping.refused(NothingBehindDoor, partial(keeping.rescue, 3, 9))
    keeping.refused(NothingBehindDoor, partial(keeping.rescue, 3, site_id=OTHER_SITE))
    keeping.refused(TooManyDoors, partial(keeping.rescue, *range(1, 10)))
    keeping.refused(ReasonNeeded, partial(keeping.rescue, 3, reason="  "))


def test_rescued_food_has_a_keeper_and_an_end(keeping: Keeping) -> None:
    order = keeping.loaded()

    chilled, frozen = sorted(keeping.rescued(order), key=lambda bag: str(bag.zone))

    assert (chilled.state, frozen.state) == ("rescued", "rescued")
    assert {chilled.rescued_by, frozen.rescued_by} == {KEEPER}
    assert chilled.keep_until == EVENING + timedelta(hours=2)
    assert frozen.keep_until == EVENING + timedelta(minutes=30)
    assert keeping.shop.state(order) == "ready"


def test_the_owner_is_told_who_has_the_food_and_until_when(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))

    keeping.rescued(order)

    (said,) = keeping.bodies("order_rescued")
    assert "阿珍" in said
    assert "20:00" in said  # 10:00 UTC and two hours, in Suzhou
    assert order.order_no in said


def test_the_owner_is_told_again_only_when_the_time_grew_shorter(keeping: Keeping) -> None:
    order = keeping.loaded()
    chilled, frozen = sorted(keeping.shop.parcels(order), key=lambda bag: str(bag.zone))
    for bag in (chilled, frozen):
        keeping.tell(ParcelRemoved(bag.id, order.order_id, "L1", bag.door, Right.RESCUE, KEEPER))
    assert sorted("18:30" in said for said in keeping.bodies("order_rescued")) == [False, True]

    other = keeping.loaded()
    chilled, frozen = sorted(keeping.shop.parcels(other), key=lambda bag: str(bag.zone))
    for bag in (frozen, chilled):
        keeping.tell(ParcelRemoved(bag.id, other.order_id, "L1", bag.door, Right.RESCUE, KEEPER))
    assert len(keeping.bodies("order_rescued")) == 3


def test_a_rescue_by_somebody_unknown_is_followed_all_the_same(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))

    (bag,) = keeping.rescued(order, by="nobody-we-know")

    assert (bag.state, bag.rescued_by) == ("rescued", None)
    assert "the keeper" in keeping.bodies("order_rescued")[0]


def test_nobody_is_told_of_food_that_was_refunded(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))
    keeping.withdraw(order)
    with transaction(keeping.shop.engine) as conn:
        close_withdrawn(conn, order_id=order.order_id, site_id=SITE, actor="x", now=EVENING)

    (bag,) = keeping.rescued(order)

    assert bag.state == "rescued"
    assert keeping.bodies("order_rescued") == []
    keeping.refused(NothingToHandOver, partial(keeping.give, keeping.look(order.order_no, "5678")))


# --- out of the bag ---------------------------------------------------------------------------------------------------


def test_food_from_the_bag_is_given_to_its_owner_and_the_order_ends(keeping: Keeping) -> None:
    order = keeping.loaded()
    keeping.rescued(order)

    given = keeping.give(keeping.look(order.order_no, "林秀"))

    assert given == 2
    assert {bag.state for bag in keeping.shop.parcels(order)} == {"collected"}
    assert keeping.shop.state(order) == "collected"
    assert keeping.shop.one("SELECT count(*) FROM refund") == 0
    actors = keeping.shop.rows("SELECT actor FROM history WHERE event = 'handed_over'")
    assert {row.actor for row in actors} == {f"person:{KEEPER}"}


def test_an_order_goes_on_while_a_bag_of_it_still_lies_behind_a_door(keeping: Keeping) -> None:
    order = keeping.loaded()
    first, second = keeping.shop.parcels(order)
    keeping.tell(ParcelRemoved(first.id, order.order_id, "L1", first.door, Right.RESCUE, KEEPER))

    keeping.give(keeping.look(order.order_no, "林秀"))
    assert keeping.shop.state(order) == "ready"

    keeping.tell(ParcelCollected(second.id, order.order_id, "L1", second.door))
    assert keeping.shop.state(order) == "collected"


def test_the_owner_may_collect_the_rest_first(keeping: Keeping) -> None:
    order = keeping.loaded()
    first, second = keeping.shop.parcels(order)
    keeping.tell(ParcelRemoved(first.id, order.order_id, "L1", first.door, Right.RESCUE, KEEPER))
    keeping.tell(ParcelCollected(second.id, order.order_id, "L1", second.door))
    assert keeping.shop.state(order) == "ready"

    keeping.give(keeping.look(order.order_no, "林秀"))

    assert keeping.shop.state(order) == "collected"


def test_food_is_given_out_of_ones_own_bag_in_its_time_and_once(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))
    keeping.rescued(order)
    mine = keeping.look(order.order_no, "林秀")
    theirs = keeping.look(order.order_no, "林秀", person_id=OTHER_KEEPER)

    keeping.refused(NothingToHandOver, partial(keeping.give, theirs, person_id=OTHER_KEEPER))
    keeping.refused(NothingToHandOver, partial(keeping.give, mine, now=EVENING + timedelta(hours=3), rate=60))
    keeping.refused(LookOver, partial(keeping.give, mine, now=EVENING + timedelta(hours=1)))

    keeping.give(mine)
    keeping.refused(NothingToHandOver, partial(keeping.give, mine))


def test_two_taps_at_once_give_out_once(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))
    keeping.rescued(order)
    look_id = keeping.look(order.order_no, "林秀")

    results = at_once(*[partial(keeping.give, look_id)] * 8)

    assert results.count(1) == 1
    assert keeping.shop.one("SELECT count(*) FROM history WHERE event = 'handed_over'") == 1
    assert keeping.shop.one("SELECT count(*) FROM notification WHERE kind = 'order_collected'") == 1


def test_thrown_away_food_is_refunded_and_its_reason_kept(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))
    (bag,) = keeping.rescued(order)

    keeping.discard(bag.id, reason="the bag  was torn")

    (bag,) = keeping.shop.parcels(order)
    assert (bag.state, bag.discarded_for) == ("disposed", "the bag was torn")
    assert keeping.shop.state(order) == "refunded"
    (refund,) = keeping.shop.rows("SELECT * FROM refund")
    assert (refund.cause, refund.amount_minor) == ("not_collected", 1380)


def test_what_is_thrown_away_of_an_order_is_refunded_line_by_line(keeping: Keeping) -> None:
    order = keeping.loaded()
    chilled, frozen = sorted(keeping.rescued(order), key=lambda bag: str(bag.zone))
    keeping.discard(frozen.id)
    assert keeping.shop.one("SELECT count(*) FROM refund") == 0

    keeping.give(keeping.look(order.order_no, "林秀"))

    assert keeping.shop.state(order) == "collected"
    assert keeping.shop.one("SELECT amount_minor FROM refund") == 1690
    assert keeping.shop.one("SELECT state FROM parcel WHERE id = :id", id=chilled.id) == "collected"


def test_nobody_throws_away_what_is_not_in_their_bag(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))
    keeping.refused(NotFound, partial(keeping.discard, keeping.shop.parcels(order)[0].id))
    (bag,) = keeping.rescued(order)

    keeping.refused(NotFound, partial(keeping.discard, bag.id, by=OTHER_KEEPER))
    keeping.refused(NotFound, partial(keeping.discard, "nothing"))
    keeping.refused(ReasonNeeded, partial(keeping.discard, bag.id, reason="no"))

    keeping.give(keeping.look(order.order_no, "林秀"))
    keeping.refused(MovedMeanwhile, partial(keeping.discard, bag.id))


def test_the_clock_throws_away_what_is_past_its_time(keeping: Keeping) -> None:
    order = keeping.loaded()
    keeping.rescued(order)

    assert keeping.sweep(EVENING + timedelta(minutes=30)) == 0
    assert keeping.sweep(EVENING + timedelta(minutes=31)) == 1
    assert keeping.shop.state(order) == "ready"
    assert keeping.sweep(EVENING + timedelta(minutes=121)) == 1
    assert keeping.sweep(EVENING + timedelta(minutes=122)) == 0

    assert keeping.shop.state(order) == "refunded"
    assert keeping.shop.one("SELECT sum(amount_minor) FROM refund") == 1380 + 1690
    assert {bag.discarded_for for bag in keeping.shop.parcels(order)} == {"past its time in the bag"}


def test_the_clock_and_a_tap_at_the_same_moment_agree(keeping: Keeping) -> None:
    orders = [keeping.loaded(("milk", 1)) for _ in range(4)]
    looks = []
    for order in orders:
        keeping.rescued(order)
        looks.append(keeping.look(order.order_no, "林秀"))
    over = EVENING + timedelta(hours=2, seconds=1)
    taps = [partial(keeping.give, look_id) for look_id in looks]

    at_once(*taps, *[partial(keeping.sweep, over)] * 4)
    keeping.sweep(over)

    for order in orders:
        ended = (keeping.shop.parcels(order)[0].state, keeping.shop.state(order))
        assert ended in {("collected", "collected"), ("disposed", "refunded")}


def test_food_in_the_bag_of_a_withdrawn_order_is_thrown_away_and_refunded_once(keeping: Keeping) -> None:
    order = keeping.loaded(("milk", 1))
    keeping.rescued(order)
    keeping.withdraw(order)
    with transaction(keeping.shop.engine) as conn:
        close_withdrawn(conn, order_id=order.order_id, site_id=SITE, actor="x", now=EVENING)
    keeping.refused(NothingToHandOver, partial(keeping.give, keeping.look(order.order_no, "林秀")))

    assert keeping.sweep(REMOVAL_FROM) == 1

    assert keeping.shop.state(order) == "refunded"
    assert keeping.shop.one("SELECT count(*) FROM refund") == 1
