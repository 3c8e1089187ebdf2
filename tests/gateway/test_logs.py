"""The two numbered logs: only the next is applied, in one commit; nothing acknowledged is lost."""

import msgspec
import pytest

from locker_gateway.inputs import EventsRead, StoredEvent, Tick, UplinkDown, UplinkUp
from locker_gateway.outputs import Publish, Put, ReadEvents
from locker_protocol.bus_messages import DoorOpened
from locker_protocol.codec import MAX_MESSAGE_BYTES
from locker_protocol.cold_messages import ZoneAlarmFound
from locker_protocol.site_entries import (
    BelieveLoaded,
    IssueCredential,
    LoadedParcel,
    LogPosition,
    PlanOrder,
    RevokeCredential,
    ServiceKey,
    SetKeys,
)
from locker_protocol.site_events import ControllerWentSilent
from locker_protocol.uplink_messages import (
    CommandAnswered,
    DownBatch,
    EntriesApplied,
    EntryResult,
    EventsApplied,
    GatewayBirth,
    NumberedEntry,
    OpenDoors,
    SiteStatus,
    UpBatch,
)
from locker_protocol.vocabulary import Right
from tests.gateway.manifests import STRANGER, code, credential, label, parcel, public_hex, snapshot
from tests.gateway.world import World, collected_world, loaded_world, staff_code, unlocks

# --- down -------------------------------------------------------------------------------------------------------------


def test_a_fresh_gateway_says_it_was_told_nothing() -> None:
    world = World(told=False)
    birth = world.presences()[-1]
    assert isinstance(birth, GatewayBirth)
    assert birth.down is None
    assert birth.up == LogPosition(world.site.up.log_id, 0)


def test_a_batch_is_applied_and_acknowledged_in_one_step() -> None:
    world = World()
    outputs = world.tell(PlanOrder("o1", [parcel()]))
    told = [place for place, each in enumerate(outputs) if isinstance(each, Put) and each.kind == "parcel"]
    sent = [place for place, each in enumerate(outputs) if isinstance(each, Publish)]
    assert told[0] < sent[0]
    assert applied(world)[-1] == EntriesApplied("down1", 2)


def test_a_batch_that_comes_twice_is_applied_once_and_acknowledged_twice() -> None:
    world = World()
    batch = world.batch(PlanOrder("o1", [parcel()]))
    world.down(batch)
    before = dict(world.records)
    world.down(batch)
    assert world.records == before
    assert applied(world)[-2:] == [EntriesApplied("down1", 2)] * 2


def test_a_batch_beyond_the_next_is_not_applied() -> None:
    world = World()
    world.batch(PlanOrder("o1", [parcel()]))
    before = dict(world.records)
    world.tell(PlanOrder("o2", [parcel(2)]))
    assert world.records == before
    assert applied(world)[-1] == EntriesApplied("down1", 1)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (b'{"type":"Firework"}', "unknown_type"),
        (b'{"type":"CancelOrder"}', "invalid_field"),
        (b"7", "invalid_field"),
        (SetKeys([]), "invalid_field"),
        (SetKeys([ServiceKey(1, "zz")]), "invalid_field"),
        (SetKeys([ServiceKey(number, public_hex(STRANGER)) for number in (1, 2, 3)]), "invalid_field"),
        (IssueCredential(credential(2, secret_hash="zz")), "invalid_field"),
        (IssueCredential(credential(2, secret_salt=None)), "invalid_field"),
        (snapshot(site_no=8), "invalid_field"),
    ],
)
def test_an_entry_that_cannot_be_taken_is_consumed_and_reported(entry: msgspec.Struct | bytes, fault: str) -> None:
    world = loaded_world(1)
    before = world.durable()
    batch = world.batch(entry)
    world.down(batch)
    world.down(batch)
    assert applied(world)[-2:] == [EntriesApplied("down1", 2, [EntryResult(2, fault)])] * 2
    assert {key: body for key, body in world.durable().items() if key[0] != "down_log"} == {
        key: body for key, body in before.items() if key[0] != "down_log"
    }
    world.tell(RevokeCredential("o1", 1))
    assert applied(world)[-1] == EntriesApplied("down1", 3)


@pytest.mark.parametrize("entry", [PlanOrder("o1", [parcel()]), b'{"type":"Firework"}', snapshot(site_no=8)])
def test_a_log_that_does_not_begin_with_a_snapshot_is_not_joined(entry: msgspec.Struct | bytes) -> None:
    world = World()
    world.pass_ms(1_000)
    world.down_log, world.down_seq = "down2", 0
    before = dict(world.records)
    births = len(world.presences())
    world.tell(entry)
    world.tell(entry)
    assert world.records == before
    assert len(world.presences()) == births + 1
    assert world.presences()[-1].down == LogPosition("down1", 1)


