"""A thousand lockers on one page: how they stand, what is wrong first, in few bytes and statements; and the places."""

import gzip
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.domain.fleet import MOST_LINES, REFUSALS_TOLD
from app.domain.roles import Role
from tests.web import fleet_world
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, load, pack_all, tell
from tests.web.test_few_statements import statements

ALL = 1000
DEMO = 3  # lockers of the day beside them
STATIC = Path(__file__).resolve().parents[2] / "app/web/static"
MOST_BYTES = 150_000
MOST_STATEMENTS = 9


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def fleet(day: Day) -> fleet_world.Fleet:
    with day.engine.begin() as conn:
        return fleet_world.write_fleet(conn, now=NOW, lockers=ALL - DEMO)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def shown(day: Day, path: str = "", language: str = "en") -> Any:
    answer = day.client(Role.OPERATOR).get(f"/{language}/ops{path}")
    assert answer.status_code == 200, path
    return answer.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "18 to handle 20 to watch 25 not heard / 1000 lockers"),
        ("zh-hans", "18 台要处理 20 台留意 25 台失联 / 共 1000 台"),
    ],
)
def test_one_sentence_says_how_a_thousand_lockers_stand(
    day: Day, fleet: fleet_world.Fleet, language: str, said: str
) -> None:
    assert len(fleet.lockers) == ALL - DEMO
    page = shown(day, language=language)
    sentence = re.search(r"<h1.*?</h1>", page, re.DOTALL)
    assert sentence is not None
    assert words(sentence[0]).strip() == said
    assert page.count('tabindex="-1"></a>') == ALL - 1


def test_lines_come_by_place_and_cause_the_worst_first_and_at_most_twenty(day: Day, fleet: fleet_world.Fleet) -> None:
    page = shown(day)
    keys = re.findall(r'data-key="([^":]+):([^"]+)"', page)
    assert len(keys) == MOST_LINES
    causes = [cause for cause, _ in keys]
    assert causes == sorted(causes, key=["quarantined", "too_warm", "jammed", "locker_silent", "unmeasured"].index)
    assert ("locker_silent", "storm") in keys
    assert "20 more lines below these" in words(page)
    first = page.split('class="fleet-line ')[1]
    assert "25 min ago" in words(first)
    assert re.search(r"1 order , ¥\d+\.\d\d keeper 老", words(first))
    assert fleet.by_cause["quarantined"]


def test_each_number_and_each_cause_is_a_list_of_lockers_that_lead_on(day: Day, fleet: fleet_world.Fleet) -> None:
    for show, count in (("handle", 18), ("silent", 25), ("watch", 20)):
        page = shown(day, f"?show={show}")
        assert page.count('data-key="L') == count
    page = shown(day, "?cause=jammed")
    assert re.findall(r'data-key="([^"]+)"', page) == sorted(fleet.by_cause["jammed"])
    assert f'/en/ops/lockers/{fleet.by_cause["jammed"][0]}"' in page
    assert shown(day, "?show=nonsense&cause=nonsense").count("data-key=") == MOST_LINES
    assert "and 637 more" in shown(day, "?show=fine")


def test_the_page_with_all_it_loads_is_small_and_asks_little(day: Day, fleet: fleet_world.Fleet) -> None:
    assert fleet.sites
    with statements(day) as sent:
        page = shown(day)
    assert len(sent) <= MOST_STATEMENTS, "\n".join(sent)
    files = {file.partition("?")[0] for file in re.findall(r'(?:src|href)="/static/([^"]+)"', page)}
    assert {"fleet.js", "staff.css", "caibox.css", "vendor/htmx.min.js"} <= files
    font = STATIC / "vendor/atkinson-hyperlegible-700.woff2"
    parts = [page.encode(), *((STATIC / file).read_bytes() for file in sorted(files))]
    assert sum(len(gzip.compress(part)) for part in parts) + font.stat().st_size <= MOST_BYTES


