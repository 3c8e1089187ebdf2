"""Refunds and prices on their pages: what was typed is kept, what is wrong is said, and nothing is sent by accident."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

WHY = "two were soft"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            total = conn.execute(select(t.customer_order.c.total_minor)).scalar_one()
            conn.execute(
                insert(t.payment).values(
                    id="pay",
                    order_id=made.order_id,
                    provider="sandbox",
                    provider_ref="ref",
                    state="captured",
                    amount_minor=total,
                    currency="CNY",
                    made_at=NOW,
                )
            )
        yield made


def rows(day: Day, table: Any) -> list[Any]:
    with day.engine.begin() as conn:
        return list(conn.execute(select(table)).all())


def fields(page: str) -> dict[str, str]:
    """The hidden fields of a page's last form, and what stands in its inputs."""
    return dict(re.findall(r'name="([\w-]+)" value="([^"]*)"', page.rsplit("<form", 2)[1]))


def post(day: Day, path: str, **data: str) -> Any:
    return day.client(Role.OPERATOR).post(f"/en/ops/{path}", data=data)


def test_money_is_given_back_after_it_was_looked_at_and_only_once(day: Day) -> None:
    path = f"orders/{day.order_id}/refund"
    seen = post(day, f"{path}/preview", **{"line-1": "1.50", "line-2": "", "reason": WHY})
    assert "Give back ¥1.50?" in seen.text
    assert rows(day, t.refund) == []

    sent = fields(seen.text)
    assert post(day, path, **sent).status_code == 303
    assert post(day, path, **sent).status_code == 303

    (refund,) = rows(day, t.refund)
    assert (refund.amount_minor, refund.cause, refund.reason) == (150, "staff", WHY)
    assert refund.decided_by == f"person:{day.people[Role.OPERATOR]}"
    shown = day.client(Role.OPERATOR).get(f"/en/ops/orders/{day.order_id}").text
    assert refund.refund_no in shown
    assert WHY in shown
    assert refund.refund_no in day.client(Role.OPERATOR).get("/en/ops/refunds?state=open&cause=staff").text
    assert refund.refund_no not in day.client(Role.OPERATOR).get("/en/ops/refunds?state=done").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"line-1": "1.5x", "reason": WHY}, "Enter an amount above zero"),
        ({"line-1": "-1", "reason": WHY}, "Enter an amount above zero"),
        ({"line-1": "0.001", "reason": WHY}, "Enter an amount above zero"),
        ({"line-1": "1", "reason": "no"}, "Say why"),
        ({"reason": WHY}, "nothing left to give back"),
    ],
)
def test_what_is_wrong_with_a_refund_is_said_and_what_was_typed_is_kept(
    day: Day, typed: dict[str, str], said: str
) -> None:
    answer = post(day, f"orders/{day.order_id}/refund/preview", **typed)
    assert answer.status_code in {409, 422}
    assert said in answer.text
    assert all(f'value="{value}"' in answer.text for value in typed.values())
    assert rows(day, t.refund) == []


def test_too_much_is_refused_where_it_is_sent(day: Day) -> None:
    whole = next(line.line_minor for line in rows(day, t.order_line) if line.line_no == 1)
    for minor, said in ((whole + 1, "More than is left"), (whole, "can still be collected")):
        typed = f"{minor / 100:.2f}"
        answer = post(day, f"orders/{day.order_id}/refund", **{"line-1": typed, "reason": WHY, "key": "k"})
        assert answer.status_code in {409, 422}
        assert said in answer.text
        assert f'value="{typed}"' in answer.text
    assert rows(day, t.refund) == []


def test_a_refund_form_without_its_key_is_not_sent(day: Day) -> None:
    answer = post(day, f"orders/{day.order_id}/refund", **{"line-1": "1", "reason": WHY})
    assert answer.status_code == 400
    assert rows(day, t.refund) == []


def test_an_order_is_withdrawn_with_a_reason(day: Day) -> None:
    assert post(day, f"orders/{day.order_id}/withdraw", reason="").status_code == 422
    assert rows(day, t.customer_order)[0].state == "paid"
    assert post(day, f"orders/{day.order_id}/withdraw", reason="recall of the lot").status_code == 303
    assert rows(day, t.customer_order)[0].state == "expiring"


def test_of_an_order_that_is_not_there_nothing_is_given_back(day: Day) -> None:
    for path in ("orders/nobody/refund", "orders/nobody/refund/preview", "orders/nobody/withdraw"):
        assert post(day, path, **{"line-1": "1", "reason": WHY, "key": "k"}).status_code == 404


def product(day: Day, product_id: str) -> Any:
    with day.engine.begin() as conn:
        return conn.execute(select(t.product).where(t.product.c.id == product_id)).one()


