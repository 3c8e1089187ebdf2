"""An account is erased: marks are planted in every column that may tell of a person, and none is found afterwards."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from app.db.engine import transaction
from app.domain.erasing import ClaimWaiting, MoneyUnderWay, OrderUnderWay, StaffAccount
from app.domain.errors import DomainError, NotFound
from app.domain.personal_words import names_somebody
from app.domain.sign_in_code import CODE_LIVES
from app.notify.texts import NoticeKind
from app.use_cases.audit.audit import Finding, audit
from app.use_cases.audit.rule import Moment
from app.use_cases.evening.withdraw_by_hand import withdraw_by_hand
from app.use_cases.money.refund_by_hand import refund_by_hand
from app.use_cases.people.erase_account import erase_account
from app.use_cases.people.export_account import export_account
from app.use_cases.people.request_sign_in import request_sign_in
from app.use_cases.people.sign_in import sign_in
from app.use_cases.site.ask_site import PersonalWords, open_doors
from app.use_cases.telling.tell_order import tell_order
from locker_protocol.vocabulary import Right
from tests.privacy.canaries import ALL, MAIL, NAME, PHONE, PICTURE, WORDS, dump, found_in, found_in_database
from tests.privacy.document import personal
from tests.privacy.planting import plant
from tests.use_cases.cast import ALICE, BOB, NOW, PICKER, SITE, Shop, open_shop
from tests.use_cases.evening import OPENS, Evening

LATER = NOW + timedelta(days=3)


@pytest.fixture
def shop(db: Engine) -> Shop:
    return open_shop(db)


@pytest.fixture
def over(shop: Shop) -> Shop:
    """Alice is the canary; she has an order that is over, and marks are in every place that may tell of her."""
    order = shop.packed(("milk", 1), low_door=True)
    shop.run_sql("UPDATE customer_order SET state = 'collected' WHERE id = :id", id=order.order_id)
    plant(shop, order.order_id)
    return shop


def erase(shop: Shop, person: str = ALICE, *, now: datetime = LATER) -> None:
    with transaction(shop.engine) as conn:
        erase_account(conn, person_id=person, now=now)


def test_every_column_that_may_tell_of_a_person_is_planted_or_refuses_such_words(over: Shop) -> None:
    marked = {place for place, content in dump(over.engine) if found_in(content)}
    flags = {
        "person.site_id",
        "person.language",
        "person.substitution",
        "person.low_door",
        "web_session.person_id",
        "customer_order.low_door",
    }
    refusing = {column for column, how in personal().items() if how.startswith("refused") and column not in marked}
    assert set(personal()) - marked - flags == refusing
    assert refusing == {"remote_command.reason", "change.reason", "audit.why", "audit.body", "site_event.body"}


def test_of_an_erased_account_no_mark_is_left_anywhere(over: Shop) -> None:
    assert len({line.split(": ")[1] for line in found_in_database(over.engine)}) == len(ALL)

    erase(over)

    assert found_in_database(over.engine) == []


def test_what_the_books_need_stays_without_a_name(over: Shop) -> None:
    books = "SELECT sum(amount_minor), count(*) FROM ledger_entry WHERE account = 'customer_held'"
    before = over.rows(books)
    erase(over)

    assert over.rows(books) == before
    who = over.rows(
        "SELECT p.phone, p.mail, p.display_name, p.site_id, o.state FROM customer_order o JOIN person p"
        " ON p.id = o.person_id WHERE p.id = :alice",
        alice=ALICE,
    )
    assert who == [(None, None, "", None, "collected")]
    assert over.rows("SELECT actor, act FROM audit ORDER BY no DESC LIMIT 1") == [(f"person:{ALICE}", "account_erased")]
    assert over.one("SELECT bool_or(low_door) FROM customer_order") is False
    assert over.one("SELECT low_door FROM person WHERE id = :id", id=ALICE) is False


def test_no_invariant_is_broken_by_it(shop: Shop) -> None:
    evening = Evening(shop)
    order = shop.packed(("milk", 1))
    evening.load(order)
    evening.collect(order, at=OPENS)
    before = broken(shop)
    erase(shop)

    assert broken(shop) == before
    assert shop.state(order) == "collected"


def broken(shop: Shop) -> list[Finding]:
    with shop.engine.connect() as conn:
        return [each for each in audit(conn, Moment(now=LATER)) if each.violations]


@pytest.mark.parametrize(
    "later",
    [
        "INSERT INTO web_session VALUES ('y', :who, now(), now())",
        "UPDATE customer_order SET state = 'paid' WHERE person_id = :who",
        "INSERT INTO photo (id, at, person_id, parcel_id, jpeg) SELECT 'p2', now(), :who, min(id), '' FROM parcel",
        "INSERT INTO notification SELECT 'n9', :who, '', 'x', NULL, 'zh', '', '', '{}', now(), now()",
    ],
    ids=["session", "order", "photo", "notice"],
)
def test_the_audit_finds_what_leads_back_to_an_erased_account(over: Shop, later: str) -> None:
    erase(over)
    assert [each for each in broken(over) if each.invariant == "I23"] == []
    over.run_sql(later, who=ALICE)
    assert [each.violations for each in broken(over) if each.invariant == "I23"] == [1]


def test_nobody_elses_data_is_touched(over: Shop) -> None:
    over.run_sql("UPDATE notification SET body = 'for the office' WHERE kind = 'trouble'")
    mine = "SELECT phone, mail, display_name, site_id, language, erased_at FROM person WHERE id <> :alice ORDER BY id"
    before = over.rows(mine, alice=ALICE)
    bobs = over.paid(("milk", 1), person=BOB)
    told = over.one("SELECT count(*) FROM notification WHERE order_id = :id", id=bobs.order_id)
    erase(over)

    assert over.rows(mine, alice=ALICE) == before
    assert over.one("SELECT count(*) FROM notification WHERE order_id = :id", id=bobs.order_id) == told
    assert over.one("SELECT count(*) FROM idempotent_request WHERE person_id = :bob", bob=BOB) == 1


@pytest.mark.parametrize("state", ["awaiting_payment", "paid", "packed", "ready", "expiring"])
def test_while_an_order_is_under_way_nothing_is_erased(shop: Shop, state: str) -> None:
    order = shop.order(("milk", 1))
    shop.run_sql("UPDATE customer_order SET state = :state WHERE id = :id", state=state, id=order.order_id)
    before = shop.everything()

    with pytest.raises(OrderUnderWay) as refusal:
        erase(shop, now=NOW)

    assert refusal.value.facts["order_no"] == order.order_no
    until = "2026-11-23 10:10" if state == "awaiting_payment" else "2026-11-25 13:30"  # in Suzhou
    assert refusal.value.facts["until"] == until
    assert shop.everything() == before


def test_while_money_is_on_its_way_back_nothing_is_erased(over: Shop) -> None:
    over.run_sql("UPDATE refund SET done_at = NULL")
    before = over.everything()

    with pytest.raises(MoneyUnderWay) as refusal:
        erase(over)

    assert refusal.value.facts == {"refund_no": "R-1"}
    assert over.everything() == before


@pytest.mark.parametrize(("person", "refusal"), [(PICKER, StaffAccount), ("f" * 32, NotFound)])
def test_staff_and_strangers_are_not_erased(shop: Shop, person: str, refusal: type[DomainError]) -> None:
    before = shop.everything()
    with pytest.raises(refusal):
        erase(shop, person)
    assert shop.everything() == before


def test_an_account_is_erased_once(over: Shop) -> None:
    erase(over)
    before = over.everything()
    with pytest.raises(NotFound):
        erase(over)
    assert over.everything() == before


def test_whoever_comes_back_begins_anew(over: Shop) -> None:
    erase(over)
    with transaction(over.engine) as conn:
        request_id = request_sign_in(conn, contact=PHONE, language="zh", now=LATER)
    code = over.one("SELECT facts ->> 'code' FROM notification WHERE contact = :phone", phone=PHONE)
    with transaction(over.engine) as conn:
        anew = sign_in(conn, request_id=request_id, code=code, now=LATER + CODE_LIVES / 2)

    assert anew.person_id != ALICE
    assert over.one("SELECT count(*) FROM customer_order WHERE person_id = :id", id=anew.person_id) == 0


def test_a_late_word_about_an_order_of_theirs_is_told_to_nobody(over: Shop) -> None:
    order_id = over.one("SELECT id FROM customer_order WHERE person_id = :alice", alice=ALICE)
    erase(over)
    with transaction(over.engine) as conn:
        tell_order(conn, order_id=order_id, kind=NoticeKind.COLLECTED, now=LATER)

    assert over.rows("SELECT kind FROM notification WHERE order_id = :id", id=order_id) == []


def test_the_export_holds_every_mark_the_account_holds_of_its_own(over: Shop) -> None:
    with transaction(over.engine) as conn:
        export = export_account(conn, person_id=ALICE, now=LATER)
    written = repr(export).encode()

    assert {mark for mark in ALL if mark in written or repr(mark)[2:-1].encode() in written} >= {
        b"13877712345",
        MAIL.encode(),
        NAME.encode(),
        WORDS.encode(),
    }
    assert [jpeg for _, jpeg in export.photos] == [PICTURE] * 3  # of the bag, of a claim, and of food kept shut
    for one in export.held:
        assert all(len(row) == len(one.section.columns) for row in one.rows), one.section.key


def test_every_section_of_the_export_has_something_to_show_or_is_known_to_be_empty_here(over: Shop) -> None:
    with transaction(over.engine) as conn:
        export = export_account(conn, person_id=ALICE, now=LATER)
    empty = {one.section.key for one in export.held if not one.rows}
    assert empty == {"openings", "offers", "looks", "changes"}


def test_an_erased_account_has_nothing_to_take_along(over: Shop) -> None:
    erase(over)
    with transaction(over.engine) as conn, pytest.raises(NotFound):
        export_account(conn, person_id=ALICE, now=LATER)


# --- words that are kept for good


@pytest.mark.parametrize(
    "words",
    [
        "call 13877712345 first",
        "她的电话 138 7771 2345",
        "write to a.b@x.example",
        "＋86 138-7771-2345 called",
        "她叫金丝雀七号",
    ],
)
def test_words_that_are_kept_for_good_name_nobody(words: str) -> None:
    assert names_somebody(words, names=(NAME,))


@pytest.mark.parametrize(
    "words", ["door 24 jammed twice", "订单 7K3F9Q2M 的包漏了", "R-00012 failed, 2026-11-23", "Lift is out"]
)
def test_words_about_doors_and_orders_are_fine(words: str) -> None:
    assert not names_somebody(words, names=("Li", "X", ""))


def test_a_reason_that_names_the_orders_owner_is_refused_and_changes_nothing(over: Shop) -> None:
    order = over.paid(("milk", 1))
    before = over.everything()
    for reason in (f"{NAME} called", "ring 13877712345", f"mail {MAIL}"):
        with transaction(over.engine) as conn, pytest.raises(PersonalWords):
            open_doors(
                conn,
                site_id=SITE,
                doors=[1],
                right=Right.HAND_OVER,
                person_id=PICKER,
                reason=reason,
                now=NOW,
                order_id=order.order_id,
            )
        with transaction(over.engine) as conn, pytest.raises(PersonalWords):
            withdraw_by_hand(conn, order_id=order.order_id, reason=reason, person_id=PICKER, now=NOW)
        with transaction(over.engine) as conn, pytest.raises(PersonalWords):
            refund_by_hand(
                conn, order_id=order.order_id, lines={1: 1}, reason=reason, key="k", person_id=PICKER, now=NOW
            )
    assert over.everything() == before


def test_while_somebody_looks_into_a_claim_nothing_is_erased(over: Shop) -> None:
    over.run_sql("UPDATE claim SET state = 'waiting', answer = NULL, answered_at = NULL")
    with pytest.raises(ClaimWaiting):
        erase(over)
    assert over.one("SELECT display_name FROM person WHERE id = :id", id=ALICE) == NAME


def test_an_order_that_waits_for_an_account_that_is_being_erased_is_not_placed(shop: Shop) -> None:
    rows = "SELECT (SELECT count(*) FROM customer_order) + (SELECT count(*) FROM idempotent_request)"
    taken = "SELECT sum(taken) FROM run_stock"
    before = (shop.one(rows), shop.one(taken))
    erasing = shop.engine.connect()
    with erasing.begin():
        erase_account(erasing, person_id=BOB, now=NOW)
        with ThreadPoolExecutor(1) as elsewhere:
            placing = elsewhere.submit(shop.order, ("milk", 1), person=BOB, key="the-same-moment")
            while not shop.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                assert not placing.done(), placing.result()
            erasing.commit()
            with pytest.raises(NotFound):
                placing.result()
    erasing.close()
    assert (shop.one(rows), shop.one(taken)) == before
