"""The page of alarms: what, where, whose and what next; seen by a name, silenced with an end, refused in words."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text, update

from app.db import tables as t
from app.domain.roles import Role
from app.use_cases.cold_chain.tell_alarms import tell_alarms
from tests.web.cold_world import alarm, keep_shut, lay_down
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, make_settings

TOLD = text("SELECT body FROM notification WHERE kind = 'cold_alarm' AND facts->>'what' = :what ORDER BY made_at, id")


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def page(day: Day, language: str = "en", query: str = "") -> str:
    return str(day.client(Role.OPERATOR).get(f"/{language}/ops/alarms{query}").text)


def answered(day: Day) -> list[Any]:
    with day.engine.connect() as conn:
        return list(conn.execute(select(t.alarm_answer).order_by(t.alarm_answer.c.id)).all())


def told(day: Day, tmp_path: Path, *, minutes: int = 0, what: str = "温区过热") -> list[str]:
    settings = make_settings(day.engine.url.render_as_string(hide_password=False), tmp_path)
    with day.engine.begin() as conn:
        tell_alarms(conn, now=NOW + timedelta(minutes=minutes), settings=settings)
        return list(conn.execute(TOLD, {"what": what}).scalars())


def warm(day: Day) -> Any:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        alarm(conn, site_id=day.site_id, locker_id=door.locker_id, kind="too_warm")
        return door


def test_a_quiet_day_says_that_all_that_is_known_is_cold_enough(day: Day) -> None:
    assert "No alarm: all that is known is cold enough" in page(day)


def test_a_warm_zone_says_where_since_when_whose_and_what_next(day: Day) -> None:
    door = warm(day)
    shown = words(page(day))
    assert "Too warm: Osmanthus Court" in shown
    assert "since 11:48 today" in shown
    assert "1 order lies there" in shown
    assert "Call the keeper: is a door ajar" in shown
    assert f"/en/ops/cold/zone/{door.locker_id}/chilled" in page(day)
    assert f"/en/ops/orders/{day.order_id}" in page(day)
    assert "过热：桂花苑" in words(page(day, "zh-hans")).replace("过热: ", "过热：")


def test_no_data_is_an_alarm_of_its_own(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(
            update(t.zone_reading).where(t.zone_reading.c.zone == "frozen").values(read_at=NOW - timedelta(minutes=20))
        )
        conn.execute(update(t.locker).where(t.locker.c.id == "G2").values(online=False))
        conn.execute(update(t.gateway).where(t.gateway.c.site_id != day.site_id).values(online=False))
    shown = words(page(day))
    for said in ("Not measured: Osmanthus Court", "Locker silent: Osmanthus Court", "Site silent: Sunny Lane"):
        assert said in shown


def test_food_that_is_kept_shut_stands_first(day: Day) -> None:
    door = warm(day)
    with day.engine.begin() as conn:
        keep_shut(conn, day, door)
    headings = re.findall(r"<h2>(.*?)</h2>", page(day), re.DOTALL)
    assert [words(one).strip().split(":")[0] for one in headings] == ["Food is kept shut", "Too warm"]


def test_whoever_looks_after_it_is_named(day: Day) -> None:
    warm(day)
    with day.engine.begin() as conn:
        conn.execute(update(t.person).where(t.person.c.id == day.people[Role.OPERATOR]).values(display_name="Lin"))
    answer = day.client(Role.OPERATOR).post("/en/ops/alarms/too_warm/seen", data={"site": day.site_id})
    assert answer.status_code == 303
    shown = words(page(day))
    assert "seen by Lin at 12:00 today" in shown
    assert "I look after it" not in shown


def test_a_silence_has_a_reason_a_name_and_an_end(day: Day) -> None:
    warm(day)
    assert 'name="reason"' in page(day, query=f"?silence=too_warm&site={day.site_id}")
    answer = day.client(Role.OPERATOR).post(
        "/en/ops/alarms/too_warm/silence",
        data={"site": day.site_id, "hours": "4", "reason": "the compressor is changed"},
    )
    assert answer.status_code == 303
    shown = words(page(day))
    assert "No alarm" in shown
    assert "1 is silenced" in shown
    assert "Silent until 16:00 today" in shown
    assert "the compressor is changed" in shown


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"hours": "25", "reason": "the compressor is changed"}, "choose from one hour to 24"),
        ({"hours": "", "reason": "the compressor is changed"}, "choose from one hour to 24"),
        ({"hours": "-1", "reason": "the compressor is changed"}, "choose from one hour to 24"),
        ({"hours": "4", "reason": "no"}, "Say why, in 5 to 200"),
        ({"hours": "4", "reason": "call 13800138000 about it"}, "phone number"),
    ],
)
def test_a_silence_that_is_refused_changes_nothing_and_keeps_what_was_typed(
    day: Day, sent: dict[str, str], said: str
) -> None:
    warm(day)
    answer = day.client(Role.OPERATOR).post("/en/ops/alarms/too_warm/silence", data={"site": day.site_id, **sent})
    assert answer.status_code == 422
    assert said in words(answer.text)
    assert f'value="{sent["reason"]}"' in answer.text
    assert answered(day) == []


@pytest.mark.parametrize("sites", [[], ["sunny"], ["osmanthus", "sunny"], ["nowhere"]])
def test_what_is_not_wrong_there_cannot_be_answered(day: Day, sites: list[str]) -> None:
    warm(day)
    answer = day.client(Role.OPERATOR).post("/en/ops/alarms/too_warm/seen", data={"site": sites})
    assert answer.status_code == 409
    assert "not wrong there any more" in answer.text
    assert answered(day) == []


def test_an_unknown_cause_is_not_found(day: Day) -> None:
    assert day.client(Role.OPERATOR).post("/en/ops/alarms/ghosts/seen", data={"site": day.site_id}).status_code == 404
    assert answered(day) == []


def test_operators_are_told_once_a_cause_however_many_zones(day: Day, tmp_path: Path) -> None:
    warm(day)
    with day.engine.begin() as conn:
        for locker in conn.execute(select(t.locker)).all():
            alarm(conn, site_id=locker.site_id, locker_id=locker.id, kind="too_warm", zone="cool")
    found = told(day, tmp_path)
    assert len(found) == 2  # an operator and an administrator
    assert "2 个小区、3 个柜、1 个订单" in found[0]
    assert len(told(day, tmp_path, minutes=1)) == 2


def test_they_are_told_again_when_more_is_wrong_after_a_while(day: Day, tmp_path: Path) -> None:
    door = warm(day)
    told(day, tmp_path)
    assert len(told(day, tmp_path, minutes=40)) == 2  # the same still, which they know
    with day.engine.begin() as conn:
        alarm(
            conn,
            site_id=day.site_id,
            locker_id=door.locker_id,
            kind="too_warm",
            zone="cool",
            found_at=NOW - timedelta(hours=1),
        )
    assert len(told(day, tmp_path, minutes=41)) == 4


@pytest.mark.parametrize("until", [None, NOW + timedelta(hours=1)])
def test_nobody_is_told_of_what_was_seen_or_silenced(day: Day, tmp_path: Path, until: Any) -> None:
    warm(day)
    with day.engine.begin() as conn:
        conn.execute(
            insert(t.alarm_answer).values(
                cause="too_warm",
                site_id=day.site_id,
                at=NOW,
                person_id=day.people[Role.OPERATOR],
                until=until,
                reason="known",
            )
        )
    assert told(day, tmp_path) == []


def test_a_site_that_restarts_alarms_nobody(day: Day, tmp_path: Path) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.gateway).values(online=False, heard_at=NOW - timedelta(minutes=4)))
    assert told(day, tmp_path, what="小区没有回应") == []
    assert len(told(day, tmp_path, minutes=2, what="小区没有回应")) == 2
