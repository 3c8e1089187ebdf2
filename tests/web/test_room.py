"""Full times: the basket says when and where there is room instead, in both languages, and one tap goes there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.domain.roles import Role
from tests.web.staff_world import Day, day_at
from tests.web.test_checkout import filled, form, orders

EARLY, LATE = "tomorrow 16:30\u2060–\u206018:30", "tomorrow 18:30\u2060–\u206021:30"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def buyer(day: Day) -> Any:
    return filled(day, day.client(Role.RESIDENT))


def change(day: Day, sql: str, **values: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(text(sql), {"site": day.site_id, **values})


def fill_window(day: Day) -> None:
    change(day, "UPDATE pickup_window SET orders_taken = order_cap WHERE id = :w", w=day.window_id)


def fill_doors(day: Day) -> None:
    change(
        day,
        "UPDATE run_capacity c SET taken = total FROM load_run r WHERE r.run_no = c.run_no AND site_id = :site",
    )


def elsewhere(day: Day) -> list[int]:
    query = "SELECT w.id FROM pickup_window w JOIN load_run USING (run_no) WHERE site_id <> :site ORDER BY w.opens_at"
    with day.engine.connect() as conn:
        return list(conn.execute(text(query), {"site": day.site_id}).scalars())


def test_while_there_is_room_nothing_is_said_of_it(buyer: Any) -> None:
    page = buyer.get("/en/basket").text

    assert "There is room" not in page
    assert "/en/basket/elsewhere" not in page


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", f"There is room {LATE}. Near by there is room at Sunny Lane {EARLY} or Sunny Lane {LATE}."),
        ("zh-hans", "附近可选：阳光里 明天"),
    ],
)
def test_a_full_time_names_the_next_times_and_the_neighbours(day: Day, buyer: Any, language: str, said: str) -> None:
    fill_window(day)

    refused = buyer.post(f"/{language}/basket", data=form(day))

    assert refused.status_code == 409
    for page in (refused.text, buyer.get(f"/{language}/basket").text):
        assert said in page
        assert all(f'name="elsewhere" value="{window}"' in page for window in elsewhere(day))
        assert " checked" not in page.split('name="window_id"', 1)[1].split("</fieldset>", 1)[0], "nothing is chosen"
    assert orders(day) == 1


def test_a_run_without_doors_for_the_basket_says_so_and_where_there_are_some(day: Day, buyer: Any) -> None:
    fill_doors(day)

    refused = buyer.post("/en/basket", data=form(day))

    assert refused.status_code == 409
    assert "The lockers have no more room for this at that time." in refused.text
    assert refused.text.count("no room for all of it") == 2  # both windows have the same doors
    assert "There is room " not in refused.text
    assert f"Near by there is room at Sunny Lane {EARLY}" in refused.text
    assert orders(day) == 1


def test_only_what_needs_the_doors_that_are_gone_is_told_so(day: Day) -> None:
    change(day, "UPDATE run_capacity SET taken = total WHERE zone = 'frozen'")

    dumplings = filled(day, day.client(Role.RESIDENT), **{"frozen-dumplings": 1}).get("/en/basket").text
    potatoes = filled(day, day.client(Role.RESIDENT), potatoes=1).get("/en/basket").text

    assert "Nowhere near is there room for all of it." in dumplings
    assert "no room for all of it" not in potatoes


@pytest.mark.parametrize(
    "gone",
    [
        """
        UPDATE run_stock SET taken = total WHERE product_id = 'tomatoes'
            AND run_no IN (SELECT run_no FROM load_run WHERE site_id <> :site)
        """,
        "UPDATE load_run SET called_off_at = order_by WHERE site_id <> :site",
        "UPDATE site SET neighbours = '{}'",
        """
        UPDATE pickup_window SET orders_taken = order_cap
        WHERE run_no IN (SELECT run_no FROM load_run WHERE site_id <> :site)
        """,
    ],
    ids=["sold out there", "called off", "no neighbour", "full there"],
)
def test_what_could_not_be_ordered_is_not_offered(day: Day, buyer: Any, gone: str) -> None:
    fill_doors(day)
    change(day, gone)

    page = buyer.get("/en/basket").text

    assert "Nowhere near is there room for all of it. Order less, or look again tomorrow." in page
    assert 'name="elsewhere"' not in page


def test_one_tap_goes_to_the_neighbour_and_home_stays_home(day: Day, buyer: Any) -> None:
    fill_doors(day)
    window = elsewhere(day)[0]

    answer = buyer.post("/en/basket/elsewhere", data={"elsewhere": str(window)})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/basket#windows")
    page = buyer.get("/en/basket").text
    assert f'value="{window}" required checked' in page
    assert "Tomatoes" in page
    assert buyer.post("/en/basket", data=form(day, window_id=str(window))).status_code == 303
    assert orders(day) == 2
    with day.engine.connect() as conn:
        home = "SELECT count(*) FROM person WHERE site_id IS NOT NULL AND site_id <> :site AND role = 'resident'"
        assert conn.execute(text(home), {"site": day.site_id}).scalar_one() == 0


@pytest.mark.parametrize("window", ["", "x", "0", "999999", "1" * 40])
def test_a_neighbours_time_that_is_none_changes_nothing(day: Day, buyer: Any, window: str) -> None:
    with buyer.session_transaction() as session:
        before = dict(session)

    assert buyer.post("/en/basket/elsewhere", data={"elsewhere": window}).status_code == 404

    with buyer.session_transaction() as session:
        assert {name: session.get(name) for name in before} == before
