"""Residents: they come, show codes rightly and wrongly, take what opens, forget, swap, share; and who steals a code.

A resident decides by what a phone shows and which doors stand open.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from app.domain.order_state import OrderState
from locker_protocol.token import RIGHT_COLLECT, Token, sign_token
from locker_protocol.vocabulary import Right
from simulation.hands import GOOD_STATES, LOOKS_MS, STAYS_MS
from simulation.kernel import Process, Violation
from simulation.lobby import OWNER, THIEF, Opening
from simulation.oracle import TO_OWNERS

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.world import World


class Residents:
    """Everybody who ordered."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos
        self.lobby, self.service, self.hands = world.lobby, world.service, world.hands

    def resident(self, order_id: str) -> Process:
        """Collect an order: come, show a code, take what opens, go; come again when nothing did."""
        if self.chaos.strikes("never_collected"):
            return
        yield self.kernel.between(500, 8_000)
        early = self.chaos.allows("came_too_early")
        while self.hands.state(order_id) not in GOOD_STATES if early else not self._is_there(order_id):
            if self.world.closed or self._over(order_id):
                return
            yield 2_000
        if early:
            self.chaos.happened("came_too_early")
        for _ in range(12):
            if self.world.closed or self.hands.nothing_left(order_id):
                break
            yield from self._try_to_collect(order_id)
            yield self.kernel.between(500, 9_000)
        yield from self._come_again(order_id)

    def _try_to_collect(self, order_id: str) -> Iterator[int]:
        self._spoil_the_moment(order_id)
        if self.chaos.allows("handed_over"):
            self.chaos.happened("handed_over")
            self.hands.ask(Right.HAND_OVER, [], order_id=order_id)
        elif not self._show(order_id):
            yield 1_000
            return
        if self.chaos.strikes("walked_away"):
            return
        yield from self._wait_and_take(order_id)

    def _spoil_the_moment(self, order_id: str) -> None:
        """Someone ends the code or the order within the seconds in which it is shown."""
        for name, work in (
            ("order_cancelled_at_the_door", self.hands.cancel),
            ("code_revoked_at_the_door", self.hands.revoke),
        ):
            if self.chaos.strikes(name):
                self.kernel.after(self.kernel.between(0, 2_500), partial(work, order_id))
        bags = [bag for bag in self.lobby.bags.values() if bag.order_id == order_id]
        doors = [bag.place for bag in bags if isinstance(bag.place, int)]
        if doors and self.chaos.strikes("looked_at_while_collected"):
            self.kernel.after(self.kernel.between(0, 200), partial(self.hands.look, self.kernel.pick(doors)))

    def _show(self, order_id: str) -> bool:
        """Hold the code before a scanner, or type it; sometimes a wrong one. False: there is none to show."""
        controller, text = self.hands.locker(), self.world.qr(order_id)
        if text is None:
            return self._show_ended(controller, order_id)
        if self.chaos.strikes("shown_at_a_stalled_locker"):
            controller = self._far_from(order_id)
            controller.link.stall(self.kernel.between(*self.kernel.pick(((500, 9_000), (21_000, 32_000)))))
        self._cut_off(controller)
        self.world.cold_trouble.at_the_door()
        if self.chaos.strikes("clock_leapt_while_shown"):
            self.world.trouble.clocks.leap_a_day()
        if self._show_badly(controller, order_id, text):
            return True
        if self.kernel.chance(0.25):
            digits = self.world.digits(order_id)
            self.hands.type(controller, digits)
            return True
        if self.chaos.strikes("events_held_back"):
            controller = self._hold_back(order_id, text)
        self.hands.scan(controller, text)
        self._share(order_id, text)
        if self.chaos.strikes("scanned_twice"):
            self.kernel.after(self.kernel.between(20, 1_500), partial(self.hands.scan, controller, text))
        if self.chaos.strikes("scanned_at_two_lockers"):
            self.kernel.after(self.kernel.between(0, 800), partial(self.hands.scan, self.hands.locker(), text))
        return True

    def _share(self, order_id: str, text: str) -> None:
        """Somebody at home has the code too and comes as well; or somebody saw it over a shoulder."""
        if self.chaos.strikes("code_shared"):
            self.kernel.spawn(self._show_and_take(order_id, text), self.kernel.between(0, 5_000))
        if self.chaos.strikes("code_stolen"):
            self.kernel.spawn(self._show_and_steal(order_id, text), self.kernel.between(500, 60_000))

    def _show_and_take(self, order_id: str, text: str) -> Process:
        self.hands.scan(self.hands.locker(), text)
        yield from self._wait_and_take(order_id)

    def _show_and_steal(self, order_id: str, text: str) -> Process:
        """A stolen code opens as the owner's does: nothing in a lobby tells the two apart."""
        self.hands.scan(self.hands.locker(), text)
        until_ms = self.kernel.ms + STAYS_MS
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            for opening in [each for each in self.lobby.open.values() if self._opened_for(each, order_id)]:
                opening.attended = True
                for bag in self.lobby.behind(opening.door):
                    bag.excuse("stolen")
                    self.lobby.take(bag, THIEF)
                self.hands.push_shut(opening)

    def _show_ended(self, controller: "ControllerNode", order_id: str) -> bool:
        """Its code was withdrawn, or its order was; a picture of it is still on the phone."""
        before = self.world.last_shown.get(order_id)
        if before is None or not self.chaos.strikes("ended_code_shown"):
            return False
        self.hands.scan(controller, before)
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
        self.kernel.after(self.kernel.between(10_000, 14_000), partial(self.hands.scan, shown_at, text))
        return shown_at

    def _cut_off(self, controller: "ControllerNode") -> None:
        """The locker's connection breaks just when somebody stands there."""
        if self.chaos.strikes("shown_at_a_cut_off_locker") and not controller.link.is_cut():
            controller.link.cut({"in", "out"}, self.kernel.between(2_000, 30_000))

    def _show_badly(self, controller: "ControllerNode", order_id: str, text: str) -> bool:
        chaos, world = self.chaos, self.world
        if chaos.strikes("typed_wrong"):
            digits = world.digits(order_id)
            self.hands.type(controller, digits[:-1] + str((int(digits[-1]) + 1) % 10))
        elif chaos.strikes("code_forged"):
            self.hands.scan(controller, sign_token(self._token(order_id), world.strange_key))
        elif chaos.strikes("code_mutated"):
            at = self.kernel.between(2, len(text) - 1)
            other = "A" if text[at] != "A" else "B"
            self.hands.scan(controller, text[:at] + other + text[at + 1 :])
        elif chaos.strikes("code_of_another_site"):
            self.hands.scan(controller, sign_token(self._token(order_id, site_no=world.site_no + 1), world.ring.key))
        elif world.old_codes.get(order_id) and chaos.strikes("old_code_shown"):
            self.hands.scan(controller, self.kernel.pick(world.old_codes[order_id]))
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
                self.hands.push_shut(opening)
                took = True
            if not mine and (self.hands.sent_away(began_ms) or (took and self.hands.nothing_left(order_id))):
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
            self.hands.scan(self.hands.locker(), code)
            yield from self._wait_and_take(order_id)

    def _opened_for(self, opening: Opening, order_id: str) -> bool:
        grant = opening.grant
        return grant is not None and grant.order_id == order_id and grant.right in TO_OWNERS

    def _over(self, order_id: str) -> bool:
        return self.hands.state(order_id) not in (OrderState.PAID, *GOOD_STATES)

    def _is_there(self, order_id: str) -> bool:
        return self.hands.state(order_id) is OrderState.READY
