"""Browsing, searching and filling the basket, with and without script; and what is refused on the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def visitor(day: Day) -> Any:
    client = day.client()
    client.post("/en/sites", data={"site_id": day.site_id})
    return client


def basket_of(client: Any) -> dict[str, int]:
    with client.session_transaction() as session:
        return dict(session.get("basket", {}))


def test_the_bare_address_leads_to_the_browsers_language(day: Day) -> None:
    english = day.client().get("/", headers={"Accept-Language": "en-GB,en;q=0.9"})
    chinese = day.client().get("/", headers={"Accept-Language": "zh-CN"})
    assert (english.headers["Location"], chinese.headers["Location"]) == ("/en/", "/zh-hans/")


def test_a_newcomer_chooses_a_building_first(day: Day) -> None:
    client = day.client()
    assert "Osmanthus Court" in client.get("/en/").text
    assert client.get("/en/shop").headers["Location"] == "/en/sites"
    answer = client.post("/en/sites", data={"site_id": day.site_id})
    assert answer.status_code == 303
    assert client.get("/en/").headers["Location"] == "/en/shop"


def test_a_building_nobody_knows_is_not_found_and_not_kept(day: Day) -> None:
    client = day.client()
    assert client.post("/en/sites", data={"site_id": "nowhere"}).status_code == 404
    assert client.get("/en/shop").headers["Location"] == "/en/sites"


def test_a_signed_in_person_keeps_the_building_they_choose(day: Day) -> None:
    day.client(Role.RESIDENT).post("/en/sites", data={"site_id": "sunny-lane"})
    again = day.client(Role.RESIDENT)
    with day.engine.connect() as conn:
        sites = [row.id for row in conn.execute(t.site.select())]
    again.post("/en/sites", data={"site_id": sites[1]})
    assert day.client(Role.RESIDENT).get("/en/").headers["Location"] == "/en/shop"


def test_staff_begin_on_their_own_page(day: Day) -> None:
    assert day.client(Role.DRIVER).get("/en/").headers["Location"].startswith("/en/driv")


def test_the_shelves_speak_both_languages(day: Day, visitor: Any) -> None:
    english, chinese = visitor.get("/en/shop").text, visitor.get("/zh-hans/shop").text
    assert "Tomatoes" in english
    assert "番茄" in chinese
    assert 'lang="zh-Hans"' in chinese
    assert "¥5.90 / 500 g" in english
    assert "斤" not in chinese


@pytest.mark.parametrize("words", ["番茄", "tomato", "fanqie", "TOMATO"])
def test_one_finds_tomatoes_in_any_script(visitor: Any, words: str) -> None:
    page = visitor.get("/en/shop", query_string={"q": words}).text
    assert 'id="p-tomatoes"' in page
    assert 'id="p-bananas"' not in page


@pytest.mark.parametrize("words", ["%", "_", "'; DROP TABLE product; --", "zzz", "x" * 500])
def test_a_search_for_nothing_finds_nothing(visitor: Any, words: str) -> None:
    answer = visitor.get("/en/shop", query_string={"q": words})
    assert answer.status_code == 200
    assert "Nothing of that name" in answer.text


def test_a_category_shows_only_its_own(visitor: Any) -> None:
    page = visitor.get("/en/shop?category=fruit").text
    assert 'id="p-bananas"' in page
    assert 'id="p-tomatoes"' not in page


def test_the_stepper_works_by_a_plain_form(visitor: Any) -> None:
    answer = visitor.post("/en/basket/items", data={"product_id": "tomatoes", "quantity": "2", "back": "/en/shop?"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/en/shop#p-tomatoes"
    assert basket_of(visitor) == {"tomatoes": 2}


def test_asking_for_none_takes_it_out(visitor: Any) -> None:
    visitor.post("/en/basket/items", data={"product_id": "tomatoes", "quantity": "2"})
    visitor.post("/en/basket/items", data={"product_id": "tomatoes", "quantity": "0"})
    assert basket_of(visitor) == {}


def test_with_htmx_the_stepper_answers_with_itself_and_the_bar(visitor: Any) -> None:
    data = {"product_id": "tomatoes", "quantity": "3"}
    answer = visitor.post("/en/basket/items", data=data, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert 'id="stepper-tomatoes"' in answer.text
    assert "¥17.70" in answer.text


@pytest.mark.parametrize("quantity", ["-1", "100", "1.5", "x", "", "٣", "1e3", "999999999999999999999"])
def test_an_absurd_quantity_is_refused_in_words_and_changes_nothing(visitor: Any, quantity: str) -> None:
    answer = visitor.post("/en/basket/items", data={"product_id": "tomatoes", "quantity": quantity})
    assert answer.status_code == 422
    assert "whole number" in answer.text
    assert basket_of(visitor) == {}


def test_missing_fields_are_refused(visitor: Any) -> None:
    assert visitor.post("/en/basket/items", data={}).status_code == 422
    assert visitor.post("/en/basket/items", data={"quantity": "1"}).status_code == 404


@pytest.mark.parametrize("product_id", ["unknown", "hairy-crabs-4", "x" * 5000])
def test_what_is_not_sold_here_does_not_get_into_the_basket(visitor: Any, product_id: str) -> None:
    assert visitor.post("/en/basket/items", data={"product_id": product_id, "quantity": "1"}).status_code == 404
    assert basket_of(visitor) == {}


@pytest.mark.parametrize("back", ["//elsewhere.example/", "https://elsewhere.example/", "/\\elsewhere.example"])
def test_a_form_leads_nowhere_but_back_to_us(visitor: Any, back: str) -> None:
    data = {"product_id": "tomatoes", "quantity": "1", "back": back}
    assert visitor.post("/en/basket/items", data=data).headers["Location"] == "/en/shop#p-tomatoes"


def test_what_is_sold_out_cannot_be_added(day: Day, visitor: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(
            update(t.run_stock).where(t.run_stock.c.product_id == "tomatoes").values(taken=t.run_stock.c.total)
        )
    page = visitor.get("/en/products/tomatoes").text
    assert "sold out" in page
    assert 'id="stepper-tomatoes"' not in page


def test_a_product_page_says_where_it_comes_from_and_how_it_is_kept(visitor: Any) -> None:
    page = visitor.get("/zh-hans/products/pork-belly").text
    assert "江苏淮安" in page
    assert "最多收 ¥21.78" in page


def test_a_product_nobody_knows_is_not_found(visitor: Any) -> None:
    assert visitor.get("/en/products/unknown").status_code == 404


def test_the_language_switch_keeps_the_page_and_the_question(visitor: Any) -> None:
    assert 'href="/zh-hans/shop?q=tomato"' in visitor.get("/en/shop?q=tomato").text


def test_large_letters_are_remembered(visitor: Any) -> None:
    assert 'class="large"' not in visitor.get("/en/shop").text
    visitor.post("/en/text-size", data={"large": "1", "back": "/en/shop"})
    assert 'class="large"' in visitor.get("/en/shop").text


def test_the_last_order_is_offered_again_while_the_basket_is_empty(day: Day) -> None:
    client = day.client(Role.RESIDENT)
    client.post("/en/sites", data={"site_id": day.site_id})
    assert f"/en/orders/{day.order_id}/again" in client.get("/en/shop").text
    client.post(f"/en/orders/{day.order_id}/again")
    assert "/again" not in client.get("/en/shop").text


def test_an_answer_that_changes_nothing_does_not_send_the_session_again(visitor: Any) -> None:
    """Else a slow one, overtaken by a basket post, would put back the basket of a moment ago."""
    visitor.post("/en/basket/items", data={"product_id": "tomatoes", "quantity": "1"})
    assert basket_of(visitor) == {"tomatoes": 1}
    visitor.get("/en/shop")  # whatever the first look at a page keeps, it has kept now
    assert "Set-Cookie" not in visitor.get("/en/shop").headers
    assert "Set-Cookie" not in visitor.get("/en/basket").headers
