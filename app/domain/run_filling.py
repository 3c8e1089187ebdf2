"""Which of many orders a run carries, where they want more doors than it has: as many orders as can be.

Decides on the counters alone, so whatever it takes finds its doors (`capacity.py`). Every counter has a price; orders
are taken cheapest first, each in its cheapest way that still has room, equals in the order given; then what ran short
gets dearer and all is tried anew. The fullest round wins, and never carries fewer than first come, first served. A
heuristic, measured against an exact solver in `benchmarks/allocation.py`. It never takes a door from anybody: the
caller says what is left.
"""

from collections.abc import Mapping, Sequence

from app.domain.capacity import CounterKey, Counters, has_room

ROUNDS = 12
# How much dearer what ran short by all there is becomes; half as much again settles within the rounds.
DEARER = 0.5

Prices = Mapping[CounterKey, float]


def fill_run(orders: Sequence[Sequence[Counters]], left: Counters) -> Mapping[int, int]:
    """Choose orders and the way of each, by their places in the sequences; a way says what it takes of each counter."""
    prices = {key: 1 / max(count, 1) for key, count in left.items()}
    best = _in_turn(orders, left)
    for _ in range(ROUNDS):
        taken, short = _one_round(orders, left, prices)
        if len(taken) > len(best):
            best = taken
        if not short:
            break
        for key, missing in short.items():
            prices[key] = prices.get(key, 1.0) * (1 + DEARER * min(1.0, missing / max(1, left.get(key, 0))))
    return dict(sorted(best.items()))


def _in_turn(orders: Sequence[Sequence[Counters]], left: Counters) -> dict[int, int]:
    rest, taken = dict(left), dict[int, int]()
    for order, ways in enumerate(orders):
        way = next((way for way, wanted in enumerate(ways) if has_room(rest, wanted)), None)
        if way is not None:
            taken[order] = way
            _take(rest, ways[way])
    return taken


def _one_round(
    orders: Sequence[Sequence[Counters]], left: Counters, prices: Prices
) -> tuple[dict[int, int], dict[CounterKey, int]]:
    """What is taken, and of each counter how much those wanted that went without."""
    rest, taken, short = dict(left), dict[int, int](), dict[CounterKey, int]()
    priced = [[_price(way, prices) for way in ways] for ways in orders]
    for order in sorted((number for number, ways in enumerate(orders) if ways), key=lambda number: min(priced[number])):
        ways = sorted(range(len(orders[order])), key=priced[order].__getitem__)
        way = next((way for way in ways if has_room(rest, orders[order][way])), None)
        if way is not None:
            taken[order] = way
            _take(rest, orders[order][way])
            continue
        for key, count in orders[order][ways[0]].items():
            if rest.get(key, 0) < count:
                short[key] = short.get(key, 0) + count
    return taken, short


def _take(rest: dict[CounterKey, int], way: Counters) -> None:
    for key, count in way.items():
        rest[key] -= count


def _price(way: Counters, prices: Prices) -> float:
    return sum(prices.get(key, 1.0) * count for key, count in way.items())
