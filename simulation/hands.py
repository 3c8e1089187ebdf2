"""What hands can do at the lockers, and what everybody there knows or finds out.

It does what it is told and sees doors and bags, never records. Who does what, and when, others decide.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from app.domain.order_state import OrderState
from locker_protocol.token import RIGHT_LOAD, RIGHT_STAFF, Token, sign_token
from locker_protocol.uplink_messages import OpenDoors
from locker_protocol.vocabulary import Refusal, Right
from simulation.kernel import Process
from simulation.lobby import STAFF, Opening
from simulation.oracle import Asked

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.world import World

# Whoever showed something stays before the lockers longer than the oracle lets a lock take, so that a door which opens
# before nobody is a fault of the system, or of a jammed lock.
STAYS_MS = 22_000
LOOKS_MS = 500
NOT_AFTER_MS = 10_000
GOOD_STATES = (OrderState.PACKED, OrderState.READY)


class Hands:
    """Anybody's hands and eyes at one site."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel = world, world.kernel
        self.lobby, self.service = world.lobby, world.service
        self.commands = 0
        self.phone_fails = False

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
        command_id, until = self.command()
        self.service.ask(OpenDoors(command_id, doors, right, "staff-9", "simulated", until, order_id))
        return command_id

    def command(self) -> tuple[str, int]:
        self.commands += 1
        command_id, until = f"c{self.commands}", self.service.clock.civil_ms() + NOT_AFTER_MS
        self.world.oracle.asked[command_id] = Asked(self.kernel.ms, until)
        return command_id, until

    def locker(self) -> "ControllerNode":
        return self.kernel.pick(list(self.world.controllers.values()))

    def push_shut(self, opening: Opening) -> None:
        if self.lobby.open.get(opening.door) is opening:
            self.lobby.shut(opening.door)

    def staff_code(self, number: int) -> str:
        civil_s = self.world.gateway_civil_ms() // 1000
        rights = RIGHT_LOAD | RIGHT_STAFF
        token = Token(self.world.ring.key_id, self.world.site_no, b"rotating", number, 0, rights, civil_s + 45)
        return sign_token(token, self.world.ring.key)

    def refused_afar(self, command_id: str | None) -> bool:
        """A phone that is told that its commands come too late stays in the pocket for a while."""
        answer = self.service.answers.get(command_id or "")
        if answer is None or answer.refusal is None:
            return False
        if answer.refusal is Refusal.TOO_LATE and not self.phone_fails:
            self.phone_fails = True
            self.kernel.after(20_000, partial(setattr, self, "phone_fails", False))  # noqa: FBT003 - setattr's
        return True

    def empty(self, door: int, right: Right, *, command_id: str | None = None) -> Iterator[int]:
        """Stand before a door until it opens, take out what lies there, wipe it, shut it."""
        until_ms = self.kernel.ms + STAYS_MS
        while self.kernel.ms < until_ms:
            yield LOOKS_MS
            opening = self.lobby.open.get(door)
            if opening is None or opening.grant is None or opening.grant.right is not right:
                if self.refused_afar(command_id):
                    return
                continue
            opening.attended = True
            for bag in self.lobby.behind(door):
                self.lobby.take(bag, STAFF)
            if right is Right.CHECK:
                self.lobby.to_wipe.pop(door, None)
            yield self.kernel.between(200, 2_500)
            self.push_shut(opening)
            return

    def look(self, door: int) -> None:
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
                self.push_shut(opening)
                return

    def cancel(self, order_id: str) -> None:
        self.service.try_(partial(self.service.book.withdraw, order_id, self.service.clock.civil_ms()))

    def revoke(self, order_id: str) -> None:
        self.service.try_(partial(self.service.book.revoke, order_id, self.service.clock.civil_ms()))

    def state(self, order_id: str) -> OrderState | None:
        order = self.service.book.orders.get(order_id)
        return order.state if order else None

    def nothing_left(self, order_id: str) -> bool:
        return not any(bag.order_id == order_id and isinstance(bag.place, int) for bag in self.lobby.bags.values())

    def sent_away(self, began_ms: int) -> bool:
        """A locker says no, and said so after one came; nobody stays for long then."""
        said = [each.refused_ms for each in self.world.controllers.values()]
        return max(said) >= began_ms - 2_000 and self.kernel.ms - max(said) > 1_500
