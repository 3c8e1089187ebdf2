"""A keeper's pages: what is wrong, opening again, rescue, the cold bag, somebody without a phone; nothing more."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.domain.roles import Role
from locker_protocol.site_events import DoorTroubleFound, DoorWasOpened
from locker_protocol.vocabulary import DoorTrouble, Right
from tests.web.keeper_world import NAME, Evening, make_evening
from tests.web.shop_world import NOW
from tests.web.staff_world import day_at

WHY = "the door is jammed"


@pytest.fixture
def evening(db: Engine, tmp_path: Path) -> Iterator[Evening]:
    with day_at(db, tmp_path) as day:
        yield make_evening(day)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def get(evening: Evening, path: str) -> str:
    answer = evening.keeper().get(f"/en/keeper{path}")
    assert answer.status_code == 200, answer.text
    return words(answer.text)


def post(evening: Evening, path: str, **data: Any) -> Any:
    return evening.keeper().post(f"/en/keeper{path}", data=data)


def look(evening: Evening, said: str = NAME) -> str:
    answer = post(evening, "/help", number=evening.order_no, said=said)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"]).removeprefix("/en/keeper")


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_a_keeper_begins_their_day_at_their_building(evening: Evening) -> None:
    assert evening.keeper().get("/en/").headers["Location"] == "/en/keeper"
    page = get(evening, "")
    assert "Everything is as it should be" in page
    assert "Help somebody collect" in page


def test_without_a_building_the_page_says_so(evening: Evening) -> None:
    evening.run_sql("UPDATE person SET site_id = NULL WHERE id = :keeper", keeper=evening.keeper_id)
    for path in ("", "/help", "/rescue", "/bag", "/report", "/doors/1"):
        answer = evening.keeper().get(f"/en/keeper{path}")
        assert answer.status_code == 409
        assert "You look after no building yet." in answer.text
    assert post(evening, "/rescue", doors="1", reason=WHY).status_code == 409
    assert evening.commands() == []


def test_troubles_stand_worst_first_each_with_what_to_do(evening: Evening) -> None:
    evening.jam(3)
    evening.tell(DoorWasOpened("G1", 4, "somebody"), DoorWasOpened("G1", 5))
    evening.tell(DoorTroubleFound("G1", 5, DoorTrouble.FORCED), DoorTroubleFound("G1", 6, DoorTrouble.MISWIRED, 7))
    evening.run_sql("UPDATE compartment SET door_changed_at = :at WHERE door = 4", at=NOW - timedelta(seconds=61))
    evening.run_sql("UPDATE locker SET online = false WHERE id = 'G2'")
    evening.run_sql("UPDATE zone_reading SET product_c = 9 WHERE locker_id = 'G1' AND zone = 'chilled'")
    page = get(evening, "")
    said = [
        "6 things to see to",
        "Doors 6 and 7 answer for each other",
        "Door 3 is jammed",
        "See to door 3",
        "Door 4 stands open",
        "Door 5 opened without a code",
        "is silent",
        "Tell the office",
        "is too warm: chilled",
        "Rescue food",
    ]
    places = [page.index(part) for part in said]
    assert places == sorted(places)


def test_one_stuck_opening_is_no_jam_and_an_opening_ends_one(evening: Evening) -> None:
    evening.jam(3, times=1)
    assert "jammed" not in get(evening, "")
    evening.jam(3)
    assert "Door 3 is jammed" in get(evening, "")
    evening.opens(3, "a grant")
    assert "jammed" not in get(evening, "")


def test_a_silent_site_shows_nothing_else_as_known(evening: Evening) -> None:
    evening.jam(3)
    evening.run_sql("UPDATE gateway SET online = false")
    page = get(evening, "")
    assert "The lockers do not answer" in page
    assert "jammed" not in page
    assert "unknown" in get(evening, "/doors/3")


def test_another_buildings_troubles_are_not_shown(evening: Evening) -> None:
    evening.jam(3)
    (other,) = evening.rows("SELECT id FROM site WHERE id <> :here", here=evening.day.site_id)
    evening.run_sql("UPDATE person SET site_id = :site WHERE id = :k", site=other.id, k=evening.keeper_id)
    assert "Everything is as it should be" in get(evening, "")


# --- a door -----------------------------------------------------------------------------------------------------------


def test_a_door_is_opened_again_with_who_and_why(evening: Evening) -> None:
    evening.jam(1)
    assert post(evening, "/doors/1/open", reason=WHY).status_code == 303
    (asked,) = evening.commands()
    assert (asked.right, asked.doors, asked.person_id, asked.reason) == ("staff", [1], evening.keeper_id, WHY)
    assert "asking…" in get(evening, "/doors/1")
    grant_id = evening.grant()
    assert "released: pull it open" in get(evening, "/doors/1")
    evening.opens(1, grant_id)
    assert "open: look, then push it shut" in get(evening, "/doors/1")


def test_a_refused_opening_says_why(evening: Evening) -> None:
    post(evening, "/doors/1/open", reason=WHY)
    evening.answer(refusal="locker_silent")
    assert "The locker does not answer. Nothing was opened." in get(evening, "/doors/1")


@pytest.mark.parametrize("reason", ["", "why", "x" * 201])
def test_without_a_reason_no_door_is_asked_for_and_nothing_typed_is_lost(evening: Evening, reason: str) -> None:
    answer = post(evening, "/doors/1/open", reason=reason)
    assert answer.status_code == 422
    assert f'value="{reason}"' in answer.text
    assert post(evening, "/rescue", doors="1", reason=reason).status_code == 422
    assert evening.commands() == []


def test_a_door_that_is_not_there_is_not_found(evening: Evening) -> None:
    assert evening.keeper().get("/en/keeper/doors/998").status_code == 404
    assert post(evening, "/doors/998/open", reason=WHY).status_code == 404
    assert evening.commands() == []


# --- rescue and the bag -----------------------------------------------------------------------------------------------


def test_a_warm_zone_comes_with_its_doors_chosen(evening: Evening) -> None:
    zones = dict(evening.rows("SELECT door, zone FROM compartment WHERE site_id = :s", s=evening.day.site_id))
    full = {bag.door for bag in evening.bags()}
    page = evening.keeper().get(f"/en/keeper/rescue?locker=G1&zone={zones[1]}").text
    assert set(map(int, re.findall(r'name="doors" value="(\d+)"', page))) == full
    chosen = set(map(int, re.findall(r'name="doors" value="(\d+)" checked', page)))
    assert chosen == {door for door in full if zones[door] == zones[1]}


def test_what_was_chosen_wrongly_is_refused_and_kept(evening: Evening) -> None:
    for doors, says in (
        ([], "Choose at least one door."),
        (["1", "40"], "We know of no food behind door 40."),
        ([str(n) for n in range(1, 10)], "At most 8 doors at once"),
    ):
        answer = post(evening, "/rescue", doors=doors, reason=WHY)
        assert answer.status_code in {409, 422}
        assert says in words(answer.text)
        assert ('value="1" checked' in answer.text) == ("1" in doors)
    assert post(evening, "/rescue", doors=["1; drop", "²", "99999"], reason=WHY).status_code == 422
    assert evening.commands() == []


def rescue(evening: Evening, *doors: int) -> str:
    answer = post(evening, "/rescue", doors=[str(door) for door in doors], reason=WHY)
    grant_id = evening.grant()
    for door in doors:
        evening.opens(door, grant_id)
        evening.shuts(door, Right.RESCUE)
    return str(answer.headers["Location"]).removeprefix("/en/keeper")


def test_a_rescue_is_followed_door_by_door_into_the_bag(evening: Evening) -> None:
    follow = str(post(evening, "/rescue", doors=["1", "2"], reason=WHY).headers["Location"]).removeprefix("/en/keeper")
    assert get(evening, follow).count("asking…") == 2
    grant_id = evening.grant()
    evening.opens(1, grant_id)
    page = get(evening, follow)
    assert "open: take the food out, then shut it" in page
    assert "released: pull it open" in page
    evening.shuts(1, Right.RESCUE)
    evening.opens(2, grant_id)
    assert "1 door to empty" in get(evening, follow)
    evening.shuts(2, Right.RESCUE)
    assert "It is in your cold bag" in get(evening, follow)


def test_a_rescue_is_followed_by_its_keeper_only(evening: Evening) -> None:
    follow = rescue(evening, 1)
    assert evening.day.client(Role.ADMIN).get(f"/en/keeper{follow}").status_code in {404, 409}
    assert evening.keeper().get("/en/keeper/rescue/nothing").status_code == 404


def test_the_bag_says_until_when_each_is_good(evening: Evening) -> None:
    assert "Your cold bag is empty." in get(evening, "/bag")
    rescue(evening, 1)
    bag = next(bag for bag in evening.bags() if bag.door == 1)
    page = get(evening, "/bag")
    assert bag.ref in page
    assert f"Good until {bag.keep_until + timedelta(hours=8):%H:%M}." in page
    assert NAME not in page
    assert "1 bag" in get(evening, "")


def test_what_the_clock_threw_away_is_said_to_be_thrown_away(evening: Evening) -> None:
    rescue(evening, 1)
    evening.run_sql("UPDATE parcel SET keep_until = :at WHERE door = 1", at=NOW - timedelta(minutes=1))
    assert "do not give it out" in get(evening, "/bag")
    evening.run_sql("UPDATE parcel SET state = 'disposed' WHERE door = 1")
    assert "Its time is over: throw it away." in get(evening, "/bag")


def test_a_bag_is_thrown_away_with_a_reason(evening: Evening) -> None:
    rescue(evening, 1)
    bag = next(bag for bag in evening.bags() if bag.door == 1)
    assert post(evening, f"/bag/{bag.id}/discard", reason="no").status_code == 422
    assert next(one for one in evening.bags() if one.door == 1).state == "rescued"
    assert post(evening, f"/bag/{bag.id}/discard", reason="it was torn").status_code == 303
    assert next(one for one in evening.bags() if one.door == 1).discarded_for == "it was torn"
    assert post(evening, f"/bag/{evening.bags()[1].id}/discard", reason="it was torn").status_code == 404


# --- somebody without a phone -----------------------------------------------------------------------------------------


def test_a_looked_up_order_shows_bags_and_doors_and_no_name(evening: Evening) -> None:
    page = get(evening, look(evening, evening.phone[-4:]))
    assert f"{len(evening.bags())} bag" in page
    assert all(f"Door {bag.door}" in page for bag in evening.bags())
    assert NAME not in page
    assert evening.phone[-4:] not in page


def test_its_doors_are_opened_and_followed_until_everything_is_given_out(evening: Evening) -> None:
    found = look(evening)
    assert post(evening, f"{found}/open", reason="grandmother has no phone").status_code == 303
    (asked,) = evening.commands()
    assert (asked.right, asked.order_id) == ("hand_over", evening.day.order_id)
    grant_id = evening.grant()
    for bag in evening.bags():
        evening.opens(bag.door, grant_id)
        assert "open: give them the bag, then shut it" in get(evening, found)
        evening.shuts(bag.door, Right.HAND_OVER)
    assert "All of it is given out." in get(evening, found)
    assert evening.state() == "collected"


def test_food_in_the_bag_is_given_out_after_the_same_look(evening: Evening) -> None:
    rescue(evening, *[bag.door for bag in evening.bags()])
    found = look(evening)
    assert "In your cold bag" in get(evening, found)
    assert post(evening, f"{found}/give").status_code == 303
    assert evening.state() == "collected"
    assert "All of it is given out." in get(evening, found)
    assert post(evening, f"{found}/give").status_code == 409


def test_what_its_owner_collected_alone_is_not_said_to_be_collected(evening: Evening) -> None:
    for bag in evening.bags():
        evening.shuts(bag.door, Right.COLLECT)
    page = get(evening, look(evening))
    assert "Nothing of this order is left to give out." in page
    assert "iven out" not in page


@pytest.mark.parametrize("where", ["", "/collect"])
def test_its_owner_reads_who_has_the_food_and_until_when(evening: Evening, where: str) -> None:
    rescue(evening, 1)
    owner = evening.day.client(Role.RESIDENT)
    page = owner.get(f"/en/orders/{evening.day.order_id}{where}").text
    assert "The food from door 1 is with 阿珍 in a cold bag, until 14:0" in page


def test_a_wrong_look_keeps_what_was_typed_and_counts(evening: Evening) -> None:
    for left in (4, 3, 2, 1, 0):
        answer = post(evening, "/help", number=evening.order_no, said="somebody else")
        assert answer.status_code == 422
        assert f"{left} tries are left" in answer.text
        assert 'value="somebody else"' in answer.text
        assert f'value="{evening.order_no}"' in answer.text
    answer = post(evening, "/help", number=evening.order_no, said=NAME)
    assert answer.status_code == 429
    assert "Wait 10 minutes" in answer.text
    assert evening.rows("SELECT 1 FROM keeper_look WHERE order_id IS NOT NULL") == []


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE customer_order SET state = 'expiring', withdrawn_for = 'given_up'", "Nothing of this order is left"),
        ("UPDATE customer_order SET state = 'refunded'", "Nothing of this order is left"),
        ("UPDATE parcel SET collect_until = '2026-11-22T03:59:00Z'", "Its time is over: do not give it out."),
        ("UPDATE parcel SET state = 'packed', door = NULL", "It is not in the locker yet."),
    ],
)
def test_what_may_not_be_given_out_has_no_button_and_is_refused(evening: Evening, sql: str, says: str) -> None:
    found = look(evening)
    evening.run_sql(sql)
    page = get(evening, found)
    assert says in page
    assert "Open door" not in page
    assert post(evening, f"{found}/open", reason="they have no phone").status_code == 409
    assert evening.commands() == []


def test_a_look_is_its_keepers_own_and_ends(evening: Evening) -> None:
    found = look(evening)
    evening.run_sql("UPDATE keeper_look SET at = at - interval '16 minutes'")
    for answer in (
        evening.keeper().get(f"/en/keeper{found}"),
        post(evening, f"{found}/open", reason="they have no phone"),
        post(evening, f"{found}/give"),
        evening.keeper().get("/en/keeper/help/nothing"),
    ):
        assert answer.status_code == 409
        assert "That was looked up too long ago." in answer.text
    assert evening.commands() == []


def test_a_page_that_is_still_open_then_says_that_it_follows_no_more(evening: Evening) -> None:
    found = look(evening)
    evening.run_sql("UPDATE keeper_look SET at = at - interval '16 minutes'")
    answer = evening.keeper().get(f"/en/keeper{found}", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (409, "#status")
    assert "That was looked up too long ago." in answer.text
    assert evening.order_no not in answer.text


# --- the office -------------------------------------------------------------------------------------------------------


def test_a_report_reaches_the_office(evening: Evening) -> None:
    assert 'value="7"' in evening.keeper().get("/en/keeper/report?door=7").text
    assert "It is kept" in post(evening, "/report", words="the light is out", door="7").text
    assert [(row.door, row.words) for row in evening.rows("SELECT * FROM trouble_report")] == [(7, "the light is out")]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"words": "hm", "door": "7"}, 422),
        ({"words": "the light is out", "door": "998"}, 404),
        ({"words": "the light is out", "door": "seven"}, 404),
    ],
)
def test_a_report_nobody_could_read_is_refused_and_kept_in_the_form(
    evening: Evening, form: dict[str, str], status: int
) -> None:
    answer = post(evening, "/report", **form)
    assert answer.status_code == status
    assert all(f'value="{value}"' in answer.text for value in form.values())
    assert evening.rows("SELECT 1 FROM trouble_report") == []
    assert evening.rows("SELECT 1 FROM notification WHERE kind = 'trouble'") == []
