"""When the faults of a file come and go."""

from firmware_sim.fault_plan import FaultPlan, Planned, Turn
from firmware_sim.faults import Fault, spot_of

DOORS = {"T1": [1, 2, 3], "T2": [4, 5]}
HOUR_MS = 3_600_000


def turns_of(*planned: Planned, until_ms: float = HOUR_MS, seed: str = "7") -> list[tuple[float, Turn]]:
    plan, happened = FaultPlan(planned, DOORS, seed), list[tuple[float, Turn]]()
    while (at_ms := plan.next_ms()) is not None and at_ms <= until_ms:
        happened += [(at_ms, turn) for turn in plan.due(at_ms)]
    return happened


def test_a_fault_comes_at_its_time_and_goes_after_its_span() -> None:
    jam = Fault("jams_shut", door=1)
    turns = turns_of(Planned("T1", 1, jam, at_s=30, for_s=60))
    assert turns == [(30_000, Turn("T1", jam, 0)), (90_000, Turn("T1", jam, 0, on=False))]


def test_a_fault_without_times_is_on_from_the_start_for_ever() -> None:
    assert turns_of(Planned("T1", None, Fault("network_cut"))) == [(0, Turn("T1", Fault("network_cut"), 0))]


def test_nothing_is_due_before_its_time() -> None:
    plan = FaultPlan([Planned("T1", None, Fault("network_cut"), at_s=30)], DOORS, "7")
    assert plan.due(29_999) == []
    assert len(plan.due(30_000)) == 1
    assert plan.due(HOUR_MS) == []


def test_all_doors_of_all_lockers_are_each_of_them() -> None:
    turns = turns_of(Planned("all", "all", Fault("contact_bounces", door=1)))
    assert [(turn.locker, turn.fault.door) for _, turn in turns] == [
        ("T1", 1),
        ("T1", 2),
        ("T1", 3),
        ("T2", 4),
        ("T2", 5),
    ]


def test_any_door_is_another_each_time_and_each_goes_before_the_next_comes() -> None:
    turns = turns_of(Planned("any", "any", Fault("jams_shut", door=1), for_s=5, every_s=60))
    assert len({(turn.locker, turn.fault.door) for _, turn in turns}) == 5
    assert all(turn.fault.door in DOORS[turn.locker] for _, turn in turns)
    for (came_ms, came), (went_ms, went) in zip(turns[::2], turns[1::2], strict=False):
        assert (came.on, went.on) == (True, False)
        assert (went.locker, spot_of(went.fault)) == (came.locker, spot_of(came.fault))
        assert round(went_ms - came_ms) == 5_000


def test_about_once_in_a_minute_is_about_sixty_times_an_hour() -> None:
    turns = turns_of(Planned("T1", None, Fault("watchdog_bites"), every_s=60))
    assert 35 < len(turns) < 90
    assert len({round(at_ms) for at_ms, _ in turns}) > 35


def test_the_same_seed_gives_the_same_turns_and_another_seed_others() -> None:
    planned = Planned("any", "any", Fault("jams_shut", door=1), for_s=5, every_s=60)
    assert turns_of(planned) == turns_of(planned)
    assert turns_of(planned) != turns_of(planned, seed="8")
