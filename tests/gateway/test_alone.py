"""The uplink is gone for 72 hours: the site goes on by itself, on a real store, and tells everything afterwards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from locker_gateway.inputs import Tick, UplinkDown, UplinkUp
from locker_protocol.site_entries import DoorSpec, IssueCredential, PlanOrder
from locker_protocol.site_events import DoorConditionChanged, ParcelCollected, ParcelLoaded, UnlockGranted
from locker_protocol.uplink_messages import UpBatch
from locker_protocol.vocabulary import Right, SizeClass, Zone
from tests.gateway.manifests import HOUR_MS, SECRET, START_MS, code, credential, label, parcel, snapshot
from tests.gateway.stored import StoredWorld
from tests.gateway.world import staff_code

DAYS, ORDERS_A_DAY, BAGS = 3, 6, 2
DOORS = range(1, ORDERS_A_DAY * BAGS + 1)


@dataclass(frozen=True)
class Order:
    """One order of a day: two bags, and how its owner comes for it."""

    number: int
    day: int

    @property
    def order_id(self) -> str:
        return f"order{self.number}"

    @property
    def handle(self) -> int:
        return 10 + self.number

    @property
    def bags(self) -> list[int]:
        return [self.number * BAGS + place for place in range(1, BAGS + 1)]

    @property
    def loaded_from(self) -> int:
        return START_MS + self.day * 24 * HOUR_MS

    @property
    def collect_until(self) -> int:
        return self.loaded_from + 22 * HOUR_MS


ORDERS = [Order(number, number // ORDERS_A_DAY) for number in range(DAYS * ORDERS_A_DAY)]


def by_scan(order: Order) -> tuple[str, str]:
    """The code it was given before."""
    text = code(order_id=order.order_id, handle=order.handle, expires_s=order.collect_until // 1000)
    return "scan", text


def by_digits(order: Order) -> tuple[str, str]:
    """The typed code it was given before."""
    return "type", f"{order.handle:02d}{SECRET}"


def by_new_scan(order: Order) -> tuple[str, str]:
    """A code its owner got after the uplink went down: a higher generation, which no gateway heard of."""
    return "scan", code(2, order_id=order.order_id, handle=order.handle, expires_s=order.collect_until // 1000)


WAYS = (by_scan, by_digits, by_new_scan)


def manifest(order: Order) -> list[PlanOrder | IssueCredential]:
    bags = [
        parcel(
            bag,
            order_id=order.order_id,
            run_no=100 + order.day,
            doors=[(bag - 1) % len(DOORS) + 1],
            loadable_from=order.loaded_from,
            loadable_until=order.loaded_from + 2 * HOUR_MS,
            collect_until=order.collect_until,
        )
        for bag in order.bags
    ]
    issued = credential(order_id=order.order_id, handle=order.handle, expires_at=order.collect_until)
    return [PlanOrder(order.order_id, bags), IssueCredential(issued)]


def told_world(folder: Path) -> StoredWorld:
    """A site that was told of three days' orders, and whose uplink then goes down."""
    world = StoredWorld(folder, told=False)
    world.g1.doors = dict.fromkeys(DOORS, "shut")
    specs = [DoorSpec(door, "G1", Zone.CHILLED, SizeClass.M, 21_000, 450, 400) for door in DOORS]
    world.tell(snapshot(doors=specs))
    for order in ORDERS:
        world.tell(*manifest(order))
    world.acknowledge()
    world.give(UplinkDown())
    world.uplink_there = False
    world.g1.be_born()
    return world


def minutes(world: StoredWorld, count: int) -> None:
    """Time passes; the controllers beat."""
    for _ in range(count // 10):
        world.pass_ms(600_000)
        world.g1.send_beat()
        world.g2.send_beat()
        world.g1.sample()
        world.give(Tick())


def visit(world: StoredWorld, orders: Sequence[Order], *, wipe: bool) -> None:
    """A driver wipes what was emptied the day before, then loads by the labels."""
    world.g1.scan(staff_code(world))
    for door in DOORS if wipe else ():
        world.g1.type(str(door))
        world.g1.shut(door)
        world.wait(1)
    for order in orders:
        for bag in order.bags:
            world.g1.scan(label(bag, run_no=100 + order.day))
            (door,) = [door for door, state in world.g1.doors.items() if state == "open"]
            world.g1.shut(door)
            world.wait(1)


def collect(world: StoredWorld, order: Order) -> list[int]:
    """Its owner comes once; the doors that opened at that first try."""
    way, shown = WAYS[order.number % len(WAYS)](order)
    world.g1.scan(shown) if way == "scan" else world.g1.type(shown)
    opened = [door for door, state in world.g1.doors.items() if state == "open"]
    world.wait(2)
    world.g1.shut(*opened)
    world.wait(11)
    return opened


def three_days(world: StoredWorld) -> Iterator[tuple[Order, list[int]]]:
    """Each day a visit and its owners one after another; the power fails now and then."""
    for day in range(DAYS):
        todays = [order for order in ORDERS if order.day == day]
        visit(world, todays, wipe=day > 0)
        world.crash()
        world.g1.be_born()
        for order in todays:
            minutes(world, 60)
            yield order, collect(world, order)
            if order.number % 4 == 0:
                world.crash()
                world.g1.be_born()
        minutes(world, (START_MS + (day + 1) * 24 * HOUR_MS - world.civil_ms) // 60_000 + 10)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[StoredWorld, dict[str, list[int]]]:
    world = told_world(tmp_path_factory.mktemp("alone"))
    opened = {order.order_id: doors for order, doors in three_days(world)}
    return world, opened


Lived = tuple[StoredWorld, dict[str, list[int]]]


def test_every_order_opens_at_its_first_try_whatever_its_code(lived: Lived) -> None:
    world, opened = lived
    assert {name: len(doors) for name, doors in opened.items()} == {each.order_id: BAGS for each in ORDERS}
    assert world.refusals() == []
    assert world.civil_ms - START_MS >= 72 * HOUR_MS
    vias = [each.via for each in world.grants() if each.right is Right.COLLECT]
    assert len(vias) == len(ORDERS)


def test_drivers_load_by_the_manifest_it_has_and_wipe_what_was_emptied(lived: Lived) -> None:
    world, _ = lived
    assert len(world.told_events(ParcelLoaded)) == len(ORDERS) * BAGS
    freed = [each for each in world.told_events(DoorConditionChanged) if each.actor == "staff-31"]
    assert len(freed) == (DAYS - 1) * len(DOORS)


def test_everything_is_recorded_and_nothing_reached_the_service_meanwhile(lived: Lived) -> None:
    world, _ = lived
    assert world.site.mark < world.site.up.seq
    collected = [each.parcel_id for each in world.told_events(ParcelCollected)]
    assert sorted(collected) == sorted(f"p{bag}" for order in ORDERS for bag in order.bags)
    assert world.rows()["audit"] == len(world.told_events(UnlockGranted)) == len(world.grants())
    assert world.rows()["event_log"] == world.site.up.seq
    assert world.store.broken_audit_row() is None


def test_afterwards_everything_is_told_once_and_in_order(lived: Lived) -> None:
    world, _ = lived
    sent, behind = len(world.up_messages()), world.site.mark
    world.uplink_there = True
    world.give(UplinkUp())
    told: list[int] = []
    while world.site.mark < world.site.up.seq:
        fresh = world.up_messages()[sent:]
        told += [event.seq for batch in fresh if isinstance(batch, UpBatch) for event in batch.events]
        sent += len(fresh)
        world.acknowledge(told[-1])
    assert told == list(range(behind + 1, world.site.up.seq + 1))
