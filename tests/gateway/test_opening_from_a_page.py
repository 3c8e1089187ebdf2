"""Whoever holds a code asks for their doors on a page: judged as the code typed at the locker, once, and never late."""

import msgspec
import pytest

from locker_protocol.site_entries import CancelOrder, IssueCredential, RevokeCredential
from locker_protocol.site_events import ParcelCollected
from locker_protocol.uplink_messages import CommandAnswered, OpenForOwner
from locker_protocol.vocabulary import Refusal
from tests.gateway.manifests import credential
from tests.gateway.world import World, collected_world, loaded_world, unlocks


def test_all_doors_of_the_order_open_and_the_audit_names_code_and_command() -> None:
    world = loaded_world(1, 5)
    assert unlocks(world.down(command(world))) == [1, 5]
    assert answers(world) == [CommandAnswered("c1", doors=[1, 5])]
    (grant,) = world.grants()
    assert (grant.actor, grant.right, grant.via, grant.command_id) == ("code-7", "collect", "remote", "c1")
    assert (grant.credential_id, grant.generation) == (command(world).credential_id, 1)


def test_shutting_the_door_collects_as_after_a_scan() -> None:
    world = loaded_world(1)
    world.down(command(world))
    world.g1.report()
    world.g1.shut(1)
    assert world.told_events(ParcelCollected) == [ParcelCollected("p1", "o1", "G1", 1)]


def test_what_was_collected_opens_again_for_a_bag_left_behind() -> None:
    world = collected_world()
    assert unlocks(world.down(command(world))) == [1]
    assert world.grants()[-1].right == "reopen"


def test_the_same_command_again_moves_nothing_and_gets_the_same_answer() -> None:
    world = loaded_world(1)
    world.down(command(world))
    world.pass_ms(3_000)
    assert unlocks(world.down(command(world))) == []
    assert answers(world) == [CommandAnswered("c1", doors=[1])] * 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"generation": 2}, Refusal.SUPERSEDED),
        ({"credential_id": "ff" * 8}, Refusal.SUPERSEDED),
        ({"order_id": "nobody"}, Refusal.UNKNOWN),
        ({"not_after": 1}, Refusal.TOO_LATE),
    ],
)
def test_what_was_not_told_or_comes_late_opens_nothing(changes: dict[str, object], why: Refusal) -> None:
    world = loaded_world(1)
    before = world.durable()
    assert unlocks(world.down(msgspec.structs.replace(command(world), **changes))) == []
    assert answers(world) == [CommandAnswered("c1", refusal=why)]
    assert world.durable() == before


def test_a_code_that_was_renewed_revoked_or_cancelled_opens_nothing() -> None:
    for entry, why in (
        (IssueCredential(credential(generation=2)), Refusal.SUPERSEDED),
        (RevokeCredential("o1", 1), Refusal.REVOKED),
        (CancelOrder("o1"), Refusal.REVOKED),
    ):
        world = loaded_world(1)
        asked = command(world)
        world.tell(entry)
        assert unlocks(world.down(asked)) == []
        assert answers(world) == [CommandAnswered("c1", refusal=why)]


def test_a_code_past_its_end_opens_nothing() -> None:
    world = loaded_world(1)
    end = world.site.credentials.rows["o1"].expires_at
    world.pass_ms(end - world.civil_ms + 360_000)
    world.wait(5)
    assert unlocks(world.down(command(world))) == []
    assert answers(world) == [CommandAnswered("c1", refusal=Refusal.EXPIRED)]


def test_a_silent_locker_opens_nothing_from_a_page() -> None:
    world = loaded_world(1)
    world.g1.powered = False
    world.wait(12)
    assert unlocks(world.down(command(world))) == []
    assert answers(world) == [CommandAnswered("c1", refusal=Refusal.LOCKER_SILENT)]


def command(world: World) -> OpenForOwner:
    known = world.site.credentials.rows["o1"]
    return OpenForOwner("c1", "o1", known.credential_id, 1, world.civil_ms + 10_000)


def answers(world: World) -> list[CommandAnswered]:
    return [message for message in world.up_messages() if isinstance(message, CommandAnswered)]
