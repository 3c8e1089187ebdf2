"""What a phone kept without a network, on a real database: taken once, at the time it was done, or refused whole."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.errors import DomainError, NotFound
from app.domain.loading import LabelMalformed, LabelOtherSite, LabelUnknown
from app.domain.visit import VisitOver
from app.domain.visit_record import (
    MOST_A_VISIT,
    NothingToUndo,
    RecordIdReused,
    RecordKind,
    RecordOfAnother,
    RecordUnreadable,
    TooManyRecords,
    Trouble,
    VisitRecord,
)
from app.use_cases.visiting.begin_visit import begin_visit
from app.use_cases.visiting.end_visit import end_visit
from app.use_cases.visiting.take_visit_record import Taken, take_visit_record
from tests.use_cases.cast import BOB, LOAD_FROM, OTHER_SITE, PICKER, SITE, Shop, at_once

DRIVER, SECOND = PICKER, BOB
MINUTE_MS = 60_000
PHONE_MS = 1_800_000_000_000  # what the phone's clock says when it sends
LATER = LOAD_FROM + timedelta(minutes=30)


def began(shop: Shop, *, at: datetime = LOAD_FROM) -> str:
    with transaction(shop.engine) as conn:
        return begin_visit(conn, site_id=SITE, person_id=DRIVER, now=at).visit_id


def ended(shop: Shop, visit_id: str, *, at: datetime) -> None:
    with transaction(shop.engine) as conn:
        end_visit(conn, visit_id=visit_id, person_id=DRIVER, now=at, settings=shop.settings)


def ref_of(shop: Shop) -> str:
    return str(shop.parcels(shop.packed())[0].ref)


def record(shop: Shop, kind: RecordKind = RecordKind.SCAN, *, minutes_ago: float = 0, **more: Any) -> VisitRecord:
    row = {"id": f"{shop.next():032x}", "person_id": DRIVER, "visit_id": "", "seq": 1, **more}
    return VisitRecord(kind=kind, at_ms=round(PHONE_MS - minutes_ago * MINUTE_MS), **row)


def take(
    shop: Shop, one: VisitRecord, *, who: str = DRIVER, now: datetime = LATER, sent_ms: int = PHONE_MS, **more: Any
) -> Taken:
    asked = {"jpeg": None, "site_id": SITE, **more}
    with transaction(shop.engine) as conn:
        return take_visit_record(conn, record=one, sent_ms=sent_ms, person_id=who, now=now, **asked)


def refused(shop: Shop, refusal: type[DomainError], doing: Callable[..., Any], *args: Any, **more: Any) -> DomainError:
    before = shop.everything()
    with pytest.raises(refusal) as caught:
        doing(shop, *args, **more)
    assert shop.everything() == before
    return caught.value


def test_a_scan_counts_at_the_time_it_was_done_and_is_kept_beside_when_it_came(shop: Shop) -> None:
    visit_id = began(shop)
    one = record(shop, label=ref_of(shop), minutes_ago=20, visit_id=visit_id)
    assert take(shop, one) == Taken(LATER - timedelta(minutes=20), again=False)
    row = shop.rows("SELECT * FROM visit_record")[0]
    assert (row.done_at, row.received_at) == (LATER - timedelta(minutes=20), LATER)
    assert row.visit_id == visit_id


def test_the_same_record_is_taken_once_however_often_it_comes(shop: Shop) -> None:
    one = record(shop, RecordKind.COUNT, crates_back=3, ice_packs_back=4, visit_id=began(shop))
    answers = at_once(*[lambda: take(shop, one)] * 4)
    assert sorted(each.again for each in answers) == [False, True, True, True]
    assert shop.one("SELECT count(*) FROM visit_record") == 1


def test_the_same_id_with_other_content_is_refused_and_the_first_stands(shop: Shop) -> None:
    one = record(shop, label=ref_of(shop), visit_id=began(shop))
    take(shop, one)
    refused(shop, RecordIdReused, take, replace(one, label=ref_of(shop)))


def test_a_record_that_comes_again_after_its_visit_ended_is_still_the_same(shop: Shop) -> None:
    one = record(shop, label=ref_of(shop))
    take(shop, one)
    ended(shop, shop.one("SELECT id FROM visit"), at=LATER)
    assert take(shop, one, now=LATER + timedelta(hours=2)).again
    assert shop.one("SELECT count(*) FROM visit") == 1


@pytest.mark.parametrize("off", [timedelta(days=365), timedelta(days=-365)], ids=["ahead", "behind"])
def test_a_phone_whose_clock_is_a_year_off_tells_the_right_time(shop: Shop, off: timedelta) -> None:
    off_ms = round(off.total_seconds() * 1000)
    one = replace(record(shop, label=ref_of(shop), minutes_ago=5, visit_id=began(shop)), at_ms=PHONE_MS + off_ms)
    found = take(shop, one, sent_ms=PHONE_MS + off_ms + 5 * MINUTE_MS)
    assert found.done_at == LATER - timedelta(minutes=5)


def test_a_clock_set_between_tells_no_time_outside_the_visit(shop: Shop) -> None:
    visit_id = began(shop)
    early = record(shop, label=ref_of(shop), minutes_ago=60 * 24 * 365, visit_id=visit_id)
    late = record(shop, label=ref_of(shop), minutes_ago=-60 * 24 * 365, visit_id=visit_id)
    assert take(shop, early).done_at == LOAD_FROM
    assert take(shop, late).done_at == LATER


def test_in_a_fast_demo_the_phones_minutes_are_so_many_more(shop: Shop) -> None:
    one = record(shop, label=ref_of(shop), minutes_ago=0.25, visit_id=began(shop))
    assert take(shop, one, rate=60).done_at == LATER - timedelta(minutes=15)


def test_what_was_done_before_the_visit_ended_still_counts_after_it(shop: Shop) -> None:
    visit_id = began(shop)
    ended(shop, visit_id, at=LOAD_FROM + timedelta(minutes=20))
    count = record(shop, RecordKind.COUNT, crates_back=7, visit_id=visit_id, minutes_ago=15)
    assert not take(shop, count).again
    assert shop.one("SELECT crates_back FROM visit") == 7
    refused(shop, VisitOver, take, record(shop, label=ref_of(shop), visit_id=visit_id, minutes_ago=5))


def test_a_record_without_a_visit_finds_the_one_in_which_it_was_done_or_begins_one(shop: Shop) -> None:
    earlier = began(shop)
    ended(shop, earlier, at=LOAD_FROM + timedelta(minutes=20))
    take(shop, record(shop, label=ref_of(shop), minutes_ago=15))
    assert shop.one("SELECT visit_id FROM visit_record") == earlier
    take(shop, record(shop, label=ref_of(shop)))
    assert shop.one("SELECT count(*) FROM visit WHERE ended_at IS NULL") == 1


def test_another_drivers_record_is_refused(shop: Shop) -> None:
    one = record(shop, label=ref_of(shop), visit_id=began(shop))
    refused(shop, RecordOfAnother, take, one, who=SECOND)
    take(shop, one)
    refused(shop, RecordOfAnother, take, replace(one, person_id=SECOND), who=SECOND)


def test_a_label_that_is_none_of_ours_or_of_another_building_is_refused(shop: Shop) -> None:
    visit_id = began(shop)
    refused(shop, LabelMalformed, take, record(shop, label="hello", visit_id=visit_id))
    refused(shop, LabelUnknown, take, record(shop, label="ZZZZZZZZ", visit_id=visit_id))
    one = record(shop, label=ref_of(shop))
    shop.run_sql("UPDATE customer_order SET site_id = :other", other=OTHER_SITE)
    refused(shop, LabelOtherSite, take, replace(one, visit_id=visit_id))


def test_a_visit_or_a_door_that_is_not_there_is_refused(shop: Shop) -> None:
    refused(shop, NotFound, take, record(shop, label=ref_of(shop), visit_id="d" * 32))
    visit_id = began(shop)
    refused(shop, NotFound, take, record(shop, label=ref_of(shop), visit_id=visit_id), site_id=OTHER_SITE)
    stuck = record(
        shop, RecordKind.TROUBLE, trouble=Trouble.DOOR_STUCK, label=ref_of(shop), door=998, visit_id=visit_id
    )
    refused(shop, NotFound, take, stuck)


def test_a_trouble_can_be_taken_back_once(shop: Shop) -> None:
    visit_id = began(shop)
    trouble = record(shop, RecordKind.TROUBLE, trouble=Trouble.BAG_MISSING, label=ref_of(shop), visit_id=visit_id)
    take(shop, trouble)
    take(shop, record(shop, RecordKind.UNDO, of=trouble.id, visit_id=visit_id, minutes_ago=1))
    undone = shop.one("SELECT undone_at FROM visit_record WHERE kind = 'trouble'")
    assert undone == LATER - timedelta(minutes=1)
    refused(shop, NothingToUndo, take, record(shop, RecordKind.UNDO, of=trouble.id, visit_id=visit_id))


def test_the_office_is_told_of_what_was_not_taken_back_once_the_visit_ended(shop: Shop) -> None:
    visit_id = began(shop)
    refs = [ref_of(shop) for _ in range(3)]
    told, taken_back, late = [
        record(shop, RecordKind.TROUBLE, trouble=each, label=ref, visit_id=visit_id, minutes_ago=25)
        for each, ref in zip((Trouble.BAG_MISSING, Trouble.BAG_BROKEN, Trouble.BAG_BROKEN), refs, strict=True)
    ]
    take(shop, told)
    take(shop, taken_back)
    take(shop, record(shop, RecordKind.UNDO, of=taken_back.id, visit_id=visit_id, minutes_ago=24))
    assert shop.one("SELECT count(*) FROM trouble_report") == 0
    ended(shop, visit_id, at=LOAD_FROM + timedelta(minutes=20))
    take(shop, late)
    words = [row.words for row in shop.rows("SELECT words FROM trouble_report")]
    assert {word[-8:] for word in words} == {refs[0], refs[2]}
    assert len(words) == 2


def test_a_photo_is_kept_once_with_the_bag_it_shows(shop: Shop) -> None:
    visit_id = began(shop)
    trouble = record(shop, RecordKind.TROUBLE, trouble=Trouble.BAG_BROKEN, label=ref_of(shop), visit_id=visit_id)
    take(shop, trouble)
    photo = record(shop, RecordKind.PHOTO, of=trouble.id, visit_id=visit_id)
    refused(shop, RecordUnreadable, take, photo)
    take(shop, photo, jpeg=b"\xff\xd8 a picture")
    assert take(shop, photo, jpeg=b"\xff\xd8 a picture").again
    row = shop.rows("SELECT r.parcel_id, p.jpeg FROM visit_record r JOIN photo p ON p.id = r.photo_id")[0]
    assert bytes(row.jpeg).startswith(b"\xff\xd8")
    assert row.parcel_id is not None
    refused(shop, RecordIdReused, take, photo, jpeg=b"\xff\xd8 another")


def test_a_visit_keeps_no_more_than_its_limit(shop: Shop) -> None:
    visit_id = began(shop)
    shop.run_sql(
        "INSERT INTO visit_record (id, visit_id, person_id, kind, seq, digest, device_at, done_at, received_at)"
        " SELECT 'r' || n, :visit_id, :who, 'scan', n, '', :at, :at, :at FROM generate_series(1, :most) AS n",
        visit_id=visit_id,
        who=DRIVER,
        at=LOAD_FROM,
        most=MOST_A_VISIT,
    )
    refusal = refused(shop, TooManyRecords, take, record(shop, label=ref_of(shop), visit_id=visit_id))
    assert refusal.facts == {"most": MOST_A_VISIT}
