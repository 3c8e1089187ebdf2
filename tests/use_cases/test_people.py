"""Signing in: codes bound to a request, few tries, few sends; sessions that end."""

import re
from datetime import datetime, timedelta

import pytest

from app.db.engine import transaction
from app.db.people import person_of_session
from app.domain.contact import ContactUnreadable
from app.domain.errors import NotFound
from app.domain.roles import Role
from app.domain.sign_in_code import CodeOver, CodeWrong, TooManyCodes
from app.use_cases.ordering.choose_site import choose_site
from app.use_cases.people.request_sign_in import request_sign_in
from app.use_cases.people.sign_in import SignedIn, sign_in
from app.use_cases.people.sign_out import sign_out
from tests.use_cases.cast import ALICE, NOW, SITE, Shop, at_once

MEI = "mei@x.example"


def request(shop: Shop, contact: str = MEI, *, now: datetime = NOW, language: str = "en") -> str:
    with transaction(shop.engine) as conn:
        return request_sign_in(conn, contact=contact, language=language, now=now)


def code_sent(shop: Shop) -> str:
    body = shop.one("SELECT body FROM notification WHERE kind = 'sign_in' ORDER BY id DESC LIMIT 1")
    found = re.search(r"\d{6}", body)
    assert found
    return found[0]


def enter(shop: Shop, request_id: str, code: str, *, now: datetime = NOW) -> SignedIn:
    with transaction(shop.engine) as conn:
        return sign_in(conn, request_id=request_id, code=code, now=now)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_a_newcomer_gets_an_account_with_the_first_code(shop: Shop) -> None:
    request_id = request(shop, "138 0013 8000", language="en")

    who = enter(shop, request_id, code_sent(shop))

    assert (who.role, who.language, who.site_id) == (Role.RESIDENT, "en", None)
    assert shop.one("SELECT phone FROM person WHERE id = :id", id=who.person_id) == "+8613800138000"


def test_who_is_known_keeps_account_role_and_language(shop: Shop) -> None:
    who = enter(shop, request(shop, "Picker@X.example"), code_sent(shop))

    assert (who.role, who.language) == (Role.PICKER, "zh")


def test_a_session_belongs_to_its_person_until_it_ends(shop: Shop) -> None:
    who = enter(shop, request(shop), code_sent(shop))
    with shop.engine.begin() as conn:
        found = person_of_session(conn, token=who.token, now=NOW + timedelta(days=29))
        over = person_of_session(conn, token=who.token, now=NOW + timedelta(days=30))
        sign_out(conn, token=who.token)
        gone = person_of_session(conn, token=who.token, now=NOW)

    assert found is not None
    assert found.id == who.person_id
    assert (over, gone) == (None, None)


def test_staff_sessions_last_twelve_hours(shop: Shop) -> None:
    who = enter(shop, request(shop, "picker@x.example"), code_sent(shop))
    with shop.engine.begin() as conn:
        assert person_of_session(conn, token=who.token, now=NOW + timedelta(hours=11, minutes=59))
        assert person_of_session(conn, token=who.token, now=NOW + timedelta(hours=12)) is None


def test_five_wrong_tries_end_a_code_even_for_the_right_one(shop: Shop) -> None:
    request_id = request(shop)
    code = code_sent(shop)

    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CodeWrong) as refusal:
            enter(shop, request_id, wrong(code))
        assert refusal.value.facts == {"tries_left": left}
    with pytest.raises(CodeOver):
        enter(shop, request_id, code)

    assert shop.one("SELECT count(*) FROM web_session") == 0
    assert shop.one("SELECT count(*) FROM person WHERE mail = :mail", mail=MEI) == 0


def test_a_caller_that_handles_the_refusal_itself_counts_the_try_too(shop: Shop) -> None:
    request_id = request(shop)
    with transaction(shop.engine) as conn, pytest.raises(CodeWrong):
        sign_in(conn, request_id=request_id, code=wrong(code_sent(shop)), now=NOW)

    assert shop.one("SELECT tries FROM sign_in_code") == 1


def test_forty_guessers_at_once_have_five_tries(shop: Shop) -> None:
    request_id = request(shop)
    guess = wrong(code_sent(shop))

    outcomes = at_once(*[lambda: enter(shop, request_id, guess)] * 40)

    assert sum(isinstance(outcome, CodeWrong) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, CodeOver) for outcome in outcomes) == 35


def test_a_code_is_good_once_and_for_ten_minutes(shop: Shop) -> None:
    used = request(shop)
    code = code_sent(shop)
    enter(shop, used, code)
    old = request(shop)

    with pytest.raises(CodeOver):
        enter(shop, used, code)
    with pytest.raises(CodeOver):
        enter(shop, old, code_sent(shop), now=NOW + timedelta(minutes=10))
    with pytest.raises(CodeOver):
        enter(shop, "never made", code)


def test_a_code_serves_only_the_browser_that_asked(shop: Shop) -> None:
    request(shop, "alice@x.example")
    others_code = code_sent(shop)
    mine = request(shop)
    if code_sent(shop) == others_code:  # one in a million
        return

    with pytest.raises(CodeWrong):
        enter(shop, mine, others_code)


def test_the_sixth_code_within_an_hour_is_not_sent(shop: Shop) -> None:
    outcomes = at_once(*[lambda: request(shop)] * 12)

    assert sum(isinstance(outcome, str) for outcome in outcomes) == 5
    assert {outcome.facts["minutes"] for outcome in outcomes if isinstance(outcome, TooManyCodes)} == {61}
    assert shop.one("SELECT count(*) FROM notification") == 5
    assert request(shop, "another@x.example")
    assert request(shop, now=NOW + timedelta(hours=1))


def test_an_unreadable_contact_sends_nothing(shop: Shop) -> None:
    before = shop.everything()

    with pytest.raises(ContactUnreadable):
        request(shop, "me at home")

    assert shop.everything() == before


def test_two_first_sign_ins_at_once_make_one_account(shop: Shop) -> None:
    codes = [(request(shop, now=NOW + timedelta(milliseconds=each)), code_sent(shop)) for each in range(2)]

    outcomes = at_once(*[lambda pair=pair: enter(shop, *pair) for pair in codes])

    assert len({outcome.person_id for outcome in outcomes}) == 1


def test_no_code_and_no_token_is_kept_readable(shop: Shop) -> None:
    request_id = request(shop)
    code = code_sent(shop)
    who = enter(shop, request_id, code)
    shop.run_sql("DELETE FROM notification")

    kept = repr(shop.everything()["web_session"]) + repr(shop.everything()["sign_in_code"])

    assert code.encode().hex() not in kept
    assert who.token not in kept


def test_a_person_chooses_a_site_that_exists(shop: Shop) -> None:
    with shop.engine.begin() as conn:
        choose_site(conn, person_id=ALICE, site_id=SITE)
    assert shop.one("SELECT site_id FROM person WHERE id = :id", id=ALICE) == SITE
    with pytest.raises(NotFound), shop.engine.begin() as conn:
        choose_site(conn, person_id=ALICE, site_id="nowhere")
    assert shop.one("SELECT site_id FROM person WHERE id = :id", id=ALICE) == SITE
