"""One run: a site with two lockers, its gateway, its service, its people, and everything that can go wrong with them.

First faults and orders, together; then the faults stop, everything is mended, hours pass, and whatever is still open
must come to its end: nothing may be stuck, and both sides must tell the same story.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from traceback import format_exception

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.domain.parcel_state import ParcelState
from locker_gateway.state import Site
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, LONGEST_S
from locker_protocol.site_entries import DoorSpec, ParcelManifest, SetDoorCondition, SetKeys
from locker_protocol.token import RIGHT_COLLECT, Token, sign_token
from locker_protocol.vocabulary import DoorCondition, SizeClass, Zone
from simulation.auditor import Auditor
from simulation.chaos import Chaos
from simulation.cold_trouble import ColdTrouble
from simulation.controller_node import ControllerNode
from simulation.disks import GatewayDisk
from simulation.drivers import Drivers
from simulation.ending import judge_the_end
from simulation.fridges import sampled_each_minute
from simulation.gateway_node import GatewayNode
from simulation.hands import Hands
from simulation.inspectors import Inspectors
from simulation.kernel import Kernel, Process, Violation
from simulation.keys import KeyRing, QuickPrivateKey, quick_signatures
from simulation.lobby import STAFF, Lobby
from simulation.network import Broker, Link
from simulation.oracle import Code, Oracle
from simulation.others import Others
from simulation.residents import Residents
from simulation.service_book import Book
from simulation.service_node import ServiceNode
from simulation.shop import Shop
from simulation.trouble import DAYS_MS, Trouble

SITE_NO = 7
LOCKERS = {"G1": [1, 2, 3, 4, 5, 6, 7, 8], "G2": [9, 10, 11, 12, 13, 14, 15, 16]}
HOUR_MS = 3_600_000
# Orders come within this time; the faults go on a little longer.
BUSY_MS, FAULTS_END_MS = 90_000, 130_000
LEAP_MS = 5 * HOUR_MS
FINISH_WITHIN_MS, SWEEP_WITHIN_MS, AGREE_WITHIN_MS = 240_000, 90_000, 60_000
DRIVERS = 4
LATE_MESSAGES = ("message_overtaken", "message_delayed", "message_doubled", "link_slow")
# Emptying every door takes as long as the rest of the end; in some worlds it is waited for.
SHARE_SWEPT = 0.35


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    seed: int
    orders: int
    events: int
    digest: str
    faults: Mapping[str, int]
    states: Mapping[str, int]
    violation: str | None = None
    invariant: str | None = None
    trail: list[str] = field(default_factory=list)


def run_world(seed: int, orders: int) -> Outcome:
    """Run one world to its end, or to its first violation."""
    with quick_signatures(), sampled_each_minute():
        world = World(seed, orders)
        try:
            world.live()
        except Violation as violation:
            about = violation.about
            return world.outcome(str(violation), violation.invariant, world.kernel.trail_about(*about))
        except Exception as error:  # noqa: BLE001 - whatever a core raises is a finding of this seed
            where = "".join(format_exception(error)[-3:])
            return world.outcome(f"raised: {where}", "raised", world.kernel.trail_about())
        return world.outcome()


class World:
    """Everything there is."""

    def __init__(self, seed: int, orders: int) -> None:
        self.seed, self.wanted = seed, orders
        self.kernel = Kernel(seed)
        self.chaos = Chaos(self.kernel)
        self.site_no = SITE_NO
        self.ring = KeyRing()
        self.gateway_key = QuickPrivateKey(b"gateway" + bytes(25))
        self.strange_key = QuickPrivateKey(b"strange" + bytes(25))
        self.gateway_public: Ed25519PublicKey = self.gateway_key.public_key()
        self.first_keys = self.ring.settings()
        self.uplink = Broker("uplink", self.kernel, self.chaos)
        self.bus = Broker("bus", self.kernel, self.chaos)
        self.lobby = Lobby(self.kernel)
        self.controllers = {name: ControllerNode(self, name, doors) for name, doors in LOCKERS.items()}
        self.doors = [door for doors in LOCKERS.values() for door in doors]
        for controller in self.controllers.values():
            self.lobby.controllers |= dict.fromkeys(controller.cabinet.doors, controller)
        self.gateway = GatewayNode(self)
        self.service: ServiceNode = ServiceNode(self, Book(SITE_NO, _specs(), self.ring.public))
        self.oracle, self.auditor = Oracle(self), Auditor(self)
        self.hands, self.shop = Hands(self), Shop(self)
        self.residents, self.drivers, self.others = Residents(self), Drivers(self), Others(self)
        self.trouble, self.cold_trouble, self.inspectors = Trouble(self), ColdTrouble(self), Inspectors(self)
        self.manifests: dict[str, ParcelManifest] = {}
        self.stuck: set[int] = set()
        self.old_codes: dict[str, list[str]] = defaultdict(list)
        self.last_shown: dict[str, str] = {}
        self.charges: dict[str, int] = {}
        self.given_back: Counter[str] = Counter()
        self.disturbed: set[str] = set()
        self.uplink_was_down = False
        self.leapt_at_ms = -1
        # Where an uplink may be gone for days, bags are kept for days.
        self.kept_ms = 4 * HOUR_MS
        self.policy = self.service.book.policy
        if self.chaos.may("uplink_down_for_days"):
            self.kept_ms += DAYS_MS + 4 * HOUR_MS
            # Nobody samples three days here; let nobody hold that against the food.
            self.policy = msgspec.structs.replace(DEFAULT_POLICY, version=1, gap_s=LONGEST_S)
            self.service.book.policy = self.policy
        self.closed = self.heat = self.gone_home = False

    # --- the course of a run

    def live(self) -> None:
        """Raises Violation."""
        kernel = self.kernel
        self._begin()
        kernel.run(FAULTS_END_MS)
        self._mend()
        kernel.run(kernel.ms + 20_000)
        self.oracle.cold.judge_what_was_taken()
        self._let_hours_pass()
        self._finish()
        judge_the_end(self)

    def _begin(self) -> None:
        self.service.start()
        self.gateway.start()
        for controller in self.controllers.values():
            controller.power_on()
        for number in range(self.wanted):
            self.kernel.after(self.kernel.between(0, BUSY_MS), partial(self.shop.order, number))
        for number in range(DRIVERS):
            self.kernel.spawn(self.drivers.driver(31 + number))
        others = self.others
        people = (others.keeper(), others.operator(), others.thief(), others.passer_by(), self.inspectors.inspector())
        for process in people:
            self.kernel.spawn(process)
        self.kernel.spawn(self._clockwork())
        self.kernel.spawn(self.trouble.live())

    def _mend(self) -> None:
        """The faults stop; what is broken is mended."""
        self.kernel.note("mended")
        self.chaos.active = False
        for link in self.links():
            link.broker.cut.pop(link.client, None)
            link.refused_until_ms = 0
            link.speed_up()
        for controller in self.controllers.values():
            controller.fridge.advance()
            controller.fridge.mend()
            for steel in controller.cabinet.doors.values():
                steel.jammed = False
        for door in list(self.stuck):
            self.trouble.unstick(door)
        for door in sorted(self.lobby.miswired)[::2]:
            self.trouble.wire_rightly(door)

    def _let_hours_pass(self) -> None:
        """Nobody comes any more; food passes its time. Clocks are right again."""
        self.closed = self.heat = True
        for clock in (self.service.clock, self.gateway.clock):
            clock.off_ms, clock.drift = 0, 0.0
            clock.go_on()
        self.leap(self.kept_ms + LEAP_MS)
        self._show_old_codes()

    def leap(self, lasts_ms: int) -> None:
        """Let hours pass by the calendar, at once."""
        self.kernel.note("time_leaps", lasts_ms)
        for controller in self.controllers.values():
            controller.fridge.advance()
        for clock in (self.service.clock, self.gateway.clock, *(each.clock for each in self.controllers.values())):
            clock.leapt_ms += lasts_ms
        self.leapt_at_ms = self.kernel.ms
        for controller in self.controllers.values():
            controller.fridge.advance()

    def _show_old_codes(self) -> None:
        for text in list(self.last_shown.values())[:6]:
            self.chaos.happened("code_shown_hours_later")
            self.hands.scan(next(iter(self.controllers.values())), text)

    def _finish(self) -> None:
        """I1: everything comes to its end. I14: and both sides agree on it."""
        if not self._wait_until(self._all_over, FINISH_WITHIN_MS):
            stuck = self.service.book.unfinished()
            raise Violation("I1", f"orders never come to an end: {stuck}", *stuck)
        if self.kernel.chance(SHARE_SWEPT):
            self._wait_until(self.is_swept, SWEEP_WITHIN_MS)
        self.gone_home = True
        if not self._wait_until(self._agreed, AGREE_WITHIN_MS):
            raise Violation("I14", f"service and gateway never agree: {self._disagreement()}")

    def _wait_until(self, done: Callable[[], bool], within_ms: int) -> bool:
        until_ms = self.kernel.ms + within_ms
        while self.kernel.ms < until_ms:
            if done():
                return True
            self.kernel.run(self.kernel.ms + 1_000)
        return done()

    def _all_over(self) -> bool:
        refunds = self.service.book.refunds.values()
        return not self.service.book.unfinished() and all(each.done for each in refunds) and not self.lobby.open

    def is_swept(self) -> bool:
        """By the book nothing lies there and no door waits to be looked behind; and every door is shut."""
        book = self.service.book
        lies = any(each.state is ParcelState.LOADED for each in book.parcels.values())
        return not lies and DoorCondition.TO_CHECK not in book.conditions.values() and not self.lobby.open

    def _agreed(self) -> bool:
        return self._disagreement() is None

    def _disagreement(self) -> str | None:
        site, book = self.gateway.site, self.service.book
        if site is None or site.down is None:
            return "the gateway is not there"
        if (site.down.log_id, site.down.seq) != (book.down_log_id, book.down_seq) or book.down_acked != book.down_seq:
            return f"down {site.down.seq}, {book.down_seq} numbered, {book.down_acked} acknowledged"
        if book.up_positions.get(site.up.log_id, 0) != site.up.seq - site.up.base or site.mark != site.up.seq:
            return f"up {site.up.seq}, {book.up_positions.get(site.up.log_id)} applied, {site.mark} acknowledged"
        lying = {each.parcel_id: each.door for each in site.placements.rows.values() if each.lies}
        loaded = {each: parcel.door for each, parcel in book.parcels.items() if parcel.state is ParcelState.LOADED}
        if lying != loaded and not self.disturbed:
            return f"lying {lying}, loaded {loaded}"
        return None if self.disturbed else self._cold_disagreement(site, list(loaded))

    def _cold_disagreement(self, site: Site, lying: list[str]) -> str | None:
        cold = self.service.book.cold
        at_site = {each: site.quarantines.rows[each].level for each in lying if each in site.quarantines.rows}
        in_book = {each.parcel_id: each.level for each in cold.told_a_new_store(lying)}
        if at_site != in_book:
            return f"kept shut at the site {at_site}, by the book {in_book}"
        # Nothing tells which of two batches with the same minutes is the newer one, nor which of them was answered.
        overtaken = any(map(self.chaos.may, LATE_MESSAGES))
        for (name, number, zone), body in self.gateway.disk.minutes.items():
            known = cold.minutes.get((name, zone, number))
            same = overtaken or (known is not None and msgspec.json.encode(known) == body)
            if number <= cold.through.get(name, 0) and not same:
                return f"minute {number} of {name} is {body!r} at the site and {known} in the book"
        return None

    # --- what everybody may ask of the world

    def qr(self, order_id: str) -> str | None:
        """The code as its owner's phone shows it now; what it showed before is remembered."""
        order = self.service.book.orders.get(order_id)
        if order is None or order.code is None or not order.code.live:
            return None
        code = order.code
        number = (self.ring.key_id, SITE_NO, bytes.fromhex(code.credential_id), code.handle, code.generation)
        text = sign_token(Token(*number, RIGHT_COLLECT, code.expires_at // 1000), self.ring.key)
        self.oracle.given(text, Code(order_id, code.generation, code.expires_at))
        before = self.last_shown.get(order_id)
        if before is not None and before != text:
            self.old_codes[order_id].append(before)
        self.last_shown[order_id] = text
        return text

    def digits(self, order_id: str) -> str:
        """The typed code of now."""
        digits = self.service.book.typed_digits(order_id)
        code = self.service.book.orders[order_id].code
        assert code is not None
        self.oracle.given(digits, Code(order_id, code.generation, code.expires_at))
        return digits

    def gateway_civil_ms(self) -> int:
        """What the gateway believes the time to be; its staff codes are made for that."""
        site = self.gateway.site
        return max(self.gateway.clock.civil_ms(), site.civil_ms if site else 0)

    def links(self) -> list[Link]:
        """Every connection."""
        return [
            self.service.link,
            self.gateway.uplink,
            self.gateway.bus,
            *(each.link for each in self.controllers.values()),
        ]

    def lock_pulsed(self, door: int) -> None:
        """A lock moved, or tried to."""
        self.trouble.lock_pulsed(door)

    def declare(self, door: int, condition: str, now: int) -> None:
        """An operator takes a door out of use, or gives it back."""
        self.service.book.tell(SetDoorCondition(door, "broken" if condition == "broken" else "to_check"), now)

    # --- the service's own clockwork

    def _clockwork(self) -> Process:
        """Deadlines, and refunds until the payment provider has done them."""
        while True:
            yield 1_000
            book = self.service.book
            if book.down_log_id is not None and all(row.acked for row in book.outbox):
                self.ring.turn()
            self.service.try_(partial(book.cold.remind, book, self.service.clock.civil_ms()))
            if self.heat:
                self.service.try_(partial(book.expire, self.service.clock.civil_ms()))
            for refund in [each for each in book.refunds.values() if not each.done]:
                self._send_refund(refund.refund_id, refund.order_id, refund.amount_minor)
                self.service.try_(partial(book.refund_done, refund))

    def _send_refund(self, refund_id: str, order_id: str, amount_minor: int) -> None:
        """The provider gives back once for each id, and never more than it took."""
        if self.service.up and not self.given_back[refund_id]:
            self.given_back[refund_id] = amount_minor
            self.given_back[order_id] += amount_minor
            if self.given_back[order_id] > self.charges[order_id] and not self.disturbed:
                raise Violation("I9", f"{order_id} gets back more than it paid", order_id)

    # --- disasters

    def restore_service(self) -> None:
        """Its database is an older copy. Orders made since are unknown; their money goes back by hand."""
        if not self.service.copies or not self.service.up:
            return
        self.disturbed.add("service_restored")
        self.service.kill(5_000)
        self.kernel.note("service_restored")
        book = self.service.book = self.service.copies[0]
        self.service.copies.clear()
        # Keys are settings, no rows; and whoever restores a database lets its site begin a new log.
        book.keys, book.down_log_id = self.ring.public, None
        self.auditor.applied_through = dict(book.up_positions)
        self.auditor.refunded_ms.clear()
        for bag in self.lobby.bags.values():
            bag.excuse("service_restored")

    def replace_gateways_disk(self) -> Process:
        """A new, empty store. Whoever replaces it takes out of the doors what the service knows nothing of."""
        if "gateway_disk_replaced" in self.disturbed:
            return
        self.disturbed.add("gateway_disk_replaced")
        self.kernel.note("gateway_disk_replaced")
        self.gateway.take_away()
        yield 149_000
        self.gateway.disk = GatewayDisk()
        self.first_keys = self.ring.settings()
        self.gateway.audited_before = -len(self.oracle.audited)
        self.oracle.gateway_lost_its_disk()
        for bag in self.lobby.bags.values():
            bag.excuse("gateway_disk_replaced")
            parcel = self.service.book.parcels.get(bag.parcel_id)
            if isinstance(bag.place, int) and (parcel is None or parcel.door != bag.place):
                bag.place = STAFF
        yield 1_000
        self.gateway.put_back()

    def rotate_keys(self) -> None:
        """A second key will live beside the first; it signs once the site knows of it."""
        if self.ring.prepare(self.kernel.random_bytes(32)):
            self.service.book.keys = self.ring.public
            self.service.book.tell(SetKeys(self.ring.public), self.service.clock.civil_ms())

    def outcome(
        self, violation: str | None = None, invariant: str | None = None, trail: list[str] | None = None
    ) -> Outcome:
        """Sum up."""
        states = Counter(each.state.value for each in self.service.book.orders.values())
        kernel = self.kernel
        return Outcome(
            self.seed,
            len(self.service.book.orders),
            kernel.events,
            kernel.digest(),
            dict(self.chaos.counts),
            states,
            violation and f"{violation} (at {kernel.ms} ms)",
            invariant,
            trail or [],
        )


def _specs() -> list[DoorSpec]:
    return [
        DoorSpec(door, name, Zone.CHILLED, SizeClass.M if door % 2 else SizeClass.S, 21_000 - door % 2, 450, 400)
        for name, doors in LOCKERS.items()
        for door in doors
    ]
