"""A keeper is a neighbour: nothing they can reach tells who comes home when. Walks every route with planted habits."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from werkzeug.routing import Rule

from app.db import tables as t
from app.domain.roles import Role
from locker_protocol.site_events import AccessRefused, DoorLeftOpen
from locker_protocol.vocabulary import Refusal, Right, Via
from tests.web.keeper_world import NAME, Evening, make_evening
from tests.web.shop_world import NOW
from tests.web.staff_world import ask, day_at

# 13:37 in the building's zone, and its ways of being written: no other time of these tests looks like it.
SECRET_TIME = NOW.replace(hour=5, minute=37, second=41) - timedelta(days=1)
SECRET_REASON = "the resident of 1204 comes at seven"
SECRETS = ("13:37", "05:37", ":37:41", NAME, SECRET_REASON, "1204")


@pytest.fixture
def evening(db: Engine, tmp_path: Path) -> Iterator[Evening]:
    with day_at(db, tmp_path) as day:
        made = make_evening(day)
        parts = day.app.extensions["caibox"]
        # Outside a demo: its inbox, which shows everybody's messages to everybody, is not there.
        day.app.extensions["caibox"] = replace(parts, settings=replace(parts.settings, demo=False))
        plant(made)
        yield made


def plant(evening: Evening) -> None:
    """Give a neighbour habits: when they opened, collected, were refused, and what staff wrote of them."""
    day = evening.day
    evening.tell(
        AccessRefused("G1", Via.KEYPAD, Refusal.WRONG_CODE, order_id=day.order_id),
        DoorLeftOpen("G1", 1, 120, day.order_id),
    )
    evening.jam(2)
    evening.opens(3, None)
    at: dict[str, datetime] = {"at": SECRET_TIME}
    evening.run_sql("UPDATE site_event SET at = :at, applied_at = :at", **at)
    evening.run_sql("UPDATE parcel SET loaded_at = :at, opened_at = :at, packed_at = :at", **at)
    evening.run_sql("UPDATE compartment SET door_changed_at = :at, condition_at = :at", **at)
    evening.run_sql("UPDATE customer_order SET placed_at = :at", **at)
    evening.run_sql("UPDATE locker SET heard_at = :at", **at)
    with day.engine.begin() as conn:
        order = {"order_id": day.order_id, "subject": "order", "subject_id": day.order_id}
        happened = {"at": SECRET_TIME, "event": "x", "to_state": "collected", "actor": "x"}
        conn.execute(insert(t.history).values(**order, **happened))
        open_ = {"kind": "open", "doors": [2], "right": "staff", "reason": SECRET_REASON, "order_id": day.order_id}
        ask(conn, gateway_id="gw-1", person_id=day.people[Role.OPERATOR], at=SECRET_TIME, **open_)
    own_acts(evening)


def own_acts(evening: Evening) -> None:
    """The keeper rescues one bag, and looks the order up with its owner."""
    keeper = evening.keeper()
    keeper.post("/en/keeper/rescue", data={"doors": "1", "reason": "the door is jammed"})
    grant_id = evening.grant()
    evening.opens(1, grant_id)
    evening.shuts(1, Right.RESCUE)
    keeper.post("/en/keeper/help", data={"number": evening.order_no, "said": NAME})


def values_of(evening: Evening) -> dict[str, Any]:
    """Every id a keeper could know or guess."""
    day = evening.day
    (look,) = evening.rows("SELECT id FROM keeper_look")
    mine = evening.rows("SELECT id FROM remote_command WHERE person_id = :k", k=evening.keeper_id)
    return {
        "site_id": day.site_id,
        "run_no": day.run_no,
        "door_no": 2,
        "wave_no": 1,
        "line_no": 1,
        "window_id": 1,
        "order_id": day.order_id,
        "parcel_id": day.parcels[0],
        "look_id": look.id,
        "command_id": mine[0].id,
        "filename": "caibox.css",
        "receipt_no": 998,
    }


def addresses(evening: Evening, language: str) -> list[tuple[Rule, str]]:
    known = values_of(evening)
    found = []
    for rule in evening.day.app.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and rule.endpoint not in {"static", "streams.live"}:
            values = {name: known.get(name, "nothing") for name in rule.arguments} | {"lang_code": language}
            asked = {name: value for name, value in values.items() if name in rule.arguments}
            with evening.day.app.test_request_context(f"/{language}/"):
                found.append((rule, str(evening.day.app.url_map.bind("localhost").build(rule.endpoint, asked))))
    return found


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_no_address_tells_a_keeper_a_neighbours_name_or_hours(evening: Evening, language: str) -> None:
    client, bearer = evening.keeper(), evening.day.bearer(Role.KEEPER)
    told, shown = [], set()
    for rule, url in addresses(evening, language):
        answer = client.get(url, headers=bearer if rule.rule.startswith("/api/") else {})
        told += [f"{url} tells {secret}" for secret in SECRETS if secret in answer.text]
        if answer.status_code == 200:
            shown.add(rule.endpoint)
    assert told == []
    assert {each for each in shown if each.startswith("keeper")} == {
        "keeper.home_page",
        "keeper.door_page",
        "keeper.report_page",
        "keeper_food.rescue_page",
        "keeper_food.follow_page",
        "keeper_food.bag_page",
        "keeper_help.help_page",
        "keeper_help.found_page",
    }


def test_the_same_walk_finds_them_where_an_operator_may_look(evening: Evening) -> None:
    """Or the walk would prove nothing."""
    client = evening.day.client(Role.OPERATOR)
    found = {
        secret
        for rule, url in addresses(evening, "en")
        if rule.endpoint.startswith("ops.")
        for secret in SECRETS
        if secret in client.get(url).text
    }
    assert {"13:37", SECRET_REASON} <= found


def test_operators_pages_are_closed_to_keepers(evening: Evening) -> None:
    # What is kept shut waits for the keeper of the building, too.
    named = [(rule.endpoint.partition(".")[0], url) for rule, url in addresses(evening, "en")]
    ops = [url for room, url in named if room.startswith("ops") and room != "ops_cold"]
    assert ops
    got = {url: evening.keeper().get(url).status_code for url in ops}
    assert {url: code for url, code in got.items() if code != 403} == {}


@pytest.mark.parametrize(
    ("topic", "status"),
    [("site:osmanthus", 200), ("site:sunny", 404), ("order:{order}", 404), ("outbox", 404), ("refund", 404)],
)
def test_a_keeper_hears_of_their_own_building_only(evening: Evening, topic: str, status: int) -> None:
    asked = topic.format(order=evening.day.order_id)
    with evening.keeper().get("/live", query_string={"topic": asked}) as answer:
        assert answer.status_code == status


def test_a_keeper_without_a_building_hears_of_none(evening: Evening) -> None:
    evening.run_sql("UPDATE person SET site_id = NULL WHERE id = :keeper", keeper=evening.keeper_id)
    for topic in ("site:osmanthus", "site:None", "site:"):
        with evening.keeper().get("/live", query_string={"topic": topic}) as answer:
            assert answer.status_code == 404


def test_choosing_a_shop_gives_a_keeper_no_other_building(evening: Evening) -> None:
    answer = evening.keeper().post("/en/sites", data={"site_id": "sunny"})
    assert answer.status_code == 303
    (row,) = evening.rows("SELECT site_id FROM person WHERE id = :keeper", keeper=evening.keeper_id)
    assert row.site_id == "osmanthus"
