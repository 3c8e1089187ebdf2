"""Minutes reach the service whatever happens to the uplink, once each, after all events; and make room for them."""

from pathlib import Path
from typing import Any

from locker_gateway.cold import sending
from locker_gateway.inputs import StoreMeasured, Tick, UplinkDown, UplinkUp
from locker_protocol.codec import MAX_MESSAGE_BYTES
from locker_protocol.telemetry import MAX_MINUTES, MinutesApplied, MinutesKept
from locker_protocol.uplink_messages import UpBatch
from tests.gateway.cold_world import MINUTE_MS, pass_minutes
from tests.gateway.stored import StoredWorld
from tests.gateway.world import World, loaded_world, with_parcels

DAY_MIN = 1_440
DAYS = 3


class Service:
    """What a service keeps of minutes: the last telling of each, and how far it is."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.through: dict[str, int] = {}
        self.kept: dict[tuple[str, str, int], Any] = {}
        self.heard = 0

    def answer(self) -> int:
        """Take what was sent since and answer each batch; how many there were."""
        batches = self.unanswered()
        for batch in batches:
            at = self.through.get(batch.controller, 0)
            if batch.after <= at:
                self.kept |= {
                    (batch.controller, run.zone, each.minute): each for run in batch.zones for each in run.minutes
                }
                at = self.through[batch.controller] = max(at, batch.through)
            self.world.down(MinutesApplied(batch.controller, at))
        return len(batches)

    def unanswered(self) -> list[MinutesKept]:
        """The batches that came since."""
        sent, self.heard = self.world.sent[self.heard :], len(self.world.sent)
        frames = [each for each in sent if each.link == "uplink" and each.topic.endswith("/up")]
        assert all(len(each.payload) <= MAX_MESSAGE_BYTES for each in frames)
        messages = [self.world.opened_up(each) for each in frames]
        return [each for each in messages if isinstance(each, MinutesKept)]

    def drain(self) -> None:
        """Answer until nothing comes any more."""
        while self.answer():
            self.world.give(Tick())


def caught_up(world: World) -> World:
    """A site whose service has every event."""
    world.acknowledge()
    return world


def stored(world: World) -> set[tuple[str, str, int]]:
    return {(controller, zone, minute) for controller, minute, zone in world.minutes}


def test_each_minute_is_told_once_it_is_over() -> None:
    world = caught_up(loaded_world(1))
    service = Service(world)
    world.wait(1)
    service.drain()
    pass_minutes(world, 30)
    service.drain()
    assert set(service.kept) == stored(world)
    assert sending.queued(world.site) == 0


def test_after_three_days_without_an_uplink_all_of_it_is_told_in_order_and_events_go_first() -> None:
    world = caught_up(loaded_world(1))
    world.give(UplinkDown())
    pass_minutes(world, DAYS * DAY_MIN, step_min=20)
    world.g1.force(2)
    service = Service(world)
    service.heard = len(world.sent)
    world.give(UplinkUp())
    first = [type(world.opened_up(each)) for each in world.sent[service.heard :] if each.topic.endswith("/up")]
    assert first.index(UpBatch) < first.index(MinutesKept)
    for _ in range(200):
        world.acknowledge()
        world.wait(0.4)
        if not service.answer() and sending.queued(world.site) == 0:
            break
    assert set(service.kept) == stored(world)
    assert len(service.kept) > DAYS * DAY_MIN * 3


def test_a_batch_nobody_answers_is_sent_again_and_ever_more_seldom() -> None:
    world = caught_up(loaded_world(1))
    world.wait(1)
    service = Service(world)
    world.wait(100)
    again = [each for each in service.unanswered() if each.controller == "G2"]
    assert 4 <= len(again) <= 8
    assert len({each.after for each in again}) == 1
    assert max(len(run.minutes) for each in again for run in each.zones) <= MAX_MINUTES


def test_a_restored_service_is_told_again_from_where_it_is() -> None:
    world = caught_up(loaded_world(1))
    service = Service(world)
    world.wait(1)
    service.drain()
    kept = dict(service.kept)
    service.through = dict.fromkeys(service.through, 0)
    service.kept.clear()
    pass_minutes(world, 5)
    service.drain()
    world.wait(3)
    service.drain()
    assert set(kept) < set(service.kept) == stored(world)


def test_an_answer_to_nothing_sent_says_nothing() -> None:
    world = caught_up(loaded_world(1))
    service = Service(world)
    world.wait(1)
    service.drain()
    before = dict(world.site.samplings.rows)
    world.down(MinutesApplied("G1", 5))
    world.down(MinutesApplied("G9", 2**40))
    assert world.site.samplings.rows == before


def test_minutes_survive_a_restart_and_are_found_by_zone(tmp_path: Path) -> None:
    world = with_parcels(StoredWorld(tmp_path, told=False), 1)
    pass_minutes(world, 20)
    before = world.rows()["zone_minute"]
    world.crash()
    world.g1.be_born()
    pass_minutes(world, 5)
    assert world.rows()["zone_minute"] > before > 3 * 20


def test_a_full_store_forgets_minutes_the_service_has_and_no_other_and_no_event() -> None:
    world = caught_up(loaded_world())
    service = Service(world)
    pass_minutes(world, 180, step_min=20)
    service.drain()
    world.give(UplinkDown())
    pass_minutes(world, 120, step_min=20)
    told, events = world.site.samplings.rows["G1"].told, len(world.events)
    world.give(StoreMeasured(0.79))
    left = sorted(minute for controller, minute, _ in world.minutes if controller == "G1")
    assert left[0] == told + 1
    assert len(world.events) == events


def test_a_full_store_keeps_the_minutes_by_which_food_is_still_judged() -> None:
    world = caught_up(loaded_world(1))
    service = Service(world)
    pass_minutes(world, 300, step_min=10)
    service.drain()
    loaded_at = world.site.exposed.rows["p1"].from_minute
    world.give(StoreMeasured(0.79))
    assert min(minute for controller, minute, _ in world.minutes if controller == "G1") <= loaded_at


def test_what_is_older_than_ninety_days_is_forgotten() -> None:
    world = caught_up(loaded_world())
    pass_minutes(world, 20)
    world.civil_ms += 90 * DAY_MIN * MINUTE_MS
    world.ms += 600_000
    world.give(Tick())
    assert world.minutes == {}
