"""What people, lockers and the service do at a site, each over and over until it is done, and how it must end.

Whoever gives up at the first failure would not show what a crash in between leads to; nobody here looks at the record
before deciding what to do next, except to see that they are done.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from locker_gateway import conditions
from locker_gateway.inputs import Tick
from locker_protocol.bus_messages import DoorOpened, DoorShut
from locker_protocol.site_entries import (
    CancelOrder,
    IssueCredential,
    PlanOrder,
    RevokeCredential,
    ServiceKey,
    SetDoorCondition,
    SetKeys,
)
from locker_protocol.site_events import (
    ControllerCameUp,
    ControllerEventRefused,
    ControllerWentSilent,
    DoorConditionChanged,
    DoorLeftOpen,
    DoorStayedShut,
    DoorTroubleEnded,
    LoadUnsure,
    OrderCancelled,
    ParcelCollected,
    ParcelLoaded,
    ParcelRemoved,
)
from locker_protocol.uplink_messages import EventsApplied, LoadParcel, OpenDoors
from locker_protocol.vocabulary import DoorCondition, DoorFault, Right
from tests.gateway.manifests import SERVICE, code, credential, label, parcel, public_hex, snapshot
from tests.gateway.people import VAN, People
from tests.gateway.world import World, collected_world, loaded_world, staff_code

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Journey:
    """Where it begins, what is done, and what must be true at its end."""

    make: Callable[[], World]
    live: Callable[[World, People], None]
    ended: Callable[[World], None]


def settle(world: World) -> None:
    """The locks yield, people do what they came for, push the doors shut and wait."""
    world.wait(3)
    world.g1.shut(*(door for door, state in world.g1.doors.items() if state == "open"))
    world.wait(13)


def ask(world: World, number: int, right: Right, *, order_id: str | None = None) -> None:
    """Staff ask for door 1 from afar."""
    until = world.civil_ms + 10_000
    world.down(OpenDoors(f"c{number}", [1], right, "staff-31", "round", until, order_id))
    settle(world)


def wait_long(world: World, seconds: int) -> None:
    """Let time pass in steps of five seconds, with the controllers' beats."""
    for _ in range(seconds // 5):
        world.pass_ms(5_000)
        for controller in (world.g1, world.g2):
            if controller.pending:
                controller.report()
            controller.send_beat()
        world.give(Tick())


def until_applied(world: World, *entries: msgspec.Struct) -> None:
    """The service sends entries again until the gateway has them."""
    batch = world.batch(*entries)
    for _ in range(3):
        world.down(batch)
        world.wait(2)


# --- residents --------------------------------------------------------------------------------------------------------


def collect(world: World, _people: People) -> None:
    """A resident who tries until both doors opened, and shuts them."""
    for _ in range(8):
        world.g1.scan(code())
        world.wait(3)
        opened = [door for door in (1, 2) if world.g1.doors[door] == "open"]
        if opened:
            world.g1.shut(*opened)
        world.wait(13)
        if len(world.told_events(ParcelCollected)) == 2:
            return


def ended_collected(world: World) -> None:
    assert sorted(each.parcel_id for each in world.told_events(ParcelCollected)) == ["p1", "p2"]


def type_wrong_then_right(world: World, people: People) -> None:
    """A resident who mistypes once, waits, and then takes the QR."""
    world.g1.type("07000000")
    world.wait(6)
    collect(world, people)


def ended_after_one_wrong_try(world: World) -> None:
    ended_collected(world)
    assert world.site.codes.rows["o1"].wrong_tries == 1


def leave_open(world: World, _people: People) -> None:
    """A resident who leaves a door standing open for minutes."""
    world.g1.scan(code())
    for _ in range(4):
        world.g1.report()
        wait_long(world, 125)
        if any(each.open_s == 120 for each in world.told_events(DoorLeftOpen)):
            break
        world.g1.scan(code())
    world.g1.shut(1)
    world.wait(13)


def ended_shut(world: World) -> None:
    assert [each.parcel_id for each in world.told_events(ParcelCollected)] == ["p1"]
    assert DoorLeftOpen("G1", 1, 120, "o1") in world.told_events(DoorLeftOpen)


def cancel_while_collecting(world: World, _people: People) -> None:
    """A resident scans, and the service cancels the order, and says so again until it is answered."""
    cancelled = world.batch(CancelOrder("o1"))
    world.g1.scan(code())
    for _ in range(4):
        world.down(cancelled)
        settle(world)
        if world.told_events(OrderCancelled):
            return


def ended_cancelled(world: World) -> None:
    assert len(world.told_events(OrderCancelled)) == 1
    assert world.site.cancellations.rows == {}


# --- drivers and keepers ----------------------------------------------------------------------------------------------


def to_load() -> World:
    world = World()
    world.tell(PlanOrder("o1", [parcel()]))
    return world


def load_one(world: World, _people: People) -> None:
    """A driver who tries until the parcel is loaded."""
    for _ in range(4):
        world.g1.scan(staff_code(world))
        world.g1.scan(label())
        world.wait(3)
        if world.g1.doors[1] == "open":
            world.g1.shut(1)
        world.wait(13)
        if world.told_events(ParcelLoaded):
            return


def ended_loaded(world: World) -> None:
    assert [each.parcel_id for each in world.told_events(ParcelLoaded)] == ["p1"]


def load_through_power_loss(world: World, people: People) -> None:
    """The locker's power fails while the door stands open, and somebody pushes it shut in the dark."""
    for number in range(4):
        world.g1.scan(staff_code(world))
        world.g1.scan(label())
        if world.g1.doors[1] == "open":
            world.g1.report()
            world.g1.reboot(f"boot{number + 2}")
            world.g1.doors[1] = "shut"
            world.g1.happen(DoorShut(1))
            world.g1.be_born()
            world.g1.report()
        world.wait(13)
        if world.told_events(LoadUnsure):
            break
    load_one(world, people)


def ended_sure(world: World) -> None:
    ended_loaded(world)
    assert len(world.told_events(LoadUnsure)) == 1
    assert world.site.doubts.rows == {}


def load_elsewhere(world: World, people: People) -> None:
    """A driver who puts a parcel behind door 1, finds that it will not do, and takes another."""
    load_one(world, people)
    for number in range(4):
        people.bags["p1"] = VAN  # it did not go in: the door was shut empty
        until = world.civil_ms + 10_000
        world.down(LoadParcel(f"c{number}", label(), "staff-31", until, 1, DoorFault.DIRTY))
        settle(world)
        if [each.door for each in world.site.placements.rows.values()] == [2]:
            return


def ended_elsewhere(world: World) -> None:
    assert {each.door: each.state for each in world.site.placements.rows.values()} == {2: "loaded"}
    assert conditions.of(world.site, 1) is DoorCondition.TO_CHECK


def check_one(world: World, _people: People) -> None:
    """A driver who types an emptied door's number until it is free."""
    for _ in range(4):
        world.g1.scan(staff_code(world))
        world.g1.type("1")
        settle(world)
        if conditions.of(world.site, 1) is DoorCondition.FREE:
            return


def ended_checked(world: World) -> None:
    assert conditions.of(world.site, 1) is DoorCondition.FREE
    assert world.told_events(DoorConditionChanged)[-1].actor == "staff-31"


def remove_one(world: World, _people: People) -> None:
    """A driver who is told to take a parcel out until it is out."""
    for number in range(4):
        ask(world, number, Right.REMOVE)
        if world.told_events(ParcelRemoved):
            return


def ended_removed(world: World) -> None:
    assert [each.parcel_id for each in world.told_events(ParcelRemoved)] == ["p1"]
    assert conditions.of(world.site, 1) is DoorCondition.TO_CHECK


def hand_over(world: World, _people: People) -> None:
    """A keeper who opens for somebody without a phone until they have their bag."""
    for number in range(4):
        ask(world, number, Right.HAND_OVER, order_id="o1")
        if world.told_events(ParcelCollected):
            return


def ended_handed_over(world: World) -> None:
    (collected,) = world.told_events(ParcelCollected)
    assert (collected.parcel_id, collected.right, collected.actor) == ("p1", Right.HAND_OVER, "staff-31")


# --- doors and lockers that fail --------------------------------------------------------------------------------------


def free_a_jam(world: World, _people: People) -> None:
    """A door that sticks; a keeper has it pulsed until it is known to, then presses its edge."""
    world.g1.jammed = {1}
    for number in range(6):
        ask(world, number, Right.STAFF)
        if world.site.troubles.rows:
            break
    world.g1.jammed = set()
    for number in range(6, 10):
        ask(world, number, Right.STAFF)
        if not world.site.troubles.rows:
            return


def ended_freed(world: World) -> None:
    assert len(world.told_events(DoorStayedShut)) >= 2
    assert len(world.told_events(DoorTroubleEnded)) == 1
    assert world.site.placements.rows["p1"].state == "loaded"


def mend_wires(world: World, _people: People) -> None:
    """Door 2 answers for door 1 until that is known; both are mended and given back."""
    world.g1.jammed = {1}
    for _ in range(5):
        before = len(world.pulses)
        world.g1.scan(code())
        if len(world.pulses) > before:
            world.g1.happen(DoorOpened(2))
        world.wait(2)
        world.g1.happen(DoorShut(2))
        world.wait(13)
        if {"1", "2"} <= set(world.site.troubles.rows) and not _is_forced(world):
            break
        world.wait(120)
    until_applied(world, SetDoorCondition(1, "to_check"), SetDoorCondition(2, "to_check"))


def _is_forced(world: World) -> bool:
    return any(each.other_door is None for each in world.site.troubles.rows.values())


def ended_mended(world: World) -> None:
    assert world.site.troubles.rows == {}
    assert {conditions.of(world.site, door) for door in (1, 2)} == {DoorCondition.TO_CHECK}
    assert world.told_events(ParcelCollected) == []


def lose_a_locker(world: World, _people: People) -> None:
    """A locker loses its power for a while, and comes back with firmware nobody here knows all of."""
    world.g2.powered = False
    world.wait(12)
    world.g2.powered = True
    world.g2.reboot("boot2")
    world.g2.be_born()
    world.g2.happen_raw(b'{"type":"DoorKnocked","door":5}')
    for _ in range(3):
        world.wait(3)


def ended_found_again(world: World) -> None:
    assert len(world.told_events(ControllerWentSilent)) <= 1  # of a locker not heard yet nobody can say that it went
    assert ("G2", "boot2") in {(each.controller, each.boot_id) for each in world.told_events(ControllerCameUp)}
    assert len(world.told_events(ControllerEventRefused)) == 1


# --- the service ------------------------------------------------------------------------------------------------------


def be_told(world: World, _people: People) -> None:
    """The service plans, issues, revokes, takes a door out of use and names its keys; then it begins a new log."""
    until_applied(
        world,
        PlanOrder("o2", [parcel(2, order_id="o2", doors=[3])]),
        IssueCredential(credential(order_id="o2", handle=8)),
        RevokeCredential("o5", 1),
        SetDoorCondition(3, "broken"),
        SetKeys([ServiceKey(1, public_hex(SERVICE))]),
    )
    world.down_log, world.down_seq = "down2", 0
    until_applied(world, snapshot())
    world.acknowledge()
    world.wait(2)


def ended_told(world: World) -> None:
    assert world.site.down is not None
    assert (world.site.down.log_id, world.site.down.seq) == ("down2", 1)
    assert conditions.of(world.site, 3) is DoorCondition.BROKEN
    assert set(world.site.left_logs.rows) == {"down1"}


def begin_anew(world: World, _people: People) -> None:
    """The service knows more of the up log than the store does, says so, and tells the site anew."""
    until_applied(world, SetDoorCondition(3, "broken"))
    known = world.site.up.log_id
    for _ in range(3):
        world.down(EventsApplied(known, 10_000))
        world.wait(2)
    world.down_log, world.down_seq = "down2", 0
    until_applied(world, snapshot())


def ended_anew(world: World) -> None:
    assert world.site.up.base <= world.site.up.seq
    assert (world.site.placements.rows, world.site.conditions.rows) == ({}, {})
    assert world.site.down is not None
    assert world.site.down.log_id == "down2"


def grow_old(world: World, _people: People) -> None:
    """Nobody comes for a month; what nobody can ask for any more is forgotten."""
    ask(world, 1, Right.STAFF)
    world.acknowledge()
    for _ in range(3):
        world.civil_ms += 16 * DAY_MS
        world.ms += 600_000
        world.g1.send_beat()
        world.g2.send_beat()
        world.give(Tick())
        world.wait(2)


def ended_forgotten(world: World) -> None:
    assert world.site.parcels.rows == {}
    assert world.site.placements.rows == {}
    assert world.site.codes.rows == {}


JOURNEYS = {
    "collect": Journey(lambda: loaded_world(1, 2), collect, ended_collected),
    "mistype": Journey(lambda: loaded_world(1, 2), type_wrong_then_right, ended_after_one_wrong_try),
    "leave open": Journey(lambda: loaded_world(1), leave_open, ended_shut),
    "cancel": Journey(lambda: loaded_world(1), cancel_while_collecting, ended_cancelled),
    "load": Journey(to_load, load_one, ended_loaded),
    "load through power loss": Journey(to_load, load_through_power_loss, ended_sure),
    "load elsewhere": Journey(to_load, load_elsewhere, ended_elsewhere),
    "check": Journey(collected_world, check_one, ended_checked),
    "remove": Journey(lambda: loaded_world(1), remove_one, ended_removed),
    "hand over": Journey(lambda: loaded_world(1), hand_over, ended_handed_over),
    "free a jam": Journey(lambda: loaded_world(1), free_a_jam, ended_freed),
    "mend wires": Journey(lambda: loaded_world(1), mend_wires, ended_mended),
    "lose a locker": Journey(World, lose_a_locker, ended_found_again),
    "be told": Journey(World, be_told, ended_told),
    "begin anew": Journey(lambda: loaded_world(1), begin_anew, ended_anew),
    "grow old": Journey(collected_world, grow_old, ended_forgotten),
}
