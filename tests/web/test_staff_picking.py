"""Packing on the real pages and over the API: waves, both scans, the seal and its photo, what the household sees."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import Engine, select, update
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app.db import tables as t
from app.domain.basket import Substitution
from app.domain.roles import Role
from tests.web.picking_world import SCALE, everything, line_of, order_with, packing_day, totes
from tests.web.staff_world import Day

SIMILAR, REFUND = Substitution.SIMILAR, Substitution.REFUND


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with packing_day(db, tmp_path) as made:
        yield made


@pytest.fixture
def picker(day: Day) -> Any:
    return day.client(Role.PICKER)


def wave(day: Day, language: str = "en") -> str:
    return f"/{language}/picking/runs/{day.run_no}/waves/1"


def line_path(day: Day, kind: Substitution, product: str) -> str:
    line = line_of(day, order_with(day, kind).id, product)
    return f"/en/picking/parcels/{line.parcel_id}/lines/{line.line_no}"


def scan(picker: Any, day: Day, product: str, code: str, *, have: str = "1") -> Any:
    return picker.post(wave(day), data={"product": product, "have": have, "code": code})


def pick_all(picker: Any, day: Day, kind: Substitution) -> None:
    """Scan everything of an order into its totes; weigh what is weighed."""
    order = order_with(day, kind)
    for tote in totes(day, order.id).values():
        with day.engine.begin() as conn:
            lines = conn.execute(select(t.order_line).where(t.order_line.c.parcel_id == tote.id)).all()
        for line in lines:
            scan(picker, day, line.product_id, tote.ref)
            if line.product_id == "pork-belly":
                reading = {"act": "weigh", "gross": "490", "tare": "20", "scale": SCALE}
                picker.post(line_path(day, kind, line.product_id), data=reading)


def seal(picker: Any, parcel_id: str, **form: Any) -> Any:
    # Encoded here: the test client would leave a file of its own open.
    boundary, body = encode_multipart(form)
    kind = f"multipart/form-data; boundary={boundary}"
    return picker.post(f"/en/picking/parcels/{parcel_id}", data=body, content_type=kind)


def a_photo(side: int = 2000) -> FileStorage:
    written = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(written, "JPEG", quality=95)
    written.seek(0)
    return FileStorage(written, "bag.jpg")


# --- waves


def test_the_list_says_how_far_each_run_is(day: Day, picker: Any) -> None:
    page = picker.get("/en/picking").text
    assert "Osmanthus Court" in page
    assert "<strong>0</strong>/3 bags packed" in page


@pytest.mark.parametrize(("language", "words"), [("en", "Wave 1"), ("zh-hans", "第 1 波")])
def test_a_run_shows_its_waves_and_when_to_start(day: Day, picker: Any, language: str, words: str) -> None:
    page = picker.get(f"/{language}/picking/runs/{day.run_no}").text
    assert words in page
    assert "12:56" in page, "an hour before the van loads, less three totes and six lines"


@pytest.mark.parametrize(
    "path", ["runs/999", "runs/999/labels", "runs/99999999999999", "runs/999/waves/1", "parcels/x"]
)
def test_an_unknown_run_or_bag_is_not_found(day: Day, picker: Any, path: str) -> None:
    assert picker.get(f"/en/picking/{path}").status_code == 404
    assert picker.get(f"{wave(day)}7").status_code == 404


def test_the_walk_passes_heavy_goods_before_berries_and_frozen_goods_last(day: Day, picker: Any) -> None:
    walk = re.findall(r'waves/1\?product=([a-z-]+)"', picker.get(wave(day)).text)
    assert walk == ["pak-choi", "pork-belly", "minced-pork", "strawberries", "frozen-dumplings"]


def test_meat_is_shown_to_take_a_bag_of_its_own(day: Day, picker: Any) -> None:
    assert "own bag" in picker.get(f"{wave(day)}?product=minced-pork").text
    assert "own bag" not in picker.get(f"{wave(day)}?product=pak-choi").text


def test_a_withdrawn_order_keeps_its_place_and_is_put_aside(day: Day, picker: Any) -> None:
    order = order_with(day, SIMILAR)
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).where(t.customer_order.c.id == order.id).values(state="expiring"))
    page = picker.get(wave(day)).text
    assert page.count('class="tote other out"') + page.count('class="tote out"') == 2
    assert "Put its bag aside" in picker.get(f"/en/picking/parcels/{totes(day, order.id)['frozen'].id}").text
    before = everything(day)
    assert scan(picker, day, "strawberries", totes(day, order.id)["chilled"].ref).status_code == 409
    assert everything(day) == before


# --- scans


def test_product_then_tote_picks_the_line_and_goes_on(day: Day, picker: Any) -> None:
    order = order_with(day, REFUND)
    first = scan(picker, day, "pak-choi", "pak-choi", have="")
    assert (first.status_code, first.location) == (303, f"{wave(day)}?product=pak-choi&have=1")
    second = scan(picker, day, "pak-choi", totes(day, order.id)["chilled"].ref)
    assert second.location.startswith(f"{wave(day)}?product=pak-choi&have=1"), "another tote waits for it"
    assert line_of(day, order.id, "pak-choi").picked_quantity == 1


@pytest.mark.parametrize(
    ("product", "code", "have", "words"),
    [
        ("pak-choi", "spinach", "", "Wrong product: this is not Shanghai pak choi."),
        ("pak-choi", "ZZZZZZZZ", "1", "Wrong bag: Shanghai pak choi does not go into ZZZZZZZZ."),
        ("pak-choi", "spinach", "1", "This is not one of our labels."),
    ],
)
def test_what_is_wrong_stops_with_a_word_and_changes_nothing(
    day: Day, picker: Any, product: str, code: str, have: str, words: str
) -> None:
    before = everything(day)
    answer = scan(picker, day, product, code, have=have)
    assert answer.status_code in {409, 422}
    assert words in answer.text
    assert 'data-word="refused"' in answer.text
    assert everything(day) == before


def test_a_product_that_is_not_in_the_wave_is_not_found(day: Day, picker: Any) -> None:
    assert scan(picker, day, "spinach", "spinach", have="").status_code == 404


def test_scanning_twice_is_said_and_changes_nothing(day: Day, picker: Any) -> None:
    ref = totes(day, order_with(day, REFUND).id)["chilled"].ref
    scan(picker, day, "pak-choi", ref)
    before = everything(day)
    answer = scan(picker, day, "pak-choi", ref)
    assert (answer.status_code, "That is done already" in answer.text) == (409, True)
    assert everything(day) == before


def test_what_is_weighed_leads_to_the_scale(day: Day, picker: Any) -> None:
    ref = totes(day, order_with(day, SIMILAR).id)["chilled"].ref
    assert scan(picker, day, "pork-belly", ref).location == line_path(day, SIMILAR, "pork-belly")


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"gross": "heavy", "tare": "20"}, 422, "Type a whole number"),
        ({"gross": "-5", "tare": "20"}, 422, "Type a whole number"),
        ({"gross": "5000", "tare": "20"}, 422, "4980 g cannot be right"),
        ({"gross": "490", "tare": "20", "scale": "mine"}, 422, "There is no scale mine."),
    ],
)
def test_a_reading_that_cannot_be_is_refused_and_kept_in_the_form(
    day: Day, picker: Any, form: dict[str, str], status: int, words: str
) -> None:
    before = everything(day)
    answer = picker.post(line_path(day, SIMILAR, "pork-belly"), data={"act": "weigh", "scale": SCALE, **form})
    assert answer.status_code == status
    assert words in answer.text
    assert f'value="{form["gross"]}"' in answer.text
    assert everything(day) == before


def test_an_unknown_act_changes_nothing(day: Day, picker: Any) -> None:
    before = everything(day)
    assert picker.post(line_path(day, SIMILAR, "pork-belly"), data={"act": "eat"}).status_code == 404
    assert everything(day) == before


def test_only_who_likes_something_similar_is_offered_it(day: Day, picker: Any) -> None:
    assert "instead:spinach" in picker.get(line_path(day, SIMILAR, "pak-choi")).text
    assert "instead:" not in picker.get(line_path(day, REFUND, "pak-choi")).text


# --- seal


def test_a_bag_with_open_lines_is_not_sealed(day: Day, picker: Any) -> None:
    before = everything(day)
    answer = seal(picker, totes(day, order_with(day, REFUND).id)["chilled"].id)
    assert (answer.status_code, "2 to go" in answer.text) == (409, True)
    assert everything(day) == before


def test_a_photo_is_made_small_and_shown_to_its_household_and_to_operators_only(day: Day, picker: Any) -> None:
    order = order_with(day, REFUND)
    pick_all(picker, day, REFUND)
    sent = a_photo()
    assert len(sent.read()) > 256 * 1024, "more than other forms may hold"
    sent.seek(0)
    assert seal(picker, totes(day, order.id)["chilled"].id, photo=sent, seal="0815").status_code == 303

    with day.engine.begin() as conn:
        kept = conn.execute(select(t.photo)).one()
    path = f"/en/photos/bags/{kept.id}.jpg"
    assert len(kept.jpeg) <= 300_000
    assert path in day.client(Role.RESIDENT).get(f"/en/orders/{order.id}").text
    assert path in day.client(Role.OPERATOR).get(f"/en/ops/orders/{order.id}").text
    for role in (Role.RESIDENT, Role.OPERATOR):
        answer = day.client(role).get(path)
        assert (answer.data, answer.mimetype) == (kept.jpeg, "image/jpeg")
        assert answer.headers["Cache-Control"].startswith("private")
    stranger = day.client()
    with stranger.session_transaction() as session:
        session["token"] = day.other
    assert stranger.get(path).status_code == 404
    assert day.client(Role.DRIVER).get(path).status_code == 404
    assert day.client().get(path).status_code == 302


def test_what_is_no_picture_is_refused_and_the_bag_stays_open(day: Day, picker: Any) -> None:
    pick_all(picker, day, REFUND)
    before = everything(day)
    answer = seal(
        picker, totes(day, order_with(day, REFUND).id)["chilled"].id, photo=FileStorage(io.BytesIO(b"?"), "x"), seal="7"
    )
    assert answer.status_code == 422
    assert 'value="7"' in answer.text, "what was typed is kept"
    assert everything(day) == before


def test_a_form_of_more_than_a_photo_is_too_large(day: Day, picker: Any) -> None:
    before = everything(day)
    huge = FileStorage(io.BytesIO(bytes(9 * 1024 * 1024)), "x")
    assert seal(picker, totes(day, order_with(day, REFUND).id)["chilled"].id, photo=huge).status_code == 413
    assert everything(day) == before


def test_the_household_sees_what_was_short_replaced_and_weighed(day: Day, picker: Any) -> None:
    order = order_with(day, SIMILAR)
    replace = {"act": "instead:spinach", "instead": "1"}
    picker.post(line_path(day, SIMILAR, "pak-choi"), data=replace)
    picker.post(line_path(day, SIMILAR, "strawberries"), data={"act": "damaged", "missing": "1"})
    weigh = {"act": "weigh", "gross": "490", "tare": "20", "scale": SCALE}
    picker.post(line_path(day, SIMILAR, "pork-belly"), data=weigh)
    page = day.client(Role.RESIDENT).get(f"/en/orders/{order.id}").text
    assert "damaged" not in page, "the picker may still change their mind"
    scan(picker, day, "frozen-dumplings", totes(day, order.id)["frozen"].ref)
    for tote in totes(day, order.id).values():
        assert seal(picker, tote.id).status_code == 303

    page = re.sub(r"<[^>]+>", "", day.client(Role.RESIDENT).get(f"/en/orders/{order.id}").text)
    assert "1 missing: damaged" in page
    assert "¥19.90 goes back" in page
    assert "1 replaced by Spinach" in page
    assert "weighed 470 g" in page
    assert "¥3.17 goes back" in page


# --- labels


def test_labels_carry_a_code_and_the_words_a_person_needs(day: Day, picker: Any) -> None:
    labels = f"/en/picking/runs/{day.run_no}/labels"
    assert picker.get(labels).text.count('class="label-qr"') == 3
    assert picker.get(f"{labels}?wave=1").text.count('class="label-qr"') == 3
    tote = totes(day, order_with(day, REFUND).id)["chilled"]
    one = picker.get(f"{labels}?parcel={tote.id}").text
    assert one.count('class="label-qr"') == 1
    assert "Evening run" in re.sub(r"\s+", " ", one)
    for wrong in ("parcel=nobody", "wave=2", "wave=x"):
        assert picker.get(f"{labels}?{wrong}").status_code == 404


# --- API


def test_a_program_packs_a_wave(day: Day) -> None:
    client, headers = day.client(), day.bearer(Role.PICKER)
    (one,) = client.get(f"/api/v1/runs/{day.run_no}/waves", headers=headers).json["items"]
    for parcel in one["parcels"]:
        for line in parcel["lines"]:
            path = f"/api/v1/parcels/{parcel['id']}/lines/{line['line_no']}"
            if line["catch_weight"]:
                reading = {"scale_id": SCALE, "gross_g": 490, "tare_g": 20}
                assert client.post(f"{path}/weighings", json=reading, headers=headers).json == {"net_g": 470}
                continue
            picked = {"product_id": line["product_id"], "label": parcel["ref"]}
            answer = client.post(f"/api/v1/runs/{day.run_no}/picks", json=picked, headers=headers)
            assert answer.json == {"parcel_id": parcel["id"], "line_no": line["line_no"]}
        assert client.post(f"/api/v1/parcels/{parcel['id']}/seal", json={}, headers=headers).status_code == 204
    assert {order_with(day, kind).state for kind in Substitution} == {"packed"}


def test_a_program_says_what_is_short_replaced_or_taken_back(day: Day) -> None:
    client, headers = day.client(), day.bearer(Role.PICKER)
    line = line_of(day, order_with(day, SIMILAR).id, "pak-choi")
    path = f"/api/v1/parcels/{line.parcel_id}/lines/{line.line_no}"
    short = {"missing": 1, "reason": "spoiled"}
    assert client.post(f"{path}/short", json=short, headers=headers).status_code == 204
    instead = {"product_id": "spinach", "quantity": 1}
    assert client.post(f"{path}/substitute", json=instead, headers=headers).status_code == 204
    assert client.post(f"{path}/unpick", headers=headers).status_code == 204
    before = everything(day)
    for wrong in ({"missing": 1, "reason": "tired"}, {"missing": 0, "reason": "spoiled"}, {}):
        assert client.post(f"{path}/short", json=wrong, headers=headers).status_code == 400
    assert client.post(f"{path}/unpick", headers=headers).json["code"] == "not_picked"
    assert everything(day) == before
