"""Whatever people, networks and power do in whatever order: the record stays true to what happened at the doors."""

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from locker_gateway.inputs import BusMessage, UplinkDown, UplinkMessage, UplinkUp
from locker_protocol.bus_messages import Beat, ControllerBirth, ControllerDeath, DoorShut, Events, EventsReceived
from locker_protocol.site_entries import CancelOrder, IssueCredential, PlanOrder, RevokeCredential, SetDoorCondition
from locker_protocol.site_events import UnlockGranted
from locker_protocol.topics import bus_topic
from locker_protocol.uplink_messages import LoadParcel, OpenDoors, OpenForOwner
from locker_protocol.vocabulary import DoorFault, Right
from tests.gateway.manifests import SECRET, code, credential, label, parcel, snapshot
from tests.gateway.people import People, check_log
from tests.gateway.world import Controller, World, staff_code


class Walker:
    """Does one act after another to a site; every act is a method that takes a number to choose whom or what."""

    def __init__(self) -> None:
        self.world = World()
        self.parcels = [parcel(number, order_id=f"o{1 + number % 2}", doors=[number]) for number in (1, 2, 3, 4)]
        self.world.tell(
            PlanOrder("o1", self.parcels[1::2]),
            PlanOrder("o2", self.parcels[0::2]),
            IssueCredential(credential()),
            IssueCredential(credential(order_id="o2", handle=8)),
        )
        self.commands = 0
        self.people = People(self.world)

    def scan_a_code(self, number: int) -> None:
        order_id, handle = self.order(number)
        self.at(number).scan(code(1 + number % 3 // 2, order_id=order_id, handle=handle))

    def type_a_code(self, number: int) -> None:
        self.at(number).type(f"{self.order(number)[1]:02d}{SECRET}")

    def type_nonsense(self, number: int) -> None:
        self.at(number).type(f"{self.order(number)[1]:02d}000000")

    def show_a_staff_code(self, number: int) -> None:
        self.at(number).scan(staff_code(self.world, number=number % 3))

    def scan_a_label(self, number: int) -> None:
        self.at(number).scan(label(1 + number % 4))

    def load_by_phone(self, number: int) -> None:
        self.world.down(LoadParcel(self.command(number), label(1 + number % 4), "lin", self.world.civil_ms + 10_000))

    def open_from_afar(self, number: int) -> None:
        self.world.down(
            OpenDoors(self.command(number), [1 + number % 7], Right.STAFF, "op", "why", self.world.civil_ms + 10_000)
        )

    def open_from_a_page(self, number: int) -> None:
        order_id = self.order(number)[0]
        known = self.world.site.credentials.rows.get(order_id)
        if known is not None:
            until = self.world.civil_ms + 10_000
            generation = known.generation + (number % 5 == 0)  # one that nobody was told of opens nothing
            self.world.down(OpenForOwner(self.command(number), order_id, known.credential_id, generation, until))

    def want_another_door(self, number: int) -> None:
        parcel_id, fault = f"p{1 + number % 4}", (None, *DoorFault)[number // 4 % 4]
        door = self.door_of(parcel_id) or 1 + number % 6
        if self.people.has_in_hand(parcel_id, door):
            until = self.world.civil_ms + 10_000
            actor = f"staff-{number % 2}"
            self.world.down(LoadParcel(self.command(number), label(1 + number % 4), actor, until, door, fault))

    def check_doors(self, number: int) -> None:
        self.open_by(number, Right.CHECK)

    def remove(self, number: int) -> None:
        self.open_by(number, Right.REMOVE)

    def rescue(self, number: int) -> None:
        self.open_by(number, Right.RESCUE)

    def hand_over(self, number: int) -> None:
        until = self.world.civil_ms + 10_000
        order_id = self.order(number)[0]
        self.world.down(OpenDoors(self.command(number), [], Right.HAND_OVER, "keeper", "why", until, order_id))

    def type_a_doors_number(self, number: int) -> None:
        self.at(number).type(str(1 + number % 7))

    def set_a_condition(self, number: int) -> None:
        self.world.tell(SetDoorCondition(1 + number % 6, "broken" if number % 3 == 0 else "to_check"))

    def plan_again(self, number: int) -> None:
        order_id = self.order(number)[0]
        self.people.planned_again[order_id].append(len(self.world.events))
        self.world.tell(PlanOrder(order_id, [each for each in self.parcels if each.order_id == order_id]))

    def load_all(self, number: int) -> None:
        """A driver's whole round at this locker."""
        self.show_a_staff_code(number)
        for which in range(4):
            self.scan_a_label(which)
            self.at(number).report()
            self.at(number).shut(*self.open_doors(number))

    def clear_all(self, number: int) -> None:
        self.show_a_staff_code(number)
        for door in self.at(number).doors:
            self.at(number).type(str(door))
            self.at(number).report()
            self.at(number).shut(*self.open_doors(number))

    def be_careless(self, number: int) -> None:
        self.people.careless = number % 2 == 0

    def shut_all(self, number: int) -> None:
        self.at(number).shut(*self.open_doors(number))

    def shut_one(self, number: int) -> None:
        self.at(number).shut(*self.open_doors(number)[:1])

    def force(self, number: int) -> None:
        doors = list(self.at(number).doors)
        self.at(number).force(doors[number % len(doors)])

    def jam(self, number: int) -> None:
        self.at(number).jammed = set(self.at(number).doors)

    def mend(self, number: int) -> None:
        self.at(number).jammed = set()

    def beat(self, number: int) -> None:
        self.at(number).send_beat()

    def report(self, number: int) -> None:
        self.at(number).report(earlier_boot=number % 4 == 0)

    def wait(self, number: int) -> None:
        self.world.wait(number % 15)

    def wait_a_minute(self, number: int) -> None:
        self.world.wait(61 + number)

    def crash(self, _number: int) -> None:
        self.world.crash()

    def reboot(self, number: int) -> None:
        self.at(number).reboot(f"boot{self.world.ms}")
        self.at(number).be_born()

    def shut_in_the_dark(self, number: int) -> None:
        """Power fails, somebody pushes a door shut, power comes back: the controller tells what it finds."""
        controller, found = self.at(number), self.open_doors(number)[:1]
        controller.reboot(f"boot{self.world.ms}")
        controller.doors |= dict.fromkeys(found, "shut")
        controller.happen(*(DoorShut(door) for door in found))
        controller.be_born()

    def unplug(self, number: int) -> None:
        self.at(number).powered = False

    def plug_in(self, number: int) -> None:
        self.at(number).powered = True
        self.at(number).report()

    def lose_commands(self, number: int) -> None:
        self.world.reachable = number % 2 == 0

    def cut_the_uplink(self, _number: int) -> None:
        self.world.give(UplinkDown())

    def join_the_uplink(self, _number: int) -> None:
        self.world.give(UplinkUp())

    def acknowledge(self, number: int) -> None:
        self.world.acknowledge(self.world.site.up.seq * (number % 5) // 4)

    def revoke(self, number: int) -> None:
        self.world.tell(RevokeCredential(self.order(number)[0], 1))

    def cancel(self, number: int) -> None:
        self.world.tell(CancelOrder(self.order(number)[0]))

    def reissue(self, number: int) -> None:
        order_id, handle = self.order(number)
        self.world.tell(IssueCredential(credential(2, order_id=order_id, handle=handle)))

    def begin_a_new_log(self, number: int) -> None:
        self.world.down_log, self.world.down_seq = f"down{self.world.ms}", 0
        self.world.tell(snapshot(parcels=self.parcels[: number % 5]))

    def forget_its_memory(self, number: int) -> None:
        controller = self.at(number)
        controller.reboot(f"boot{self.world.ms}")
        controller.store_id, controller.event_no, controller.pending = f"memory{self.world.ms}", 0, []

    def at(self, number: int) -> Controller:
        return (self.world.g1, self.world.g1, self.world.g2)[number % 3]

    def order(self, number: int) -> tuple[str, int]:
        return (("o1", 7), ("o2", 8))[number // 2 % 2]

    def open_doors(self, number: int) -> list[int]:
        return [door for door, state in self.at(number).doors.items() if state == "open"]

    def open_by(self, number: int, right: Right) -> None:
        doors = [1 + number % 6] if number % 2 else [1 + number % 6, 1 + number // 6 % 6]
        until = self.world.civil_ms + 10_000
        self.world.down(OpenDoors(self.command(number), doors, right, f"staff-{number % 2}", "why", until))

    def door_of(self, parcel_id: str) -> int | None:
        """The door a driver means: where the parcel is being loaded, or counts as loaded."""
        for grant in reversed(self.world.site.grants.rows.values()):
            for door in grant.doors:
                if grant.right is Right.LOAD and door.parcel_id == parcel_id:
                    return door.door
        return None

    def command(self, number: int) -> str:
        """A command id; now and then one that was used before."""
        self.commands += number % 3 > 0
        return f"c{self.commands}"


NO_ACTS = {"at", "order", "open_doors", "command", "open_by", "door_of"}
ACTS = [name for name in vars(Walker) if not name.startswith("_") and name not in NO_ACTS]


@settings(max_examples=150, deadline=None)
@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 60)), max_size=45))
def test_the_record_stays_true(acts: list[tuple[str, int]]) -> None:
    walker = Walker()
    for act, number in acts:
        getattr(walker, act)(number)
        check(walker.world)
        check_log(walker.people)


def check(world: World) -> None:
    site = world.site
    granted = Counter(door for grant in world.grants() for door in grant.doors)
    pulsed = Counter(world.pulses)
    assert all(count <= granted[door] for door, count in pulsed.items())  # I3, I6: no pulse without its record
    assert len(world.audit) == len(world.grants())
    unlocks = [(each.at, each.body) for each in world.events if isinstance(each.event, UnlockGranted)]
    assert [(each.at, each.body) for each in world.audit] == unlocks  # the service can hold its chain against ours
    assert [each.seq for each in world.events] == list(range(1, len(world.events) + 1))
    assert len(site.sending.cache) <= 512
    rows = {(table.kind, key) for table in site.tables() if table.kind != "mark" for key in table.rows}
    assert rows == {key for key in world.records if key[0] != "mark"}  # memory and store cannot differ


FIELDS = ["boot_id", "beat", "store_id", "event_no", "doors", "zones", "events"]


@given(payload=st.binary(max_size=300), kind=st.sampled_from(["report", "presence", "command", "x"]))
def test_no_bytes_on_the_bus_raise(payload: bytes, kind: str) -> None:
    SHARED.give(BusMessage(f"locker/v1/gw/G1/{kind}", payload, SHARED.ms))
    SHARED.give(BusMessage(payload.decode("latin-1"), payload, SHARED.ms))


@given(payload=st.binary(max_size=300))
def test_no_bytes_from_the_uplink_raise(payload: bytes) -> None:
    SHARED.give(UplinkMessage(payload, SHARED.ms))
    SHARED.give(UplinkMessage(b"1.1." + payload, SHARED.ms))


@given(
    st.sampled_from([Beat, ControllerBirth, Events, ControllerDeath, EventsReceived]),
    st.dictionaries(st.sampled_from(FIELDS), st.none()),
)
def test_no_message_with_fields_missing_or_of_another_kind_raises(shape: type, fields: dict[str, None]) -> None:
    payload = json.dumps({"type": shape.__name__, **fields}).encode()
    SHARED.give(BusMessage(bus_topic("gw", "G1", "report"), payload, SHARED.ms))
    SHARED.give(BusMessage(bus_topic("gw", "G1", "presence"), payload, SHARED.ms))


SHARED = World()
