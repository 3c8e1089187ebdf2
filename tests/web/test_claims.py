"""A household says what was wrong: on its own pages or by the collect link, and nothing typed is lost."""

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
from tests.web.claims_world import another_order, cheap_line, claims_of, collect_link, collected_day, form
from tests.web.shop_world import NOW
from tests.web.staff_world import Day


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with collected_day(db, tmp_path) as made:
        yield made


@pytest.fixture
def path(day: Day) -> str:
    return f"/en/orders/{day.order_id}/claim"


def send(day: Day, path: str, *, role: Role | None = Role.RESIDENT, **data: Any) -> Any:
    return day.client(role).post(path, data=data, content_type="multipart/form-data", follow_redirects=True)


def tables(day: Day) -> list[Any]:
    with day.engine.begin() as conn:
        return [conn.execute(select(table)).all() for table in (t.claim, t.claim_photo, t.refund, t.ledger_entry)]


def test_one_photo_and_the_money_goes_back_at_once(day: Day, path: str) -> None:
    line = cheap_line(day)
    assert "Missing or bad? Tell us" in day.client(Role.RESIDENT).get(f"/en/orders/{day.order_id}").text

    answer = send(day, path, **form(line.line_no))

    assert answer.status_code == 200
    assert "We are sorry." in answer.text
    assert f"¥{line.price_minor / 100:.2f} goes back the way you paid" in answer.text
    (claim,) = claims_of(day)
    assert (claim.state, claim.made_by) == ("granted", f"person:{day.people[Role.RESIDENT]}")
    assert (
        f"¥{line.price_minor / 100:.2f} goes back" in day.client(Role.RESIDENT).get(f"/en/orders/{day.order_id}").text
    )


def test_the_photo_is_small_without_what_a_camera_adds_and_for_its_household_and_operators_only(
    day: Day, path: str
) -> None:
    line = cheap_line(day)
    taken = BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Canary Camera"
    Image.new("RGB", (3000, 2000), "red").save(taken, "JPEG", exif=exif)
    send(day, path, **form(line.line_no, photo=taken.getvalue()))

    (claim,) = claims_of(day)
    photo = f"/en/photos/claims/{claim.id}.jpg"
    kept = day.client(Role.RESIDENT).get(photo)
    assert kept.status_code == 200
    assert b"Canary" not in kept.data
    assert len(kept.data) < 300_000
    assert day.client(Role.OPERATOR).get(photo).status_code == 200
    for role in (Role.PICKER, Role.DRIVER, Role.KEEPER):
        assert day.client(role).get(photo).status_code == 404
    stranger = day.client()
    with stranger.session_transaction() as session:
        session["token"] = day.other
    assert stranger.get(photo).status_code == 404
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, data=form(line.line_no), content_type="multipart/form-data").status_code == 404
    assert len(claims_of(day)) == 1


def test_a_double_tap_is_one_claim(day: Day, path: str) -> None:
    line = cheap_line(day)
    first, second = (send(day, path, **form(line.line_no)) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert "We are sorry." in second.text
    assert len(claims_of(day)) == 1


def test_whoever_holds_the_collect_link_may_say_it_too(day: Day) -> None:
    line = cheap_line(day)
    link = collect_link(day)
    assert f"/en/c/{link}/claim" in day.client().get(f"/en/c/{link}").text
    assert f"link={link}" in day.client().get(f"/en/c/{link}/claim").text  # so that its page moves by itself

    answer = send(day, f"/en/c/{link}/claim", role=None, **form(line.line_no))

    assert "We are sorry." in answer.text
    assert claims_of(day)[0].made_by == "person:by-link"
    assert send(day, f"/en/c/{link}x/claim", role=None, **form(line.line_no)).status_code == 404
    assert len(claims_of(day)) == 1


def test_what_must_be_judged_waits_for_a_person_and_the_page_says_so(day: Day, path: str) -> None:
    answer = send(day, path, **form(cheap_line(day).line_no, kind="short_weight"))
    assert "A person looks at it now" in answer.text
    assert claims_of(day)[0].state == "waiting"


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"kind": ""}, 422, "Say what is wrong with it."),
        ({"kind": "ugly"}, 422, "Say what is wrong with it."),
        ({"line": ""}, 422, "Choose what it is about."),
        ({"line": "-1"}, 422, "Choose what it is about."),
        ({"line": "9999"}, 422, "Choose what it is about."),
        ({"quantity": "0"}, 422, "Say how many: 1 to 2."),
        ({"quantity": "3"}, 422, "Say how many: 1 to 2."),
        ({"quantity": "many"}, 422, "Enter a whole number"),
        ({"photo": None}, 422, "Take one photo of it"),
        ({"photo": b""}, 422, "Take one photo of it"),
        ({"photo": b"no picture"}, 422, "no picture we can read"),
        ({"words": "x" * 201}, 422, "at most 200 characters"),
    ],
)
def test_what_makes_no_sense_is_said_and_what_was_typed_is_kept(
    day: Day, path: str, changed: dict[str, Any], status: int, said: str
) -> None:
    before = tables(day)
    sent = {"words": "soft & brown", **changed}
    answer = send(day, path, **form(cheap_line(day).line_no, **sent))
    assert answer.status_code == status
    assert said in answer.text
    if "words" not in changed:
        assert "soft &amp; brown" in answer.text
    if "kind" not in changed:
        assert 'value="spoiled" required checked' in answer.text
    assert tables(day) == before


def test_a_photo_that_a_refused_form_had_is_asked_for_again(day: Day, path: str) -> None:
    answer = send(day, path, **form(cheap_line(day).line_no, quantity="3"))
    assert "Choose the photo once more" in answer.text


def test_nothing_is_claimed_before_it_is_collected_or_after_two_days(day: Day, path: str) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.parcel).values(collected_at=NOW - timedelta(hours=49)))
    assert "Nothing of this order can be claimed" in day.client(Role.RESIDENT).get(path).text
    assert "Was anything wrong?" not in day.client(Role.RESIDENT).get(f"/en/orders/{day.order_id}").text
    late = send(day, path, **form(cheap_line(day).line_no))
    assert late.status_code == 409
    assert "The 48 hours to tell us are over" in late.text
    with day.engine.begin() as conn:
        conn.execute(update(t.parcel).values(state="loaded"))
    assert send(day, path, **form(cheap_line(day).line_no)).status_code == 409
    assert claims_of(day) == []


def test_nobody_claims_a_line_of_anothers_order(day: Day, path: str) -> None:
    other, _ = another_order(day, "+8613900000001")
    assert send(day, f"/en/orders/{other}/claim", **form(1)).status_code == 404
    assert claims_of(day) == []


def test_a_refused_claim_says_why_in_both_languages(day: Day, path: str) -> None:
    send(day, path, **form(cheap_line(day).line_no, kind="short_weight"))
    with day.engine.begin() as conn:
        conn.execute(update(t.claim).values(state="refused", answer="packed_complete"))
    assert "the photo from packing shows it complete" in day.client(Role.RESIDENT).get(path).text
    assert "打包照片上东西齐全" in day.client(Role.RESIDENT).get(path.replace("/en/", "/zh-hans/")).text
