"""The nested counters keep their promise: whoever they let in finds a door that fits."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.allocation import FreeDoor, Need, choose_doors
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


@given(st.lists(st.sampled_from(SIZES), min_size=1, max_size=12), st.lists(st.sampled_from(SIZES), max_size=12))
def test_what_the_counters_let_in_finds_a_door_one_order_after_another(
    built: list[SizeClass], wanted: list[SizeClass]
) -> None:
    left = totals((Zone.CHILLED, size) for size in built)
    free = [_door(number, size) for number, size in enumerate(built, start=1)]
    for number, size in enumerate(wanted):
        taken = demand([(Zone.CHILLED, size)])
        if not has_room(left, taken):
            continue
        left = {key: count - taken.get(key, 0) for key, count in left.items()}
        need = Need(parcel_id=str(number), zone=Zone.CHILLED, volume_ml=VOLUMES[size], longest_mm=300)
        (doors,) = choose_doors([need], free, low_door=False).values()
        assert doors, "the counters promised a door"
        free = [door for door in free if door.door != doors[0]]


def test_every_size_counts_towards_the_smaller_ones() -> None:
    assert up_to(S) == (S,)
    assert up_to(XL) == SIZES


def _door(number: int, size: SizeClass) -> FreeDoor:
    return FreeDoor(
        door=number,
        locker_id="G1",
        zone=Zone.CHILLED,
        size=size,
        volume_ml=VOLUMES[size],
        longest_mm=450,
        x_mm=0,
        sill_mm=120 * number,
    )
