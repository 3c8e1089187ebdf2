"""The nested counters keep their promise: whoever they let in finds a door that fits."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.domain.allocation import FreeDoor, Need, Planned, choose_doors
from app.domain.capacity import demand, has_room, totals, up_to
from locker_protocol.vocabulary import SIZES, SizeClass, Zone

S, M, L, XL = SIZES
VOLUMES = {S: 18_000, M: 21_000, L: 27_000, XL: 36_000}


def test_a_medium_parcel_takes_from_small_or_larger_and_from_medium_or_larger() -> None:
    assert demand([(Zone.COOL, M)]) == {(Zone.COOL, S): 1, (Zone.COOL, M): 1}


def test_totals_count_every_door_that_would_serve() -> None:
    counted = totals([(Zone.COOL, S), (Zone.COOL, S), (Zone.COOL, L)])

    assert [counted[Zone.COOL, size] for size in SIZES] == [3, 1, 1, 0]


def test_a_zone_without_doors_has_no_room() -> None:
    assert not has_room(totals([(Zone.COOL, S)]), demand([(Zone.FROZEN, S)]))


def test_two_large_parcels_do_not_fit_one_large_door() -> None:
    left = totals([(Zone.COOL, S), (Zone.COOL, L)])

    assert has_room(left, demand([(Zone.COOL, L), (Zone.COOL, S)]))
    assert not has_room(left, demand([(Zone.COOL, L), (Zone.COOL, L)]))


walls = st.lists(st.tuples(st.sampled_from(SIZES), st.booleans(), st.booleans()), min_size=1, max_size=12)
comings = st.lists(st.tuples(st.sampled_from(SIZES), st.booleans(), st.integers(0, 5)), max_size=20)


@given(walls, comings)
def test_whoever_the_counters_let_in_has_a_door_until_the_end(
    built: list[tuple[SizeClass, bool, bool]], coming: list[tuple[SizeClass, bool, int]]
) -> None:
    """With doors that are broken, wishes for low ones, and orders that are given up in between."""
    working = [_door(number, size, low=low) for number, (size, low, broken) in enumerate(built) if not broken]
    blocked = totals((Zone.CHILLED, size) for size, _, broken in built if broken)
    left = {key: total - blocked.get(key, 0) for key, total in totals((Zone.CHILLED, b[0]) for b in built).items()}
    by_number = {door.door: door for door in working}
    standing: dict[str, Planned] = {}
    for number, (size, low_door, goes) in enumerate(coming):
        taken = demand([(Zone.CHILLED, size)])
        if not has_room(left, taken):
            continue
        left = {key: count - taken.get(key, 0) for key, count in left.items()}
        need = Need(parcel_id=f"{number}{size}", zone=Zone.CHILLED, volume_ml=VOLUMES[size], longest_mm=300)
        free = [door for door in working if door.door not in {each.door.door for each in standing.values()}]
        choice = choose_doors([need], free, low_door=low_door, planned=list(standing.values()))
        assert choice.doors[need.parcel_id], "the counters promised a door"
        standing[need.parcel_id] = Planned(need, working[0], low_door)
        for parcel_id, doors in {**choice.moved, **choice.doors}.items():
            standing[parcel_id] = replace(standing[parcel_id], door=by_number[doors[0]])
        if goes == 0:
            gone = next(iter(standing))
            back = demand([(Zone.CHILLED, SizeClass(gone.lstrip("0123456789")))])
            left = {key: count + back.get(key, 0) for key, count in left.items()}
            del standing[gone]


def test_every_size_counts_towards_the_smaller_ones() -> None:
    assert up_to(S) == (S,)
    assert up_to(XL) == SIZES


def _door(number: int, size: SizeClass, *, low: bool) -> FreeDoor:
    return FreeDoor(
        door=number + 1,
        locker_id="G1",
        zone=Zone.CHILLED,
        size=size,
        volume_ml=VOLUMES[size],
        longest_mm=450,
        x_mm=0,
        sill_mm=300 if low else 1_600,
    )
