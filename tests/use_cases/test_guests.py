"""Ordering without an account: who a guest is, what limits them, and how their orders come home."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.db.people import person_of_session
from app.domain.basket import BasketLine, IdempotencyKeyReused
from app.domain.contact import ContactUnreadable
from app.domain.errors import NotFound
from app.domain.guests import MOST_ORDERS, GuestsHoldTooMuch, TooManyGuestOrders
from app.domain.roles import Role
from app.use_cases.audit.audit import audit
from app.use_cases.audit.rule import Moment
from app.use_cases.ordering.admit_guest import GuestSeed, admit_guest
from app.use_cases.ordering.place_order import PlacedOrder, place_order
from app.use_cases.people.change_role import change_role
from app.use_cases.people.erase_account import erase_account
from app.use_cases.people.forget_old import forget_old
from app.use_cases.people.request_sign_in import request_sign_in
from app.use_cases.people.sign_in import sign_in
from app.use_cases.people.take_guest_home import take_guest_home, waiting_orders
from tests.use_cases.cast import ALICE, BOB, NOW, Shop, at_once

PHONE, ALICES = "+8613800000042", "alice@x.example"


def seed(number: int = 1) -> GuestSeed:
    return GuestSeed(f"{number:032d}", f"token of guest {number}")


def order(
    shop: Shop, contact: str = PHONE, *, who: GuestSeed | None = None, key: str = "", now: datetime = NOW, **more: Any
) -> PlacedOrder:
    who, window, key = who or seed(), more.pop("window_id", shop.window_id), key or f"guest-key-{shop.next()}"
    with transaction(shop.engine) as conn:
        to = admit_guest(conn, seed=who, contact=contact, language="en", window_id=window, key=key, now=now)
        return place_order(
            conn,
            person_id=who.id,
            guest_contact=to,
            window_id=window,
            lines=[BasketLine("milk", more.get("count", 1))],
            idempotency_key=key,
            low_door=False,
            now=now,
        )


def signed_in(shop: Shop, contact: str) -> str:
    with transaction(shop.engine) as conn:
        asked = request_sign_in(conn, contact=contact, language="en", now=NOW)
    code = shop.one("SELECT facts->>'code' FROM notification WHERE kind = 'sign_in' ORDER BY id DESC LIMIT 1")
    with transaction(shop.engine) as conn:
        return sign_in(conn, request_id=asked, code=code, now=NOW).person_id


def paid(shop: Shop, contact: str = PHONE, *, who: GuestSeed | None = None) -> PlacedOrder:
    made = order(shop, contact, who=who)
    ref = shop.start(made, person=(who or seed()).id)
    shop.provider.decide(ref, paid=True)
    shop.settle(ref)
    return made


def take(shop: Shop, person: str, *, token: str = "", asked: bool = False) -> list[str]:
    with transaction(shop.engine) as conn:
        return take_guest_home(conn, person_id=person, guest_token=token, now=NOW, asked=asked)


def found_wrong(shop: Shop) -> list[Any]:
    with transaction(shop.engine) as conn:
        return [one for one in audit(conn, Moment(NOW)) if one.violations]


def test_a_guest_orders_and_only_their_browser_holds_it(shop: Shop) -> None:
    made = order(shop, "138 0000 0042")

    assert shop.rows("SELECT person_id, guest_contact, state FROM customer_order") == [
        (seed().id, PHONE, "awaiting_payment")
    ]
    with transaction(shop.engine) as conn:
        person = person_of_session(conn, token=seed().token, now=NOW)
    assert person is not None
    assert (person.id, person.role, person.guest, person.contact) == (seed().id, Role.RESIDENT, True, "")
    assert shop.one("SELECT count(*) FROM notification") == 0, "nobody is told before money moved"
    assert made.total_minor == 1380


def test_a_paid_guest_is_sent_the_link_that_opens_the_order(shop: Shop) -> None:
    made = paid(shop)

    told = shop.rows("SELECT kind, contact, person_id, order_id, facts->>'link' FROM notification")
    assert [row[:4] for row in told] == [("order_paid_link", PHONE, seed().id, made.order_id)]
    assert told[0][4].startswith(f"{shop.settings.public_url}/en/o/")
    assert found_wrong(shop) == []


@pytest.mark.parametrize("contact", ["", "12345", "nobody@", "x" * 300])
def test_a_contact_nobody_can_read_makes_no_guest(shop: Shop, contact: str) -> None:
    with pytest.raises(ContactUnreadable):
        order(shop, contact)
    assert shop.one("SELECT count(*) FROM person WHERE guest") == 0
    assert shop.one("SELECT count(*) FROM web_session") == 0


def test_the_same_form_twice_is_one_order_and_one_guest(shop: Shop) -> None:
    first = order(shop, key="one try of this")
    assert order(shop, key="one try of this") == first
    assert shop.one("SELECT count(*) FROM customer_order") == 1

    with pytest.raises(IdempotencyKeyReused):
        order(shop, "bob@x.example", key="one try of this")
    assert shop.one("SELECT count(*) FROM customer_order WHERE guest_contact = :v1", v1="bob@x.example") == 0


def test_the_same_form_twice_at_once_is_one_order_and_one_guest(shop: Shop) -> None:
    answers = at_once(*[lambda: order(shop, key="one try of this")] * 6)
    assert {answer.order_no for answer in answers} == {answers[0].order_no}
    assert shop.one("SELECT count(*) FROM customer_order") == 1
    assert shop.one("SELECT count(*) FROM person WHERE guest") == 1


def test_a_guest_with_somebodys_number_sees_and_changes_nothing_of_theirs(shop: Shop) -> None:
    mine = shop.order(person=ALICE)
    before = shop.rows("SELECT * FROM person WHERE id = :v1", v1=ALICE)
    with transaction(shop.engine) as conn:
        request_sign_in(conn, contact=ALICES, language="en", now=NOW)

    made = paid(shop, ALICES)
    with transaction(shop.engine) as conn:
        erase_refused(conn)

    assert shop.rows("SELECT * FROM person WHERE id = :v1", v1=ALICE) == before
    assert shop.rows("SELECT person_id FROM customer_order WHERE id = :v1", v1=mine.order_id) == [(ALICE,)]
    assert shop.rows("SELECT person_id FROM customer_order WHERE id = :v1", v1=made.order_id) == [(seed().id,)]
    shop.run_sql("UPDATE customer_order SET state = 'collected' WHERE id = :v1", v1=made.order_id)
    with transaction(shop.engine) as conn:
        erase_account(conn, person_id=seed().id, now=NOW)
    assert shop.one("SELECT count(*) FROM sign_in_code") == 1, "the code of whoever confirmed that address stays"
    assert shop.rows("SELECT * FROM person WHERE id = :v1", v1=ALICE) == before


def erase_refused(conn: Any) -> None:
    with pytest.raises(NotFound):
        change_role(conn, person_id=seed().id, role=Role.PICKER, actor_id=BOB, now=NOW)


def test_one_contact_is_ordered_for_three_times_a_day_by_guests(shop: Shop) -> None:
    for number in range(MOST_ORDERS):
        order(shop, who=seed(number), now=NOW + timedelta(hours=number))
    with pytest.raises(TooManyGuestOrders) as refused:
        order(shop, who=seed(7), now=NOW + timedelta(hours=3))
    assert refused.value.facts["hours"] == 21
    assert shop.one("SELECT count(*) FROM customer_order") == MOST_ORDERS
    assert shop.one("SELECT count(*) FROM person WHERE id = :v1", v1=seed(7).id) == 0

    order(shop, "bob@x.example", who=seed(7))


def test_one_browser_orders_three_times_a_day_for_whomever(shop: Shop) -> None:
    for number in range(MOST_ORDERS):
        order(shop, f"stranger{number}@x.example")
    with pytest.raises(TooManyGuestOrders):
        order(shop, "stranger9@x.example")
    assert shop.one("SELECT count(*) FROM customer_order") == MOST_ORDERS


def test_orders_at_once_do_not_pass_the_limit(shop: Shop) -> None:
    def attempt(number: int) -> bool:
        try:
            order(shop, who=seed(number))
        except TooManyGuestOrders:
            return False
        return True

    assert sum(at_once(*[lambda n=n: attempt(n) for n in range(6)])) == MOST_ORDERS


def test_what_was_let_go_does_not_count(shop: Shop) -> None:
    for number in range(MOST_ORDERS):
        order(shop, who=seed(number))
    shop.run_sql(
        "UPDATE customer_order SET state = 'released' WHERE order_no = (SELECT min(order_no) FROM customer_order)"
    )
    order(shop, who=seed(8))


def test_unpaid_guests_hold_no_more_than_half_a_windows_places(shop: Shop) -> None:
    shop.run_sql("UPDATE pickup_window SET order_cap = 3 WHERE id = :v1", v1=shop.window_id)
    order(shop, "a@x.example", who=seed(1))
    order(shop, "b@x.example", who=seed(2))
    with pytest.raises(GuestsHoldTooMuch):
        order(shop, "c@x.example", who=seed(3))
    assert shop.one("SELECT count(*) FROM customer_order") == 2

    shop.order(person=ALICE)
    assert shop.one("SELECT orders_taken FROM pickup_window WHERE id = :v1", v1=shop.window_id) == 3


def test_confirming_the_contact_takes_this_browsers_order_home(shop: Shop) -> None:
    made = paid(shop)
    person = signed_in(shop, PHONE)

    assert take(shop, person, token=seed().token) == [made.order_id]

    assert shop.rows("SELECT person_id, guest_contact FROM customer_order") == [(person, None)]
    assert shop.rows("SELECT DISTINCT person_id FROM notification WHERE kind = 'order_paid_link'") == [(person,)]
    assert shop.rows("SELECT guest, erased_at IS NULL FROM person WHERE id = :v1", v1=seed().id) == [(False, False)]
    assert shop.one("SELECT count(*) FROM web_session WHERE person_id = :v1", v1=seed().id) == 0
    assert shop.rows("SELECT actor FROM history WHERE event = 'taken_home'") == [(f"person:{person}",)]
    assert found_wrong(shop) == []
    assert take(shop, person, token=seed().token) == []


def test_what_another_browser_ordered_comes_home_only_when_asked_for(shop: Shop) -> None:
    made = paid(shop)
    person = signed_in(shop, PHONE)

    assert take(shop, person) == []
    with transaction(shop.engine) as conn:
        assert [one.order_id for one in waiting_orders(conn, person_id=person, guest_token="")] == [made.order_id]
    assert take(shop, person, asked=True) == [made.order_id]


def test_a_mistyped_contact_comes_home_from_the_browser_that_ordered_when_asked_for(shop: Shop) -> None:
    made = paid(shop, "stranger@x.example")
    person = signed_in(shop, PHONE)

    assert take(shop, person, token=seed().token) == []
    assert shop.one("SELECT count(*) FROM person WHERE guest") == 1
    assert take(shop, person, token=seed().token, asked=True) == [made.order_id]


def test_nobody_takes_what_is_neither_theirs_nor_their_browsers(shop: Shop) -> None:
    paid(shop)
    person = signed_in(shop, "bob2@x.example")
    assert take(shop, person, asked=True) == []
    assert take(shop, person, token="a guess", asked=True) == []
    assert take(shop, seed(2).id, token=seed().token, asked=True) == []
    assert shop.rows("SELECT person_id FROM customer_order") == [(seed().id,)]


def test_an_order_of_an_account_is_never_moved(shop: Shop) -> None:
    mine = shop.order(person=ALICE)
    person = signed_in(shop, PHONE)
    shop.run_sql(
        "INSERT INTO web_session (token_hash, person_id, made_at, expires_at)"
        " VALUES (sha256('alices token'), :alice, now(), now())",
        alice=ALICE,
    )
    assert take(shop, person, token="alices token", asked=True) == []
    assert shop.rows("SELECT person_id FROM customer_order WHERE id = :v1", v1=mine.order_id) == [(ALICE,)]


def test_who_erases_their_account_is_forgotten_by_guests_orders_too(shop: Shop) -> None:
    made = paid(shop)
    person = signed_in(shop, PHONE)
    with transaction(shop.engine) as conn:
        erase_account(conn, person_id=person, now=NOW)
    assert shop.rows("SELECT person_id, guest_contact, state FROM customer_order") == [(seed().id, None, "paid")]
    assert shop.one("SELECT count(*) FROM notification WHERE contact = :v1", v1=PHONE) == 0
    assert shop.state(made) == "paid"


def test_a_guest_is_forgotten_ninety_days_after_their_last_order(shop: Shop) -> None:
    over, fresh, open_one = seed(1), seed(2), seed(3)
    for who in (over, fresh, open_one):
        order(shop, f"{who.id[-1]}@x.example", who=who)
    shop.run_sql("UPDATE customer_order SET state = 'collected' WHERE person_id <> :v1", v1=open_one.id)
    shop.run_sql(
        "UPDATE customer_order SET placed_at = placed_at + interval '2 days' WHERE person_id = :v1", v1=fresh.id
    )

    forget_old(shop.engine, now=NOW + timedelta(days=91))

    assert shop.rows("SELECT person_id, guest_contact IS NULL FROM customer_order ORDER BY person_id") == [
        (over.id, True),
        (fresh.id, False),
        (open_one.id, False),
    ]
    assert shop.rows("SELECT guest, erased_at IS NOT NULL FROM person WHERE id = :v1", v1=over.id) == [(False, True)]
