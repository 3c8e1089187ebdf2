import json
import re
from collections import Counter
from datetime import date, datetime, time
from itertools import pairwise
from typing import get_args

import pytest

from app.demo.cabinet import Locker, Rectangle
from app.demo.runs import RunTime, load_closures, load_planned_outages, load_runs
from app.demo.sites import Role, Site, load_sites, load_staff, lockers_as_json
from locker_protocol.vocabulary import SizeClass, Zone

HAN = re.compile(r"[一-鿿]")
SITES = {site.site_id: site for site in load_sites()}
LOCKERS = {locker.locker_id: locker for site in SITES.values() for locker in site.lockers}
EACH_LOCKER = pytest.mark.parametrize("locker", LOCKERS.values(), ids=LOCKERS)
EACH_SITE = pytest.mark.parametrize("site", SITES.values(), ids=SITES)


def test_there_are_two_sites_and_three_lockers_with_their_doors() -> None:
    assert [(site.site_id, site.site_no, site.households) for site in SITES.values()] == [
        ("osmanthus", 1, 1180),
        ("sunny", 2, 460),
    ]
    assert {name: len(locker.compartments) for name, locker in LOCKERS.items()} == {"G1": 24, "G2": 25, "Y1": 19}


@EACH_SITE
def test_a_door_number_names_one_door_of_a_site(site: Site) -> None:
    doors = [compartment.door for compartment in site.compartments]

    assert doors == list(range(1, len(doors) + 1))
    assert len(doors) <= 50, "typed codes have two-digit handles up to fifty doors"


def test_the_second_locker_of_a_site_counts_on() -> None:
    assert [compartment.door for compartment in LOCKERS["G2"].compartments] == list(range(25, 50))
    assert LOCKERS["Y1"].compartments[0].door == 1


@EACH_LOCKER
def test_doors_are_numbered_from_the_left_and_in_a_column_from_the_top(locker: Locker) -> None:
    for before, after in pairwise(locker.compartments):
        if before.column == after.column:
            assert (after.row, after.sill_mm < before.sill_mm) == (before.row + 1, True)
        else:
            assert (after.column, after.row) == (before.column + 1, 1)


def test_heights_given_bottom_to_top_lie_that_way() -> None:
    top_to_bottom = [compartment.clear_height_mm for compartment in LOCKERS["G1"].columns[0].compartments]

    assert top_to_bottom == [200, 240, 240, 300, 400]


@pytest.mark.parametrize(
    ("name", "zones"),
    [
        ("G1", ["chilled", "chilled", "ambient", "cool", "frozen"]),
        ("G2", ["chilled", "chilled", "ambient", "chilled", "cool"]),
        ("Y1", ["ambient", "chilled", "cool", "frozen"]),
    ],
)
def test_columns_stand_in_their_order(name: str, zones: list[str]) -> None:
    assert [column.zone for column in LOCKERS[name].columns] == zones


@EACH_LOCKER
def test_columns_fill_the_width(locker: Locker) -> None:
    right_edges = [column.x_mm + column.width_mm for column in locker.columns]

    assert [column.x_mm for column in locker.columns] == [0, *right_edges[:-1]]
    assert right_edges[-1] == locker.width_mm


@EACH_LOCKER
def test_the_tallest_stack_and_the_compressor_fill_the_height(locker: Locker) -> None:
    assert max(column.stack_top_mm for column in locker.columns) + locker.compressor_mm == locker.height_mm


@EACH_LOCKER
def test_each_sill_is_one_pitch_above_the_one_below(locker: Locker) -> None:
    for column in locker.columns:
        divider = 60 if column.zone is Zone.FROZEN else 40
        upward = column.compartments[::-1]
        assert upward[0].sill_mm == 120
        for below, above in pairwise(upward):
            assert above.sill_mm == below.sill_mm + below.clear_height_mm + divider
        assert column.stack_top_mm == upward[-1].sill_mm + upward[-1].clear_height_mm + divider


def test_usable_litres_are_those_of_the_size_class() -> None:
    litres = {
        (compartment.zone is Zone.FROZEN, compartment.size, compartment.clear_height_mm): compartment.usable_ml
        for locker in LOCKERS.values()
        for compartment in locker.compartments
    }

    assert litres == {
        (False, SizeClass.S, 200): 18_000,
        (False, SizeClass.M, 240): 21_000,
        (False, SizeClass.L, 300): 27_000,
        (False, SizeClass.XL, 400): 36_000,
        (True, SizeClass.S, 200): 15_000,
        (True, SizeClass.M, 240): 18_000,
    }


@EACH_LOCKER
def test_door_leaves_cover_their_openings_and_nothing_of_each_other(locker: Locker) -> None:
    for compartment in locker.compartments:
        assert compartment.leaf.width_mm >= compartment.clear_width_mm
        assert compartment.leaf.y_mm < compartment.sill_mm
        assert top(compartment.leaf) > compartment.sill_mm + compartment.clear_height_mm
    front = [compartment.leaf for compartment in locker.compartments] + [locker.head.panel]
    assert not [(a, b) for index, a in enumerate(front) for b in front[index + 1 :] if overlap(a, b)]
    assert max(map(right, front)) <= locker.width_mm
    assert max(map(top, front)) <= locker.height_mm - locker.compressor_mm


