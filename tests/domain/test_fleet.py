"""How lockers stand together: each once by its worst, lines by place and cause, the worst first, a storm as one."""

from datetime import UTC, datetime, timedelta

from app.domain.alarms import AlarmCause
from app.domain.fleet import (
    MOST_SITES,
    STANDING,
    Fact,
    Lying,
    Owner,
    Standing,
    Wrong,
    counts,
    fleet_lines,
    standings,
)
from locker_protocol.vocabulary import DoorTrouble

NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def fact(
    cause: Wrong, site: str = "s1", locker: str | None = "L1", *, ago_min: int = 5, door: int | None = None
) -> Fact:
    since = NOW - timedelta(minutes=ago_min)
    return Fact(cause=cause, site_id=site, locker_id=locker, since=since, door=door)


def lying(order: str, site: str = "s1", locker: str = "L1", door: int = 1, zone: str = "chilled") -> Lying:
    return Lying(site, locker, zone, door, order, 1000, "CNY")


def test_every_cause_of_the_cold_and_of_doors_has_its_standing() -> None:
    assert set(STANDING) == set(Wrong)
    assert {cause.value for cause in AlarmCause} <= set(Wrong)
    assert {trouble.value for trouble in DoorTrouble} <= set(Wrong)
    assert Standing.FINE not in STANDING.values()


def test_a_locker_stands_once_by_its_worst() -> None:
    facts = [fact(Wrong.LEFT_OPEN), fact(Wrong.TOO_WARM), fact(Wrong.REFUSALS, locker=None)]
    found = standings([("L1", "s1"), ("L2", "s1"), ("L3", "s2")], facts)
    assert found == {"L1": Standing.HANDLE, "L2": Standing.WATCH, "L3": Standing.FINE}
    assert counts(found) == {Standing.HANDLE: 1, Standing.WATCH: 1, Standing.FINE: 1}


def test_what_is_not_heard_stands_before_what_is_watched_and_after_what_must_be_handled() -> None:
    silent = fact(Wrong.LOCKER_SILENT)
    assert standings([("L1", "s1")], [silent, fact(Wrong.SENSOR)])["L1"] is Standing.SILENT
    assert standings([("L1", "s1")], [silent, fact(Wrong.QUARANTINED)])["L1"] is Standing.HANDLE


def test_what_somebody_silenced_is_only_watched() -> None:
    silenced = frozenset({(Wrong.TOO_WARM, "s1")})
    facts = [fact(Wrong.TOO_WARM), fact(Wrong.TOO_WARM, "s2", "L2")]
    assert standings([("L1", "s1"), ("L2", "s2")], facts, silenced) == {"L1": Standing.WATCH, "L2": Standing.HANDLE}


def test_a_line_is_a_cause_at_a_site_with_the_orders_that_lie_there_each_once() -> None:
    facts = [fact(Wrong.TOO_WARM), fact(Wrong.TOO_WARM, locker="L2"), fact(Wrong.JAMMED, door=7)]
    parcels = [lying("a"), lying("a", door=2), lying("b", locker="L2"), lying("c", door=7), lying("d", site="s2")]
    warm, jam = fleet_lines(facts, parcels, {}, {})
    assert (warm.cause, sorted(warm.orders), dict(warm.money)) == (Wrong.TOO_WARM, ["a", "b", "c"], {"CNY": 3000})
    assert (jam.cause, sorted(jam.orders)) == (Wrong.JAMMED, ["c"])
    assert warm.lockers == ("L1", "L2")


def test_more_orders_come_before_fewer_and_older_before_newer() -> None:
    facts = [
        fact(Wrong.TOO_WARM, site, f"L-{site}", ago_min=minutes) for site, minutes in (("a", 1), ("b", 2), ("c", 9))
    ]
    found = fleet_lines(facts, [lying("x", "a", "L-a")], {}, {})
    assert [line.sites[0] for line in found] == ["a", "c", "b"]


def test_who_said_so_owns_a_line_else_the_buildings_keeper_else_nobody() -> None:
    facts = [fact(Wrong.TOO_WARM), fact(Wrong.JAMMED), fact(Wrong.JAMMED, "s2", "L2")]
    said = {(Wrong.TOO_WARM, "s1"): Owner("Wang", NOW)}
    found = fleet_lines(facts, [], said, {"s1": Owner("Old Chen")})
    assert [(line.cause, line.owner and line.owner.name) for line in found] == [
        (Wrong.TOO_WARM, "Wang"),
        (Wrong.JAMMED, "Old Chen"),
        (Wrong.JAMMED, None),
    ]


def test_many_silent_sites_are_one_line_and_warm_ones_are_not() -> None:
    many = range(MOST_SITES + 1)
    silent = [fact(Wrong.SITE_SILENT, f"s{n}", f"L{n}") for n in many]
    warm = [fact(Wrong.TOO_WARM, f"w{n}", f"W{n}") for n in many]
    found = fleet_lines([*silent, *warm], [lying("a", "s0", "L0"), lying("b", "s1", "L1")], {}, {})
    assert [len(line.sites) for line in found] == [1] * len(many) + [len(many)]
    storm = found[-1]
    assert (storm.key, sorted(storm.orders), dict(storm.money)) == ("site_silent:storm", ["a", "b"], {"CNY": 2000})
    assert len(fleet_lines(silent[:-1], [], {}, {})) == MOST_SITES


def test_a_silenced_site_stays_out_of_the_storm() -> None:
    silent = [fact(Wrong.SITE_SILENT, f"s{n}", f"L{n}") for n in range(MOST_SITES + 2)]
    found = fleet_lines(silent, [], {(Wrong.SITE_SILENT, "s0"): Owner("Wang", NOW, NOW + timedelta(hours=1))}, {})
    assert [(len(line.sites), line.standing) for line in found] == [
        (MOST_SITES + 1, Standing.SILENT),
        (1, Standing.WATCH),
    ]


def test_a_line_keeps_its_key_while_its_facts_change() -> None:
    (before,) = fleet_lines([fact(Wrong.TOO_WARM)], [], {}, {})
    (after,) = fleet_lines([fact(Wrong.TOO_WARM), fact(Wrong.TOO_WARM, locker="L2")], [lying("a")], {}, {})
    assert before.key == after.key == "too_warm:s1"
