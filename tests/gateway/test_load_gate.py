"""A zone is loaded when it was cold for ten minutes as the visit began; then the visit may warm it."""

from locker_protocol.cold_messages import QuarantinedParcel
from locker_protocol.site_entries import LoadedParcel, PlanOrder
from locker_protocol.uplink_messages import LoadParcel
from locker_protocol.vocabulary import Zone
from tests.gateway.cold_world import MINUTE_MS, pass_minutes, told_of, warm
from tests.gateway.manifests import credential, label, parcel, snapshot
from tests.gateway.world import World, staff_code, unlocks


def to_load(*numbers: int, **changes: object) -> World:
    """Parcels of one order, all meant for door 1 and then 2, of G1, by the plan."""
    world = World()
    world.tell(PlanOrder("o1", [parcel(number, **changes) for number in numbers]))
    return world


def shown(world: World, number: int = 1) -> list[int]:
    """A driver shows a label; the doors that opened."""
    world.g1.scan(staff_code(world))
    opened = unlocks(world.g1.scan(label(number)))
    for controller in (world.g1, world.g2):
        controller.report()
        controller.shut(*(door for door, state in controller.doors.items() if state == "open"))
    return opened


def test_a_cold_zone_is_loaded() -> None:
    assert shown(to_load(1)) == [1]


def test_a_warm_zone_is_not_loaded_and_another_lockers_door_is_offered() -> None:
    world = to_load(1)
    warm(world, 7.0)
    pass_minutes(world, 5)
    assert shown(world) == [5]


def test_when_no_zone_suits_the_driver_is_told_why_and_nothing_opens() -> None:
    world = to_load(1)
    warm(world, 7.0)
    world.g2.product_c[Zone.CHILLED] = 7.0
    pass_minutes(world, 5)
    assert shown(world) == []
    assert world.refusals() == ["zone_too_warm"]
    assert (world.grants(), world.site.placements.rows, world.site.gate_passes.rows) == ([], {}, {})


def test_a_zone_nobody_measured_is_not_loaded() -> None:
    world = to_load(1)
    pass_minutes(world, 5, sampled=False)
    assert shown(world) == []
    assert world.refusals() == ["zone_unmeasured"]


def test_a_zone_is_loaded_ten_minutes_after_it_is_cold_again() -> None:
    world = to_load(1, doors=[1, 2])
    world.g2.powered = False
    warm(world, 7.0)
    pass_minutes(world, 20)
    warm(world, 3.0)
    pass_minutes(world, 5)
    assert shown(world) == []
    pass_minutes(world, 10)
    assert shown(world) == [1]


def test_the_gate_stands_for_the_visit_and_is_judged_again_after_it() -> None:
    world = to_load(1, 2, 3)
    world.g2.powered = False
    assert shown(world, 1) == [1]
    warm(world, 7.0)
    pass_minutes(world, 10)
    assert shown(world, 2) == [2]
    world.crash()
    world.g1.be_born()
    pass_minutes(world, 10)
    assert len(shown(world, 3)) == 1
    warm(world, 4.5)
    pass_minutes(world, 25)
    warm(world, 7.0)
    pass_minutes(world, 5)
    world.tell(PlanOrder("o2", [parcel(4, order_id="o2")]))
    assert shown(world, 4) == []
    assert world.refusals() == ["zone_too_warm"]


def test_a_zone_that_has_a_quarantine_of_its_own_is_not_loaded() -> None:
    world = World(told=False)
    parcels = [parcel(1, order_id="o2", doors=[1]), parcel(2)]
    loaded = [LoadedParcel("p1", 1, "loaded")]
    world.tell(
        snapshot(
            parcels=parcels,
            credentials=[credential()],
            loaded=loaded,
            quarantined=[QuarantinedParcel("p1", "quarantine")],
        )
    )
    world.g1.be_born()
    world.g2.powered = False
    world.wait(40)
    assert shown(world, 2) == []
    assert world.refusals() == ["quarantined"]


def test_what_a_parcel_brought_along_closes_no_zone_to_others() -> None:
    world = to_load(1, 2)
    read_at = world.civil_ms - 40 * MINUTE_MS
    world.down(LoadParcel("c1", label(1), "staff-31", world.civil_ms + 9_000, cold_since=read_at))
    world.g1.report()
    world.g1.shut(1)
    pass_minutes(world, 5)
    assert told_of(world) == [("quarantined", "chilled_tcs")]
    assert shown(world, 2) == [2]


def test_time_counts_from_the_crates_last_good_reading() -> None:
    world = to_load(1)
    read_at = world.civil_ms - 10 * MINUTE_MS
    world.down(LoadParcel("c1", label(1), "staff-31", world.civil_ms + 9_000, cold_since=read_at))
    world.g1.report()
    world.g1.shut(1)
    pass_minutes(world, 5)
    assert world.site.exposed.rows["p1"].classes[0].now.since_minute == read_at // MINUTE_MS
    assert told_of(world) == []
