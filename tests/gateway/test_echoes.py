"""Echoes: what is shown opens only when its report proves that it is new; nothing else asks for proof."""

import pytest

from locker_gateway.echoes import ECHO_EVERY_MS, ECHOES_KEPT
from locker_gateway.inputs import BusUp
from locker_gateway.outputs import Output
from locker_protocol.bus_messages import CodeScanned, Echo, Events, KeysEntered, number_event
from locker_protocol.codec import decode
from locker_protocol.site_events import DoorWasOpened, ParcelCollected
from tests.gateway.manifests import SECRET, code
from tests.gateway.world import Controller, World, loaded_world, unlocks


def stalled(controller: Controller) -> Events:
    """What is not received yet, as it leaves now; the caller lets it wait on its way."""
    numbered = [number_event(no, 0, event) for no, _, event in controller.pending]
    return Events(controller.boot_id, controller.beat, controller.store_id, numbered, controller.echo)


def scan_with(controller: Controller, echo: int | None) -> list[Output]:
    controller.happen(CodeScanned(code()))
    controller.echo = echo
    return controller.report()


def echoes(world: World) -> list[tuple[str, int]]:
    sent = [each for each in world.sent if b'"Echo"' in each.payload]
    return [(each.topic.split("/")[3], decode(each.payload, Echo).echo) for each in sent]


def test_the_first_report_of_a_boot_that_waited_longer_than_ten_seconds_opens_nothing() -> None:
    world = loaded_world(1)
    world.g1.reboot("boot2")
    world.g1.be_born()
    world.g1.happen(CodeScanned(code()))
    report, before = stalled(world.g1), world.durable()
    world.pass_ms(28_000)
    assert unlocks(world.g1.send("report", report)) == []
    assert world.refusals() == ["too_late"]
    assert world.durable() == before


def test_the_way_and_the_age_count_together() -> None:
    world = loaded_world(1)
    world.g1.happen(CodeScanned(code()))
    world.pass_ms(6_000)
    world.g1.send_beat()
    numbered = [number_event(1, 6_000, CodeScanned(code()))]
    report = Events(world.g1.boot_id, world.g1.beat, world.g1.store_id, numbered, world.g1.echo)
    before = world.durable()
    world.pass_ms(4_001)
    assert unlocks(world.g1.send("report", report)) == []
    assert world.refusals() == ["too_late"]
    assert world.durable() == before


def test_a_scan_that_is_exactly_ten_seconds_old_at_most_opens() -> None:
    world = loaded_world(1)
    world.g1.happen(CodeScanned(code()))
    report = stalled(world.g1)
    world.pass_ms(10_000)
    assert unlocks(world.g1.send("report", report)) == [1]


@pytest.mark.parametrize("off", [None, 0, 1, -1_000, 1_000_000])
def test_an_echo_nobody_asked_this_locker_for_proves_nothing(off: int | None) -> None:
    world = loaded_world(1)
    newest = world.g1.echo
    assert newest is not None
    before = world.durable()
    assert unlocks(scan_with(world.g1, newest + off if off else off)) == []
    assert world.refusals() == ["too_late"]
    assert world.durable() == before


def test_the_echo_of_another_locker_proves_nothing() -> None:
    world = loaded_world(1)
    before = world.durable()
    assert unlocks(scan_with(world.g1, world.g2.echo)) == []
    assert world.refusals() == ["too_late"]
    assert world.durable() == before


def test_the_echo_of_an_earlier_process_proves_nothing_and_the_next_one_does() -> None:
    world = loaded_world(1)
    earlier = world.g1.echo
    world.crash()
    before = world.durable()
    now, world.g1.echo = world.g1.echo, earlier
    assert unlocks(scan_with(world.g1, earlier)) == []
    assert world.refusals() == ["too_late"]
    assert world.durable() == before
    assert unlocks(scan_with(world.g1, now)) == [1]


def test_typed_digits_ask_for_the_same_proof() -> None:
    world = loaded_world(1)
    world.g1.happen(KeysEntered(f"07{SECRET}"))
    world.g1.echo = None
    before = world.durable()
    assert unlocks(world.g1.report()) == []
    assert world.refusals() == ["too_late"]
    assert world.durable() == before


def test_doors_are_believed_without_an_echo() -> None:
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.echo = None
    world.g1.shut(1)
    assert len(world.told_events(DoorWasOpened)) == 1
    assert len(world.told_events(ParcelCollected)) == 1


def test_a_scan_right_after_a_start_of_the_gateway_or_of_the_locker_or_of_the_bus_opens() -> None:
    world = loaded_world(1)
    world.crash()
    world.g1.happen(CodeScanned("nonsense"))
    world.g1.report()
    world.g1.reboot("boot2")
    world.g1.be_born()
    world.give(BusUp())
    world.g1.happen(CodeScanned(code()))
    assert unlocks(world.g1.report()) == [1]
    assert world.refusals() == ["malformed"]


def test_reports_are_answered_by_one_echo_a_second_at_most() -> None:
    world = loaded_world(1)
    world.pass_ms(ECHO_EVERY_MS)
    before = len(echoes(world))
    for _ in range(4):
        world.g1.send_beat()
    assert len(echoes(world)) == before + 1
    world.pass_ms(ECHO_EVERY_MS)
    world.g1.report()
    assert len(echoes(world)) == before + 2


def test_a_birth_the_broker_kept_is_not_answered() -> None:
    world = loaded_world(1)
    before = echoes(world)
    world.g1.be_born(retained=True)
    assert echoes(world) == before


def test_no_more_numbers_are_remembered_than_can_be_of_use() -> None:
    world = loaded_world(1)
    world.wait(300)
    assert {len(seen.asked_ms) for seen in world.site.seen.values()} == {ECHOES_KEPT}


def test_numbers_begin_anywhere_and_none_is_given_twice() -> None:
    world = loaded_world(1)
    world.wait(10)
    given = [echo for _, echo in echoes(world)]
    assert len(set(given)) == len(given)
    other = World()
    other.crash()
    assert {echo for _, echo in echoes(other)[-2:]}.isdisjoint(echo for _, echo in echoes(other)[:-2])
