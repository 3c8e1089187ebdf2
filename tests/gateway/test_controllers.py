"""Controllers: presence, and events applied once, in order."""

import msgspec
import pytest

from locker_protocol.bus_messages import (
    Beat,
    CodeScanned,
    ControllerBirth,
    DoorOpened,
    DoorReading,
    Events,
    EventsReceived,
    number_event,
)
from locker_protocol.codec import decode, encode
from locker_protocol.site_entries import PlanOrder
from locker_protocol.site_events import (
    ControllerCameUp,
    ControllerEventRefused,
    ControllerWentSilent,
    DoorStayedShut,
    DoorWasOpened,
    ParcelLoaded,
)
from locker_protocol.telemetry import Samples, ZoneSamples
from locker_protocol.uplink_messages import LoadParcel, SiteStatus
from locker_protocol.vocabulary import Zone
from tests.gateway.manifests import HOUR_MS, code, label, parcel
from tests.gateway.world import World, loaded_world, unlocks


def test_a_birth_is_told_to_the_service() -> None:
    world = World()
    assert world.told_events(ControllerCameUp)[0] == ControllerCameUp("G1", "boot1", "power_on", "test 1", 7)


def test_a_second_birth_of_another_boot_is_told_too() -> None:
    world = World()
    world.g1.reboot("boot2")
    world.g1.be_born()
    assert [event.boot_id for event in world.told_events(ControllerCameUp)] == ["boot1", "boot1", "boot2"]


def test_a_birth_the_broker_kept_proves_no_life() -> None:
    world = World()
    world.crash()
    world.g1.be_born(retained=True)
    assert online(world) == []
    world.g1.be_born(retained=True)
    world.g1.send_beat()
    assert online(world) == ["G1"]
    assert world.told_events(ControllerCameUp)[-1].firmware == "test 1"


def test_what_an_earlier_boot_said_and_comes_only_now_ends_no_grant_and_says_nothing_of_doors() -> None:
    world = loaded_world(1)
    late = Beat("boot1", world.g1.beat, world.g1.store_id, world.g1.event_no, [DoorReading(1, "open")], [])
    world.g1.reboot("boot2")
    world.g1.be_born()
    world.g1.scan(code())
    world.g1.send("report", late)
    world.wait(12, beats=False)
    assert world.told_events(DoorStayedShut) == []
    assert world.told_events(ControllerCameUp)[-1].boot_id == "boot2"


def test_a_boot_taken_for_an_earlier_one_is_believed_as_soon_as_it_tells_something_new() -> None:
    world = loaded_world(1)
    world.g1.reboot("boot2")
    world.g1.be_born()
    world.g1.reboot("boot1")
    assert unlocks(world.g1.scan(code()))


def test_samples_tell_of_no_event_and_prove_no_life() -> None:
    world = loaded_world(1)
    seen = world.site.seen["G1"]
    samples = Samples("boot0", 5, world.g1.store_id, 1, 0, 10_000, [ZoneSamples(Zone.CHILLED, [2.0], [2.5])])
    world.wait(5, beats=False)
    world.g1.send("report", samples)
    assert (seen.boot_id, world.ms - seen.heard_ms >= 5_000) == ("boot1", True)
    world.g1.send("report", msgspec.structs.replace(samples, boot_id="boot1"))
    assert (seen.boot_id, world.ms - seen.heard_ms >= 5_000) == ("boot1", True)
    world.crash()
    world.g1.send("report", samples)
    assert not world.site.seen["G1"].online


@pytest.mark.parametrize("first_heard_by", ["birth", "beat"])
def test_a_boot_never_heard_that_knows_of_fewer_events_was_before_the_one_that_lives(first_heard_by: str) -> None:
    world = loaded_world(1)
    one, memory, knows = world.g1, world.g1.store_id, world.g1.event_no
    numbered = [number_event(knows + 1, 0, CodeScanned(code()))]
    late = [
        ControllerBirth("between", 0, memory, knows, "power_on", "test 1", [], [], 7),
        Beat("between", 2, memory, knows, [DoorReading(1, "open")], []),
        Events("between", 3, memory, numbered),
    ]
    one.happen(CodeScanned("nonsense"), CodeScanned("nonsense"))
    one.report()
    one.reboot("boot3")
    one.be_born()
    one.scan(code())
    for said in late if first_heard_by == "birth" else late[1:]:
        one.send("report" if said is not late[0] else "presence", said)
    one.die("between")
    assert world.told_events(ControllerWentSilent) == []
    assert world.told_events(ControllerCameUp)[-1].boot_id == "boot3"
    world.wait(12)
    assert world.told_events(DoorStayedShut) == []