def terms(day: Day, product_id: str, **changed: str) -> dict[str, str]:
    """What the row of a product holds."""
    page = day.client(Role.OPERATOR).get(f"/en/ops/stock?q={product_id}").text
    form = page.split(f'id="row-{product_id}"')[1].split("</form>")[0]
    typed = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert 'name="active" value="1" checked' in form
    return {**typed, **changed}


def first_product(day: Day) -> str:
    with day.engine.begin() as conn:
        return str(conn.execute(select(t.product.c.id).order_by(t.product.c.position)).scalars().first())


def test_a_price_is_saved_in_its_row_and_who_did_it_stands_below(day: Day) -> None:
    sku = first_product(day)
    before = product(day, sku)
    answer = post(day, f"stock/products/{sku}", **terms(day, sku, price="7.80"))
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"#row-{sku}")
    after = product(day, sku)
    assert after.price_minor == 780
    assert after.unit_price_minor == round(before.unit_price_minor * 780 / before.price_minor)
    shown = day.client(Role.OPERATOR).get(answer.headers["Location"]).text
    assert "Saved." in shown
    assert "price ¥3.90 → ¥7.80" in re.sub(r"\s+", " ", shown)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"price": "free"}, "Enter an amount above zero"),
        ({"price": ""}, "Enter an amount above zero"),
        ({"stock": "many"}, "Enter a whole number"),
        ({"stock": "100001"}, "Enter a whole number"),
    ],
)
def test_a_row_that_makes_no_sense_keeps_what_was_typed(day: Day, changed: dict[str, str], said: str) -> None:
    sku = first_product(day)
    before = rows(day, t.product)
    answer = post(day, f"stock/products/{sku}", **terms(day, sku, **changed))
    assert answer.status_code == 422
    assert said in answer.text
    ((name, value),) = changed.items()
    assert f'id="f-{name}-{sku}" name="{name}" value="{value}"' in answer.text
    assert rows(day, t.product) == before
    assert rows(day, t.change) == []


def test_without_its_mark_a_product_is_taken_off_sale(day: Day) -> None:
    sku = first_product(day)
    typed = terms(day, sku)
    del typed["active"]
    assert post(day, f"stock/products/{sku}", **typed).status_code == 303
    assert not product(day, sku).active
    assert "not sold" in day.client(Role.OPERATOR).get(f"/en/ops/stock?q={sku}").text


def test_a_runs_stock_is_changed_in_its_row_and_never_below_what_is_ordered(day: Day) -> None:
    sku = first_product(day)
    path = f"stock/runs/{day.run_no}/{sku}"
    assert post(day, path, run=str(day.run_no), total="120").status_code == 303
    refused = post(day, path, run=str(day.run_no), total="1")
    assert refused.status_code == 409
    assert "2 are ordered already" in refused.text
    assert 'value="1"' in refused.text
    with day.engine.begin() as conn:
        here = (t.run_stock.c.run_no == day.run_no) & (t.run_stock.c.product_id == sku)
        assert conn.execute(select(t.run_stock.c.total).where(here)).scalar_one() == 120
    assert post(day, f"stock/runs/{day.run_no}/gold", total="1").status_code == 404
    assert post(day, "stock/products/gold", price="1", stock="1").status_code == 404


def test_a_search_that_finds_nothing_says_so_and_takes_any_words(day: Day) -> None:
    for q in ("%25", "'", "x" * 200, "番茄"):
        assert day.client(Role.OPERATOR).get(f"/en/ops/stock?q={q}").status_code == 200
    assert "No such product." in day.client(Role.OPERATOR).get("/en/ops/stock?q=%25").text


def test_a_door_is_taken_out_of_use_and_the_page_waits_for_the_site(day: Day) -> None:
    door = f"sites/{day.site_id}/doors/7"
    assert post(day, f"{door}/condition", condition="broken", why="no").status_code == 422
    assert rows(day, t.outbox) == []
    assert post(day, f"{door}/condition", condition="broken", why="hinge is loose").status_code == 303
    shown = day.client(Role.OPERATOR).get(f"/en/ops/{door}").text
    assert "the site has not confirmed it yet" in shown
    assert "Back in use" in shown
    with day.engine.begin() as conn:
        here = (t.compartment.c.site_id == day.site_id) & (t.compartment.c.door == 7)
        conn.execute(
            update(t.compartment).where(here).values(condition="broken", condition_at=rows(day, t.change)[0].at)
        )
    shown = day.client(Role.OPERATOR).get(f"/en/ops/{door}").text
    assert "the site has not confirmed it yet" not in shown
    assert "out of use" in shown
    assert day.client(Role.KEEPER).post(f"/en/ops/{door}/condition", data={"why": "hinge is loose"}).status_code == 403