def test_an_empty_batch_says_nothing() -> None:
    world = World()
    before = len(applied(world))
    world.down(DownBatch("down1", []))
    assert len(applied(world)) == before


def test_a_new_log_replaces_what_was_told_and_keeps_what_the_site_found_out() -> None:
    world = collected_world()
    world.tell(RevokeCredential("o5", 3), PlanOrder("o2", [parcel(2, order_id="o2", doors=[3])]))
    load(world, 2)
    world.down_log, world.down_seq = "down2", 0
    world.tell(snapshot())
    assert world.site.parcels.rows == {}
    states = {name: each.state for name, each in world.site.placements.rows.items()}
    assert states == {"p1": "collected", "p2": "loaded"}
    assert world.site.codes.rows["o5"].revoked_through == 3
    assert world.site.down is not None
    assert (world.site.down.log_id, world.site.down.seq) == ("down2", 1)


def test_the_services_word_on_where_a_parcel_lies_counts_only_for_a_store_that_is_new() -> None:
    known, new = collected_world(), World(told=False)
    known.down_log, known.down_seq = "down2", 0
    parcels = [parcel(), parcel(2, order_id="o2")]
    loaded = [LoadedParcel("p1", 3, "loaded"), LoadedParcel("p2", 4, "loaded"), LoadedParcel("p9", 2, "loaded")]
    for world in (known, new):
        world.tell(snapshot(parcels=parcels, loaded=loaded))
    assert lying(known) == {"p1": (1, "collected")}
    assert lying(new) == {"p1": (3, "loaded"), "p2": (4, "loaded")}


@pytest.mark.parametrize("batches_sent", [1, 3])
def test_what_follows_a_snapshot_is_believed_like_it_by_a_store_that_was_new(batches_sent: int) -> None:
    known, new = collected_world(), World(told=False)
    known.down_log, known.down_seq = "down2", 0
    later = PlanOrder("o2", [parcel(2, order_id="o2", doors=[3])])
    loaded = BelieveLoaded([LoadedParcel("p2", 3, "loaded"), LoadedParcel("p9", 2, "loaded")])
    for world in (known, new):
        entries = [snapshot(), later, loaded]
        if batches_sent == 1:
            world.tell(*entries)
        else:
            for entry in entries:
                world.tell(entry)
                world.crash()
    assert lying(known) == {"p1": (1, "collected")}
    assert lying(new) == {"p2": (3, "loaded")}
    new.down_log, new.down_seq = "down3", 0  # it is new no more
    new.tell(snapshot(), PlanOrder("o4", [parcel(4, order_id="o4")]), BelieveLoaded([LoadedParcel("p4", 1, "loaded")]))
    assert lying(new) == {"p2": (3, "loaded")}


def test_a_log_that_was_left_is_never_joined_again() -> None:
    world = loaded_world(1)
    old = DownBatch("down1", [NumberedEntry(1, 0, msgspec.Raw(msgspec.json.encode(snapshot())))])
    world.down_log, world.down_seq = "down2", 0
    world.tell(snapshot(keys=[ServiceKey(1, public_hex(STRANGER))]))
    before = world.durable()
    world.down(old, key=STRANGER)
    assert world.durable() == before


# --- up ---------------------------------------------------------------------------------------------------------------


def test_every_event_is_sent_from_the_mark_on() -> None:
    world = World()
    world.g1.force(2)
    assert [event.seq for batch in batches(world) for event in batch.events] == [1, 2, 3, 4]


def test_without_an_acknowledgement_it_goes_back_after_two_seconds() -> None:
    world = World()
    world.g1.force(2)
    sent = len(batches(world))
    world.pass_ms(1_900)
    world.give(Tick())
    assert len(batches(world)) == sent
    world.pass_ms(100)
    world.give(Tick())
    assert [event.seq for event in batches(world)[-1].events] == [1, 2, 3, 4]


def test_acknowledged_events_are_not_sent_again_even_after_a_restart() -> None:
    world = World()
    world.g1.force(2)
    world.acknowledge()
    world.wait(2, beats=False)
    world.crash()
    world.g1.force(3)
    assert batches(world)[-1].events[-1].seq == 7
    assert min(event.seq for batch in batches(world)[2:] for event in batch.events) > 2
    assert world.site.mark == 4