def test_a_controller_that_forgot_events_is_believed_once_it_gives_back_a_number_asked_since() -> None:
    world = World()
    world.g1.force(2)
    world.g1.event_no = 0
    world.g1.reboot("boot2")
    world.g1.be_born()
    world.g1.die()
    assert world.told_events(ControllerWentSilent) == []
    world.wait(1.5, beats=False)
    world.g1.send_beat()
    world.g1.send_beat()
    world.g1.die()
    assert world.told_events(ControllerWentSilent) == [ControllerWentSilent("G1")]


def test_of_two_boots_that_know_the_same_the_one_lives_that_gives_back_a_number_asked_since() -> None:
    world = World()
    late = Beat("between", 2, world.g1.store_id, world.g1.event_no, [], [])
    world.g1.reboot("boot3")
    world.g1.be_born()
    world.g1.send("report", late)
    world.wait(1.5, beats=False)
    world.g1.send_beat()
    world.g1.send_beat()
    world.g1.die("between")
    assert world.told_events(ControllerWentSilent) == []
    world.wait(9, beats=False)
    assert online(world) == ["G1"]


def test_ten_seconds_of_silence_are_told() -> None:
    world = World()
    world.wait(9.5, beats=False)
    assert world.told_events(ControllerWentSilent) == []
    world.wait(1, beats=False)
    assert [event.controller for event in world.told_events(ControllerWentSilent)] == ["G1", "G2"]


def test_a_death_of_this_boot_is_told_and_one_of_another_boot_is_not() -> None:
    world = World()
    world.g1.die("boot0")
    assert world.told_events(ControllerWentSilent) == []
    world.g1.die()
    assert world.told_events(ControllerWentSilent) == [ControllerWentSilent("G1")]
    world.g1.die()
    assert len(world.told_events(ControllerWentSilent)) == 1


def test_an_event_is_applied_once_however_often_it_comes() -> None:
    world = World()
    world.reachable = False
    world.g1.force(2)
    for _ in range(5):
        world.g1.report()
    assert len(world.told_events(DoorWasOpened)) == 1
    world.crash()
    world.g1.report()
    assert len(world.told_events(DoorWasOpened)) == 1


def test_events_are_acknowledged_only_with_what_is_committed() -> None:
    world = World()
    outputs = world.g1.force(2)
    received = [type(each).__name__ for each in outputs]
    assert received.index("AppendEvent") < received.index("Publish")
    assert world.g1.pending == []


def test_after_a_gap_nothing_is_applied_until_it_is_filled() -> None:
    world = loaded_world(1)
    world.g1.force(2)
    world.g1.happen(DoorOpened(3), CodeScanned(code()))
    kept = world.g1.pending.pop(0)
    assert unlocks(world.g1.report()) == []
    assert len(world.told_events(DoorWasOpened)) == 1
    assert last_received(world) == 1
    world.g1.pending.insert(0, kept)
    assert unlocks(world.g1.report()) == [1]
    assert len(world.told_events(DoorWasOpened)) == 2


def test_a_gap_the_controller_can_never_fill_is_taken_after_ten_seconds() -> None:
    world = World()
    world.g1.force(2)
    world.g1.event_no = 40
    world.g1.happen(DoorOpened(3))
    world.g1.report()
    world.wait(14)
    assert [event.door for event in world.told_events(DoorWasOpened)] == [2, 3]
    assert any(said.event == "controller_events_lost" for said in world.said)


def test_a_new_memory_starts_at_its_first_number() -> None:
    world = World()
    world.g1.force(2)
    world.g1.store_id, world.g1.event_no = "memory2", 0
    world.g1.happen(DoorOpened(3))
    world.g1.report()
    assert [event.door for event in world.told_events(DoorWasOpened)] == [2, 3]
    assert last_received(world) == 1


def test_a_report_without_events_is_life_and_nothing_else() -> None:
    world = World()
    before = dict(world.records)
    world.g1.report()
    assert world.records == before


def test_a_first_load_whose_events_come_late_is_not_given_up_as_if_its_door_had_stayed_shut() -> None:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    world.wait(11)
    world.down(LoadParcel("c1", label(), "lin", world.civil_ms + 10_000))
    assert world.pulses == [1]
    world.wait(3, beats=False)
    for _ in range(8):  # beats come through, the events do not
        world.g1.send_beat()
        world.wait(1, beats=False)
    assert world.told_events(DoorStayedShut) == []

    world.g1.shut(1)
    assert [event.door for event in world.told_events(ParcelLoaded)] == [1]


