"""Roles: given by others, never the last administrator's; staff get a number, sessions end, and it is written down."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.errors import DomainError, NotFound
from app.domain.roles import LastAdmin, NotAKeeper, OwnRole, Role
from app.use_cases.people.change_role import change_role, give_site
from app.use_cases.people.end_sessions import end_sessions
from tests.use_cases.cast import ALICE, BOB, NOW, OTHER_SITE, PICKER, Shop, at_once

ADMIN = "d" * 32


@pytest.fixture(autouse=True)
def admin(shop: Shop) -> None:
    shop.run_sql(
        "INSERT INTO person (id, mail, role, created_at) VALUES (:id, 'admin@x', 'admin', :now)", id=ADMIN, now=NOW
    )


def give(shop: Shop, person: str, role: Role, *, by: str = ADMIN) -> None:
    with transaction(shop.engine) as conn:
        change_role(conn, person_id=person, role=role, actor_id=by, now=NOW)


def sign_in(shop: Shop, person: str) -> None:
    shop.run_sql(
        "INSERT INTO web_session VALUES (:hash, :person, :now, :later)",
        hash=person.encode(),
        person=person,
        now=NOW,
        later=NOW + timedelta(days=1),
    )


def refused(shop: Shop, refusal: type[DomainError], doing: Any) -> None:
    before = shop.everything()
    with pytest.raises(refusal):
        doing()
    assert shop.everything() == before


def person(shop: Shop, person_id: str) -> Any:
    return shop.rows("SELECT role, staff_no, site_id FROM person WHERE id = :id", id=person_id)[0]


def test_whoever_joins_the_staff_gets_the_next_number_and_signs_in_again(shop: Shop) -> None:
    shop.run_sql("UPDATE person SET staff_no = 7 WHERE id = :id", id=PICKER)
    sign_in(shop, ALICE)
    sign_in(shop, BOB)

    give(shop, ALICE, Role.DRIVER)

    assert person(shop, ALICE) == ("driver", 8, None)
    assert shop.rows("SELECT person_id FROM web_session") == [(BOB,)]
    kept = shop.rows("SELECT person_id, subject_id, field, before, after FROM change ORDER BY id")
    assert kept == [(ADMIN, ALICE, "role", "resident", "driver"), (ADMIN, ALICE, "sessions", "1", "0")]


def test_whoever_leaves_keeps_the_number_so_that_nobody_else_gets_it(shop: Shop) -> None:
    give(shop, ALICE, Role.KEEPER)
    give(shop, ALICE, Role.RESIDENT)
    give(shop, BOB, Role.PICKER)

    assert person(shop, ALICE) == ("resident", 1, None)
    assert person(shop, BOB) == ("picker", 2, None)


def test_nobody_changes_their_own_role_and_the_last_administrator_stays(shop: Shop) -> None:
    refused(shop, OwnRole, lambda: give(shop, ADMIN, Role.RESIDENT))
    refused(shop, LastAdmin, lambda: give(shop, ADMIN, Role.OPERATOR, by=ALICE))
    refused(shop, NotFound, lambda: give(shop, "nobody", Role.PICKER))
    give(shop, ALICE, Role.ADMIN)
    give(shop, ADMIN, Role.OPERATOR, by=ALICE)
    assert person(shop, ADMIN)[0] == "operator"


def test_two_administrators_cannot_take_each_others_role_away(shop: Shop) -> None:
    give(shop, ALICE, Role.ADMIN)

    found = at_once(
        lambda: give(shop, ADMIN, Role.RESIDENT, by=ALICE), lambda: give(shop, ALICE, Role.RESIDENT, by=ADMIN)
    )

    assert sorted(type(each).__name__ for each in found) == ["LastAdmin", "NoneType"]
    assert shop.one("SELECT count(*) FROM person WHERE role = 'admin'") == 1


def test_the_same_role_again_changes_nothing(shop: Shop) -> None:
    sign_in(shop, ALICE)
    before = shop.everything()

    give(shop, ALICE, Role.RESIDENT)

    assert shop.everything() == before


def test_a_keeper_looks_after_a_site_and_nobody_else_does(shop: Shop) -> None:
    def look_after(who: str, site_id: str) -> None:
        with transaction(shop.engine) as conn:
            give_site(conn, person_id=who, site_id=site_id, actor_id=ADMIN, now=NOW)

    refused(shop, NotAKeeper, lambda: look_after(ALICE, OTHER_SITE))
    give(shop, ALICE, Role.KEEPER)
    refused(shop, NotFound, lambda: look_after(ALICE, "nowhere"))
    refused(shop, NotFound, lambda: look_after("nobody", OTHER_SITE))

    look_after(ALICE, OTHER_SITE)

    assert person(shop, ALICE).site_id == OTHER_SITE
    assert shop.one("SELECT after FROM change WHERE field = 'site'") == OTHER_SITE


def test_somebody_is_signed_out_everywhere(shop: Shop) -> None:
    sign_in(shop, ALICE)
    with transaction(shop.engine) as conn:
        assert end_sessions(conn, person_id=ALICE, actor_id=ADMIN, now=NOW) == 1
        assert end_sessions(conn, person_id=ALICE, actor_id=ADMIN, now=NOW) == 0

    assert shop.rows("SELECT * FROM web_session") == []
    assert shop.rows("SELECT field FROM change") == [("sessions",)]

    def nobody() -> None:
        with transaction(shop.engine) as conn:
            end_sessions(conn, person_id="nobody", actor_id=ADMIN, now=NOW)

    refused(shop, NotFound, nobody)


def test_a_given_role_stands_in_the_audit(shop: Shop) -> None:
    give(shop, BOB, Role.PICKER)

    (row,) = shop.rows("SELECT act, actor, convert_from(body, 'UTF8')::jsonb -> 'facts' AS facts FROM audit")
    assert (row.act, row.actor) == ("changed", f"person:{ADMIN}")
    assert row.facts == {
        "subject": "person", "subject_id": BOB, "field": "role", "before": "resident", "after": "picker",
    }  # fmt: skip
