"""Which orders an overfull run carries: never more than there is, and nearly as many as could be."""

from itertools import product

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.capacity import CounterKey, Counters, demand, has_room, totals
from app.domain.run_filling import fill_run
from locker_protocol.vocabulary import SizeClass, Zone

S, M = SizeClass.S, SizeClass.M
COOL, CHILLED, FROZEN = Zone.COOL, Zone.CHILLED, Zone.FROZEN

doors = st.tuples(st.sampled_from([COOL, CHILLED, FROZEN]), st.sampled_from([S, M]))
ways = st.lists(st.lists(doors, min_size=1, max_size=3).map(demand), min_size=0, max_size=2)


def left_after(orders: list[list[Counters]], left: Counters, chosen: dict[int, int]) -> dict[CounterKey, int]:
    rest = dict(left)
    for order, way in chosen.items():
        for key, count in orders[order][way].items():
            rest[key] = rest.get(key, 0) - count
    return rest


def most(orders: list[list[Counters]], left: Counters) -> int:
    """By trying every choice of every order."""
    options = [[None, *range(len(each))] for each in orders]
    choices = ({n: way for n, way in enumerate(found) if way is not None} for found in product(*options))
    return max(len(c) for c in choices if min(left_after(orders, left, c).values(), default=0) >= 0)


def first_come(orders: list[list[Counters]], left: Counters) -> int:
    rest, placed = {**left}, 0
    for each in orders:
        way = next((way for way in each if has_room(rest, way)), None)
        if way is not None:
            rest = {key: count - way.get(key, 0) for key, count in rest.items()}
            placed += 1
    return placed


@given(st.lists(ways, max_size=5), st.lists(doors, max_size=6).map(totals))
@settings(max_examples=150, deadline=None)
@example(
    [[demand([(COOL, M), (CHILLED, S)])], [demand([(COOL, S)])], [demand([(CHILLED, S)])]],
    totals([(COOL, M), (CHILLED, S)]),
)
def test_it_takes_no_more_than_is_left_and_no_fewer_than_first_come_first_served(
    orders: list[list[Counters]], left: Counters
) -> None:
    chosen = dict(fill_run(orders, left))

    assert min(left_after(orders, left, chosen).values(), default=0) >= 0
    assert first_come(orders, left) <= len(chosen) <= most(orders, left)


def test_a_large_order_stays_behind_for_two_small_ones() -> None:
    large, one, other = [demand([(FROZEN, S), (FROZEN, S)])], [demand([(FROZEN, S)])], [demand([(FROZEN, S)])]

    assert fill_run([large, one, other], totals([(FROZEN, S)] * 2)) == {1: 0, 2: 0}


def test_among_equals_who_came_first_is_taken() -> None:
    alike = [demand([(COOL, S)])]

    assert fill_run([alike, alike, alike], totals([(COOL, S)] * 2)) == {0: 0, 1: 0}


def test_an_order_goes_another_way_where_its_first_is_taken() -> None:
    cool_only, either = [demand([(COOL, S)])], [demand([(COOL, S)]), demand([(CHILLED, S)])]

    assert fill_run([either, cool_only], totals([(COOL, S), (CHILLED, S)])) == {0: 1, 1: 0}


def test_without_orders_or_doors_nothing_is_taken() -> None:
    assert fill_run([], totals([(COOL, S)])) == {}
    assert fill_run([[demand([(COOL, S)])], []], {}) == {}