def test_a_memory_whose_events_another_gateway_has_is_known_to_be_up_to_date_after_a_while() -> None:
    world = loaded_world(5)
    world.g2.store_id, world.g2.event_no = "memory9", 500
    world.g2.send_beat()
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals() == ["locker_silent"]
    world.wait(12)
    assert unlocks(world.g1.scan(code())) == [5]


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[]", "invalid_field"),
        (b'{"type":"Firework"}', "unknown_type"),
        (b'{"type":"Beat","beat":-1}', "invalid_field"),
        (b"x" * 70_000, "too_large"),
    ],
)
def test_a_malformed_report_is_counted_and_the_loop_goes_on(payload: bytes, fault: str) -> None:
    world = loaded_world(1)
    before = dict(world.records)
    world.bus("G1", "report", payload)
    assert (world.said[-1].event, world.said[-1].fields["fault"]) == ("report_refused", fault)
    world.bus("G1", "presence", payload)
    assert world.records == before
    assert unlocks(world.g1.scan(code())) == [1]


def test_a_controller_nobody_configured_is_ignored_and_counted() -> None:
    world = loaded_world(1)
    before = dict(world.records)
    world.bus("G9", "report", encode(Events("b", 1, "m", [number_event(1, 0, CodeScanned(code()))])))
    assert world.said[-1].event == "controller_unknown"
    assert world.records == before


def test_a_topic_that_is_none_is_counted() -> None:
    world = loaded_world(1)
    world.bus("G1/../G2", "report", b"{}")
    assert world.said[-1].fields["fault"] == "bad_topic"


# --- a newer controller, or a broken one ------------------------------------------------------------------------------

UNREADABLE = [
    (b'{"type":"DoorKnocked","door":1}', "unknown_type", "DoorKnocked"),
    (b'{"type":"DoorOpened","door":"one"}', "invalid_field", "DoorOpened"),
    (b'{"type":"UnlockDone","command_id":"c","door":1,"outcome":"warmed"}', "invalid_field", "UnlockDone"),
    (b'{"type":"' + b"x" * 900 + b'"}', "unknown_type", None),
    (b'{"door":1}', "invalid_field", None),
    (b"[7]", "invalid_field", None),
    (b"null", "invalid_field", None),
]


@pytest.mark.parametrize(("body", "fault", "kind"), UNREADABLE)
def test_an_event_nobody_can_read_is_consumed_and_told_for_what_it_is(
    body: bytes, fault: str, kind: str | None
) -> None:
    world = loaded_world(1)
    before = world.durable()
    world.g1.report_raw(body)
    assert world.told_events(ControllerEventRefused) == [ControllerEventRefused("G1", fault, kind)]
    assert last_received(world) == world.g1.event_no
    assert world.durable() == before


def test_the_events_around_one_that_cannot_be_read_have_their_effects() -> None:
    world = loaded_world(1)
    world.g1.report_raw(
        encode(DoorOpened(2)), b'{"type":"DoorKnocked","door":2}', encode(DoorOpened(3)), encode(CodeScanned(code()))
    )
    assert [event.door for event in world.told_events(DoorWasOpened)][:2] == [2, 3]
    assert world.pulses == [1]


def test_a_flood_of_events_nobody_can_read_is_counted_not_repeated() -> None:
    world = loaded_world(1)
    for _ in range(500):
        world.g1.report_raw(b'{"type":"DoorKnocked"}')
    assert len(world.told_events(ControllerEventRefused)) == 1
    world.wait(61)
    assert [event.times for event in world.told_events(ControllerEventRefused)] == [1, 499]


def test_a_flood_of_unheard_of_kinds_stays_bounded() -> None:
    world = loaded_world(1)
    for number in range(600):
        world.g1.report_raw(b'{"type":"Kind%d"}' % number)
    assert len(world.told_events(ControllerEventRefused)) == 33
    world.wait(61)
    assert sum(event.times for event in world.told_events(ControllerEventRefused)) == 600
    assert world.site.unread == {}


def online(world: World) -> list[str]:
    return [name for name, seen in world.site.seen.items() if seen.online]


def last_received(world: World) -> int:
    sent = [each.payload for each in world.sent if b"EventsReceived" in each.payload]
    received: EventsReceived = decode(sent[-1], EventsReceived)
    return received.event_no


def test_a_reading_after_the_calendar_jumped_is_told_at_once() -> None:
    world = loaded_world(1)
    world.wait(6)
    told = len([each for each in world.up_messages() if isinstance(each, SiteStatus)])
    world.civil_ms += 8 * HOUR_MS
    world.g1.send_beat()
    world.wait(0.4, beats=False)
    statuses = [each for each in world.up_messages() if isinstance(each, SiteStatus)]
    assert len(statuses) == told + 1
    assert {each.heard_at for each in statuses[-1].controllers if each.controller == "G1"} == {world.civil_ms - 400}
