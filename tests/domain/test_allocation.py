"""Which doors an order is meant for: hard rules over random walls, goals one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.sites import load_sites
from app.domain.allocation import (
    ALTERNATIVES,
    REACHABLE_SILL_MM,
    FreeDoor,
    Need,
    Planned,
    choose_doors,
    fits,
    is_content,
)
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
    doors = choose_doors(needs, free, low_door=low_door).doors
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

    doors = choose_doors([need("a"), need("b", Zone.FROZEN)], without_frozen, low_door=False).doors

    assert doors["b"] == ()
    assert doors["a"]


def test_no_door_at_all_is_an_empty_plan() -> None:
    assert choose_doors([need()], (), low_door=False).doors == {"a": ()}


def test_a_door_that_gives_trouble_is_left_even_for_a_larger_one() -> None:
    (first,) = planned([need()])
    sticking = tuple(replace(door, in_trouble=door.size is SizeClass.S) for door in WALL)

    (second,) = planned([need()], sticking)

    assert first.size is SizeClass.S
    assert second.size is not SizeClass.S


def test_doors_wear_alike() -> None:
    (first,) = planned([need()])
    worn = tuple(replace(door, openings=900 if door.door == first.door else 3) for door in WALL)

    (second,) = planned([need()], worn)

    assert (second.door != first.door, second.size) == (True, first.size)


# --- parcels that lie nowhere yet make room

SMALL, LARGE = (
    FreeDoor(
        door=door,
        locker_id="G1",
        zone=Zone.COOL,
        size=size,
        volume_ml=volume_ml,
        longest_mm=450,
        x_mm=0,
        sill_mm=sill_mm,
    )
    for door, size, volume_ml, sill_mm in ((1, SizeClass.S, 18_000, 1_600), (2, SizeClass.L, 27_000, 300))
)
LITTLE, BIG = need("little", Zone.COOL, 5), need("big", Zone.COOL, 25)


def test_a_small_parcel_in_a_large_door_makes_room_once_a_small_door_is_free_again() -> None:
    choice = choose_doors([BIG], [SMALL], low_door=False, planned=[Planned(LITTLE, LARGE, low_door=False)])

    assert choice.doors == {"big": (2,)}
    assert choice.moved == {"little": (1,)}


def test_a_wish_for_a_low_door_yields_to_whoever_would_have_none() -> None:
    choice = choose_doors([BIG], [SMALL], low_door=False, planned=[Planned(LITTLE, LARGE, low_door=True)])

    assert choice.doors["big"] == (2,)
    assert choice.moved["little"] == (1,)


def test_a_wish_for_a_low_door_is_not_taken_away_for_another_wish() -> None:
    wished = Planned(need("first", Zone.COOL, 5), LARGE, low_door=True)

    choice = choose_doors([LITTLE], [SMALL], low_door=True, planned=[wished])

    assert choice.doors == {"little": (1,)}
    assert not choice.moved


def test_whoever_stands_low_without_having_asked_makes_room_for_who_did() -> None:
    careless = Planned(need("first", Zone.COOL, 5), LARGE, low_door=False)

    choice = choose_doors([LITTLE], [SMALL], low_door=True, planned=[careless])

    assert choice.doors == {"little": (2,)}
    assert choice.moved == {"first": (1,)}


def test_nobody_moves_where_moving_does_not_help() -> None:
    choice = choose_doors([BIG], [SMALL], low_door=False, planned=[Planned(replace(BIG, parcel_id="x"), LARGE, False)])

    assert choice.doors == {"big": ()}
    assert not choice.moved


def test_an_order_with_the_doors_it_asked_for_is_content() -> None:
    for low_door, free, content in ((False, [SMALL], True), (True, [SMALL], False), (True, [LARGE], True)):
        assert is_content(choose_doors([LITTLE], free, low_door=low_door), free, low_door=low_door) is content


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

    doors = choose_doors(wanted, free, low_door=low_door).doors

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


small_walls = st.lists(
    st.tuples(st.sampled_from([(SizeClass.S, 18_000), (SizeClass.M, 21_000), (SizeClass.L, 27_000)]), st.booleans()),
    min_size=1,
    max_size=5,
).map(
    lambda found: [
        replace(SMALL, door=number, size=size, volume_ml=volume_ml, sill_mm=300 if low else 1_600)
        for number, ((size, volume_ml), low) in enumerate(found, start=1)
    ]
)
orders = st.lists(
    st.tuples(st.lists(st.sampled_from([5.0, 17.0, 20.0, 25.0]), min_size=1, max_size=2), st.booleans(), st.booleans()),
    min_size=1,
    max_size=5,
)


@given(small_walls, orders)
@settings(max_examples=200, deadline=None)
def test_every_order_in_turn_gets_as_many_doors_as_any_plan_could_give_it(
    wall: list[FreeDoor], wanted: list[tuple[list[float], bool, bool]]
) -> None:
    """Against every plan there is: no parcel is without a door that some plan gives it beside all those before it."""
    standing: list[Planned] = []
    by_number = {door.door: door for door in wall}
    for number, (litres, low_door, given_up) in enumerate(wanted):
        asked = [need(f"{number}-{at}", Zone.COOL, one) for at, one in enumerate(litres)]
        used = {each.door.door for each in standing}
        free = [door for door in wall if door.door not in used]

        choice = choose_doors(asked, free, low_door=low_door, planned=standing)

        plans = {each.need.parcel_id: each.door.door for each in standing}
        plans |= {parcel_id: doors[0] for parcel_id, doors in {**choice.moved, **choice.doors}.items() if doors}
        assert len(plans) == len(set(plans.values())), "one parcel a door"
        before = [each.need for each in standing]
        assert len(plans) == _most(before, asked, wall)
        assert set(plans) >= {one.parcel_id for one in before}, "nobody lost a door"
        without_moving = choose_doors(asked, free, low_door=low_door)
        assert sum(map(bool, choice.doors.values())) >= sum(map(bool, without_moving.doors.values()))
        standing = [
            Planned(each.need, by_number[plans[each.need.parcel_id]], each.low_door)
            for each in [*standing, *(Planned(one, SMALL, low_door) for one in asked)]
            if each.need.parcel_id in plans
        ]
        assert all(fits(each.need, each.door) for each in standing)
        if given_up:  # its doors come free, and what stands elsewhere stays where it is
            standing = [each for each in standing if each.need not in asked]


def _most(before: Sequence[Need], asked: Sequence[Need], wall: Sequence[FreeDoor]) -> int:
    """By trying every plan: how many can stand, all of those before among them."""

    def plans(rest: Sequence[Need], doors: frozenset[int]) -> Iterator[int]:
        if not rest:
            yield 0
            return
        first, *others = rest
        for door in wall:
            if door.door in doors and fits(first, door):
                yield from (1 + more for more in plans(others, doors - {door.door}))
        if first in asked:
            yield from plans(others, doors)

    return max(plans([*before, *asked], frozenset(door.door for door in wall)))
