"""The wall is drawn to scale from the cabinet's millimetres, and says in words what it shows."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, render_template_string
from sqlalchemy import Engine, select

from app.db import tables as t
from tests.web.staff_world import day_at

CALL = "{% from 'wall.html' import wall %}{{ wall(locker, doors, yours=yours, private=private) }}"


@pytest.fixture
def web(db: Engine, tmp_path: Path) -> Iterator[Flask]:
    with day_at(db, tmp_path) as day:
        yield day.app


@pytest.fixture
def front(web: Flask, db: Engine) -> tuple[Any, list[Any]]:
    with db.connect() as conn:
        locker = conn.execute(select(t.locker).where(t.locker.c.id == "G1")).mappings().one()
        doors = conn.execute(select(t.compartment).where(t.compartment.c.locker_id == "G1")).mappings().all()
    return SimpleNamespace(**locker), [SimpleNamespace(**door) for door in doors]


def draw(web: Flask, front: tuple[Any, list[Any]], *, yours: Sequence[int] = (), private: bool = False) -> str:
    with web.test_request_context("/en/shop"):
        web.preprocess_request()
        return render_template_string(CALL, locker=front[0], doors=front[1], yours=yours, private=private)


def door(drawing: str, number: int) -> str:
    return drawing.partition(f'id="door-G1-{number}"')[2].partition("</g>")[0]


def test_every_door_is_drawn_once(web: Flask, front: tuple[Any, list[Any]]) -> None:
    drawing = draw(web, front)
    assert sorted(int(n) for n in re.findall(r'id="door-G1-(\d+)"', drawing)) == list(range(1, 25))


def test_a_door_stands_where_it_is_in_the_cabinet(web: Flask, front: tuple[Any, list[Any]]) -> None:
    locker, doors = front
    one = doors[6]
    found = re.search(r'x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', door(draw(web, front), one.door))
    assert found is not None
    top = locker.height_mm - one.y_mm - one.height_mm
    assert [int(n) for n in found.groups()] == [one.x_mm, top, one.width_mm, one.height_mm]


def test_no_two_doors_overlap_and_none_leaves_the_cabinet(front: tuple[Any, list[Any]]) -> None:
    locker, doors = front
    for one in doors:
        assert one.x_mm >= 0
        assert one.y_mm >= 0
        assert one.x_mm + one.width_mm <= locker.width_mm
        assert one.y_mm + one.height_mm <= locker.height_mm
        for other in doors:
            apart = (
                one.x_mm + one.width_mm <= other.x_mm
                or other.x_mm + other.width_mm <= one.x_mm
                or one.y_mm + one.height_mm <= other.y_mm
                or other.y_mm + other.height_mm <= one.y_mm
            )
            assert one is other or apart


@pytest.mark.parametrize("mark", ["empty", "reserved", "loaded", "check", "open", "jammed", "warm", "out", "unknown"])
def test_every_state_can_be_drawn(web: Flask, front: tuple[Any, list[Any]], mark: str) -> None:
    front[1][0].mark = mark
    assert f'id="door-G1-1" class="leaf {mark}"' in draw(web, front)


def test_ones_own_doors_are_pointed_at(web: Flask, front: tuple[Any, list[Any]]) -> None:
    drawing = draw(web, front, yours=(7, 12))
    assert "Your doors: 7, 12." in drawing
    assert "yours" in door(drawing, 7)
    assert "yours" not in door(drawing, 8)


def test_a_silent_lockers_doors_are_unknown_whatever_was_told(web: Flask, front: tuple[Any, list[Any]]) -> None:
    front[0].online = False
    front[1][0].door_state = "open"
    front[1][1].mark = "loaded"
    drawing = draw(web, front)
    assert drawing.count('class="leaf unknown"') == 24


def test_residents_do_not_see_what_others_have(web: Flask, front: tuple[Any, list[Any]]) -> None:
    front[1][0].mark = "loaded"
    front[1][1].door_state = "open"
    front[1][2].condition = "broken"
    drawing = draw(web, front, yours=(4,), private=True)
    assert drawing.count("quiet-door") == 23
    assert not re.search(r'class="leaf (loaded|open|out)', drawing)


STATES = ("reserved", "loaded", "check", "jammed", "warm", "out", "unknown")


@pytest.mark.parametrize("mark", STATES)
def test_every_state_is_told_by_a_mark_and_what_is_not_well_by_a_pattern_too(
    web: Flask, front: tuple[Any, list[Any]], mark: str
) -> None:
    front[1][0].mark = mark
    drawing = door(draw(web, front), 1)
    assert 'class="glyph"' in drawing
    assert ("pattern" in drawing) is (mark in {"jammed", "warm", "out", "unknown"})
    if "pattern" in drawing:
        assert f'id="{mark}-G1"' in draw(web, front), "the pattern is defined"


def test_what_is_wrong_with_a_door_is_shown_before_whose_it_is(web: Flask, front: tuple[Any, list[Any]]) -> None:
    front[1][6].mark = "jammed"
    front[1][7].mark = "loaded"
    drawing = draw(web, front, yours=(7, 8))
    assert "M14 14 86 86" in door(drawing, 7)
    assert "M95 50H10" in door(drawing, 8)
    assert "M95 50H10" in door(draw(web, front, yours=(3,), private=True), 3)


def test_the_wall_says_in_words_what_it_draws(web: Flask, front: tuple[Any, list[Any]]) -> None:
    front[1][2].mark = front[1][4].mark = "jammed"
    front[1][8].mark = "open"
    said = draw(web, front, yours=(9,)).partition("<desc")[2].partition("</desc>")[0]
    assert "Your doors: 9. 24 doors. open: 9. jammed: 3, 5." in " ".join(said.split())


def test_a_residents_wall_says_nothing_of_others(web: Flask, front: tuple[Any, list[Any]]) -> None:
    front[1][2].mark = "jammed"
    said = draw(web, front, yours=(9,), private=True).partition("<desc")[2].partition("</desc>")[0]
    assert "jammed" not in said


@pytest.mark.parametrize("state", ["yours", "empty", "open", *STATES])
def test_the_legend_draws_each_state_as_the_doors_do(web: Flask, state: str) -> None:
    with web.test_request_context("/en/shop"):
        web.preprocess_request()
        drawn = render_template_string("{% from 'wall.html' import legend %}{{ legend([state]) }}", state=state)
    assert re.search(rf'class="leaf [a-z ]*{state}', drawn)
    assert not re.search(r'id="door-', drawn)
