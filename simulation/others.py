"""Keepers and operators, who change their mind about parcels, orders, codes, doors and keys; thieves; passers-by."""

from functools import partial
from typing import TYPE_CHECKING

from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from locker_protocol.vocabulary import Right
from simulation.hands import GOOD_STATES, STAYS_MS
from simulation.kernel import Process
from simulation.lobby import OWNER, STAFF, THIEF, Bag

if TYPE_CHECKING:
    from simulation.world import World


class Others:
    """Everybody else at a site."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos
        self.lobby, self.service, self.hands = world.lobby, world.service, world.hands

    def keeper(self) -> Process:
        """Now and then take a parcel into the cold bag, and give it to its owner or throw it away."""
        while not self.world.closed:
            yield 5_000
            lying = [bag for bag in self.lobby.bags.values() if isinstance(bag.place, int) and not bag.excused]
            if lying and self.chaos.strikes("rescued"):
                bag = self.kernel.pick(lying)
                door = bag.place
                assert isinstance(door, int)
                asked = self.hands.ask(Right.RESCUE, [door])
                yield from self.hands.empty(door, Right.RESCUE, command_id=asked)
                yield self.kernel.between(1_000, 20_000)
                self._end_rescue(bag)

    def _end_rescue(self, bag: Bag) -> None:
        parcel = self.service.book.parcels.get(bag.parcel_id)
        if parcel is None or parcel.state is not ParcelState.RESCUED or bag.place != STAFF:
            return
        shut = self.service.book.cold.is_shut(bag.parcel_id)
        given = not shut and self.hands.state(bag.order_id) in GOOD_STATES and self.kernel.chance(0.5)
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
            self.hands.cancel(order_id)
        elif self.chaos.strikes("code_revoked", 0.2):
            self.hands.revoke(order_id)
        elif self.chaos.strikes("code_reissued", 0.4):
            self.world.qr(order_id)
            self.service.try_(partial(self.service.book.reissue, order_id, now, self.kernel.random_bytes))
        elif self.chaos.strikes("planned_again", 0.4):
            self.service.try_(partial(self.service.book.plan_again, order_id, now))

    def _meddle_with_doors(self) -> None:
        door = self.kernel.pick(self.world.doors)
        now = self.service.clock.civil_ms()
        if self.chaos.strikes("opened_from_afar"):
            self.hands.look(door)
        if self.chaos.strikes("door_declared_broken"):
            self.service.try_(partial(self.world.declare, door, "broken", now))
            self.kernel.after(20_000, lambda: self.service.try_(partial(self.world.declare, door, "to_check", now)))
        if self.chaos.strikes("keys_rotated"):
            self.service.try_(self.world.rotate_keys)

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
                    self.hands.push_shut(opening)
