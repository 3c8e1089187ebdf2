"""What physically happens at a site's doors, whatever any program believes: the oracle of the random walks.

Bags are in the van, behind a door, with their owner or with staff. People do what the lock that opened invites them to:
a driver puts the bag of this grant there, an owner or staff take out what they find. Nobody here reads the record,
except for which grant an unlock belongs to.
"""

from collections import Counter, defaultdict
from typing import Any

from locker_gateway.records import Grant
from locker_protocol.site_events import (
    DoorConditionChanged,
    OrderCancelled,
    ParcelCollected,
    ParcelLoaded,
    ParcelRemoved,
    ParcelTakenBack,
    UnlockGranted,
)
from locker_protocol.vocabulary import DoorCondition, Right
from tests.gateway.world import World

VAN, OWNER, STAFF = "van", "owner", "staff"


class People:
    """Where each bag is. `careless`: the driver shuts doors without putting anything in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.order_of = {each.parcel_id: each.order_id for each in world.site.parcels.rows.values()}
        self.bags: dict[str, str | int] = dict.fromkeys(self.order_of, VAN)
        self.lay_before = [each.parcel_id for each in world.site.placements.rows.values()]
        self.bags |= {each.parcel_id: each.door for each in world.site.placements.rows.values()}
        self.careless = False
        self.planned_again: dict[str, list[int]] = defaultdict(list)
        world.on_open = self.door_opened

    def behind(self, door: int) -> list[str]:
        """The bags behind a door."""
        return [bag for bag, place in self.bags.items() if place == door]

    def door_opened(self, command_id: str, door: int) -> None:
        """A lock yielded to this command: whoever stands there acts."""
        grant, parcel_id = self._granted(command_id)
        match grant.right:
            case Right.LOAD if parcel_id and self.bags[parcel_id] == VAN and not self.careless:
                assert self.behind(door) == [], f"two bags behind door {door}"
                self.bags[parcel_id] = door
            case Right.COLLECT | Right.HAND_OVER | Right.REOPEN:
                strangers = [bag for bag in self.behind(door) if self.order_of[bag] != grant.order_id]
                assert strangers == [], f"a stranger's bag behind door {door}"
                self._take(door, OWNER)
            case Right.REMOVE | Right.RESCUE:
                self._take(door, STAFF)
            case Right.CHECK:
                self._take(door, VAN)
            case _:
                pass

    def has_in_hand(self, parcel_id: str, door: int) -> bool:
        """The driver wants another door than this: honest when the bag is in hand, or can be taken out again."""
        controller = self.world.g1 if door in self.world.g1.doors else self.world.g2
        if self.bags[parcel_id] == door and controller.doors.get(door) == "open":
            self.bags[parcel_id] = VAN
        return self.bags[parcel_id] != door

    def _granted(self, command_id: str) -> tuple[Grant, str | None]:
        for grant in self.world.site.grants.rows.values():
            for door in grant.doors:
                if door.command_id == command_id:
                    return grant, door.parcel_id
        raise AssertionError("a lock yielded to a command without a record")

    def _take(self, door: int, whither: str) -> None:
        for bag in self.behind(door):
            self.bags[bag] = whither


# --- what the log must tell -------------------------------------------------------------------------------------------

AFTER: dict[tuple[str, type], str] = {
    ("away", ParcelLoaded): "lies",
    ("lies", ParcelTakenBack): "away",
    ("lies", ParcelCollected): "collected",
    ("lies", ParcelRemoved): "removed",
}


def check_log(people: People) -> None:
    """The events alone tell a possible story, and the gateway's record is that story's end."""
    world = people.world
    parcels: dict[str, str] = defaultdict(lambda: "away", dict.fromkeys(people.lay_before, "lies"))
    conditions: dict[int, DoorCondition] = defaultdict(lambda: DoorCondition.FREE)
    cancelled: dict[str, int] = {}
    for seq, event in enumerate(world.told_events(), 1):
        match event:
            case ParcelLoaded() | ParcelTakenBack() | ParcelCollected() | ParcelRemoved():
                assert (parcels[event.parcel_id], type(event)) in AFTER, (event, parcels[event.parcel_id])
                parcels[event.parcel_id] = AFTER[parcels[event.parcel_id], type(event)]
            case DoorConditionChanged():
                conditions[event.door] = event.condition
            case UnlockGranted() if event.right is Right.LOAD:
                assert all(conditions[door] is DoorCondition.FREE for door in event.doors), event
            case OrderCancelled():
                cancelled[event.order_id] = seq
            case _:
                pass
        if isinstance(event, ParcelCollected):
            check_not_cancelled(people, event, seq, cancelled)
    _check_record(world, parcels, conditions)


def check_not_cancelled(people: People, event: ParcelCollected, seq: int, cancelled: dict[str, int]) -> None:
    """Money went back after the cancellation was told: nothing is collected then, unless it was planned again."""
    since = cancelled.get(event.order_id)
    if since is not None:
        assert any(since <= planned < seq for planned in people.planned_again[event.order_id]), event


def _check_record(world: World, parcels: dict[str, str], conditions: dict[int, Any]) -> None:
    site = world.site
    lying = {each.parcel_id for each in site.placements.rows.values() if each.lies}
    assert lying == {parcel_id for parcel_id, state in parcels.items() if state == "lies"}
    doors = Counter(each.door for each in site.placements.rows.values() if each.lies)
    assert max(doors.values(), default=0) <= 1
    for each in site.conditions.rows.values():
        assert conditions[each.door] is each.condition
    in_doubt = [each.door for each in site.doubts.rows.values()]
    assert len(in_doubt) == len(set(in_doubt))
    assert not lying & set(site.doubts.rows)
