"""Holds what owners are given against how cold their food was in truth, and against what is durable about it.

It adds up for itself, from the true temperatures, and only what is certain: a minute counts as over a line when the
food was over it before, in and after it; a gap when it is clearly longer than is forgiven. It asks no program.
Where the gateway's calendar was wrong nobody can put minutes beside each other, and the truth is left out.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import msgspec

from locker_gateway.cold.records import Sampling
from locker_gateway.outputs import PutMinutes
from locker_protocol.codec import decode
from locker_protocol.cold_chain.policy import Line
from locker_protocol.cold_messages import ParcelCleared, ParcelCondemned, ParcelQuarantined, ReleaseParcel
from locker_protocol.errors import ProtocolError
from locker_protocol.site_entries import Entry
from locker_protocol.site_events import ParcelCollected, ParcelRemoved, ParcelTakenBack, SiteEvent
from locker_protocol.telemetry import Samples, ZoneMinute
from locker_protocol.vocabulary import Right, Zone
from simulation.fridges import ABSURD, MINUTE_MS
from simulation.kernel import Violation
from simulation.lobby import Bag

if TYPE_CHECKING:
    from simulation.oracle import KnownGrant
    from simulation.world import World

# A little more than the ten seconds after which a silent controller's minutes are a gap.
SILENT_MS = 11_500
# Minutes nobody is held to: the first and last of a stay, and those a stamp may be off.
UNSURE_MIN = 5
# Minutes of now that may still be on their way.
UNTOLD_MIN = 3
# Two hours, by the gateway's calendar, and how long it may take to see that they are over.
DECIDED_WITHIN_MS, OVERDUE_MS = 2 * 3_600_000 + 120_000, 5_000
TOLERATED_C = 0.1
# What waited longer is stamped by how fast the calendar seemed to run: very fast, for so long after a leap.
WAITS_MS, LEAPS_TELL_MS = 100, 90_000

STAMPED_WRONGLY = "stamped wrongly"

Minute = Literal["over", "not", "unknown", "excused"]

_minutes = msgspec.json.Decoder(ZoneMinute)
_sampling = msgspec.json.Decoder(Sampling)


class ColdOracle:
    """The part of the oracle that knows temperatures."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.lobby = world, world.kernel, world.lobby
        self.kept: dict[str, Literal["quarantine", "discard"]] = {}
        self.condemned: dict[str, set[str]] = {}
        self.released: set[str] = set()
        self.doubted = False
        self.samples_ms: dict[str, int] = {}
        self._measured: dict[tuple[str, int], bool] = {}
        self._last: dict[str, int] = {}
        self._silent_through: dict[str, int] = {}
        self._found_ms: dict[str, int] = {}
        self._overdue: dict[str, int] = {}
        self._stays: dict[str, frozenset[str]] = {}
        self._loaded_minute: dict[str, int] = {}
        self._lost: set[tuple[str, int]] = set()
        self._cleared: list[ParcelCleared] = []
        self._found_now: set[str] = set()

    # --- what became durable

    def written(self, record: PutMinutes) -> None:
        """I10: no minute is kept colder than it was, and none by a value that no probe can mean."""
        self.look_at_the_clock()
        for zone, number, body in record.rows:
            minute = _minutes.decode(body)
            self._measured[record.controller, number] = minute.product_max is not None
            self._last[record.controller] = max(number, self._last.get(record.controller, 0))
            if zone is Zone.CHILLED and not self.doubted and minute.product_max is not None:
                self._judge_minute(record.controller, number, minute)

    def _judge_minute(self, controller: str, number: int, minute: ZoneMinute) -> None:
        fridge = self.world.controllers[controller].fridge
        said_wrongly = {fridge.said_wrongly.get(each) for each in (number - 1, number)}
        if said_wrongly == {None}:
            true = [fridge.food[each] for each in (number - 1, number) if each in fridge.food]
            least, most = (minute.product_min or 0) / 100, (minute.product_max or 0) / 100
            if true and not min(true) - TOLERATED_C <= least <= most <= max(true) + TOLERATED_C:
                raise Violation("I10", f"minute {number} is kept as {least}..{most} and was {true}", controller)
        elif said_wrongly <= set(ABSURD) and fridge.said_rightly.isdisjoint((number - 1, number)):
            raise Violation("I10", f"minute {number} is believed although its probe failed", controller)

    def loaded(self, parcel_id: str, controller: str) -> None:
        """Its door was seen shut: from here on its zone's minutes are its own; until here nobody measured it."""
        self._loaded_minute[parcel_id] = self.world.controllers[controller].clock.true_ms() // MINUTE_MS

    def told(self, event: SiteEvent) -> None:
        """A commit says this of a parcel."""
        match event:
            case ParcelQuarantined(parcel_id):
                self.kept.setdefault(parcel_id, "quarantine")
                self._found_now.add(parcel_id)
                self.world.cold_trouble.quarantined()
            case ParcelCondemned(parcel_id):
                self.condemned.setdefault(parcel_id, set()).add(event.food_class)
                if self.condemned[parcel_id] >= self._in_bag(parcel_id):
                    self.kept[parcel_id] = "discard"
                    self._found_ms.pop(parcel_id, None)
            case ParcelCleared(parcel_id):
                self._cleared.append(event)
            case ParcelCollected(parcel_id) | ParcelRemoved(parcel_id) | ParcelTakenBack(parcel_id):
                self._forget(parcel_id)
            case _:
                pass

    def entry_applied(self, entry: Entry) -> None:
        """The site heard what staff let go on."""
        if isinstance(entry, ReleaseParcel):
            self._stays[entry.parcel_id] = frozenset(entry.food_classes)

    def committed(self) -> None:
        """I11: what was crossed for good is never released."""
        self.look_at_the_clock()
        for cleared in self._cleared:
            parcel_id = cleared.parcel_id
            if cleared.actor is not None:
                self.released.add(parcel_id)
            bad = self.condemned.get(parcel_id, set()) & self._in_bag(parcel_id)
            if bad or self.kept.get(parcel_id) == "discard":
                raise Violation("I11", f"{parcel_id} is released with {sorted(bad)} condemned", parcel_id)
            self.kept.pop(parcel_id, None)
            self._found_ms.pop(parcel_id, None)
        self._cleared.clear()
        for parcel_id in sorted(self._found_now):
            if self.kept.get(parcel_id) == "quarantine":
                self._found_ms.setdefault(parcel_id, self.world.oracle.memory.stamp_ms)
        self._found_now.clear()

    def _forget(self, parcel_id: str) -> None:
        for known in (self.kept, self._found_ms, self.condemned, self._overdue):
            known.pop(parcel_id, None)
        self.released.discard(parcel_id)

    def gateway_lost_its_disk(self) -> None:
        """A new store: minutes, and what it found out, are gone; what the service was told of comes back."""
        self._measured.clear()
        self._last.clear()
        for known in (self.kept, self._found_ms, self.condemned):
            known.clear()

    # --- time

    def samples_come(self, name: str, payload: bytes) -> None:
        """The gateway takes a report in. Where the calendar leapt while it was on its way, no stamp can be right."""
        self.samples_ms[name] = self.kernel.ms
        node = self.world.controllers[name]
        sent_ms, true_ms = node.samples_sent[payload]
        leapt_ms = self.world.leapt_at_ms
        waited_ms = self.kernel.ms - sent_ms
        if sent_ms <= leapt_ms or (waited_ms > WAITS_MS and self.kernel.ms - leapt_ms < LEAPS_TELL_MS):
            try:
                run: Samples = decode(payload, Samples)
            except ProtocolError:
                return  # it says what no probe can; the gateway refuses it whole
            first = (true_ms - run.age_ms) // MINUTE_MS - len(run.zones[0].air_c)
            last = node.clock.true_ms() // MINUTE_MS + 1
            # They are put among others, up to an hour before theirs.
            node.fridge.said_wrongly |= dict.fromkeys(range(first - 60, last + 1), STAMPED_WRONGLY)
            self._lost |= {(name, each) for each in range(first - 1, last + 1)}

    def gateway_ended(self) -> None:
        """What was sampled in minutes not ended yet was in its memory alone, and is not taken again."""
        for name, node in self.world.controllers.items():
            now = node.clock.true_ms() // MINUTE_MS
            # A gateway that hung while the calendar leapt had not ended a minute of hours ago.
            self._lost |= {(name, each) for each in range(self._last.get(name, now - 60), now + 2)}

    def beat_stands_in(self, name: str) -> None:
        """Until a birth was heard a beat's values count as of now, and the calendar may have leapt since they were."""
        node = self.world.controllers[name]
        now = node.clock.true_ms() // MINUTE_MS
        if self.kernel.ms - self.world.leapt_at_ms < LEAPS_TELL_MS:
            node.fridge.said_wrongly |= dict.fromkeys(range(now - 1, now + 2), STAMPED_WRONGLY)

    def look_at_the_clock(self) -> None:
        """From now on the gateway's minutes are not the true ones, perhaps."""
        clock = self.world.gateway.clock
        if clock.off_ms or clock.drift or clock.stands:
            self.doubted = True

    def ticked(self) -> None:
        """The gateway looked at everything that is due."""
        self.look_at_the_clock()
        node = self.world.gateway
        for name, controller in self.world.controllers.items():
            since_ms = max(self.samples_ms.get(name, 0), node.started_ms)
            if self.kernel.ms - since_ms >= SILENT_MS and node.site is not None and node.site.seen:
                self._silent_through[name] = controller.clock.true_ms() // MINUTE_MS - UNTOLD_MIN
            else:
                self._silent_through.pop(name, None)
        for parcel_id, found_ms in self._found_ms.items():
            if self.world.oracle.memory.stamp_ms - found_ms >= DECIDED_WITHIN_MS:
                late_ms = self.kernel.ms - self._overdue.setdefault(parcel_id, self.kernel.ms)
                if late_ms > OVERDUE_MS and self.kernel.ms - node.started_ms > OVERDUE_MS and not self.world.disturbed:
                    raise Violation("I11", f"nobody decided on {parcel_id} in two hours", parcel_id)

    # --- grants

    def judge(self, grant: "KnownGrant") -> None:
        """I11, I10: for an owner, and for whoever hands over to one."""
        parcel_id = grant.parcel_id or ""
        if parcel_id in self.kept:
            raise Violation(
                "I11", f"door {grant.door} opens for {grant.right}, and its food is kept", grant.door, parcel_id
            )
        bag = self.lobby.bags.get(parcel_id)
        if grant.right is Right.REOPEN or self.doubted or self.world.disturbed or bag is None:
            return
        if bag.evident and bag.place == grant.door:
            for food_class in sorted(self._in_bag(parcel_id)):
                self._judge_class(grant, bag, food_class)

    def _judge_class(self, grant: "KnownGrant", bag: Bag, food_class: str) -> None:
        rules = self.world.policy.of(food_class)
        assert rules is not None
        quarantine = [] if bag.parcel_id in self.released else rules.quarantine
        for line in (*quarantine, *rules.discard):
            minutes = self._minutes(self.lobby.controllers[grant.door].name, bag, line)
            if self._is_crossed(line, minutes):
                limit = f"{line.side} {line.limit_c} °C for {line.for_s // 60} min"
                raise Violation(
                    "I10", f"{bag.parcel_id} is handed out, and its {food_class} was {limit}", grant.door, bag.parcel_id
                )

    def _minutes(self, controller: str, bag: Bag, line: Line) -> Iterable[Minute]:
        """What is certain of each minute that the bag lay there; the newest are those told, or not told by now."""
        last = max(self._last.get(controller, 0), self._silent_through.get(controller, 0))
        numbers = range(bag.put_minute + 2, last + 1)
        since = self._loaded_minute.get(bag.parcel_id, 0)
        return [self._one(controller, each, line) if each > since else "unknown" for each in numbers]

    def _one(self, controller: str, number: int, line: Line) -> Minute:
        fridge = self.world.controllers[controller].fridge
        around = (number - 1, number, number + 1)
        told = [fridge.said_wrongly.get(each) for each in around]
        if any(each is not None and each not in ABSURD for each in told):
            return "excused"
        if not any(self._measured.get((controller, each)) for each in (number, number + 1)):
            return "unknown"
        food = [fridge.food[each] for each in around if each in fridge.food]
        above = line.side == "above"
        over = min(food) > line.limit_c + TOLERATED_C if above else max(food) < line.limit_c - TOLERATED_C
        return "over" if over and told == [None] * 3 else "not"

    def _is_crossed(self, line: Line, minutes: Iterable[Minute]) -> bool:
        needed = line.for_s // 60 + UNSURE_MIN if line.for_s else 2
        total = stretch = gap = 0
        for minute in (*minutes, "end"):
            if minute == "unknown":
                gap += 1
                continue
            counts = line.side == "above" and line.for_s > 0 and gap * 60 > self.world.policy.gap_s + 60 * UNSURE_MIN
            counted = (gap - UNSURE_MIN if counts else 0) + (minute == "over")
            total, stretch, gap = total + counted, stretch + counted, 0
            if (stretch if line.counted == "continuous" else total) > needed:
                return True
            stretch = stretch if minute == "over" else 0
        return False

    def _in_bag(self, parcel_id: str) -> set[str]:
        """The classes that staff did not take out."""
        parcel = self.world.manifests.get(parcel_id)
        classes = set(parcel.food_classes) if parcel else set()
        return classes & self._stays.get(parcel_id, frozenset()) if parcel_id in self.released else classes

    # --- once all is quiet

    def judge_what_was_taken(self) -> None:
        """I17: a sample that counts as taken is in the gateway's minutes."""
        if self.doubted or self.world.disturbed:
            return
        for name, node in self.world.controllers.items():
            row = self.world.gateway.disk.rows.get(("sampling", name))
            if row is None or node.state is None:
                continue
            taken, held = _sampling.decode(row), node.state.sampling
            if taken.boot_id != node.state.boot_id:
                continue
            first = held.last_no - len(held.held) + 1
            for place in range(len(held.held)):
                number = (held.at_ms - (len(held.held) - 1 - place) * MINUTE_MS) // MINUTE_MS
                is_taken = any(low <= first + place <= high for low, high in taken.runs)
                kept = any((name, each) in self._measured for each in (number, number + 1))
                if is_taken and not kept and (name, number) not in self._lost and number <= taken.settled - 1:
                    raise Violation("I17", f"sample {first + place} of {name} was taken and is in no minute", name)
