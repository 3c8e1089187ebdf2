"""The steel and the bags: what is physically so, whatever any program believes.

It decides how doors move and which bags lie behind them. An opening is one swing of a door, from open to shut; it
remembers which command its lock obeyed and whether its controller ever knew of it.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from firmware_sim.hardware import Cabinet, Edge
from simulation.kernel import Kernel, Violation

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.oracle import KnownGrant

# A little more than a controller waits for a door after its pulse.
FOLLOWS_MS = 11_000
# And a little less.
SURELY_FOLLOWS_MS = 9_500
MINUTE_MS = 60_000
VAN, OWNER, STAFF, THIEF, SHOP = "van", "owner", "staff", "thief", "shop"


@dataclass(slots=True, eq=False)
class Opening:
    """One swing of a door. `known`: the controller recorded it. `leave_ms`: it was left open, for that long.

    `attended`: whom it was opened for came to it. `unfelt`: its contact was stuck when it opened.
    `late`: no record can put it down to what caused it, for the lock yielded long after its pulse or the wires lie.
    """

    door: int
    at_ms: int
    grant: "KnownGrant | None"
    late: bool = False
    known: bool = False
    shut_ms: int | None = None
    attended: bool = False
    leave_ms: int = 0
    boot_id: str = ""
    unfelt: bool = False


@dataclass(slots=True, eq=False)
class Bag:
    """One parcel's bag. `put_minute`: since which true minute it lies where it lies."""

    parcel_id: str
    order_id: str
    place: str | int = SHOP
    put: Opening | None = None
    taken: Opening | None = None
    excused: set[str] = field(default_factory=set)
    put_minute: int = 0

    @property
    def evident(self) -> bool:
        """True when a controller told that this bag's door opened for it, so that the record can know of the bag.

        A lock that yields long after its pulse is to every program a door that somebody forced.
        """
        return not self.excused and self.put is not None and self.put.known and not self.put.late

    def excuse(self, why: str) -> None:
        """From now on nobody can know where this bag is by the record alone."""
        self.excused.add(why)


