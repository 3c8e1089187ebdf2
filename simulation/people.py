"""Residents, drivers, keepers, operators and thieves: what hands do, rightly and wrongly.

They see doors and bags, never records. Whoever showed something stays before the lockers longer than a lock may take,
so that a door which opens before nobody is a fault of the system, or of a jammed lock.
"""

from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from locker_protocol.label import Label, write_label
from locker_protocol.token import RIGHT_COLLECT, RIGHT_LOAD, RIGHT_STAFF, Token, sign_token
from locker_protocol.uplink_messages import LoadParcel, OpenDoors
from locker_protocol.vocabulary import DoorCondition, DoorFault, Refusal, Right
from simulation.kernel import Process, Violation
from simulation.lobby import OWNER, STAFF, THIEF, VAN, Bag, Opening
from simulation.oracle import TO_OWNERS, Asked

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.world import World

# Longer than the oracle lets a lock take.
STAYS_MS = 22_000
LOOKS_MS = 500
NOT_AFTER_MS = 10_000
GOOD_STATES = (OrderState.PACKED, OrderState.READY)


class People:
    """Everybody at one site."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos
        self.lobby, self.service = world.lobby, world.service
        self._in_hand: set[str] = set()
        self._commands = 0
        self._phone_fails = False

    # --- what one can do at a locker

    def scan(self, controller: "ControllerNode", text: str) -> None:
        """Hold a symbol before a scanner."""
        self.world.oracle.presented(controller.name, text)
        controller.scan(text)

    def type(self, controller: "ControllerNode", digits: str) -> None:
        """Type digits."""
        self.world.oracle.presented(controller.name, digits, typed=True)
        controller.type(digits)

    def ask(self, right: Right, doors: list[int], *, order_id: str | None = None) -> str:
        """Ask the service to open doors from afar."""
        command_id, until = self._command()
        self.service.ask(OpenDoors(command_id, doors, right, "staff-9", "simulated", until, order_id))
        return command_id

    def _command(self) -> tuple[str, int]:
        self._commands += 1
        command_id, until = f"c{self._commands}", self.service.clock.civil_ms() + NOT_AFTER_MS
        self.world.oracle.asked[command_id] = Asked(self.kernel.ms, until)
        return command_id, until

    def _locker(self) -> "ControllerNode":
        return self.kernel.pick(list(self.world.controllers.values()))

    # --- residents

    def resident(self, order_id: str) -> Process:
        """Collect an order: come, show a code, take what opens, go; come again when nothing did."""
        if self.chaos.strikes("never_collected"):
            return
        yield self.kernel.between(500, 8_000)
        early = self.chaos.allows("came_too_early")
        while self._state(order_id) not in GOOD_STATES if early else not self._is_there(order_id):
            if self.world.closed or self._over(order_id):
                return
            yield 2_000
        if early:
            self.chaos.happened("came_too_early")
        for _ in range(12):
            if self.world.closed or self._nothing_left(order_id):
                break
            yield from self._try_to_collect(order_id)
            yield self.kernel.between(500, 9_000)
        yield from self._come_again(order_id)

    def _try_to_collect(self, order_id: str) -> Iterator[int]:
        self._spoil_the_moment(order_id)
        if self.chaos.allows("handed_over"):
            self.chaos.happened("handed_over")
            self.ask(Right.HAND_OVER, [], order_id=order_id)
        elif not self._show(order_id):
            yield 1_000
            return
        if self.chaos.strikes("walked_away"):
            return
        yield from self._wait_and_take(order_id)

    def _spoil_the_moment(self, order_id: str) -> None:
        """Someone ends the code or the order within the seconds in which it is shown."""
        for name, work in (
            ("order_cancelled_at_the_door", self._cancel),
            ("code_revoked_at_the_door", self._revoke),
        ):
            if self.chaos.strikes(name):
                self.kernel.after(self.kernel.between(0, 2_500), partial(work, order_id))
        bags = [bag for bag in self.lobby.bags.values() if bag.order_id == order_id]
        doors = [bag.place for bag in bags if isinstance(bag.place, int)]
        if doors and self.chaos.strikes("looked_at_while_collected"):
            self.kernel.after(self.kernel.between(0, 200), partial(self._look, self.kernel.pick(doors)))

    def _show(self, order_id: str) -> bool:
        """Hold the code before a scanner, or type it; sometimes a wrong one. False: there is none to show."""
        controller, text = self._locker(), self.world.qr(order_id)
        if text is None:
            return self._show_ended(controller, order_id)
        if self.chaos.strikes("shown_at_a_stalled_locker"):
            controller = self._far_from(order_id)
            controller.link.stall(self.kernel.between(*self.kernel.pick(((500, 9_000), (21_000, 32_000)))))
        self._cut_off(controller)
        if self.chaos.strikes("clock_leapt_while_shown"):
            self.world.trouble.clocks.leap_a_day()
        if self._show_badly(controller, order_id, text):
            return True
        if self.kernel.chance(0.25):
            digits = self.world.digits(order_id)
            self.type(controller, digits)
            return True
        if self.chaos.strikes("events_held_back"):
            controller = self._hold_back(order_id, text)
        self.scan(controller, text)
        self._share(order_id, text)
        if self.chaos.strikes("scanned_twice"):
            self.kernel.after(self.kernel.between(20, 1_500), partial(self.scan, controller, text))
        if self.chaos.strikes("scanned_at_two_lockers"):
            self.kernel.after(self.kernel.between(0, 800), partial(self.scan, self._locker(), text))
        return True

    def _share(self, order_id: str, text: str) -> None:
        """Somebody at home has the code too and comes as well; or somebody saw it over a shoulder."""
        if self.chaos.strikes("code_shared"):
            self.kernel.spawn(self._show_and_take(order_id, text), self.kernel.between(0, 5_000))
        if self.chaos.strikes("code_stolen"):
            self.kernel.spawn(self._show_and_steal(order_id, text), self.kernel.between(500, 60_000))

    def _show_and_take(self, order_id: str, text: str) -> Process:
        self.scan(self._locker(), text)
        yield from self._wait_and_take(order_id)

    def _show_and_steal(self, order_id: str, text: str) -> Process:
        """A stolen code opens as the owner's does: nothing in a lobby tells the two apart."""
        self.scan(self._locker(), text)
        until_ms = self.kernel.ms + STAYS_MS
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            for opening in [each for each in self.lobby.open.values() if self._opened_for(each, order_id)]:
                opening.attended = True
                for bag in self.lobby.behind(opening.door):
                    bag.excuse("stolen")
                    self.lobby.take(bag, THIEF)
                self._push_shut(opening)

    def _show_ended(self, controller: "ControllerNode", order_id: str) -> bool:
        """Its code was withdrawn, or its order was; a picture of it is still on the phone."""
        before = self.world.last_shown.get(order_id)
        if before is None or not self.chaos.strikes("ended_code_shown"):
            return False
        self.scan(controller, before)
        return True

    def _far_from(self, order_id: str) -> "ControllerNode":
        """A locker where none of the order's bags lies, if there is one."""
        lies = {bag.place for bag in self.lobby.bags.values() if bag.order_id == order_id}
        lockers = list(self.world.controllers.values())
        return next((each for each in lockers if lies.isdisjoint(each.cabinet.doors)), lockers[0])

    def _hold_back(self, order_id: str, text: str) -> "ControllerNode":
        """Where the bags lie events wait while beats pass; the code is shown elsewhere, and there again."""
        shown_at = self._far_from(order_id)
        for each in self.world.controllers.values():
            if each is not shown_at:
                each.link.hold_back(self.kernel.between(12_000, 16_000))
        self.kernel.after(self.kernel.between(10_000, 14_000), partial(self.scan, shown_at, text))
        return shown_at

    def _cut_off(self, controller: "ControllerNode") -> None:
        """The locker's connection breaks just when somebody stands there."""
        if self.chaos.strikes("shown_at_a_cut_off_locker") and not controller.link.is_cut():
            controller.link.cut({"in", "out"}, self.kernel.between(2_000, 30_000))

    def _show_badly(self, controller: "ControllerNode", order_id: str, text: str) -> bool:
        chaos, world = self.chaos, self.world
        if chaos.strikes("typed_wrong"):
            digits = world.digits(order_id)
            self.type(controller, digits[:-1] + str((int(digits[-1]) + 1) % 10))
        elif chaos.strikes("code_forged"):
            self.scan(controller, sign_token(self._token(order_id), world.strange_key))
        elif chaos.strikes("code_mutated"):
            at = self.kernel.between(2, len(text) - 1)
            other = "A" if text[at] != "A" else "B"
            self.scan(controller, text[:at] + other + text[at + 1 :])
        elif chaos.strikes("code_of_another_site"):
            self.scan(controller, sign_token(self._token(order_id, site_no=world.site_no + 1), world.ring.key))
        elif world.old_codes.get(order_id) and chaos.strikes("old_code_shown"):
            self.scan(controller, self.kernel.pick(world.old_codes[order_id]))
        else:
            return False
        return True

    def _token(self, order_id: str, *, site_no: int | None = None) -> Token:
        code = self.service.book.orders[order_id].code
        assert code is not None
        site = self.world.site_no if site_no is None else site_no
        number = (self.world.ring.key_id, site, bytes.fromhex(code.credential_id), code.handle, code.generation)
        return Token(*number, RIGHT_COLLECT, code.expires_at // 1000)

    def _wait_and_take(self, order_id: str) -> Iterator[int]:
        """Stay before the doors, take what is behind those that open for this order, push them shut."""
        forgets, until_ms = self.chaos.strikes("forgot_a_bag"), self.kernel.ms + STAYS_MS
        hasty, careless = self.chaos.allows("shut_at_once"), self.chaos.allows("door_left_open")
        took, began_ms = False, self.kernel.ms
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            mine = [each for each in self.lobby.open.values() if self._opened_for(each, order_id)]
            if mine and careless:
                self._take_and_go(mine, order_id)
                return
            for opening in mine:
                yield self.kernel.between(50, 900)
                self._take_mine(opening, order_id, forgets=forgets, hasty=hasty)
                yield 0 if hasty else self.kernel.between(100, 2_000)
                self._push_shut(opening)
                took = True
            if not mine and (self._sent_away(began_ms) or (took and self._nothing_left(order_id))):
                return

    def _take_and_go(self, mine: list[Opening], order_id: str) -> None:
        for opening in mine:
            self.chaos.happened("door_left_open")
            opening.leave_ms = self.kernel.pick((1, 50_000, 125_000))
            self._take_mine(opening, order_id, forgets=False)

    def _take_mine(self, opening: Opening, order_id: str, *, forgets: bool, hasty: bool = False) -> None:
        if self.lobby.open.get(opening.door) is not opening:
            return
        opening.attended = True
        if hasty:
            self.chaos.happened("shut_at_once")
        elif self._take_anothers(opening, order_id):
            return
        for bag in self.lobby.behind(opening.door):
            if bag.order_id != order_id and bag.evident and not self.world.disturbed:
                about = (opening.door, bag.parcel_id, bag.order_id, order_id)
                raise Violation("I13", f"a stranger's bag lies behind door {opening.door}", *about)
            if bag.order_id == order_id and (forgets or hasty):
                bag.excuse("forgotten")
            elif bag.order_id == order_id:
                self.lobby.take(bag, OWNER)

    def _take_anothers(self, opening: Opening, order_id: str) -> bool:
        """Two doors stand open side by side; somebody takes the wrong bag."""
        others = [
            bag
            for each in self.lobby.open.values()
            if each is not opening
            for bag in self.lobby.behind(each.door)
            if bag.order_id != order_id
        ]
        if not others or not self.chaos.strikes("bags_swapped"):
            return False
        for bag in (others[0], *self.lobby.behind(opening.door)):
            bag.excuse("swapped")
        self.lobby.take(others[0], OWNER)
        return True

    def _come_again(self, order_id: str) -> Iterator[int]:
        """Once more with a spent code: within a quarter of an hour it opens empty doors, later nothing."""
        code = self.world.last_shown.get(order_id)
        if code is None or self.world.closed:
            return
        if self.chaos.strikes("came_again_after_collecting"):
            yield self.kernel.between(200, 20_000)
            self.scan(self._locker(), code)
            yield from self._wait_and_take(order_id)

    def _opened_for(self, opening: Opening, order_id: str) -> bool:
        grant = opening.grant
        return grant is not None and grant.order_id == order_id and grant.right in TO_OWNERS

    def _push_shut(self, opening: Opening) -> None:
        if self.lobby.open.get(opening.door) is opening:
            self.lobby.shut(opening.door)

    # --- drivers

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
        live = parcel is not None and self._state(bag.order_id) in (OrderState.PAID, *GOOD_STATES)
        return live and bag.place == VAN and parcel is not None and parcel.state in states

    def _load(self, number: int, bag: Bag) -> Iterator[int]:
        label = yield from self._show_label(number, bag)
        if self.chaos.strikes("order_cancelled_while_loaded"):
            self.kernel.after(self.kernel.between(0, 6_000), partial(self._cancel, bag.order_id))
        yield from self._put_behind_its_door(number, bag, label)

    def _show_label(self, number: int, bag: Bag) -> Generator[int, None, str]:
        manifest = self.service.book.parcels[bag.parcel_id].manifest
        label = write_label(Label(self.world.site_no, manifest.run_no, manifest.ref))
        if self._phone_fails or self.kernel.chance(0.5):
            yield from self._scan_label(number, label)
        else:
            self._load_by_phone(number, label)
        return label

    def _scan_label(self, number: int, label: str) -> Iterator[int]:
        controller = self._locker()
        self.scan(controller, self._staff_code(number))
        yield self.kernel.between(100, 900)
        self.scan(controller, label)

    def _load_by_phone(
        self, number: int, label: str, *, door: int | None = None, fault: DoorFault | None = None
    ) -> str:
        command_id, until = self._command()
        self.service.ask(LoadParcel(command_id, label, f"staff-{number}", until, door, fault))
        return command_id

    def _put_behind_its_door(self, number: int, bag: Bag, label: str) -> Iterator[int]:
        began_ms, until_ms, moved = self.kernel.ms, self.kernel.ms + STAYS_MS, False
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            opening = next((each for each in self.lobby.open.values() if self._opened_to_load(each, bag)), None)
            if opening is None and (self._sent_away(began_ms) or self._refused_afar(f"c{self._commands}")):
                return
            if opening is None:
                continue
            if self.chaos.strikes("driver_goes_away"):
                return
            opening.attended = True
            if bag.place == VAN and not self._put_behind_another(bag, opening) and not self.lobby.behind(opening.door):
                self.lobby.put(bag, opening.door)
            yield self.kernel.between(200, 2_000)
            lies_here = bag.place == opening.door
            if (not lies_here and bag.place == VAN) or (not moved and self.chaos.strikes("driver_wants_another_door")):
                moved = True
                yield from self._want_another_door(number, bag, label, opening)
                began_ms, until_ms = self.kernel.ms, self.kernel.ms + STAYS_MS
                continue
            self._push_shut(opening)
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
        if command_id not in self.service.answers or self._refused_afar(command_id):
            bag.excuse("nobody heard that it is in hand")
        self._push_shut(opening)

    def _opened_to_load(self, opening: Opening, bag: Bag) -> bool:
        grant = opening.grant
        return grant is not None and grant.right is Right.LOAD and grant.parcel_id == bag.parcel_id

    def _staff_code(self, number: int) -> str:
        civil_s = self.world.gateway_civil_ms() // 1000
        rights = RIGHT_LOAD | RIGHT_STAFF
        token = Token(self.world.ring.key_id, self.world.site_no, b"rotating", number, 0, rights, civil_s + 45)
        return sign_token(token, self.world.ring.key)

    # --- sweeping

    def _sweep(self, number: int) -> Iterator[int]:
        for door in self._to_remove()[:2]:
            command_id = self.ask(Right.REMOVE, [door])
            yield from self._empty(door, Right.REMOVE, command_id=command_id)
        to_check = [door for door, is_so in self.service.book.conditions.items() if is_so is DoorCondition.TO_CHECK]
        for door in to_check[:3]:
            typed = self._phone_fails or self.kernel.chance(0.3)
            if typed:
                controller = self.lobby.controllers[door]
                self.scan(controller, self._staff_code(number))
                yield self.kernel.between(100, 900)
                self.type(controller, str(door))
            asked = None if typed else self.ask(Right.CHECK, [door])
            yield from self._empty(door, Right.CHECK, command_id=asked)

    def _to_remove(self) -> list[int]:
        book = self.service.book
        return [
            parcel.door
            for parcel in book.parcels.values()
            if parcel.state is ParcelState.LOADED
            and parcel.door
            and book.orders[parcel.manifest.order_id].state not in GOOD_STATES
        ]

    def _refused_afar(self, command_id: str | None) -> bool:
        """A phone that is told that its commands come too late stays in the pocket for a while."""
        answer = self.service.answers.get(command_id or "")
        if answer is None or answer.refusal is None:
            return False
        if answer.refusal is Refusal.TOO_LATE and not self._phone_fails:
            self._phone_fails = True
            self.kernel.after(20_000, partial(setattr, self, "_phone_fails", False))  # noqa: FBT003 - setattr's
        return True

    def _empty(self, door: int, right: Right, *, command_id: str | None = None) -> Iterator[int]:
        """Stand before a door until it opens, take out what lies there, wipe it, shut it."""
        until_ms = self.kernel.ms + STAYS_MS
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            opening = self.lobby.open.get(door)
            if opening is None or opening.grant is None or opening.grant.right is not right:
                if self._refused_afar(command_id):
                    return
                continue
            opening.attended = True
            for bag in self.lobby.behind(door):
                self.lobby.take(bag, STAFF)
            if right is Right.CHECK:
                self.lobby.to_wipe.pop(door, None)
            yield self.kernel.between(200, 2_500)
            self._push_shut(opening)
            return

    # --- keepers, operators, thieves, passers-by

    def keeper(self) -> Process:
        """Now and then take a parcel into the cold bag, and give it to its owner or throw it away."""
        while not self.world.closed:
            yield 5_000
            lying = [bag for bag in self.lobby.bags.values() if isinstance(bag.place, int) and not bag.excused]
            if lying and self.chaos.strikes("rescued"):
                bag = self.kernel.pick(lying)
                door = bag.place
                assert isinstance(door, int)
                asked = self.ask(Right.RESCUE, [door])
                yield from self._empty(door, Right.RESCUE, command_id=asked)
                yield self.kernel.between(1_000, 20_000)
                self._end_rescue(bag)

    def _end_rescue(self, bag: Bag) -> None:
        parcel = self.service.book.parcels.get(bag.parcel_id)
        if parcel is None or parcel.state is not ParcelState.RESCUED or bag.place != STAFF:
            return
        given = self._state(bag.order_id) in GOOD_STATES and self.kernel.chance(0.5)
        event = ParcelEvent.HANDED_OVER if given else ParcelEvent.DISCARDED
        self.service.try_(partial(self.service.book.end_rescued, bag.parcel_id, event))
        if self.service.book.parcels[bag.parcel_id].state == ParcelState.COLLECTED.value:
            bag.place = OWNER

    def operator(self) -> Process:
        """Change their mind about orders, codes, doors and keys."""
        while not self.world.closed:
            yield 1_000
            self._meddle_with_orders()
            self._meddle_with_doors()

    def _meddle_with_orders(self) -> None:
        live = [
            each for each, order in self.service.book.orders.items() if order.state in (OrderState.PAID, *GOOD_STATES)
        ]
        if not live:
            return
        order_id = self.kernel.pick(live)
        now = self.service.clock.civil_ms()
        if self.chaos.strikes("order_cancelled", 0.2):
            self._cancel(order_id)
        elif self.chaos.strikes("code_revoked", 0.2):
            self._revoke(order_id)
        elif self.chaos.strikes("code_reissued", 0.4):
            self.world.qr(order_id)
            self.service.try_(partial(self.service.book.reissue, order_id, now, self.kernel.random_bytes))
        elif self.chaos.strikes("planned_again", 0.4):
            self.service.try_(partial(self.service.book.plan_again, order_id, now))

    def _meddle_with_doors(self) -> None:
        door = self.kernel.pick(self.world.doors)
        now = self.service.clock.civil_ms()
        if self.chaos.strikes("opened_from_afar"):
            self._look(door)
        if self.chaos.strikes("door_declared_broken"):
            self.service.try_(partial(self.world.declare, door, "broken", now))
            self.kernel.after(20_000, lambda: self.service.try_(partial(self.world.declare, door, "to_check", now)))
        if self.chaos.strikes("keys_rotated"):
            self.service.try_(self.world.rotate_keys)

    def _look(self, door: int) -> None:
        self.ask(Right.STAFF, [door])
        self.kernel.spawn(self._look_behind(door))

    def _look_behind(self, door: int) -> Process:
        until_ms = self.kernel.ms + STAYS_MS
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            opening = self.lobby.open.get(door)
            if opening is not None and opening.grant is not None and opening.grant.right is Right.STAFF:
                opening.attended = True
                yield 1_500
                self._push_shut(opening)
                return

    def thief(self) -> Process:
        """Force a door now and then, and take what is there."""
        while not self.world.closed:
            yield 1_000
            door = self.kernel.pick(self.world.doors)
            untouched = door not in self.lobby.open and not self.lobby.pulsed_lately(door)
            if untouched and self.chaos.strikes("door_forced"):
                self.lobby.spring(door, None)
                yield self.kernel.between(300, 3_000)
                opening = self.lobby.open.get(door)
                if opening is not None:
                    for bag in self.lobby.behind(door):
                        bag.excuse("stolen")
                        self.lobby.take(bag, THIEF)
                    self.lobby.shut(door)

    def passer_by(self) -> Process:
        """Push doors shut that stand open before nobody."""
        while True:
            yield 5_000
            for opening in list(self.lobby.open.values()):
                if self.kernel.ms - opening.at_ms > max(2 * STAYS_MS, opening.leave_ms) or self.world.heat:
                    if not opening.attended or opening.late:
                        self.world.oracle.unattended(opening)
                    self._push_shut(opening)

    # --- what people know

    def _cancel(self, order_id: str) -> None:
        self.service.try_(partial(self.service.book.withdraw, order_id, self.service.clock.civil_ms()))

    def _revoke(self, order_id: str) -> None:
        self.service.try_(partial(self.service.book.revoke, order_id, self.service.clock.civil_ms()))

    def _state(self, order_id: str) -> OrderState | None:
        order = self.service.book.orders.get(order_id)
        return order.state if order else None

    def _over(self, order_id: str) -> bool:
        return self._state(order_id) not in (OrderState.PAID, *GOOD_STATES)

    def _is_there(self, order_id: str) -> bool:
        return self._state(order_id) is OrderState.READY

    def _sent_away(self, began_ms: int) -> bool:
        """A locker says no, and said so after one came; nobody stays for long then."""
        said = [each.refused_ms for each in self.world.controllers.values()]
        return max(said) >= began_ms - 2_000 and self.kernel.ms - max(said) > 1_500

    def _nothing_left(self, order_id: str) -> bool:
        return not any(bag.order_id == order_id and isinstance(bag.place, int) for bag in self.lobby.bags.values())