@EACH_LOCKER
def test_the_control_head_is_in_reach_above_the_ambient_doors(locker: Locker) -> None:
    head = locker.head
    column = locker.columns[head.column - 1]

    assert column.zone is Zone.AMBIENT
    assert head.scanner.y_mm + head.scanner.height_mm / 2 == 1050
    assert (head.keypad.y_mm, top(head.keypad)) == (950, 1150)
    for part in (head.screen, head.scanner, head.keypad):
        assert head.panel.x_mm <= part.x_mm < right(part) <= right(head.panel)
        assert head.panel.y_mm <= part.y_mm < top(part) <= top(head.panel)
    assert not overlap(head.scanner, head.keypad)
    assert not overlap(head.screen, head.keypad)
    assert not overlap(head.screen, head.scanner)


def test_the_firmware_reads_every_locker_of_every_gateway() -> None:
    lockers = json.loads(lockers_as_json())

    assert [(locker["gateway_id"], locker["locker_id"]) for locker in lockers] == [
        ("osmanthus", "G1"),
        ("osmanthus", "G2"),
        ("sunny", "Y1"),
    ]
    for locker in lockers:
        assert locker["name_zh"]
        assert locker["name_en"]
        assert [column["column"] for column in locker["columns"]] == list(range(1, len(locker["columns"]) + 1))
        assert len(locker["doors"]) == len(LOCKERS[locker["locker_id"]].compartments)
        assert {"screen", "scanner", "keypad"} <= locker["head"].keys()


def test_a_door_tells_the_firmware_its_place_and_its_leaf() -> None:
    first = json.loads(lockers_as_json())[0]["doors"][0]

    assert first == {
        "door": 1,
        "column": 1,
        "row": 1,
        "zone": "chilled",
        "size": "S",
        "x_mm": 5,
        "y_mm": 1445,
        "width_mm": 410,
        "height_mm": 230,
    }


@EACH_SITE
def test_ids_suit_topics_and_names_come_in_both_languages(site: Site) -> None:
    for identifier in (site.site_id, site.gateway_id, *(locker.locker_id for locker in site.lockers)):
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", identifier)
    assert site.gateway_id == site.site_id
    assert (site.time_zone, site.currency) == ("Asia/Shanghai", "CNY")
    chinese = [site.name_zh, site.address_zh, *(locker.name_zh for locker in site.lockers)]
    english = [site.name_en, site.address_en, *(locker.name_en for locker in site.lockers)]
    assert all(HAN.search(text) for text in chinese)
    assert not any(HAN.search(text) for text in english)


def test_the_runs_are_a_weekday_breakfast_and_an_evening_each_day() -> None:
    breakfast, evening = load_runs()

    assert (breakfast.run_id, breakfast.weekdays) == ("breakfast", (1, 2, 3, 4, 5))
    assert (breakfast.order_by, breakfast.removal_from) == (run_time(-1, 21), run_time(0, 13, 30))
    assert (breakfast.load_from, breakfast.load_until) == (time(5, 45), time(6, 40))
    assert (evening.run_id, evening.weekdays) == ("evening", (1, 2, 3, 4, 5, 6, 7))
    assert (evening.order_by, evening.removal_from) == (run_time(-1, 23), run_time(1, 13, 30))
    assert (evening.load_from, evening.load_until) == (time(14), time(16, 15))


def test_windows_follow_their_load_and_cap_the_orders_of_each_site() -> None:
    windows = [window for run in load_runs() for window in run.windows]

    assert [(window.starts, window.ends, dict(window.order_caps)) for window in windows] == [
        (time(6, 45), time(9, 30), {"osmanthus": 12, "sunny": 5}),
        (time(16, 30), time(18, 30), {"osmanthus": 16, "sunny": 3}),
        (time(18, 30), time(21, 30), {"osmanthus": 12, "sunny": 3}),
    ]
    assert all(run.load_from < run.load_until <= run.windows[0].starts for run in load_runs())


def test_spring_festival_closes_both_sites_and_the_power_cut_moves_one_evening() -> None:
    (closure,) = load_closures()
    (outage,) = load_planned_outages()

    assert (closure.first_day, closure.last_day) == (date(2027, 2, 5), date(2027, 2, 9))
    assert (closure.last_order_at, closure.removed_by) == (local(2027, 2, 3, 20), local(2027, 2, 4, 22, 30))
    assert closure.last_run_day == date(2027, 2, 4)
    assert (outage.site_id, outage.moved_run_id, outage.moved_load_from) == ("osmanthus", "evening", time(16))
    assert (outage.starts, outage.ends) == (local(2026, 12, 3, 9), local(2026, 12, 3, 15))


def test_every_role_has_an_account_and_every_account_a_site() -> None:
    staff = load_staff()

    assert {member.role for member in staff} == set(get_args(Role))
    assert max(Counter(member.mail for member in staff).values()) == 1
    assert all(member.site_ids and set(member.site_ids) <= SITES.keys() for member in staff)


def run_time(day: int, hour: int, minute: int = 0) -> RunTime:
    return RunTime(day=day, at=time(hour, minute))


def local(*parts: int) -> datetime:
    year, month, day, hour, minute = (*parts, 0)[:5]
    return datetime(year, month, day, hour, minute)  # noqa: DTZ001 -- the file gives local times


def right(part: Rectangle) -> int:
    return part.x_mm + part.width_mm


def top(part: Rectangle) -> int:
    return part.y_mm + part.height_mm


def overlap(a: Rectangle, b: Rectangle) -> bool:
    return a.x_mm < right(b) and b.x_mm < right(a) and a.y_mm < top(b) and b.y_mm < top(a)
