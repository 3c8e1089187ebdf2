"""Changing, cancelling, claiming and reading receipts by a program; never another household's."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.after_world import goods, paid_for, with_receipts
from tests.web.claims_world import TOMATO, cheap_line, claims_of, collected_day
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

KEY = {"Idempotency-Key": "one-of-mine"}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        paid_for(made)
        yield made


@pytest.fixture
def eaten(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with collected_day(db, tmp_path) as made:
        yield made


def mine(day: Day) -> dict[str, str]:
    return day.bearer(Role.RESIDENT)


def a_strangers(day: Day) -> dict[str, str]:
    return {"Authorization": f"Bearer {day.other}"}


def at(day: Day, rest: str) -> str:
    return f"/api/v1/orders/{day.order_id}/{rest}"


def everything(day: Day) -> dict[str, list[Any]]:
    with day.engine.begin() as conn:
        return {table.name: sorted(conn.execute(table.select()).all(), key=repr) for table in t.metadata.sorted_tables}


def wish(day: Day, **changed: int) -> dict[str, Any]:
    """The order as it is, but for these products' pieces."""
    lines = [{"product_id": name, "quantity": count} for name, count in {**goods(day), **changed}.items() if count]
    return {"window_id": day.window_id, "lines": lines}


def send(day: Day, rest: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    return day.client().post(at(day, rest), json=body, headers=mine(day) | KEY if headers is None else headers)


def test_a_smaller_order_gives_back_at_once_and_the_same_request_again_is_the_same_edit(day: Day) -> None:
    product, count = next((name, count) for name, count in goods(day).items() if count > 1)
    body = wish(day, **{product: count - 1})
    first, second = (send(day, "edits", body) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json == second.json
    assert first.json["difference_minor"] < 0
    assert first.json["to_pay"] is False
    assert goods(day)[product] == count - 1


def test_a_larger_order_changes_only_when_it_is_paid(day: Day) -> None:
    product, count = next(iter(goods(day).items()))
    answer = send(day, "edits", wish(day, **{product: count + 1}))
    assert (answer.status_code, answer.json["to_pay"]) == (201, True)
    assert goods(day)[product] == count
    paying = day.client().post(at(day, f"edits/{answer.json['edit_id']}/payment"), headers=mine(day))
    assert (paying.status_code, "/sandbox/pay/" in paying.json["pay_url"]) == (201, True)


def test_a_change_for_another_sum_than_was_shown_is_not_made(day: Day) -> None:
    product, count = next(iter(goods(day).items()))
    before = everything(day)
    answer = send(day, "edits", {**wish(day, **{product: count + 1}), "shown_minor": 1})
    assert (answer.status_code, answer.json["code"]) == (409, "edit_meanwhile")
    assert everything(day) == before


def test_cancelling_gives_back_what_the_terms_say(day: Day) -> None:
    terms = day.client().get(at(day, "cancellation"), headers=mine(day)).json
    assert (terms["stage"], terms["percent"]) == ("open", 100)
    assert terms["back_minor"] == sum(line["back_minor"] for line in terms["lines"]) > 0
    before = everything(day)
    wrong = send(day, "cancellation", {"back_minor": terms["back_minor"] - 1}, mine(day))
    assert (wrong.status_code, wrong.json["code"]) == (409, "cancel_terms_changed")
    assert everything(day) == before

    assert send(day, "cancellation", {"back_minor": terms["back_minor"]}, mine(day)).status_code == 204
    with day.engine.begin() as conn:
        assert conn.execute(select(t.customer_order.c.state)).scalar_one() in {"expiring", "refunded"}


def test_a_receipt_is_listed_and_adds_up(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.load_run).values(order_by=NOW - timedelta(minutes=1)))
    with_receipts(day)
    listed = day.client().get(at(day, "receipts"), headers=mine(day)).json["items"]
    assert listed
    shown = day.client().get(at(day, f"receipts/{listed[0]['number']}"), headers=mine(day)).json
    assert shown["gross_minor"] == sum(line["gross_minor"] for line in shown["lines"])
    assert shown["gross_minor"] == sum(tax["gross_minor"] for tax in shown["taxes"])
    assert shown["tax_minor"] == sum(tax["tax_minor"] for tax in shown["taxes"])


def claim_of(line: int, **changed: Any) -> dict[str, Any]:
    photo = base64.b64encode(TOMATO).decode()
    return {"line_no": line, "kind": "spoiled", "quantity": 1, "photo": photo, **changed}


def test_a_claim_with_a_photo_is_granted_and_sent_twice_is_one(eaten: Day) -> None:
    line = cheap_line(eaten)
    may = eaten.client().get(at(eaten, "claims"), headers=mine(eaten)).json["may_claim"]
    assert line.line_no in {each["line_no"] for each in may}
    first, second = (send(eaten, "claims", claim_of(line.line_no)) for _ in range(2))
    assert (first.status_code, first.json) == (201, second.json)
    assert [each.state for each in claims_of(eaten)] == ["granted"]
    (told,) = eaten.client().get(at(eaten, "claims"), headers=mine(eaten)).json["items"]
    assert (told["state"], told["granted_minor"]) == ("granted", line.price_minor)


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"photo": None}, 422, "claim_photo_needed"),
        ({"photo": "no base64!"}, 400, "invalid_field"),
        ({"photo": base64.b64encode(b"no picture").decode()}, 422, "photo_unreadable"),
        ({"line_no": 99}, 422, "claim_line_unknown"),
        ({"quantity": 99}, 422, "claim_quantity_absurd"),
        ({"kind": "too ripe"}, 400, "invalid_field"),
    ],
)
def test_a_claim_that_cannot_be_is_refused_and_nothing_is_kept(
    eaten: Day, changed: dict[str, Any], status: int, code: str
) -> None:
    before = everything(eaten)
    answer = send(eaten, "claims", claim_of(cheap_line(eaten).line_no, **changed))
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert everything(eaten) == before


def test_a_stranger_finds_no_order_of_mine(day: Day) -> None:
    stranger = a_strangers(day)
    before = everything(day)
    for rest in ("cancellation", "receipts", "receipts/1", "claims"):
        assert day.client().get(at(day, rest), headers=stranger).status_code == 404
    for rest, body in (
        ("edits", wish(day)),
        ("edits/x/payment", None),
        ("cancellation", {"back_minor": 0}),
        ("claims", claim_of(1)),
    ):
        assert send(day, rest, body, stranger | KEY).status_code == 404
    assert everything(day) == before
