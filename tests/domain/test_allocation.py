"""Which doors an order is meant for: hard rules over random walls, goals one by one."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.sites import load_sites
from app.domain.allocation import ALTERNATIVES, REACHABLE_SILL_MM, FreeDoor, Need, choose_doors, fits
from locker_protocol.vocabulary import SizeClass, Zone

WALL = tuple(
    FreeDoor(
        door=door.door,
        locker_id=locker.locker_id,
        zone=door.zone,
        size=door.size,
        volume_ml=door.usable_ml,
        longest_mm=door.clear_depth_mm,
        x_mm=door.leaf.x_mm,
        sill_mm=door.sill_mm,
    )
    for locker in load_sites()[0].lockers
    for door in locker.compartments
)
BY_NUMBER = {door.door: door for door in WALL}


def need(parcel_id: str = "a", zone: Zone = Zone.CHILLED, litres: float = 4.0, longest_mm: int = 260) -> Need:
    return Need(parcel_id=parcel_id, zone=zone, volume_ml=int(litres * 1000), longest_mm=longest_mm)


def planned(needs: list[Need], free: tuple[FreeDoor, ...] = WALL, *, low_door: bool = False) -> list[FreeDoor]:
    doors = choose_doors(needs, free, low_door=low_door)
    return [BY_NUMBER[doors[one.parcel_id][0]] for one in needs]


def test_a_small_parcel_gets_a_small_door_and_leaves_the_large_ones() -> None:
    (door,) = planned([need(litres=5)])

    assert door.size is SizeClass.S


def test_whoever_asked_gets_a_door_within_reach_even_a_larger_one() -> None:
    high_small = tuple(door for door in WALL if door.size is not SizeClass.S or door.sill_mm > REACHABLE_SILL_MM)

    (door,) = planned([need()], high_small, low_door=True)

    assert door.sill_mm <= REACHABLE_SILL_MM


def test_others_leave_the_low_doors_to_those_who_need_them() -> None:
    (door,) = planned([need()])

    assert door.sill_mm > REACHABLE_SILL_MM


def test_parcels_of_an_order_lie_in_one_locker() -> None:
    doors = planned([need("a"), need("b", Zone.COOL), need("c", Zone.FROZEN)])

    assert {door.locker_id for door in doors} == {"G1"}  # the only one that freezes


def test_two_parcels_of_a_zone_lie_near_each_other() -> None:
    one, other = planned([need("a"), need("b")])

    assert one.locker_id == other.locker_id
    assert abs(one.x_mm - other.x_mm) + abs(one.sill_mm - other.sill_mm) <= 800


def test_the_next_order_of_a_window_stands_in_another_column() -> None:
    (first,) = planned([need()])
    crowded = tuple(
        replace(door, neighbours=1) if (door.locker_id, door.x_mm) == (first.locker_id, first.x_mm) else door
        for door in WALL
    )

    (second,) = planned([need()], crowded)

    assert (second.locker_id, second.x_mm) != (first.locker_id, first.x_mm)


def test_a_door_another_run_counts_on_is_left_to_it() -> None:
    (first,) = planned([need()])
    busy = tuple(replace(door, other_runs=int(door.door == first.door)) for door in WALL)

    (second,) = planned([need()], busy)

    assert second.door != first.door


def test_no_free_door_is_an_empty_plan_and_the_others_keep_theirs() -> None:
    without_frozen = tuple(door for door in WALL if door.zone is not Zone.FROZEN)

    doors = choose_doors([need("a"), need("b", Zone.FROZEN)], without_frozen, low_door=False)

    assert doors["b"] == ()
    assert doors["a"]


def test_no_door_at_all_is_an_empty_plan() -> None:
    assert choose_doors([need()], (), low_door=False) == {"a": ()}


needs = st.lists(
    st.builds(
        need,
        zone=st.sampled_from(Zone),
        litres=st.floats(0.2, 30),
        longest_mm=st.integers(50, 450),
    ),
    min_size=1,
    max_size=6,
).map(lambda found: [replace(one, parcel_id=str(number)) for number, one in enumerate(found)])


@given(needs, st.sets(st.sampled_from(sorted(BY_NUMBER))), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_plan_keeps_every_hard_rule(wanted: list[Need], numbers: set[int], low_door: bool) -> None:
    free = tuple(BY_NUMBER[number] for number in sorted(numbers))

    doors = choose_doors(wanted, free, low_door=low_door)

    assert set(doors) == {one.parcel_id for one in wanted}
    plans = [numbers[0] for numbers in doors.values() if numbers]
    assert len(plans) == len(set(plans))
    for one in wanted:
        own = doors[one.parcel_id]
        assert len(own) == len(set(own)) <= 1 + ALTERNATIVES
        assert all(number in numbers and fits(one, BY_NUMBER[number]) for number in own)
        assert not set(own[1:]) & set(plans)


@given(needs, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_same_wall_gives_the_same_plan_in_any_order(wanted: list[Need], low_door: bool, chance: object) -> None:
    shuffled = list(WALL)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert choose_doors(wanted, shuffled, low_door=low_door) == choose_doors(wanted, WALL, low_door=low_door)
