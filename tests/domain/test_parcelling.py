"""What stands together behind one door: invariants over random baskets, and the demo's own examples."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.demo.catalogue import DemoProduct, load_products
from app.demo.sites import load_sites
from app.domain.capacity import RunFull, demand, has_room, totals
from app.domain.parcelling import (
    MAX_PARCEL_G,
    DoorType,
    Goods,
    PlannedParcel,
    TooLargeForLockers,
    may_stand_in,
    plan_parcels,
    ways_to_parcel,
)
from locker_protocol.vocabulary import SizeClass, Zone

PRODUCTS = {product.sku: product for product in load_products() if product.is_sellable_in_lockers}
SITE = load_sites()[0]
DOORS = tuple(
    {
        (door.zone, door.size): DoorType(
            zone=door.zone, size=door.size, volume_ml=door.usable_ml, longest_mm=door.clear_depth_mm
        )
        for door in SITE.compartments
    }.values()
)
ALL_LEFT = totals((door.zone, door.size) for door in SITE.compartments)
FROZEN_S = DoorType(zone=Zone.FROZEN, size=SizeClass.S, volume_ml=15_000, longest_mm=420)

baskets = st.lists(
    st.tuples(st.sampled_from(sorted(PRODUCTS)), st.integers(1, 12)), min_size=1, max_size=12, unique_by=lambda x: x[0]
)


def goods(*wanted: tuple[str, int]) -> list[Goods]:
    return [_goods(line, PRODUCTS[sku], quantity) for line, (sku, quantity) in enumerate(wanted)]


def _goods(line: int, product: DemoProduct, quantity: int) -> Goods:
    return Goods(
        line=line,
        quantity=quantity,
        zone=product.zone,
        tolerates=product.tolerates,
        volume_ml=product.volume_ml,
        longest_mm=product.longest_mm,
        weight_g=product.weight_g,
    )


def parcels_of(*wanted: tuple[str, int], hours: float = 4.5) -> tuple[PlannedParcel, ...]:
    return plan_parcels(goods(*wanted), doors=DOORS, left=ALL_LEFT, hours=hours)


def zones(parcels: tuple[PlannedParcel, ...]) -> list[Zone]:
    return sorted(parcel.zone for parcel in parcels)


def test_tomatoes_share_the_chilled_door_for_the_early_window() -> None:
    assert zones(parcels_of(("fresh-milk", 1), ("tomatoes", 1), hours=4.5)) == [Zone.CHILLED]


def test_tomatoes_get_a_cool_door_for_the_late_window() -> None:
    assert zones(parcels_of(("fresh-milk", 1), ("tomatoes", 1), hours=7.5)) == [Zone.CHILLED, Zone.COOL]


def test_bananas_never_stand_with_the_milk() -> None:
    assert zones(parcels_of(("fresh-milk", 1), ("bananas", 1), hours=1)) == [Zone.CHILLED, Zone.COOL]


def test_potatoes_stand_with_whatever_has_a_door_above_freezing() -> None:
    assert zones(parcels_of(("potatoes", 1), ("fresh-milk", 1), ("frozen-dumplings", 1))) == [Zone.CHILLED, Zone.FROZEN]


def test_potatoes_alone_keep_their_own_zone() -> None:
    assert zones(parcels_of(("potatoes", 1))) == [Zone.AMBIENT]


def test_meat_and_fish_share_a_door() -> None:
    assert len(parcels_of(("minced-pork", 1), ("sea-bass", 1), ("fresh-milk", 2))) == 1


def test_a_small_parcel_takes_a_small_door() -> None:
    (parcel,) = parcels_of(("soft-tofu", 1))

    assert parcel.size is SizeClass.S


def test_a_line_too_large_for_one_door_is_split() -> None:
    parcels = parcels_of(("sheyang-rice-5kg", 8))

    assert len(parcels) == 3  # 5.05 kg a bag, 20 kg a parcel
    assert sum(portion.quantity for parcel in parcels for portion in parcel.portions) == 8


def test_two_small_doors_serve_when_the_large_ones_are_gone() -> None:
    left = {key: count if key[1] is SizeClass.S else 0 for key, count in ALL_LEFT.items()}

    parcels = plan_parcels(goods(("pak-choi", 8)), doors=DOORS, left=left, hours=4.5)

    assert [parcel.size for parcel in parcels] == [SizeClass.S, SizeClass.S]


def test_potatoes_go_where_doors_are_left() -> None:
    left = {key: 0 if key[0] is Zone.AMBIENT else count for key, count in ALL_LEFT.items()}

    (parcel,) = plan_parcels(goods(("potatoes", 1)), doors=DOORS, left=left, hours=4.5)

    assert parcel.zone in (Zone.COOL, Zone.CHILLED)


def test_a_full_zone_is_refused_by_its_name() -> None:
    left = {key: 0 if key[0] is Zone.FROZEN else count for key, count in ALL_LEFT.items()}

    with pytest.raises(RunFull) as refusal:
        plan_parcels(goods(("fresh-milk", 1), ("frozen-dumplings", 1)), doors=DOORS, left=left, hours=4.5)

    assert refusal.value.facts == {"zone": "frozen", "left": 0}


def test_what_no_door_takes_is_refused_with_its_line() -> None:
    ladder = Goods(line=7, quantity=1, zone=Zone.AMBIENT, tolerates={}, volume_ml=9000, longest_mm=2000, weight_g=4000)

    with pytest.raises(TooLargeForLockers) as refusal:
        plan_parcels([ladder], doors=DOORS, left=ALL_LEFT, hours=4.5)

    assert refusal.value.facts == {"line": 7}


def test_a_zone_the_site_does_not_have_is_refused() -> None:
    with pytest.raises(TooLargeForLockers):
        plan_parcels(goods(("fresh-milk", 1)), doors=[FROZEN_S], left=totals([(Zone.FROZEN, SizeClass.S)]), hours=1)


@given(baskets, st.floats(0.5, 30))
@settings(max_examples=150, deadline=None)
def test_every_piece_is_in_exactly_one_parcel_that_holds_it(wanted: list[tuple[str, int]], hours: float) -> None:
    asked = goods(*wanted)
    by_line = {item.line: item for item in asked}
    try:
        parcels = plan_parcels(asked, doors=DOORS, left=ALL_LEFT, hours=hours)
    except RunFull:
        return

    counted: Counter[int] = Counter()
    for parcel in parcels:
        door = next(door for door in DOORS if (door.zone, door.size) == (parcel.zone, parcel.size))
        volume = sum(by_line[p.line].volume_ml * p.quantity for p in parcel.portions)
        weight = sum(by_line[p.line].weight_g * p.quantity for p in parcel.portions)
        assert (volume, weight) == (parcel.volume_ml, parcel.weight_g)
        assert volume <= door.volume_ml
        assert weight <= MAX_PARCEL_G
        assert max(by_line[p.line].longest_mm for p in parcel.portions) == parcel.longest_mm <= door.longest_mm
        counted.update({p.line: p.quantity for p in parcel.portions})
    assert counted == {item.line: item.quantity for item in asked}
    assert has_room(ALL_LEFT, demand((parcel.zone, parcel.size) for parcel in parcels))


@given(baskets, st.floats(0.5, 30))
@settings(max_examples=100, deadline=None)
def test_nothing_stands_in_a_wrong_zone_beyond_its_hours(wanted: list[tuple[str, int]], hours: float) -> None:
    asked = goods(*wanted)
    by_line = {item.line: item for item in asked}
    try:
        parcels = plan_parcels(asked, doors=DOORS, left=ALL_LEFT, hours=hours)
    except RunFull:
        return

    for parcel in parcels:
        for item in (by_line[portion.line] for portion in parcel.portions):
            assert may_stand_in(parcel.zone, own=item.zone, tolerates=item.tolerates, hours=hours)
            assert (item.zone is Zone.FROZEN) == (parcel.zone is Zone.FROZEN)


@given(baskets, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_same_basket_always_gives_the_same_parcels(wanted: list[tuple[str, int]], chance: object) -> None:
    asked = goods(*wanted)
    shuffled = list(asked)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    def outcome(given_goods: list[Goods]) -> object:
        try:
            return plan_parcels(given_goods, doors=DOORS, left=ALL_LEFT, hours=4.5)
        except RunFull as refusal:
            return refusal.facts

    assert outcome(asked) == outcome(asked)
    assert outcome(asked) == outcome(shuffled)


@given(baskets)
@settings(max_examples=60, deadline=None)
def test_tolerance_never_costs_a_door(wanted: list[tuple[str, int]]) -> None:
    asked = goods(*wanted)
    strict = [replace(item, tolerates={}) for item in asked]
    try:
        apart = plan_parcels(strict, doors=DOORS, left=ALL_LEFT, hours=4.5)
    except RunFull:
        return

    assert len(plan_parcels(asked, doors=DOORS, left=ALL_LEFT, hours=4.5)) <= len(apart)


def test_no_tolerance_means_no_hour_at_all() -> None:
    assert not may_stand_in(Zone.COOL, own=Zone.CHILLED, tolerates={}, hours=0.1)
    assert may_stand_in(Zone.COOL, own=Zone.CHILLED, tolerates={Zone.COOL: 2}, hours=2)
    assert not may_stand_in(Zone.COOL, own=Zone.CHILLED, tolerates={Zone.COOL: 2}, hours=2.1)
    assert may_stand_in(Zone.COOL, own=Zone.AMBIENT, tolerates={Zone.COOL: -1}, hours=1000)


def test_a_class_promises_no_more_than_the_larger_ones_of_its_zone_take() -> None:
    deep_small = DoorType(zone=Zone.AMBIENT, size=SizeClass.S, volume_ml=30_000, longest_mm=600)
    flat_large = DoorType(zone=Zone.AMBIENT, size=SizeClass.L, volume_ml=27_000, longest_mm=400)
    left = totals([(Zone.AMBIENT, SizeClass.S), (Zone.AMBIENT, SizeClass.L)])
    pole = Goods(line=0, quantity=1, zone=Zone.AMBIENT, tolerates={}, volume_ml=2_000, longest_mm=500, weight_g=900)

    with pytest.raises(TooLargeForLockers):
        plan_parcels([pole], doors=[deep_small, flat_large], left=left, hours=4.5)


# Here a choice of zones takes four large doors and three smaller ones, and those three are the best of all.
FEWER_IF_SMALLER = ["bananas", "celery", "dongshan-tangerines", "fuji-apples", "pak-choi", "potatoes"]


@given(baskets, st.sampled_from([2.0, 4.5, 7.5]))
@example(list(zip(FEWER_IF_SMALLER, [7, 2, 4, 8, 7, 2], strict=True)), 2.0)
@settings(max_examples=100, deadline=None)
def test_the_ways_to_parcel_begin_with_the_best_and_none_takes_all_that_a_better_one_takes(
    wanted: list[tuple[str, int]], hours: float
) -> None:
    asked = goods(*wanted)

    ways = ways_to_parcel(asked, doors=DOORS, left=ALL_LEFT, hours=hours)

    assert ways[0] == plan_parcels(asked, doors=DOORS, left=ALL_LEFT, hours=hours)
    takes = [demand((parcel.zone, parcel.size) for parcel in way) for way in ways]
    for number, one in enumerate(takes):
        assert has_room(ALL_LEFT, one)
        assert not any(has_room(one, other) for other in takes[:number])


def test_no_way_to_parcel_is_a_full_run_that_names_its_zone() -> None:
    with pytest.raises(RunFull) as refusal:
        ways_to_parcel(goods(("fresh-milk", 1)), doors=DOORS, left={}, hours=4.5)

    assert refusal.value.facts == {"zone": "chilled", "left": 0}
