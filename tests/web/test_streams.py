"""A stream tells only what its visitor may see."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.db.engine import announce, transaction
from app.domain.collect_link import make_collect_link
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def status(client: Any, topic: str, **more: str) -> int:
    with client.get("/live", query_string={"topic": topic, **more}) as answer:
        return int(answer.status_code)


def test_an_owner_hears_of_their_order_and_a_stranger_does_not(day: Day) -> None:
    stranger = day.client()
    with stranger.session_transaction() as session:
        session["token"] = day.other
    topic = f"order:{day.order_id}"
    assert status(day.client(Role.RESIDENT), topic) == 200
    assert status(stranger, topic) == 404
    assert status(day.client(), topic) == 404


def test_whoever_holds_the_link_hears_of_that_order_only(day: Day) -> None:
    link = make_collect_link("a secret for tests", order_id=day.order_id, ends_at=NOW + timedelta(days=1))
    assert status(day.client(), f"order:{day.order_id}", link=link) == 200
    assert status(day.client(), f"order:{'0' * 32}", link=link) == 404
    assert status(day.client(), f"order:{day.order_id}", link=link + "x") == 404


def test_sites_are_for_staff(day: Day) -> None:
    assert status(day.client(Role.OPERATOR), f"site:{day.site_id}") == 200
    assert status(day.client(Role.RESIDENT), f"site:{day.site_id}") == 404


@pytest.mark.parametrize("topic", ["", ",", "order:", "nonsense", "order:" + "x" * 200])
def test_what_is_no_topic_is_not_found(day: Day, topic: str) -> None:
    assert status(day.client(Role.RESIDENT), topic) == 404


def test_nobody_asks_for_very_many_topics(day: Day) -> None:
    assert status(day.client(Role.OPERATOR), ",".join(f"site:{n}" for n in range(50))) == 422


def test_a_change_arrives(day: Day) -> None:
    topic = f"order:{day.order_id}"
    with day.client(Role.RESIDENT).get("/live", query_string={"topic": topic}, buffered=False) as answer:
        told = iter(answer.response)
        assert b"retry" in next(told)
        with transaction(day.engine) as conn:
            announce(conn, topic)
        heard = b"".join(next(told) for _ in range(1))
    assert topic.encode() in heard