def test_somebody_who_looks_after_it_is_named_and_a_silence_takes_it_from_what_must_be_handled(
    day: Day, fleet: fleet_world.Fleet
) -> None:
    locker_id = fleet.by_cause["too_warm"][0]
    with day.engine.begin() as conn:
        site_id = conn.execute(select(t.locker.c.site_id).where(t.locker.c.id == locker_id)).scalar_one()
        conn.execute(update(t.person).where(t.person.c.id == day.people[Role.OPERATOR]).values(display_name="Wang Min"))
    client = day.client(Role.OPERATOR)
    back = f"/en/ops/sites/{site_id}"
    answer = client.post("/en/ops/alarms/too_warm/seen", data={"site": site_id, "back": back})
    assert answer.headers["Location"] == back
    assert "Wang Min looks after it" in words(shown(day, f"/sites/{site_id}"))
    answer = client.post(
        "/en/ops/alarms/too_warm/silence", data={"site": site_id, "hours": "2", "reason": "defrosting"}
    )
    assert answer.status_code == 303
    assert "17 to handle 21 to watch 25 not heard" in words(shown(day))
    assert re.search(r"silent until 14:0\d today, by Wang Min", words(shown(day, f"/sites/{site_id}")))


def test_nobody_is_sent_elsewhere_by_a_forged_way_back(day: Day, fleet: fleet_world.Fleet) -> None:
    locker_id = fleet.by_cause["too_warm"][1]
    with day.engine.begin() as conn:
        site_id = conn.execute(select(t.locker.c.site_id).where(t.locker.c.id == locker_id)).scalar_one()
    for back in (
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/en/ops/sites/../../x",
        "/en/ops\nSet-Cookie: a",
    ):
        form = {"site": site_id, "back": back}
        answer = day.client(Role.OPERATOR).post("/en/ops/alarms/too_warm/seen", data=form)
        assert answer.headers["Location"] == "/en/ops/alarms"


def test_a_mistyped_code_is_nothing_and_five_in_an_hour_are_watched(day: Day) -> None:
    refused = {"via": "keypad", "refusal": "wrong_code", "times": 1}
    for _ in range(REFUSALS_TOLD - 1):
        with day.engine.begin() as conn:
            tell(conn, site_id=day.site_id, at=NOW - timedelta(minutes=5), kind="AccessRefused", body=refused)
    assert "Everything is as it should be" in shown(day)
    with day.engine.begin() as conn:
        tell(conn, site_id=day.site_id, at=NOW - timedelta(minutes=5), kind="AccessRefused", body=refused)
    page = words(shown(day))
    assert "2 to watch" in page  # both lockers of the site
    assert "Refused again and again" in page
    assert "5 times in an hour" in page


def test_a_locker_says_what_is_wrong_whose_food_lies_there_and_what_to_do_next(day: Day) -> None:
    with day.engine.begin() as conn:
        pack_all(conn, day.order_id)
        load(conn, day.parcels[0], 7)
        conn.execute(update(t.customer_order).values(state="ready"))
        number = conn.execute(select(t.customer_order.c.order_no)).scalar_one()
        conn.execute(insert(t.zone_alarm).values(**fleet_world.alarm("G1", day.site_id, "too_warm", NOW)))
        mine = t.person.c.id == day.people[Role.KEEPER]
        conn.execute(update(t.person).where(mine).values(site_id=day.site_id, display_name="Old Chen"))
        tell(conn, site_id=day.site_id, at=NOW, kind="ControllerWentSilent", body={"controller": "G1"})
        tell(conn, site_id=day.site_id, at=NOW, kind="DoorWasOpened", body={"door": 30})  # at G2
    page = shown(day, "/lockers/G1")
    said = words(page)
    assert "Too warm: chilled" in said
    assert "1 order , ¥" in said
    assert "Call the keeper: is a door ajar" in said
    assert "Call the keeper, Old Chen" in said
    assert 'href="tel:+86138' in page
    assert f"/en/ops/orders/{day.order_id}" in page
    assert number in said
    assert "Locker went silent" in said
    assert "Door opened" not in said
    assert 'data-chart="' in page
    other = words(shown(day, "/lockers/G2"))
    assert "Nothing is wrong with this locker" in other
    assert "Door opened" in other
    assert number not in other


def test_a_site_shows_its_lockers_its_orders_and_what_comes(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.gateway).where(t.gateway.c.id == "gw-1").values(online=False, heard_at=NOW))
    page = shown(day, f"/sites/{day.site_id}")
    said = words(page)
    assert "1 thing to look at" in said
    assert "Site silent" in said
    assert "Check the router" in said
    assert "Evening run" in said
    assert page.count('role="img"') == 2
    assert "3.2 °C" not in said


@pytest.mark.parametrize("path", ["/sites/nowhere", "/lockers/nothing", "/lockers/G1?zone=hot"])
def test_a_place_that_is_not_there_is_not_found(day: Day, path: str) -> None:
    assert day.client(Role.OPERATOR).get(f"/en/ops{path}").status_code == 404


