"""An operator's page of programs that are told: register, see the secret once, end, send again what was given up."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

URL = "http://127.0.0.1:9/told"
PAGE = "/en/ops/webhooks"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def live(day: Day) -> int:
    with day.engine.connect() as conn:
        alive = select(func.count()).where(t.webhook_endpoint.c.ended_at.is_(None))
        return int(conn.execute(alive).scalar_one())


def give_up(day: Day) -> tuple[str, int]:
    with day.engine.begin() as conn:
        endpoint = conn.execute(select(t.webhook_endpoint.c.id)).scalar_one()
        query = text(
            "INSERT INTO webhook_delivery (endpoint_id, event_id, kind, at, next_try_at, tried_at, facts, state, tries,"
            " trouble) VALUES (:endpoint, 'e1', 'order.paid', :at, :at, :at, '{}', 'dead', 14, 'it answered 500')"
            " RETURNING id"
        )
        return endpoint, conn.execute(query, {"endpoint": endpoint, "at": NOW}).scalar_one()


def state(day: Day) -> Any:
    with day.engine.connect() as conn:
        return conn.execute(select(t.webhook_delivery.c.state)).scalar_one()


def test_a_secret_is_shown_once(day: Day) -> None:
    operator = day.client(Role.OPERATOR)
    made = operator.post(PAGE, data={"url": URL, "kinds": ["order.paid", "door.opened"]})
    (secret,) = re.findall(r"whsec_[0-9a-f]{64}", made.text)
    later = operator.get(PAGE)
    assert URL in later.text
    assert "door.opened, order.paid" in later.text
    assert secret not in later.text
    with day.engine.connect() as conn:
        assert secret not in str(conn.execute(select(t.webhook_endpoint)).all())


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"url": URL}, "Choose at least one kind"),
        ({"url": "ftp://example.org", "kinds": "order.paid"}, "only to public https addresses"),
        ({"url": "", "kinds": "order.paid"}, "only to public https addresses"),
        ({"url": URL, "kinds": "made.up"}, "Choose at least one kind"),
    ],
)
def test_a_form_that_will_not_do_is_shown_again_with_what_was_typed(day: Day, form: dict[str, str], says: str) -> None:
    answer = day.client(Role.OPERATOR).post(PAGE, data=form)
    assert answer.status_code == 422
    assert says in answer.text
    assert f'value="{form["url"]}"' in answer.text
    assert live(day) == 0


def test_what_was_given_up_is_shown_and_sent_again(day: Day) -> None:
    operator = day.client(Role.OPERATOR)
    operator.post(PAGE, data={"url": URL, "kinds": "order.paid"})
    endpoint, delivery = give_up(day)
    page = operator.get(PAGE).text
    assert "it answered 500" in page
    assert "0 waiting, 1 given up" in page
    assert operator.post(f"{PAGE}/{endpoint}/{delivery}/again").status_code == 303
    assert state(day) == "waiting"
    assert operator.post(f"{PAGE}/{endpoint}/{delivery}/again").status_code == 409


def test_an_endpoint_is_ended(day: Day) -> None:
    operator = day.client(Role.OPERATOR)
    operator.post(PAGE, data={"url": URL, "kinds": "order.paid"})
    endpoint, _ = give_up(day)
    assert operator.post(f"{PAGE}/{endpoint}/end").status_code == 303
    assert live(day) == 0
    assert operator.post(f"{PAGE}/{endpoint}/end").status_code == 404


def test_a_program_does_the_same_by_the_api(day: Day) -> None:
    headers, client = day.bearer(Role.OPERATOR), day.client()
    made = client.post("/api/v1/webhooks", json={"url": URL, "kinds": ["order.paid"]}, headers=headers)
    assert made.status_code == 201
    assert made.json["secret"].startswith("whsec_")
    endpoint, delivery = give_up(day)
    (listed,) = client.get("/api/v1/webhooks", headers=headers).json["items"]
    assert (listed["id"], listed["dead"], "secret" in listed) == (made.json["id"], 1, False)
    path = f"/api/v1/webhooks/{endpoint}/deliveries"
    (dead,) = client.get(f"{path}?state=dead", headers=headers).json["items"]
    assert (dead["id"], dead["trouble"]) == (delivery, "it answered 500")
    assert client.get(f"{path}?state=sent", headers=headers).json["items"] == []
    assert client.post(f"{path}/{delivery}/again", headers=headers).status_code == 204
    assert client.post(f"{path}/{delivery}/again", headers=headers).json["code"] == "not_dead"
    assert client.delete(f"/api/v1/webhooks/{endpoint}", headers=headers).status_code == 204
    assert client.get(path, headers=headers).status_code == 404
