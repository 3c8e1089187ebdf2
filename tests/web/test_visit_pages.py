"""A visit's pages against a real database: bad input, what is over, what another driver does, and photos."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.domain.roles import Role
from app.media.photo import LARGEST_IN_BYTES
from app.web.uploads import MARGIN_BYTES
from tests.web.staff_world import Day
from tests.web.visit_world import change, empty, label_of, leave_behind, now_of, one, van_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with van_at(db, tmp_path) as made:
        yield made


def url(day: Day, more: str = "") -> str:
    return f"/en/driver/{day.site_id}{more}"


def get(day: Day, more: str = "", role: Role = Role.DRIVER) -> str:
    answer = day.client(role).get(url(day, more))
    assert answer.status_code == 200
    return str(answer.text)


def post(day: Day, more: str, role: Role = Role.DRIVER, **form: Any) -> Any:
    return day.client(role).post(url(day, more), data=form)


def rows(day: Day, table: Any) -> list[Any]:
    with day.engine.begin() as conn:
        return list(conn.execute(select(table)).all())


def test_a_site_where_something_waits_is_on_the_list_and_leads_to_its_visit(day: Day) -> None:
    leave_behind(day, 3)
    empty(day, 1, 2)
    page = day.client(Role.DRIVER).get("/en/driver").text
    assert "1 bag to take out" in page
    assert "2 doors to wipe" in page
    assert post(day, "/begin").headers["Location"].endswith(url(day))
    assert "visit under way" in day.client(Role.DRIVER).get("/en/driver").text


def test_a_door_that_is_not_due_is_refused_in_words_and_not_asked_for(day: Day) -> None:
    for form in ({"door": "3"}, {"door": "x"}, {}, {"door": ["3", "9999"]}):
        answer = post(day, "/sweep/open", **form)
        assert answer.status_code in {404, 409}
        assert 'data-word="refused"' in answer.text
    assert rows(day, t.remote_command) == []
    assert rows(day, t.visit) == []


def test_a_door_taken_by_another_driver_is_skipped(day: Day) -> None:
    leave_behind(day, 3, 9)
    post(day, "/sweep/open", door="3")
    assert "Li is at door 3." in get(day, "/sweep", Role.ADMIN)
    assert "Open door 9" in get(day, "/sweep", Role.ADMIN)
    assert post(day, "/sweep/open", Role.ADMIN, door="3").status_code == 409
    assert len(rows(day, t.remote_command)) == 1


def test_what_its_owner_keeps_is_not_taken_out_while_it_is_good(day: Day) -> None:
    order_id, _ = leave_behind(day, 3)
    good = now_of(day) + timedelta(hours=3)
    change(day, update(t.parcel).where(t.parcel.c.order_id == order_id).values(collect_until=good))
    change(day, update(t.load_run).values(load_until=now_of(day), removal_from=now_of(day) + timedelta(seconds=1)))
    offer = {"id": "o", "order_id": order_id, "kind": "not_collected", "options": ["keep"], "chosen": "keep"}
    change(day, t.offer.insert().values(made_at=good, answer_by=good, closed_at=good, **offer))
    change(day, update(t.load_run).values(load_until=t.load_run.c.load_from + timedelta(milliseconds=1)))
    change(day, update(t.load_run).values(removal_from=t.load_run.c.load_from + timedelta(milliseconds=2)))
    assert 'data-word="done"' in get(day, "/sweep")
    change(day, t.offer.delete())
    assert 'data-word="open"' in get(day, "/sweep")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"crates_back": "", "ice_packs_back": "1"}, "crates_back"),
        ({"crates_back": "-1", "ice_packs_back": "1"}, "crates_back"),
        ({"crates_back": "1000", "ice_packs_back": "1"}, "crates_back"),
        ({"crates_back": "1", "ice_packs_back": "²"}, "ice_packs_back"),
        ({"crates_back": "1", "ice_packs_back": "1", "note": "x" * 501}, "note"),
    ],
)
def test_a_count_that_cannot_be_read_is_shown_again_and_not_kept(day: Day, form: dict[str, Any], field: str) -> None:
    post(day, "/begin")
    answer = post(day, "/count/save", **form)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert one(day, "SELECT count(*) FROM visit WHERE crates_back IS NULL") == 1


def test_a_count_is_kept_and_shown_again(day: Day) -> None:
    post(day, "/begin")
    assert post(day, "/count/save", crates_back="0", ice_packs_back=" 999 ", note="wet  floor").status_code == 303
    page = get(day, "/count")
    assert 'value="0"' in page
    assert 'value="999"' in page
    assert 'value="wet floor"' in page


@pytest.mark.parametrize("path", ["/gate", "/count/save", "/leave/end", "/leave/photo"])
def test_without_a_visit_nothing_of_one_is_kept(day: Day, path: str) -> None:
    form: dict[str, Any] = {"crates_back": "1", "ice_packs_back": "1"}
    if path == "/leave/photo":
        form["photo"] = (BytesIO(jpeg()), "p.jpg")
    answer = post(day, path, **form)
    assert answer.status_code == 409
    assert "This visit has ended. Begin a new one." in answer.text
    assert rows(day, t.visit) == []
    assert rows(day, t.photo) == []


def send_photo(day: Day, data: bytes, *, length: int | None = None) -> Any:
    """Post a photo as a browser does; Flask's own client would leave a temporary file open."""
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="p.jpg"\r\n\r\n'
    body = head + data + b"\r\n--x--\r\n"
    return day.client(Role.DRIVER).post(
        url(day, "/leave/photo"),
        data=body,
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(length or len(body))},
    )


