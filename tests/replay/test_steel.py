"""The book of what is physically true notices what nobody may have meant."""

from app.replay.steel import Steel

HERE = "osmanthus"


def test_a_door_that_opens_for_whoever_asked_is_no_violation() -> None:
    steel = Steel()
    steel.put(HERE, 7, "A1")

    with steel.expects(HERE, [7]):
        steel.opened(HERE, 7)
        assert steel.take(HERE, 7, ["A1"]) == "A1"

    assert steel.violations == []


def test_a_door_that_opens_although_nobody_asks_any_more_is_one() -> None:
    steel = Steel()
    with steel.expects(HERE, [7]):
        pass
    steel.opened(HERE, 7)

    assert steel.violations == ["door 7 of osmanthus opened and nobody asked"]


def test_a_driver_explains_an_empty_door_and_never_one_with_a_bag() -> None:
    steel = Steel()
    steel.put(HERE, 7, "A1")
    with steel.works_at(HERE):
        steel.opened(HERE, 8)
        assert steel.violations == []
        steel.opened(HERE, 7)

    assert steel.violations == ["door 7 of osmanthus opened and nobody who may have A1 asked"]


def test_two_bags_behind_one_door_are_a_violation() -> None:
    steel = Steel()
    steel.put(HERE, 7, "A1")
    steel.put(HERE, 7, "A1")
    assert steel.violations == []
    steel.put(HERE, 7, "B1")

    assert steel.violations == ["door 7 of osmanthus holds A1 and was opened to load B1"]


def test_somebody_elses_bag_is_a_violation() -> None:
    steel = Steel()
    steel.put(HERE, 7, "A1")
    steel.take(HERE, 7, ["B1"])

    assert steel.violations == ["door 7 of osmanthus gave A1 to somebody else"]