class Lobby:
    """All doors of a site and all bags of its orders."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.bags: dict[str, Bag] = {}
        self.controllers: dict[int, ControllerNode] = {}
        self.open: dict[int, Opening] = {}
        self.pulsed: dict[int, KnownGrant] = {}
        self.pulsed_ms: dict[int, int] = {}
        self.to_wipe: dict[int, Opening] = {}
        self.miswired: set[int] = set()
        self._edges: dict[int, int] = {}

    def cabinet(self, door: int) -> Cabinet:
        """The cabinet a door belongs to."""
        return self.controllers[door].cabinet

    def behind(self, door: int) -> list[Bag]:
        """The bags behind a door."""
        return [bag for bag in self.bags.values() if bag.place == door]

    # --- doors

    def pulse(self, door: int, grant: "KnownGrant") -> bool:
        """A lock was energised: True when its door sprang open."""
        cabinet = self.cabinet(door)
        self.pulsed[door], self.pulsed_ms[door] = grant, self.kernel.ms
        was_shut = cabinet.doors[door].position == "shut"
        edges = cabinet.pulse(door)
        if was_shut and cabinet.doors[door].position != "shut":
            self._opened(door, grant, late=False)
            self._play(door, edges)
            return True
        opening = self.open.get(door)
        if opening is not None and opening.grant is None:
            opening.grant = grant  # forced in this very moment: whoever was let in finds it open
        return False

    def spring(self, door: int, grant: "KnownGrant | None") -> None:
        """A door comes open by itself, late after its pulse, or by force."""
        cabinet = self.cabinet(door)
        if cabinet.doors[door].position == "shut":
            edges = cabinet.use(door, "open_by_force")
            self._opened(door, grant, late=True)
            self._play(door, edges)

    def pulsed_lately(self, door: int) -> bool:
        """True while an opening would be put down to the last pulse, whoever brought it about."""
        return self.kernel.ms - self.pulsed_ms.get(door, -FOLLOWS_MS) < FOLLOWS_MS

    def shut(self, door: int) -> None:
        """Push a door shut."""
        opening = self.open.pop(door, None)
        if opening is not None:
            self.kernel.note("shut", door)
            opening.shut_ms = self.kernel.ms
            self._play(door, self.cabinet(door).use(door, "shut"))

    def contact_speaks_again(self, door: int) -> None:
        """A stuck contact came loose and says how its door stands."""
        cabinet = self.cabinet(door)
        cabinet.use(door, "unstick")
        self._play(door, [Edge(1, door, cabinet.doors[door].position != "shut")])

    def swap_wires(self, one: int, other: int, *, back: bool = False) -> None:
        """Each of two doors' contacts is wired to the other's input; or is again to its own."""
        doors = self.cabinet(one).doors
        self.miswired |= {one, other}
        for door, wired_as in ((one, other), (other, one)):
            self._distrust(door)
            doors[door].wired_as = None if back else wired_as
        for door in (one, other):
            self._play(door, [Edge(1, doors[door].wired_as or door, doors[door].position != "shut")])
        if back:
            self.miswired -= {one, other}

    def _distrust(self, door: int) -> None:
        """What is behind this door now, and who opens it, the record can get wrong."""
        for bag in self.behind(door):
            bag.excuse("miswired")
        if door in self.open:
            self.open[door].late = True
        self.to_wipe.pop(door, None)

    def recorded(self, door: int, command_id: str | None, *, boot_id: str, meant: str | None = None) -> None:
        """The controller made it durable that this door is open, by a command or by nobody's. Raises Violation.

        Only one that lost its power since, or whose contact was stuck for ten seconds, cannot know by which. One whose
        contact came loose only after another command had pulsed the same lock names that one: a lock that jams, and
        yields to the second pulse, looks the same; so does a door whose wires were another's until that pulse. The
        parcel that command was `meant` for is then booked for a door that opened for somebody else.
        """
        opening = self.open.get(door)
        if opening is None:
            return
        knows = opening.boot_id == boot_id and self.kernel.ms - opening.at_ms < SURELY_FOLLOWS_MS
        if command_id is None and knows and not (opening.known or opening.late):
            raise Violation("I3", f"door {door} opened and its event names no unlock", door)
        opening.known = True
        by_another = opening.grant is not None and opening.grant.command_id != command_id
        hidden = by_another and (opening.unfelt or opening.late)
        opening.late |= command_id is None or hidden
        if hidden and meant in self.bags:
            self.bags[meant].excuse("put down to its command")

    # --- bags

    def put(self, bag: Bag, door: int) -> None:
        """Put a bag behind an open door."""
        opening = self.open[door]
        others = self.behind(door)
        if others:
            raise Violation(
                "I2", f"two bags behind door {door}", door, bag.parcel_id, *(each.parcel_id for each in others)
            )
        bag.place, bag.put = door, opening
        bag.put_minute = self.controllers[door].clock.true_ms() // MINUTE_MS
        if door in self.miswired:
            bag.excuse("miswired")
        self.kernel.note("put", door, bag.parcel_id, bag.order_id)

    def take(self, bag: Bag, whither: str) -> None:
        """Take a bag from behind an open door."""
        door = bag.place
        if not isinstance(door, int):
            raise TypeError("only what lies behind a door can be taken")
        opening = self.open[door]
        bag.place, bag.taken = whither, opening
        if whither != VAN and not bag.excused:
            self.to_wipe[door] = opening
        self.kernel.note("taken", door, bag.parcel_id, bag.order_id, whither)

    def _opened(self, door: int, grant: "KnownGrant | None", *, late: bool) -> None:
        state = self.controllers[door].state
        boot_id = state.boot_id if state else ""
        opening = Opening(door, self.kernel.ms, grant, late=late or door in self.miswired, boot_id=boot_id)
        opening.unfelt = self.cabinet(door).doors[door].stuck_contact is not None
        self.open[door] = opening
        self.kernel.note("sprang_open", door, grant.command_id if grant else None, grant.order_id if grant else None)

    def _play(self, door: int, edges: list[Edge]) -> None:
        """A door that turns round in mid-swing bounces no more of its first way."""
        number = self._edges[door] = self._edges.get(door, 0) + 1
        for edge in edges:
            self.kernel.after(edge.after_ms, partial(self._edge, door, number, edge))

    def _edge(self, door: int, number: int, edge: Edge) -> None:
        if self._edges[door] == number:
            self.controllers[door].contact_changed(edge.door, is_open=edge.is_open)
