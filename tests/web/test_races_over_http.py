"""Many people at one instant, over HTTP: equal answers for equal keys, and words, not error pages, for who loses."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, text

from app.domain.roles import Role
from tests.web.shop_world import add_person
from tests.web.staff_world import Day, day_at, sign_in_as

AT_ONCE = 16


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def order(url: str, token: str, key: str, day: Day) -> tuple[int, bytes]:
    """POST one order; status and body as they came."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    wish = {"window_id": day.window_id, "lines": [{"product_id": "tomatoes", "quantity": 1}]}
    try:
        connection.request("POST", "/api/v1/orders", json.dumps(wish), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def leave(day: Day, *, tomatoes: int) -> None:
    """Leave so many tomatoes, and doors and places enough."""
    with day.engine.begin() as conn:
        conn.execute(
            text("UPDATE run_stock SET taken = total - :left WHERE product_id = 'tomatoes'"), {"left": tomatoes}
        )
        conn.execute(text("UPDATE run_capacity SET total = 1000"))
        conn.execute(text("UPDATE pickup_window SET order_cap = 1000"))


def ordered(day: Day) -> int:
    with day.engine.begin() as conn:
        found: int = conn.execute(
            text("SELECT count(*) FROM customer_order WHERE id <> :o"), {"o": day.order_id}
        ).scalar_one()
    return found


def test_one_basket_sent_five_times_at_once_is_one_order_and_five_equal_answers(url: str, day: Day) -> None:
    leave(day, tomatoes=10)
    token = day.tokens[Role.RESIDENT]

    with ThreadPoolExecutor(5) as people:
        answers = list(people.map(lambda _: order(url, token, "the same key", day), range(5)))

    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert ordered(day) == 1


def test_forty_people_and_ten_tomatoes_are_ten_orders_and_thirty_who_read_what_is_left(url: str, day: Day) -> None:
    leave(day, tomatoes=10)
    with day.engine.begin() as conn:
        tokens = [sign_in_as(conn, add_person(conn, f"+86139{n:08d}")) for n in range(40)]

    with ThreadPoolExecutor(AT_ONCE) as people:
        answers = list(people.map(lambda n: order(url, tokens[n], f"key of buyer {n}", day), range(40)))

    refused = [json.loads(body) for status, body in answers if status != 201]
    assert sorted(status for status, _ in answers) == [201] * 10 + [409] * 30
    assert {(no["code"], no["product"], no["left"], no["wanted"]) for no in refused} == {("sold_out", "tomatoes", 0, 1)}
    assert all(no["detail"] for no in refused)
    assert ordered(day) == 10
