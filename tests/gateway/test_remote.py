"""A door opened from afar: signed, fresh, with a reason, once."""

import msgspec
import pytest

from locker_gateway.inputs import UplinkMessage
from locker_gateway.outputs import AppendAudit
from locker_protocol.bus_messages import ControllerBirth
from locker_protocol.codec import encode
from locker_protocol.signing import Direction, seal
from locker_protocol.site_entries import ServiceKey, SetKeys
from locker_protocol.site_events import ParcelCollected
from locker_protocol.uplink_messages import CommandAnswered, OpenDoors
from locker_protocol.vocabulary import Refusal, Right
from tests.gateway.manifests import SERVICE, STRANGER, public_hex
from tests.gateway.world import World, loaded_world, unlocks


def test_an_operator_opens_a_door_and_the_audit_has_the_reason() -> None:
    world = loaded_world(1)
    outputs = world.down(command(world))
    assert unlocks(outputs) == [1]
    audit = next(each.body for each in outputs if isinstance(each, AppendAudit))
    assert b'"reason":"the lamp inside"' in audit
    assert b'"actor":"op-4"' in audit
    assert b'"right":"staff"' in audit
    assert answers(world) == [CommandAnswered("c1", doors=[1])]


def test_the_second_person_stands_in_the_audit_beside_the_first() -> None:
    world = loaded_world(1)
    outputs = world.down(msgspec.structs.replace(command(world), confirmed_by="op-5"))
    audit = next(each.body for each in outputs if isinstance(each, AppendAudit))
    assert b'"actor":"op-4"' in audit
    assert b'"confirmed_by":"op-5"' in audit


def test_opening_from_afar_spends_nothing() -> None:
    world = loaded_world(1)
    world.down(command(world))
    world.g1.report()
    world.g1.shut(1)
    assert world.told_events(ParcelCollected) == []


def test_the_same_command_again_moves_nothing_and_gets_the_same_answer() -> None:
    world = loaded_world(1)
    world.down(command(world))
    world.pass_ms(3_000)
    assert unlocks(world.down(command(world))) == []
    assert answers(world) == [CommandAnswered("c1", doors=[1])] * 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"doors": [1, 77]}, Refusal.DOOR_UNKNOWN),
        ({"reason": "  "}, Refusal.MALFORMED),
        ({"not_after": 1}, Refusal.TOO_LATE),
    ],
)
def test_what_cannot_be_done_is_answered_and_changes_nothing(changes: dict[str, object], why: Refusal) -> None:
    world = loaded_world(1)
    before = world.durable()
    assert unlocks(world.down(msgspec.structs.replace(command(world), **changes))) == []
    assert answers(world) == [CommandAnswered("c1", refusal=why)]
    assert world.durable() == before
    assert world.refusals() == [why.value]


def test_a_command_that_waited_here_for_ten_seconds_is_too_late() -> None:
    world = loaded_world(1)
    assert unlocks(world.down(command(world), waited_ms=10_001)) == []
    assert world.refusals() == ["too_late"]


def test_a_silent_locker_cannot_be_opened_from_afar() -> None:
    world = loaded_world(1)
    world.g1.powered = False
    world.wait(12)
    assert unlocks(world.down(command(world))) == []
    assert world.refusals() == ["locker_silent"]


def test_a_birth_the_broker_sends_again_does_not_make_our_commands_stale() -> None:
    world = loaded_world(1)
    world.wait(30)
    kept = ControllerBirth("boot1", 0, "memory1", 0, "power_on", "test 1", [], [])
    world.bus("G1", "presence", encode(kept), retained=True)
    assert unlocks(world.down(command(world))) == [1]
    assert world.pulses == [1]


def test_a_command_nobody_of_ours_signed_is_dropped() -> None:
    world = loaded_world(1)
    before = dict(world.records)
    assert unlocks(world.down(command(world), key=STRANGER)) == []
    assert world.records == before
    assert world.said[-1].fields["fault"] == "bad_signature"


def test_a_command_for_another_gateway_is_dropped() -> None:
    world = loaded_world(1)
    frame = seal(encode(command(world)), direction=Direction.DOWN, gateway="other", key_id=1, key=SERVICE)
    assert unlocks(world.give(UplinkMessage(frame, world.ms))) == []


def test_our_own_message_played_back_is_dropped() -> None:
    world = loaded_world(1)
    for message in list(world.sent):
        if message.link == "uplink":
            assert unlocks(world.give(UplinkMessage(message.payload, world.ms))) == []
    assert world.said[-1].event == "down_refused"


@pytest.mark.parametrize("frame", [b"", b"\n", b"1.1.\n{}", b"1.1.AAAA\n{}", b"\xff" * 500, b"1.9.AAAA\nx"])
def test_a_frame_that_is_none_is_counted_and_the_loop_goes_on(frame: bytes) -> None:
    world = loaded_world(1)
    assert world.give(UplinkMessage(frame, world.ms)) == [world.said[-1]]
    assert world.said[-1].event == "down_refused"


def test_after_keys_are_set_the_old_key_commands_nothing() -> None:
    world = loaded_world(1)
    world.tell(SetKeys([ServiceKey(1, public_hex(STRANGER))]))
    assert unlocks(world.down(command(world))) == []
    assert unlocks(world.down(command(world), key=STRANGER)) == [1]


def command(world: World) -> OpenDoors:
    return OpenDoors("c1", [1], Right.STAFF, "op-4", "the lamp inside", world.civil_ms + 10_000)


def answers(world: World) -> list[CommandAnswered]:
    return [message for message in world.up_messages() if isinstance(message, CommandAnswered)]