def test_at_most_four_batches_are_on_their_way() -> None:
    world = World()
    world.give(UplinkDown())
    fill(world, 400)
    before = len(batches(world))
    world.give(UplinkUp())
    sent = batches(world)[before:]
    assert [event.seq for batch in sent for event in batch.events] == list(range(1, 257))
    assert [len(batch.events) for batch in sent] == [64] * 4
    world.acknowledge(64)
    assert batches(world)[-1].events[-1].seq == 320


def test_more_events_than_memory_keeps_are_read_back_from_the_store() -> None:
    world = World()
    world.give(UplinkDown())
    fill(world, 2_000)
    assert len(world.site.sending.cache) <= 512
    world.give(UplinkUp())
    received = 0
    while received < world.site.up.seq:
        batch = batches(world)[-1]
        assert batch.events[-1].seq > received
        received = batch.events[-1].seq
        world.acknowledge(received)
    seqs = {event.seq for batch in batches(world) for event in batch.events}
    assert seqs == set(range(1, world.site.up.seq + 1))


def test_a_batch_stays_below_the_contracts_size() -> None:
    world = World()
    world.give(UplinkDown())
    for number in range(100):
        world.down(OpenDoors(f"c{number}", [1], Right.STAFF, "op-4", "🔒" * 200, world.civil_ms))
    before = len(batches(world))
    world.give(UplinkUp())
    sizes = [len(each.payload) for each in world.sent if b"UpBatch" in each.payload]
    assert max(sizes) < MAX_MESSAGE_BYTES
    assert 1 < len(batches(world)[before].events) < 64


def test_a_service_that_was_restored_is_told_again() -> None:
    world = World()
    world.g1.force(2)
    world.acknowledge()
    world.acknowledge(1)
    assert [event.seq for event in batches(world)[-1].events] == [2, 3, 4]


@pytest.mark.parametrize("answer", [EventsApplied("another", 1), EventsApplied("another", 2**53 - 1)])
def test_an_acknowledgement_of_what_is_not_ours_changes_nothing(answer: EventsApplied) -> None:
    world = loaded_world(1)
    before = dict(world.records)
    world.down(answer)
    assert world.site.mark == 0
    assert world.said[-1].event == "acknowledgement_unknown"
    assert world.records == before


def test_an_acknowledgement_of_more_than_was_written_tells_a_store_that_it_is_an_older_copy() -> None:
    world = loaded_world(1, others={"o2": (8, 2)})
    world.g1.force(3)
    world.acknowledge()
    world.g1.shut(3)
    behind, log_id = world.site.mark, world.site.up.log_id
    world.down(EventsApplied(log_id, 99))

    assert world.site.placements.rows == {}
    assert world.site.down is None
    assert world.presences()[-1].down is None
    fresh = batches(world)[-1]
    assert fresh.log_id == world.site.up.log_id != log_id
    assert [event.seq for event in fresh.events] == list(range(1, world.site.up.seq - behind + 1))
    assert world.presences()[-1].up == LogPosition(fresh.log_id, len(fresh.events))
    world.down(EventsApplied(fresh.log_id, len(fresh.events)))
    assert world.site.mark == world.site.up.seq
    assert unlocks(world.g1.scan(code())) == []
    assert world.refusals()[-1] == "staff_only"


def test_what_was_begun_anew_stays_so_over_a_restart_and_never_joins_the_log_it_left() -> None:
    world = loaded_world(1)
    snap = DownBatch("down1", [NumberedEntry(1, 0, msgspec.Raw(msgspec.json.encode(snapshot())))])
    world.down(EventsApplied(world.site.up.log_id, 99))
    up = world.site.up
    world.crash()
    assert world.site.up.log_id == up.log_id
    assert world.site.placements.rows == {}
    world.down(snap)
    assert world.site.down is None
    world.down_log, world.down_seq = "down2", 0
    loaded = [LoadedParcel("p1", 1, "loaded")]
    world.tell(snapshot(parcels=[parcel()], credentials=[credential()], loaded=loaded))
    assert unlocks(world.g1.scan(code())) == [1]


def test_acknowledged_events_are_kept_for_thirty_days_and_others_for_ever() -> None:
    world = World()
    world.g1.force(2)
    world.acknowledge(2)
    world.civil_ms += 31 * 86_400_000
    world.ms += 600_000
    world.give(Tick())
    silence = (ControllerWentSilent, ZoneAlarmFound)
    assert [each.seq for each in world.events if not isinstance(each.event, silence)] == [3, 4]


