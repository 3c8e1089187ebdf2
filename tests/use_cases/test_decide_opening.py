"""Beyond so many remote openings a minute another person decides: nothing is sent before, and both names are kept."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.errors import DomainError, NotFound
from app.domain.hold_state import HoldEvent
from app.domain.remote_opening import OpeningDecided, OwnOpening, TooManyWaiting
from app.use_cases.audit.chains import broken_chains
from app.use_cases.people.end_sessions import end_sessions
from app.use_cases.site.ask_site import open_doors
from app.use_cases.site.decide_opening import decide_opening, expire_openings
from locker_protocol.vocabulary import Right
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, OTHER_SITE, PICKER, SITE, Shop, add_people, at_once

WHY = "the keeper asked for it"
MINUTE = timedelta(minutes=1)


def ask(shop: Shop, *doors: int, at: datetime = LOAD_FROM, by: str = PICKER, **more: Any) -> str:
    asked = {"site_id": SITE, "right": Right.STAFF, **more}
    with transaction(shop.engine) as conn:
        return open_doors(conn, doors=doors or (3,), person_id=by, reason=WHY, now=at, **asked)


def decide(shop: Shop, command: str, *, by: str = BOB, event: HoldEvent = HoldEvent.CONFIRM, **more: Any) -> str:
    at = {"now": LOAD_FROM + MINUTE, **more}
    with transaction(shop.engine) as conn:
        return decide_opening(conn, command_id=command, event=event, person_id=by, **at)


def expire(shop: Shop, *, at: datetime) -> int:
    with transaction(shop.engine) as conn:
        return expire_openings(conn, now=at)


def state(shop: Shop, command: str) -> Any:
    return shop.one("SELECT coalesce(hold_state, 'free') FROM remote_command WHERE id = :id", id=command)


def held(shop: Shop) -> str:
    """Three doors a minute ago, and a fourth, which waits."""
    ask(shop, 1, 2, 3)
    return ask(shop, 4)


def acts(shop: Shop) -> list[Any]:
    return [tuple(row) for row in shop.rows("SELECT act, actor, second FROM audit WHERE chain = 'people' ORDER BY no")]


def refused(shop: Shop, refusal: type[DomainError], doing: Any) -> None:
    before = shop.everything()
    with pytest.raises(refusal):
        doing()
    assert shop.everything() == before


def test_the_fourth_door_in_a_minute_at_a_locker_waits_five_minutes_for_a_second_person(shop: Shop) -> None:
    assert [state(shop, ask(shop, door)) for door in (1, 2, 3)] == ["free"] * 3

    command = ask(shop, 3)

    (row,) = shop.rows("SELECT * FROM remote_command WHERE id = :id", id=command)
    assert (row.hold_state, row.hold_until, row.sent_at) == ("waiting", LOAD_FROM + 5 * MINUTE, None)
    assert acts(shop)[-1] == ("opening_held", f"person:{PICKER}", None)


def test_four_doors_at_once_are_as_many_as_four_one_after_the_other(shop: Shop) -> None:
    assert state(shop, ask(shop, 1, 2, 3, 4)) == "waiting"
    assert state(shop, ask(shop, 1, 2, 3)) == "free"


def test_who_asks_and_for_which_site_makes_no_difference_only_the_locker_does(shop: Shop) -> None:
    ask(shop, 1, 2, by=ALICE)
    assert state(shop, ask(shop, 3, 4, by=BOB)) == "waiting"
    assert state(shop, ask(shop, 1, 2, 3, site_id=OTHER_SITE)) == "free"


def test_a_minute_later_nothing_is_left_of_it(shop: Shop) -> None:
    ask(shop, 1, 2, 3)
    assert state(shop, ask(shop, 4, at=LOAD_FROM + MINUTE - timedelta(seconds=1))) == "waiting"
    assert state(shop, ask(shop, 4, at=LOAD_FROM + MINUTE)) == "free"


def test_a_minute_is_a_real_minute_where_a_demos_clock_runs(shop: Shop) -> None:
    ask(shop, 1, 2, 3, rate=60)
    command = ask(shop, 4, at=LOAD_FROM + 59 * MINUTE, rate=60)
    assert state(shop, command) == "waiting"
    until = shop.one("SELECT hold_until FROM remote_command WHERE id = :id", id=command)
    assert until == LOAD_FROM + (59 + 300) * MINUTE


def test_the_twenty_first_in_the_fleet_waits_wherever_it_is(shop: Shop) -> None:
    for number in range(2, 8):  # six more lockers at the other site, with a door each
        shop.run_sql(
            "INSERT INTO locker (id, site_id, position, name_zh, name_en, width_mm, height_mm, head) SELECT :id,"
            " site_id, position, name_zh, name_en, width_mm, height_mm, head FROM locker WHERE id = 'L2'",
            id=f"L2-{number}",
        )
        shop.run_sql(
            "UPDATE compartment SET locker_id = :id WHERE site_id = :s AND door = :d",
            id=f"L2-{number}", s=OTHER_SITE, d=number,
        )  # fmt: skip
        for _ in range(3):
            ask(shop, number, site_id=OTHER_SITE)
    assert [state(shop, ask(shop, door)) for door in (1, 2, 3)] == ["free", "free", "waiting"]


@pytest.mark.parametrize("right", [Right.CHECK, Right.REMOVE])
def test_a_driver_at_a_visit_is_not_counted(shop: Shop, right: Right) -> None:
    assert state(shop, ask(shop, 1, 2, 3, 4, 5, right=right)) == "free"
    assert state(shop, ask(shop, 1, 2, 3)) == "free"


def test_handing_an_order_over_is_one_opening_however_many_doors_it_lies_behind(shop: Shop) -> None:
    order = shop.packed().order_id
    over: dict[str, Any] = {"right": Right.HAND_OVER, "order_id": order}
    assert [state(shop, ask(shop, 1, 2, 3, 4, **over)) for _ in range(4)] == ["free", "free", "free", "waiting"]


def test_what_opened_nothing_is_not_counted(shop: Shop) -> None:
    ask(shop, 1, 2, 3)
    shop.run_sql("UPDATE remote_command SET answered_at = now(), refusal = 'too_late'")
    assert state(shop, ask(shop, 4)) == "free"
    shop.run_sql("UPDATE remote_command SET refusal = 'locker_silent'")  # it may have opened all the same
    assert state(shop, ask(shop, 5)) == "waiting"


def test_of_many_at_the_same_time_three_go_and_the_others_wait(shop: Shop) -> None:
    people = add_people(shop.engine, 8)

    commands = at_once(*(partial(ask, shop, door, by=who) for door, who in enumerate(people, start=1)))

    assert sorted(state(shop, command) for command in commands) == ["free"] * 3 + ["waiting"] * 5


def test_one_person_cannot_fill_the_list(shop: Shop) -> None:
    for _ in range(5):
        ask(shop, 1, 2, 3, 4)
    refused(shop, TooManyWaiting, partial(ask, shop, 1, 2, 3, 4))
    assert state(shop, ask(shop, 1, 2, 3, 4, by=BOB)) == "waiting"


def test_another_person_confirms_and_it_lives_ten_seconds_from_then(shop: Shop) -> None:
    command = held(shop)

    assert decide(shop, command) == SITE

    (row,) = shop.rows("SELECT * FROM remote_command WHERE id = :id", id=command)
    assert (row.hold_state, row.second_id, row.second_at) == ("confirmed", BOB, LOAD_FROM + MINUTE)
    assert row.not_after == LOAD_FROM + MINUTE + timedelta(seconds=10)
    assert acts(shop)[-1] == ("opening_confirmed", f"person:{PICKER}", f"person:{BOB}")


def test_a_confirmed_one_does_not_count_for_the_next(shop: Shop) -> None:
    decide(shop, held(shop))
    assert state(shop, ask(shop, 5, at=LOAD_FROM + MINUTE)) == "free"


def test_another_person_declines_and_nothing_is_sent(shop: Shop) -> None:
    command = held(shop)

    decide(shop, command, event=HoldEvent.DECLINE)

    assert state(shop, command) == "declined"
    assert acts(shop)[-1] == ("opening_declined", f"person:{PICKER}", f"person:{BOB}")


@pytest.mark.parametrize("event", [HoldEvent.CONFIRM, HoldEvent.DECLINE])
def test_whoever_asked_cannot_decide(shop: Shop, event: HoldEvent) -> None:
    refused(shop, OwnOpening, partial(decide, shop, held(shop), by=PICKER, event=event))


@pytest.mark.parametrize("first", [HoldEvent.CONFIRM, HoldEvent.DECLINE])
@pytest.mark.parametrize("second", [HoldEvent.CONFIRM, HoldEvent.DECLINE])
def test_it_is_decided_once(shop: Shop, first: HoldEvent, second: HoldEvent) -> None:
    command = held(shop)
    decide(shop, command, event=first)
    refused(shop, OpeningDecided, partial(decide, shop, command, by=ALICE, event=second))


def test_of_two_decisions_at_the_same_time_one_holds(shop: Shop) -> None:
    command = held(shop)

    results = at_once(
        *(partial(decide, shop, command, by=who, event=event) for who in (ALICE, BOB) for event in list(HoldEvent)[:2])
    )

    assert [result for result in results if result == SITE] == [SITE]
    assert sum(isinstance(result, OpeningDecided) for result in results) == 3


def test_after_five_minutes_it_expires_and_nobody_can_confirm_it(shop: Shop) -> None:
    command = held(shop)
    refused(shop, OpeningDecided, partial(decide, shop, command, now=LOAD_FROM + 5 * MINUTE))
    assert expire(shop, at=LOAD_FROM + 5 * MINUTE - timedelta(seconds=1)) == 0

    assert expire(shop, at=LOAD_FROM + 5 * MINUTE) == 1

    assert state(shop, command) == "expired"
    assert acts(shop)[-1] == ("opening_expired", f"person:{PICKER}", None)
    refused(shop, OpeningDecided, partial(decide, shop, command))


def test_whoever_is_signed_out_everywhere_has_nothing_waiting_any_more(shop: Shop) -> None:
    command, others = held(shop), ask(shop, 5, by=ALICE)

    with transaction(shop.engine) as conn:
        end_sessions(conn, person_id=PICKER, actor_id=BOB, now=LOAD_FROM)

    assert (state(shop, command), state(shop, others)) == ("expired", "waiting")


def test_what_does_not_wait_is_not_there_to_be_decided(shop: Shop) -> None:
    refused(shop, NotFound, partial(decide, shop, ask(shop, 1)))
    refused(shop, NotFound, partial(decide, shop, "no such command"))


def test_the_database_itself_sends_nothing_unconfirmed_and_takes_nobodys_own_word(shop: Shop) -> None:
    command = held(shop)
    for wrong in ("sent_at = now()", f"hold_state = 'confirmed', second_id = '{PICKER}'", "hold_state = 'confirmed'"):
        with pytest.raises(Exception, match="violates check constraint"):
            shop.run_sql(f"UPDATE remote_command SET {wrong} WHERE id = :id", id=command)  # noqa: S608  our own words
    assert state(shop, command) == "waiting"


def test_the_chain_of_all_this_is_whole(shop: Shop) -> None:
    decide(shop, held(shop))
    ask(shop, 1, 2, 3, 4)
    expire(shop, at=LOAD_FROM + 6 * MINUTE)

    with transaction(shop.engine) as conn:
        assert list(broken_chains(conn, quiet_since=LOAD_FROM)) == []
    assert [act for act, _, _ in acts(shop)] == [
        "opening_asked", "opening_held", "opening_confirmed", "opening_held", "opening_expired",
    ]  # fmt: skip
