"""Drivers: they load what is in the van, wipe what was emptied, take out what nobody may have any more.

They err: two hold one label, a bag goes behind the wrong door, somebody is called away with a door open.
"""

from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from locker_protocol.label import Label, write_label
from locker_protocol.uplink_messages import LoadParcel
from locker_protocol.vocabulary import DoorCondition, DoorFault, Right
from simulation.hands import GOOD_STATES, LOOKS_MS, STAYS_MS
from simulation.kernel import Process
from simulation.lobby import VAN, Bag, Opening

if TYPE_CHECKING:
    from simulation.world import World


class Drivers:
    """Everybody with a van."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos
        self.lobby, self.service, self.hands = world.lobby, world.service, world.hands
        self._in_hand: set[str] = set()
        self._before: set[int] = set()

    def driver(self, number: int) -> Process:
        """Load what is in the van, wipe what was emptied, take out what nobody may have any more."""
        yield self.kernel.between(500, 3_000)
        while not self.world.gone_home:
            yield self.kernel.between(100, 900)
            if self.world.heat or self.kernel.chance(0.25):
                yield from self._sweep(number)
            bag = self._next_bag()
            if bag is not None and bag.parcel_id in self._in_hand:
                yield from self._show_label(number, bag)
            elif bag is not None:
                self._in_hand.add(bag.parcel_id)
                yield from self._load(number, bag)
                if bag.place == VAN:
                    yield self.kernel.between(1_000, 3_500)
                self._in_hand.discard(bag.parcel_id)

    def _next_bag(self) -> Bag | None:
        waiting = [bag for bag in self.lobby.bags.values() if self._is_to_load(bag)]
        fresh = [bag for bag in waiting if bag.parcel_id not in self._in_hand]
        if waiting and self.chaos.strikes("two_drivers_one_label"):
            return self.kernel.pick(waiting)
        return self.kernel.pick(fresh) if fresh else None

    def _is_to_load(self, bag: Bag) -> bool:
        parcel = self.service.book.parcels.get(bag.parcel_id)
        states = (ParcelState.PACKED, ParcelState.PLANNED)
        live = parcel is not None and self.hands.state(bag.order_id) in (OrderState.PAID, *GOOD_STATES)
        loadable = live and parcel is not None and parcel.state in states
        return loadable and (bag.place == VAN or self._is_in_doubt(bag))

    def _is_in_doubt(self, bag: Bag) -> bool:
        """It was put behind a door, and the site asks for its label once more."""
        return isinstance(bag.place, int) and bag.parcel_id in self.service.book.unsure

    def _load(self, number: int, bag: Bag) -> Iterator[int]:
        label = yield from self._show_label(number, bag)
        self.world.cold_trouble.at_the_door()
        if self.chaos.strikes("order_cancelled_while_loaded"):
            self.kernel.after(self.kernel.between(0, 6_000), partial(self.hands.cancel, bag.order_id))
        yield from self._put_behind_its_door(number, bag, label)

    def _show_label(self, number: int, bag: Bag) -> Generator[int, None, str]:
        manifest = self.service.book.parcels[bag.parcel_id].manifest
        label = write_label(Label(self.world.site_no, manifest.run_no, manifest.ref))
        if self.hands.phone_fails or self.kernel.chance(0.5):
            yield from self._scan_label(number, label)
        else:
            self._load_by_phone(number, label)
        return label

    def _scan_label(self, number: int, label: str) -> Iterator[int]:
        controller = self.hands.locker()
        self.hands.scan(controller, self.hands.staff_code(number))
        yield self.kernel.between(100, 900)
        self.hands.scan(controller, label)

    def _load_by_phone(
        self, number: int, label: str, *, door: int | None = None, fault: DoorFault | None = None
    ) -> str:
        command_id, until = self.hands.command()
        self.service.ask(LoadParcel(command_id, label, f"staff-{number}", until, door, fault))
        return command_id

    def _put_behind_its_door(self, number: int, bag: Bag, label: str) -> Iterator[int]:
        began_ms, until_ms, moved = self.kernel.ms, self.kernel.ms + STAYS_MS, False
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            opening = next((each for each in self.lobby.open.values() if self._opened_to_load(each, bag)), None)
            if opening is None and (
                self.hands.sent_away(began_ms) or self.hands.refused_afar(f"c{self.hands.commands}")
            ):
                return
            if opening is None:
                continue
            if self.chaos.strikes("driver_goes_away"):
                return
            opening.attended = True
            if isinstance(bag.place, int) and bag.place != opening.door:
                bag.excuse("lies behind another door than its label opens")
            if bag.place == VAN and not self._put_behind_another(bag, opening) and not self.lobby.behind(opening.door):
                self.lobby.put(bag, opening.door)
            yield self.kernel.between(200, 2_000)
            lies_here = bag.place == opening.door
            if (not lies_here and bag.place == VAN) or (not moved and self.chaos.strikes("driver_wants_another_door")):
                moved = True
                yield from self._want_another_door(number, bag, label, opening)
                began_ms, until_ms = self.kernel.ms, self.kernel.ms + STAYS_MS
                continue
            self.hands.push_shut(opening)
            return

    def _put_behind_another(self, bag: Bag, opening: Opening) -> bool:
        """The other driver's door stands open too, and is nearer."""
        others = [each for each in self.lobby.open.values() if self._is_another_load(each, opening)]
        if not others or not self.chaos.strikes("loaded_behind_another_door"):
            return False
        wrong = others[0]
        for each in (bag, self.lobby.bags[(wrong.grant and wrong.grant.parcel_id) or bag.parcel_id]):
            each.excuse("loaded wrongly")
        self.lobby.put(bag, wrong.door)
        return True

    def _is_another_load(self, each: Opening, opening: Opening) -> bool:
        loads = each.grant is not None and each.grant.right is Right.LOAD
        return loads and each is not opening and not self.lobby.behind(each.door)

    def _want_another_door(self, number: int, bag: Bag, label: str, opening: Opening) -> Iterator[int]:
        if self.lobby.open.get(opening.door) is not opening:
            return
        if bag.place == opening.door:
            self.lobby.take(bag, VAN)
        door, fault = opening.door, self.kernel.pick((None, *DoorFault))
        for _ in range(3):
            command_id = self._load_by_phone(number, label, door=door, fault=fault)
            yield self.kernel.between(500, 3_000)
            if command_id in self.service.answers:
                break
        if command_id not in self.service.answers or self.hands.refused_afar(command_id):
            bag.excuse("nobody heard that it is in hand")
        self.hands.push_shut(opening)

    def _opened_to_load(self, opening: Opening, bag: Bag) -> bool:
        grant = opening.grant
        return grant is not None and grant.right is Right.LOAD and grant.parcel_id == bag.parcel_id

    def _sweep(self, number: int) -> Iterator[int]:
        work = [(door, Right.REMOVE) for door in self._to_remove()[:2]]
        work += [(door, Right.CHECK) for door in self._to_check()[:3]]
        for door, right in work:
            if door in self._before and not self.chaos.strikes("two_drivers_one_door"):
                continue
            self._before.add(door)
            yield from self._open_and_empty(number, door, right)
            self._before.discard(door)

    def _open_and_empty(self, number: int, door: int, right: Right) -> Iterator[int]:
        if right is Right.CHECK and (self.hands.phone_fails or self.kernel.chance(0.3)):
            controller = self.lobby.controllers[door]
            self.hands.scan(controller, self.hands.staff_code(number))
            yield self.kernel.between(100, 900)
            self.hands.type(controller, str(door))
            yield from self.hands.empty(door, right)
        else:
            yield from self.hands.empty(door, right, command_id=self.hands.ask(right, [door]))

    def _to_remove(self) -> list[int]:
        """What lies there of orders that ended, or were withdrawn, and what must not be eaten."""
        book = self.service.book
        return [
            parcel.door
            for parcel in book.parcels.values()
            if parcel.state is ParcelState.LOADED
            and parcel.door
            and (
                book.cold.is_condemned(parcel.manifest.parcel_id)
                or book.orders[parcel.manifest.order_id].state not in (OrderState.PAID, *GOOD_STATES)
            )
        ]

    def _to_check(self) -> list[int]:
        return [door for door, is_so in self.service.book.conditions.items() if is_so is DoorCondition.TO_CHECK]