@pytest.mark.parametrize(("left", "told"), [(0, []), (2, [1, 2])])
def test_what_a_restored_service_asks_for_and_nobody_has_is_left_out_by_a_new_log(left: int, told: list[int]) -> None:
    world = World()
    world.g1.force(2)
    world.g1.shut(2)
    world.acknowledge()
    log_id = world.site.up.log_id
    world.crash()
    world.acknowledge()
    world.events = world.events[len(world.events) - left :] if left else []
    before = len(batches(world))
    world.acknowledge(1)
    world.pass_ms(2_000)
    world.give(Tick())
    fresh = batches(world)[before:]
    assert [event.seq for batch in fresh for event in batch.events][: len(told)] == told
    assert world.site.up.log_id != log_id
    world.g1.force(3)
    assert batches(world)[-1].events[-1].seq == world.site.up.seq - world.site.up.base
    world.down(EventsApplied(world.site.up.log_id, world.site.up.seq - world.site.up.base))
    assert world.site.mark == world.site.up.seq


def test_an_answer_to_an_earlier_reading_makes_nobody_forget_what_is_asked_for_since() -> None:
    world = World()
    fill(world, 20)
    world.acknowledge(10)
    earlier = ReadEvents(11, 512)
    world.acknowledge(4)  # as it comes out of a connection that had stalled, older than what was acknowledged since
    log_id = world.site.up.log_id
    world.site.sending.sent_through = 4  # gone back, and not yet sent on
    rows = [StoredEvent(each.seq, each.at, each.body) for each in world.events if each.seq >= earlier.first]
    world.give(EventsRead(earlier, tuple(rows)))

    assert world.site.up.log_id == log_id
    world.pass_ms(2_000)
    world.give(Tick())
    assert {5, 20} <= {event.seq for batch in batches(world)[-4:] for event in batch.events}


# --- status -----------------------------------------------------------------------------------------------------------


def test_a_status_goes_up_every_five_seconds_and_soon_after_a_change() -> None:
    world = World()
    world.wait(6, beats=False)
    before = len(statuses(world))
    world.wait(5, beats=False)
    assert len(statuses(world)) == before + 1
    world.g1.force(2)
    world.wait(0.4, beats=False)
    assert len(statuses(world)) == before + 2
    g1 = statuses(world)[-1].controllers[0]
    assert [(each.door, each.state) for each in g1.doors] == [(1, "shut"), (2, "open"), (3, "shut"), (4, "shut")]
    assert g1.zones[0].air_c == 3.1


def test_a_burst_of_changes_is_one_status() -> None:
    world = World()
    world.wait(6)
    before = len(statuses(world))
    for door in (1, 2, 3, 4):
        world.g1.happen(DoorOpened(door))
        world.g1.report()
    assert len(statuses(world)) <= before + 1


def test_nothing_is_sent_up_while_the_uplink_is_down() -> None:
    world = loaded_world(1)
    world.give(UplinkDown())
    before = len([each for each in world.sent if each.link == "uplink"])
    assert unlocks(world.g1.scan(code())) == [1]
    world.wait(10)
    assert len([each for each in world.sent if each.link == "uplink"]) == before
    assert not [each for each in world.up_messages() if isinstance(each, CommandAnswered)]


def load(world: World, number: int) -> None:
    world.g1.scan(staff_code(world))
    world.g1.scan(label(number))
    door = world.grants()[-1].doors[0]
    world.g1.shut(door)


def fill(world: World, count: int) -> None:
    """Make events, two at a time."""
    for _ in range(count // 2):
        world.g1.force(2)
        world.g1.shut(2)


def applied(world: World) -> list[EntriesApplied]:
    return [message for message in world.up_messages() if isinstance(message, EntriesApplied)]


def batches(world: World) -> list[UpBatch]:
    return [message for message in world.up_messages() if isinstance(message, UpBatch)]


def statuses(world: World) -> list[SiteStatus]:
    return [message for message in world.up_messages() if isinstance(message, SiteStatus)]


def lying(world: World) -> dict[str, tuple[int, str]]:
    return {name: (each.door, each.state) for name, each in world.site.placements.rows.items()}


def test_nothing_is_signed_for_the_service_before_an_unlock_leaves_and_the_next_step_tells_it() -> None:
    world = loaded_world(1)
    world.reachable = False  # so that the controller's answer is not the next step
    outputs = world.g1.scan(code())
    assert unlocks(outputs) == [1]
    assert [each for each in outputs if isinstance(each, Publish) and each.link == "uplink"] == []
    [told] = [each for each in world.give(Tick()) if isinstance(each, Publish) and each.topic.endswith("/up")][:1]
    assert b"UnlockGranted" in told.payload
