"""Lots while picking: first-expired-first, another by hand, never one that expires too soon; nothing without lots."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.errors import IllegalMove
from app.domain.lots import LotNotForThis, LotShort
from app.domain.picking import NotPicked
from app.use_cases.packing.choose_lot import choose_lot
from app.use_cases.packing.unpick_line import unpick_line
from tests.use_cases.cast import BOB, Shop, at_once
from tests.use_cases.supply_world import GOOD_UNTIL, add_lot, in_line
from tests.use_cases.test_picking import SIMILAR, at, do, replace, scales, scan, seal, short, weigh

__all__ = ["scales"]
A_DAY = timedelta(days=1)


def left(shop: Shop) -> Any:
    return dict(shop.rows("SELECT code, received - taken FROM lot"))


def test_a_shop_without_lots_packs_as_ever(shop: Shop) -> None:
    order = shop.packed(("milk", 1), ("tomatoes", 2))
    assert shop.state(order) == "packed"
    assert in_line(shop, order) == []


def test_what_expires_first_is_picked_and_a_line_takes_from_two_lots(shop: Shop) -> None:
    add_lot(shop, "milk", "fresh", expires_on=GOOD_UNTIL + A_DAY)
    add_lot(shop, "milk", "old", received=2)
    order = shop.paid(("milk", 3))

    scan(shop, order, "milk")

    assert in_line(shop, order) == [("milk", "fresh", 1, False), ("milk", "old", 2, False)]
    assert left(shop) == {"fresh": 39, "old": 0}


def test_a_lot_that_expires_before_the_bag_is_collected_is_never_picked(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    (parcel,) = shop.parcels(order)
    last = parcel.collect_until.date()
    add_lot(shop, "milk", "yesterday", expires_on=last - A_DAY)
    add_lot(shop, "milk", "just", expires_on=last)

    with pytest.raises(LotNotForThis):
        scan(shop, order, "milk", lot_code="yesterday")
    scan(shop, order, "milk")

    assert in_line(shop, order) == [("milk", "just", 1, False)]


def test_a_picker_may_take_another_lot_and_that_is_recorded(shop: Shop) -> None:
    add_lot(shop, "milk", "old")
    add_lot(shop, "milk", "fresh", received=2, expires_on=GOOD_UNTIL + A_DAY)
    order = shop.paid(("milk", 3))

    scan(shop, order, "milk", lot_code="fresh")
    assert in_line(shop, order) == [("milk", "fresh", 2, True), ("milk", "old", 1, False)]
    do_choose(shop, order, "old", 3)

    assert in_line(shop, order) == [("milk", "old", 3, True)]
    assert left(shop) == {"old": 37, "fresh": 2}


def do_choose(shop: Shop, order: Any, code: str, pieces: int) -> None:
    with shop.engine.begin() as conn:
        choose_lot(conn, **at(shop, order, "milk"), lot_code=code, pieces=pieces)


def test_a_lot_that_is_not_for_this_line_changes_nothing(shop: Shop) -> None:
    add_lot(shop, "milk", "old", received=2)
    add_lot(shop, "tomatoes", "red")
    add_lot(shop, "milk", "held")
    shop.run_sql("UPDATE lot SET state = 'held' WHERE code = 'held'")
    order, unpicked = shop.packed(("milk", 2), person=BOB), shop.paid(("milk", 3))
    before = shop.everything()

    for code in ("red", "held", "nobody's"):
        with pytest.raises(LotNotForThis):
            scan(shop, unpicked, "milk", lot_code=code)
    with pytest.raises(LotShort):
        scan(shop, unpicked, "milk", lot_code="old")
    with pytest.raises(NotPicked):
        do_choose(shop, unpicked, "old", 1)
    with pytest.raises(IllegalMove):
        do_choose(shop, order, "old", 1)
    assert shop.everything() == before


def test_the_lots_follow_whatever_is_done_with_the_line(shop: Shop) -> None:
    add_lot(shop, "milk", "M")
    add_lot(shop, "pork", "P")
    order = shop.paid(("milk", 3), ("pork", 2), substitution=SIMILAR)

    scan(shop, order, "milk")
    short(shop, order, "milk", 1)
    assert left(shop)["M"] == 38
    do(shop, unpick_line, **at(shop, order, "milk"))
    assert left(shop)["M"] == 40
    weigh(shop, order, "pork", 1020)
    weigh(shop, order, "pork", 1030)
    scan(shop, order, "milk")
    seal(shop, order)

    assert in_line(shop, order) == [("milk", "M", 3, False), ("pork", "P", 2, False)]
    assert left(shop) == {"M": 37, "P": 38}


def test_a_substitute_is_of_its_own_lot(shop: Shop) -> None:
    add_lot(shop, "milk", "M")
    add_lot(shop, "pak-choi", "K")
    order = shop.paid(("milk", 2), substitution=SIMILAR)

    replace(shop, order, "milk", "pak-choi")

    assert in_line(shop, order) == [("milk", "M", 1, False), ("pak-choi", "K", 1, False)]


def test_two_pickers_never_take_the_last_piece_twice(shop: Shop) -> None:
    add_lot(shop, "milk", "M", received=2)
    orders = [shop.paid(("milk", 1)) for _ in range(4)]

    done = at_once(*[lambda order=order: scan(shop, order, "milk") for order in orders])

    assert all(isinstance(each, tuple) for each in done)
    assert shop.one("SELECT sum(quantity) FROM line_lot") == shop.one("SELECT taken FROM lot") == 2
