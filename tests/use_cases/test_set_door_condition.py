"""A door goes out of use and comes back: its site is told, who and why is kept, and the site has the last word."""

import pytest

from app.db.engine import transaction
from app.domain.errors import NotFound
from app.use_cases.site.ask_site import ReasonNeeded
from app.use_cases.site.set_door_condition import set_door_condition
from locker_protocol.site_entries import SetDoorCondition
from locker_protocol.vocabulary import DoorCondition
from tests.use_cases.cast import NOW, PICKER, SITE, Shop


def put(
    shop: Shop, condition: DoorCondition, *, door: int = 3, site: str = SITE, reason: str = "hinge is loose"
) -> None:
    assert condition is not DoorCondition.FREE
    with transaction(shop.engine) as conn:
        set_door_condition(conn, site_id=site, door=door, condition=condition, person_id=PICKER, reason=reason, now=NOW)


def test_the_site_is_told_and_who_and_why_is_kept(shop: Shop) -> None:
    put(shop, DoorCondition.BROKEN, reason=" hinge  is loose ")

    assert shop.entries() == [SetDoorCondition(door=3, condition="broken")]
    kept = shop.rows("SELECT person_id, subject, subject_id, field, before, after, reason FROM change")
    assert kept == [(PICKER, "door", f"{SITE}/3", "condition", "free", "broken", "hinge is loose")]
    assert shop.one("SELECT condition FROM compartment WHERE site_id = :s AND door = 3", s=SITE) == "free"


def test_a_door_that_comes_back_is_looked_at_first(shop: Shop) -> None:
    shop.run_sql("UPDATE compartment SET condition = 'broken' WHERE door = 3")

    put(shop, DoorCondition.TO_CHECK)

    assert shop.entries() == [SetDoorCondition(door=3, condition="to_check")]


@pytest.mark.parametrize(("site", "door"), [(SITE, 99), ("nowhere", 3)])
def test_a_door_that_is_not_there_is_not_found(shop: Shop, site: str, door: int) -> None:
    before = shop.everything()

    with pytest.raises(NotFound):
        put(shop, DoorCondition.BROKEN, door=door, site=site)

    assert shop.everything() == before


def test_without_a_reason_nothing_is_told(shop: Shop) -> None:
    before = shop.everything()

    with pytest.raises(ReasonNeeded):
        put(shop, DoorCondition.BROKEN, reason=" no ")

    assert shop.everything() == before
