"""A driver's visit over the API: begin, sweep, wipe, load, end; and nonsense, which changes nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, ask, day_at, load, pack_all

REASON = "a driver's visit"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            pack_all(conn, made.order_id)
            # Loading time: the van stands at the site now.
            late = t.load_run.c.load_from - timedelta(hours=26)
            conn.execute(update(t.load_run).values(order_by=late, load_from=late))
        yield made


def post(day: Day, path: str, body: dict[str, Any] | None = None, role: Role = Role.DRIVER) -> Any:
    return day.client().post(f"/api/v1{path}", json=body, headers=day.bearer(role))


def get(day: Day, path: str, role: Role = Role.DRIVER) -> Any:
    return day.client().get(f"/api/v1{path}", headers=day.bearer(role))


def label(day: Day, number: int = 0) -> str:
    rows = get(day, f"/runs/{day.run_no}/parcels").json["items"]
    return str(next(row["label"] for row in rows if row["id"] == day.parcels[number]))


def commands(day: Day) -> int:
    with day.engine.begin() as conn:
        return int(conn.execute(select(func.count()).select_from(t.remote_command)).scalar_one())


def change(day: Day, statement: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(statement)


def test_a_whole_visit(day: Day) -> None:
    site = f"/sites/{day.site_id}"
    with day.engine.begin() as conn:
        load(conn, day.parcels[0], 12)
        conn.execute(update(t.parcel).where(t.parcel.c.id == day.parcels[0]).values(collect_until=NOW))
        conn.execute(update(t.compartment).where(t.compartment.c.door.in_([1, 2])).values(condition="to_check"))
    before = get(day, f"{site}/visit").json
    assert before["visit_id"] is None

    begun = post(day, f"{site}/visits")
    assert begun.status_code == 201
    assert begun.json["joined"] is False
    assert post(day, f"{site}/visits", role=Role.ADMIN).json == {**begun.json, "joined": True}

    seen = get(day, f"{site}/visit").json
    assert seen["visit_id"] == begun.json["visit_id"]
    assert [(one["parcel_id"], one["door"], one["why"]) for one in seen["to_remove"]] == [
        (day.parcels[0], 12, "too_old")
    ]
    assert seen["to_check"] == [1, 2]
    assert seen["to_load"] == len(day.parcels) - 1
    assert seen["gate"]["G1"]["chilled"]["open"] is True

    wanted = {"doors": [12, 12], "right": "remove", "reason": REASON}
    removal = post(day, f"{site}/doors/open", wanted)
    assert removal.status_code == 202
    assert get(day, f"/commands/{removal.json['command_id']}").json["doors"] == [12]
    wiping = post(day, f"{site}/doors/open", {"doors": [1, 2], "right": "check", "reason": REASON})
    assert wiping.status_code == 202
    change(day, update(t.remote_command).values(answered_at=NOW, answered_doors=[1, 2]))
    answered = get(day, f"/commands/{wiping.json['command_id']}").json
    assert (answered["state"], answered["doors"], answered["door"]) == ("opened", [1, 2], 1)

    ended = post(day, f"/visits/{begun.json['visit_id']}/end", {"crates_back": 4, "ice_packs_back": 9, "note": ""})
    assert ended.status_code == 200
    assert ended.json == {"not_loaded": [day.order_id] if len(day.parcels) > 1 else []}
    again = post(day, f"/visits/{begun.json['visit_id']}/end", {"crates_back": 4, "ice_packs_back": 9, "note": ""})
    assert (again.status_code, again.json["code"]) == (409, "visit_over")


def test_a_bag_that_does_not_fit_asks_for_another_door(day: Day) -> None:
    url = f"/sites/{day.site_id}/loads"
    assert post(day, url, {"label": label(day)}).status_code == 202
    assert post(day, url, {"label": label(day), "instead_of": 7, "fault": "no_fit"}).status_code == 202
    with day.engine.begin() as conn:
        asked = conn.execute(select(t.remote_command.c.instead_of).order_by(t.remote_command.c.instead_of)).scalars()
        assert list(asked) == [7, None]


def test_a_warm_zone_is_refused_with_where_and_how_warm(day: Day) -> None:
    change(day, update(t.zone_reading).values(product_c=40.0))
    refusal = post(day, f"/sites/{day.site_id}/loads", {"label": label(day)})
    assert (refusal.status_code, refusal.json["code"], refusal.json["degrees"]) == (409, "zone_too_warm", "40.0")
    assert commands(day) == 0


def test_measuring_again_waits_for_something_new(day: Day) -> None:
    visit_id = post(day, f"/sites/{day.site_id}/visits").json["visit_id"]
    assert post(day, f"/visits/{visit_id}/gate").json["code"] == "gate_just_judged"
    judged = {
        "G1": {"chilled": {"product_c": 9.0, "read_at": None, "judged_at": "2026-11-22T03:00:00+00:00", "open": False}}
    }
    change(day, update(t.visit).values(gate=judged))
    assert post(day, f"/visits/{visit_id}/gate").status_code == 204
    assert get(day, f"/sites/{day.site_id}/visit").json["gate"]["G1"]["chilled"]["open"] is True
    assert post(day, "/visits/nobody/gate").status_code == 404


def test_drivers_open_what_a_visit_needs_and_operators_more(day: Day) -> None:
    url = f"/sites/{day.site_id}/doors/open"
    assert post(day, url, {"doors": [3], "right": "staff", "reason": REASON}).json["code"] == "not_for_you"
    assert post(day, url, {"doors": [3], "right": "check", "reason": REASON}).json["code"] == "not_to_check"
    assert post(day, url, {"doors": [3], "right": "remove", "reason": REASON}).json["code"] == "not_due"
    assert commands(day) == 0
    for right in ("staff", "check", "remove"):
        wanted = {"doors": [3], "right": right, "reason": REASON}
        assert post(day, url, wanted, Role.OPERATOR).status_code == 202


def test_a_door_in_another_drivers_hand_is_refused(day: Day) -> None:
    change(day, update(t.compartment).values(condition="to_check"))
    with day.engine.begin() as conn:
        other: dict[str, Any] = {"kind": "open", "right": "check", "doors": [3], "reason": REASON}
        ask(conn, gateway_id="gw-1", person_id=day.people[Role.ADMIN], **other)
    wanted = {"doors": [2, 3], "right": "check", "reason": REASON}
    refusal = post(day, f"/sites/{day.site_id}/doors/open", wanted)
    assert (refusal.status_code, refusal.json["code"], refusal.json["door"]) == (409, "door_in_hand", 3)
    assert commands(day) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"doors": [], "right": "check", "reason": REASON},
        {"doors": list(range(1, 10)), "right": "check", "reason": REASON},
        {"doors": ["1"], "right": "check", "reason": REASON},
        {"doors": [True], "right": "check", "reason": REASON},
        {"doors": [0], "right": "check", "reason": REASON},
        {"doors": [1], "right": "collect", "reason": REASON},
        {"doors": [1], "right": "check", "reason": "x"},
        {"doors": 1, "right": "check", "reason": REASON},
    ],
)
def test_doors_asked_for_in_nonsense_are_refused_by_field(day: Day, body: dict[str, Any]) -> None:
    answer = post(day, f"/sites/{day.site_id}/doors/open", body)
    assert answer.status_code in {400, 422}
    assert commands(day) == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"crates_back": -1, "ice_packs_back": 0},
        {"crates_back": 1000, "ice_packs_back": 0},
        {"crates_back": 1, "ice_packs_back": 1.5},
        {"crates_back": 1, "ice_packs_back": 1, "note": "x" * 501},
        {"crates_back": 1, "ice_packs_back": 1, "note": "\x00"},
    ],
)
def test_counts_in_nonsense_leave_the_visit_under_way(day: Day, body: dict[str, Any]) -> None:
    visit_id = post(day, f"/sites/{day.site_id}/visits").json["visit_id"]
    assert post(day, f"/visits/{visit_id}/end", body).json["code"] == "invalid_field"
    assert get(day, f"/sites/{day.site_id}/visit").json["visit_id"] == visit_id


@pytest.mark.parametrize(
    "more", [{"instead_of": 0}, {"instead_of": "7"}, {"fault": "ugly"}, {"instead_of": 3, "fault": 3}]
)
def test_another_door_asked_for_in_nonsense_is_refused(day: Day, more: dict[str, Any]) -> None:
    answer = post(day, f"/sites/{day.site_id}/loads", {"label": label(day), **more})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_field")
    assert commands(day) == 0


def test_there_is_no_visit_where_there_is_no_site(day: Day) -> None:
    assert post(day, "/sites/nowhere/visits").status_code == 404
    assert get(day, "/sites/nowhere/visit").status_code == 404
    assert post(day, "/visits/nobody/end", {"crates_back": 0, "ice_packs_back": 0}).status_code == 404