def test_places_are_for_operators_alone(day: Day) -> None:
    for role in (Role.KEEPER, Role.DRIVER, Role.PICKER, Role.RESIDENT):
        for path in ("", f"/sites/{day.site_id}", "/lockers/G1"):
            assert day.client(role).get(f"/en/ops{path}").status_code == 403


def test_a_door_an_order_and_its_person_say_what_is_wrong_and_lead_to_each_other(day: Day) -> None:
    with day.engine.begin() as conn:
        pack_all(conn, day.order_id)
        load(conn, day.parcels[0], 7)
        conn.execute(update(t.customer_order).values(state="ready"))
        conn.execute(update(t.parcel).values(collect_until=NOW + timedelta(hours=1)))
        mine = t.compartment.c.door == 7
        conn.execute(update(t.compartment).where(mine).values(trouble="jammed", trouble_at=NOW))
    door = shown(day, f"/sites/{day.site_id}/doors/7")
    assert "Door jammed: door 7" in words(door)
    assert "press its edge while it is opened again" in words(door)
    assert "1 order" in words(door)
    for path in (f"sites/{day.site_id}", "lockers/G1", f"orders/{day.order_id}", "cold/zone/G1/chilled"):
        assert f'href="/en/ops/{path}"' in door, path
    assert "Nothing is wrong with this door" in words(shown(day, f"/sites/{day.site_id}/doors/8"))

    order = shown(day, f"/orders/{day.order_id}")
    assert "still in the locker" in words(order)
    assert "Have the keeper take it into the cold bag" in words(order)
    person = f"people/{day.people[Role.RESIDENT]}"
    for path in (f"sites/{day.site_id}", f"sites/{day.site_id}/doors/7", person, "runs"):
        assert f'href="/en/ops/{path}"' in order, path
    assert f'href="/en/ops/orders/{day.order_id}"' in shown(day, f"/{person}")


def test_an_order_that_is_as_it_should_be_says_so(day: Day) -> None:
    assert "Nothing is wrong with this order" in words(shown(day, f"/orders/{day.order_id}"))


def test_numbers_of_many_sites_show_those_that_alarm_and_any_one_that_is_asked_for(
    day: Day, fleet: fleet_world.Fleet
) -> None:
    page = shown(day, "/numbers")
    assert page.count('class="figures three"') == 6
    assert page.count("<option") == len(fleet.sites) + 2 + 1
    one = shown(day, f"/numbers?site={fleet.sites[-1]}")
    assert one.count('class="figures three"') == 1
    assert f'id="site-{fleet.sites[-1]}"' in one


def test_somebody_looks_after_a_jammed_door_until_another_jams(day: Day) -> None:
    jam = update(t.compartment).values(trouble="jammed", trouble_at=NOW - timedelta(minutes=5))
    here = t.compartment.c.site_id == day.site_id
    with day.engine.begin() as conn:
        conn.execute(jam.where(here, t.compartment.c.door == 7))
        conn.execute(update(t.person).where(t.person.c.id == day.people[Role.OPERATOR]).values(display_name="Wang Min"))
    client, back = day.client(Role.OPERATOR), f"/en/ops/sites/{day.site_id}/doors/7"
    page = shown(day, f"/sites/{day.site_id}/doors/7")
    assert 'action="/en/ops/alarms/jammed/seen"' in page
    answer = client.post("/en/ops/alarms/jammed/seen", data={"site": day.site_id, "back": back})
    assert (answer.status_code, answer.headers["Location"]) == (303, back)
    assert "Wang Min looks after it" in words(shown(day))
    with day.engine.begin() as conn:
        later = {"trouble": "jammed", "trouble_at": NOW + timedelta(minutes=5)}
        conn.execute(update(t.compartment).where(here, t.compartment.c.door == 8).values(later))
    assert "Wang Min looks after it" not in words(shown(day))


def test_nobody_looks_after_what_is_not_wrong(day: Day) -> None:
    answer = day.client(Role.OPERATOR).post("/en/ops/alarms/jammed/seen", data={"site": day.site_id})
    assert answer.status_code == 409
    assert day.client(Role.OPERATOR).post("/en/ops/alarms/nonsense/seen", data={"site": day.site_id}).status_code == 404
    with day.engine.begin() as conn:
        assert conn.execute(select(t.alarm_answer)).all() == []
