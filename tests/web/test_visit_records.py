"""Where phones send what they kept: an answer for each record, and for what is none; without a browser."""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import Engine

from app.domain.roles import Role
from app.domain.visit_record import MOST_AT_ONCE
from app.use_cases.visiting.begin_visit import begin_visit
from locker_protocol.ids import random_id
from tests.web.staff_world import Day
from tests.web.visit_world import label_of, now_of, one, van_at

SENT_MS = 1_800_000_000_000


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with van_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            begin_visit(conn, site_id=made.site_id, person_id=made.people[Role.DRIVER], now=now_of(made))
        yield made


def record(day: Day, kind: str = "scan", **more: Any) -> dict[str, Any]:
    row = {"id": random_id(), "kind": kind, "person": day.people[Role.DRIVER], "visit": "", "seq": 1}
    return {**row, "at": SENT_MS - 60_000, "label": label_of(day, day.parcels[0]), **more}


def send(day: Day, records: Any, *, role: Role = Role.DRIVER, files: Mapping[str, bytes] | None = None) -> Any:
    form = {"records": records if isinstance(records, str) else json.dumps({"sent": SENT_MS, "records": records})}
    photos = {name: (BytesIO(data), "p.png") for name, data in (files or {}).items()}
    return day.client(role).post(f"/en/driver/{day.site_id}/records", data={**form, **photos})


def codes(answer: Any) -> list[str]:
    return [each["code"] for each in answer.json["answers"]]


def kept(day: Day) -> int:
    return int(one(day, "SELECT count(*) FROM visit_record"))


def png() -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 30), "green").save(out, "PNG")
    return out.getvalue()


def test_each_record_gets_its_answer_and_a_refused_one_holds_up_no_other(day: Day) -> None:
    sent = [record(day), record(day, label="hello"), record(day, "count", crates_back=3, ice_packs_back=9)]
    answer = send(day, sent)
    assert codes(answer) == ["taken", "label_malformed", "taken"]
    assert [each["id"] for each in answer.json["answers"]] == [each["id"] for each in sent]
    assert answer.json["answers"][1]["says"]
    assert kept(day) == 2
    assert one(day, "SELECT crates_back FROM visit") == 3


def test_sent_again_it_is_taken_once(day: Day) -> None:
    sent = [record(day), record(day)]
    assert codes(send(day, sent)) == ["taken", "taken"]
    assert codes(send(day, sent)) == ["again", "again"]
    assert codes(send(day, [{**sent[0], "label": label_of(day, day.parcels[-1])}])) == ["record_id_reused"]
    assert kept(day) == 2


def test_ten_thousand_at_once_are_refused_whole_and_in_parts_taken(day: Day) -> None:
    many = [{"id": f"{n:032x}"} for n in range(10_000)]
    answer = send(day, many)
    assert (answer.status_code, answer.json["code"]) == (422, "too_many_records")
    assert str(MOST_AT_ONCE) in answer.json["says"]
    assert kept(day) == 0
    assert codes(send(day, [record(day) for _ in range(MOST_AT_ONCE)])) == ["taken"] * MOST_AT_ONCE


def test_another_drivers_records_are_refused(day: Day) -> None:
    assert codes(send(day, [record(day)], role=Role.ADMIN)) == ["record_of_another"]
    assert kept(day) == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"records": 1}', '{"records": []}', '{"records": [], "sent": -1}']
)
def test_what_cannot_be_read_as_a_whole_is_said(day: Day, text: str) -> None:
    answer = send(day, text)
    assert (answer.status_code, answer.json["code"]) == (422, "record_unreadable")
    assert answer.json["says"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "short"},
        {"id": None},
        {"kind": "open_all"},
        {"kind": []},
        {"person": "../x"},
        {"visit": "a b"},
        {"seq": -1},
        {"seq": 2**40},
        {"at": "noon"},
        {"at": 10**18},
        {"at": True},
        {"label": "x" * 600},
        {"label": "a\0b"},
        {"label": 7},
        {"kind": "trouble", "trouble": "on_fire"},
        {"kind": "trouble", "trouble": "no_fit", "door": "12"},
        {"kind": "count", "crates_back": 1000, "ice_packs_back": 0},
        {"kind": "count", "crates_back": 1.5, "ice_packs_back": 0},
        {"kind": "count", "crates_back": 1, "ice_packs_back": 1, "note": "n" * 501},
        {"kind": "undo"},
        {"kind": "photo", "of": "?"},
        {"kind": "photo"},
    ],
)
def test_a_record_that_cannot_be_read_is_refused_alone(day: Day, wrong: dict[str, Any]) -> None:
    assert codes(send(day, [{**record(day), **wrong}, "nonsense", record(day)])) == [
        "record_unreadable",
        "record_unreadable",
        "taken",
    ]
    assert kept(day) == 1


def test_a_photo_comes_under_its_records_id(day: Day) -> None:
    photo = record(day, "photo")
    assert codes(send(day, [photo], files={photo["id"]: png()})) == ["taken"]
    assert codes(send(day, [photo], files={photo["id"]: png()})) == ["again"]
    assert one(day, "SELECT count(*) FROM photo WHERE visit_id IS NOT NULL") == 1
    broken = record(day, "photo")
    assert codes(send(day, [broken], files={broken["id"]: b"no picture"})) == ["photo_unreadable"]
    assert kept(day) == 1


def test_a_bag_told_as_missing_is_not_waited_for_until_that_is_taken_back(day: Day) -> None:
    loop = f"/en/driver/{day.site_id}/{day.run_no}"
    client = day.client(Role.DRIVER)
    missing = [record(day, "trouble", trouble="bag_missing", label=label_of(day, each)) for each in day.parcels]
    assert set(codes(send(day, missing))) == {"taken"}
    assert 'data-word="done"' in client.get(loop).text
    assert "Bag missing" in client.get(f"/en/driver/{day.site_id}/leave").text
    assert codes(send(day, [record(day, "undo", of=missing[0]["id"])])) == ["taken"]
    assert 'data-word="scan"' in client.get(loop).text


def test_a_trouble_is_told_and_taken_back_without_script(day: Day) -> None:
    client, path = day.client(Role.DRIVER), f"/en/driver/{day.site_id}/records/form"
    told = {"kind": "trouble", "trouble": "bag_broken", "label": label_of(day, day.parcels[0]), "run_no": day.run_no}
    assert client.post(path, data=told).location.endswith(f"/{day.run_no}")
    found = one(day, "SELECT id FROM visit_record WHERE trouble = 'bag_broken'")
    assert client.post(path, data={"kind": "undo", "of": found}).location.endswith("/leave")
    assert one(day, "SELECT undone_at IS NOT NULL FROM visit_record WHERE trouble = 'bag_broken'")
    assert client.post(path, data={**told, "trouble": "on_fire"}).status_code == 422
    assert kept(day) == 2


def test_a_bag_that_only_the_phone_saw_is_said_when_leaving(day: Day) -> None:
    send(day, [record(day)])
    assert "seen behind no door" in day.client(Role.DRIVER).get(f"/en/driver/{day.site_id}/leave").text


def test_the_worker_is_the_drivers_alone_and_is_asked_for_anew(day: Day) -> None:
    answer = day.client(Role.DRIVER).get("/en/driver/worker.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert day.client(Role.RESIDENT).get("/en/driver/worker.js").status_code == 403