def jpeg() -> bytes:
    out = BytesIO()
    Image.new("RGB", (50, 50), "red").save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"no picture", "no picture we can read"), (b"\xff\xd8" + bytes(LARGEST_IN_BYTES), "too large")],
    ids=["unreadable", "too-large"],
)
def test_a_photo_that_cannot_be_kept_is_refused_in_words(day: Day, data: bytes, sentence: str) -> None:
    post(day, "/begin")
    answer = send_photo(day, data)
    assert answer.status_code in {413, 422}
    assert sentence in answer.text
    assert rows(day, t.photo) == []


def test_no_photo_is_no_mistake(day: Day) -> None:
    post(day, "/begin")
    assert post(day, "/leave/photo").status_code == 303
    assert rows(day, t.photo) == []


def test_only_photos_may_be_large(day: Day) -> None:
    large = b"x" * (300 * 1024)
    assert post(day, "/count/save", photo=(BytesIO(large), "p.jpg")).status_code == 413
    assert send_photo(day, b"", length=LARGEST_IN_BYTES + MARGIN_BYTES + 1024 * 1024).status_code == 413


@pytest.mark.parametrize("reason", ["", "why", "x" * 201])
def test_a_door_is_not_taken_out_of_use_without_a_reason(day: Day, reason: str) -> None:
    empty(day, 2)
    answer = post(day, "/check/broken", door="2", reason=reason)
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert rows(day, t.outbox) == []
    assert post(day, "/check/broken", door="77", reason="the latch does not hold").status_code == 404


def test_a_bag_that_does_not_fit_keeps_the_driver_in_the_loop(day: Day) -> None:
    label = label_of(day, day.parcels[0])
    more = f"/{day.run_no}/scan"
    assert post(day, more, label=label, instead_of="12", fault="dirty").status_code == 303
    asked = [(row.instead_of, row.fault) for row in rows(day, t.remote_command)]
    assert asked == [(12, "dirty")]
    assert post(day, more, label=label, instead_of="9" * 40, fault="<b>").status_code == 303
    assert len(rows(day, t.remote_command)) == 2


def test_the_end_says_how_many_orders_go_back(day: Day) -> None:
    post(day, "/begin")
    ended = post(day, "/leave/end")
    assert ended.headers["Location"].endswith("ended=1")
    page = day.client(Role.DRIVER).get(ended.headers["Location"]).text
    assert "The bags of 1 order go back" in page
    assert post(day, "/leave/end").status_code == 409


def test_a_site_that_is_none_is_not_found(day: Day) -> None:
    client = day.client(Role.DRIVER)
    for step in ("", "/sweep", "/check", "/count", "/leave"):
        assert client.get(f"/en/driver/nowhere{step}").status_code == 404
    assert client.post("/en/driver/nowhere/begin").status_code == 404


def test_a_driver_types_how_cold_each_crate_came_once(day: Day) -> None:
    post(day, "/begin")
    zones = {row.zone for row in rows(day, t.parcel)} & {"chilled", "frozen"}
    zone = min(zones)
    warm = post(day, "/crate", zone=zone, product_c="9")
    assert warm.status_code == 409
    assert "9.0 °C in the crate" in warm.text
    assert post(day, "/crate", zone=zone, product_c="cold").status_code == 422
    assert post(day, "/crate", zone="attic", product_c="3").status_code == 404
    assert rows(day, t.crate_reading) == []

    assert post(day, "/crate", zone=zone, product_c="−18,5").status_code == 303
    (kept,) = rows(day, t.crate_reading)
    assert (kept.zone, kept.product_c) == (zone, -18.5)
    assert "−18.5 °C" in get(day)
    assert post(day, "/crate", zone=zone, product_c="-19").status_code == 409
    assert len(rows(day, t.crate_reading)) == 1
