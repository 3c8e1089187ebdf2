"""Typed codes: the handle names the order, the secret opens it, and wrong tries hurt nobody else."""

import pytest

from locker_protocol.bus_messages import Show
from locker_protocol.site_entries import IssueCredential, RevokeCredential
from locker_protocol.site_events import AccessRefused
from locker_protocol.vocabulary import Refusal, Via
from tests.gateway.manifests import SECRET, code, credential
from tests.gateway.world import World, loaded_world, unlocks

WRONG = "07000000"
RIGHT = "07" + SECRET


def test_a_wrong_code_opens_nothing_and_slows_this_keypad() -> None:
    world = loaded_world(1)
    assert unlocks(world.g1.type(WRONG)) == []
    assert world.g1.shows[-1] == Show("refused", refusal=Refusal.WRONG_CODE, wait_s=5)
    assert unlocks(world.g1.type(RIGHT)) == []
    assert world.refusals() == ["wrong_code", "wait"]
    assert unlocks(world.g2.type(RIGHT)) == [1]


def test_after_the_wait_the_right_code_opens() -> None:
    world = loaded_world(1)
    world.g1.type(WRONG)
    world.wait(5)
    assert unlocks(world.g1.type(RIGHT)) == [1]


def test_waits_grow_to_five_minutes_and_never_more() -> None:
    world = loaded_world(1)
    waits = []
    for _ in range(6):
        world.g1.type("99000000")
        waits.append(world.g1.shows[-1].wait_s)
        world.ms += waits[-1] * 1000
    assert waits == [5, 30, 120, 300, 300, 300]


def test_waits_begin_anew_after_a_right_code_and_after_a_quarter_of_an_hour() -> None:
    world = loaded_world(1)
    world.g1.type(WRONG)
    world.ms += 5_000
    world.g1.type(RIGHT)
    world.g1.type("99000000")
    assert world.g1.shows[-1].wait_s == 5
    world.ms += 900_000
    world.g1.type("99000000")
    assert world.g1.shows[-1].wait_s == 5


def test_five_wrong_tries_kill_the_typed_code_and_tell_the_service() -> None:
    world = dead_code_world()
    assert world.refusals()[-1] == "code_dead"
    told = world.told_events(AccessRefused)[-1]
    assert (told.order_id, told.via) == ("o1", Via.KEYPAD)
    world.ms += 300_000
    assert unlocks(world.g1.type(RIGHT)) == []
    assert world.g1.shows[-1].refusal is Refusal.CODE_DEAD


def test_the_scanned_code_still_works_when_the_typed_one_is_dead() -> None:
    assert unlocks(dead_code_world().g1.scan(code())) == [1]


def test_a_dead_code_stays_dead_over_a_restart() -> None:
    world = dead_code_world()
    world.crash()
    assert unlocks(world.g1.type(RIGHT)) == []
    assert world.refusals()[-1] == "code_dead"


def test_a_new_generation_brings_a_new_typed_code() -> None:
    world = dead_code_world()
    world.ms += 300_000
    world.tell(IssueCredential(credential(2)))
    assert unlocks(world.g1.type(RIGHT)) == [1]


def test_other_handles_are_not_touched_by_wrong_tries() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    for _ in range(5):
        world.g1.type(WRONG)
        world.ms += 300_000
    assert unlocks(world.g1.type("08" + SECRET)) == [2]


@pytest.mark.parametrize("digits", ["1", "1234567", "1234567890"])
def test_the_wrong_number_of_digits_is_malformed_and_costs_nothing(digits: str) -> None:
    world = loaded_world(1)
    before = world.durable()
    world.g1.type(digits)
    assert world.refusals() == ["malformed"]
    assert world.durable() == before
    assert unlocks(world.g1.type(RIGHT)) == [1]


def test_a_typed_code_of_a_lower_generation_ends_with_the_scan_of_a_higher_one() -> None:
    world = loaded_world(1)
    world.g1.jammed = {1}
    world.g1.scan(code(2))
    world.wait(13)
    assert unlocks(world.g1.type(RIGHT)) == []
    assert world.refusals() == ["superseded"]


def test_a_revoked_order_refuses_its_right_typed_code() -> None:
    world = loaded_world(1)
    world.tell(RevokeCredential("o1", 1))
    assert unlocks(world.g1.type(RIGHT)) == []
    assert world.refusals() == ["revoked"]


def test_an_order_without_a_typed_code_has_none() -> None:
    world = loaded_world(1)
    world.tell(IssueCredential(credential(2, secret_hash=None, secret_salt=None)))
    assert unlocks(world.g1.type(RIGHT)) == []
    assert world.refusals() == ["wrong_code"]


def test_a_handle_used_again_means_the_newer_order() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    later = credential(order_id="o2", handle=7).expires_at + 1
    world.tell(IssueCredential(credential(2, order_id="o2", handle=7, expires_at=later)))
    assert unlocks(world.g1.type(RIGHT)) == [2]


def dead_code_world() -> World:
    world = loaded_world(1)
    for _ in range(5):
        world.g1.type(WRONG)
        world.ms += 300_000
    return world
