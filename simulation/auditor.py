"""The oracle's other half: judges the service by what was written at the edge, what it books, and when it refunds."""

from typing import TYPE_CHECKING

from app.domain.errors import DomainError
from app.domain.ledger import Account
from app.domain.order_state import OrderState
from locker_protocol.audit_chain import EMPTY, chained
from locker_protocol.site_events import ParcelCollected, SiteEvent
from simulation.kernel import Violation
from simulation.oracle import TO_OWNERS, WORKING

if TYPE_CHECKING:
    from simulation.world import World


class Auditor:
    """Sees every commit of the service and everything it sends."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.lobby = world, world.kernel, world.lobby
        self.entries: dict[tuple[str, int], bytes] = {}
        self.applied_through: dict[str, int] = {}
        self.refunded_ms: dict[str, int] = {}
        self.audit_head = EMPTY

    def entry_sent(self, log_id: str, seq: int, entry: bytes) -> None:
        """I7 downwards: a number means one entry."""
        if self.entries.setdefault((log_id, seq), entry) != entry:
            raise Violation("I7", f"entry {seq} of the down log was another one before", seq)

    def chained(self, at: int, body: bytes) -> None:
        """I12: the service chains the unlocks it is told of, and must come to the gateway's own hash."""
        no = self.audit_head[0] + 1
        self.audit_head = no, chained(self.audit_head[1], no, at, body)

    def applied(self, log_id: str, seq: int, body: bytes) -> None:
        """I7: exactly once, in order, and what was written at the edge."""
        last = self.applied_through.get(log_id, 0)
        if seq != last + 1:
            raise Violation("I7", f"event {seq} is applied after {last}", seq)
        if self.world.oracle.events.get((log_id, seq)) != body:
            raise Violation("I7", f"event {seq} is not what was written", seq)
        self.applied_through[log_id] = seq

    def acknowledged(self, log_id: str, seq: int) -> None:
        """I7: nothing is acknowledged before it is committed."""
        if seq > self.world.service.book.up_positions.get(log_id, 0):
            raise Violation("I7", f"event {seq} is acknowledged and not applied", seq)

    def event_refused(self, event: SiteEvent, refusal: DomainError) -> None:
        """The site says what happened; a service that cannot follow it has lost the thread."""
        order_id = getattr(event, "order_id", None)
        excused = any(bag.excused for bag in self.lobby.bags.values() if bag.order_id == order_id)
        if self.world.disturbed or excused:
            return
        invariant = "I9" if isinstance(event, ParcelCollected) else "I14"
        about = (order_id, getattr(event, "parcel_id", None))
        raise Violation(
            invariant, f"the service refuses {type(event).__name__}: {refusal.code} {refusal.facts}", *about
        )

    def service_committed(self) -> None:
        """I8, I9: money of the orders this transaction touched."""
        book = self.world.service.book
        for order_id in book.touched:
            self._judge_money(order_id)
        book.touched.clear()

    def _judge_money(self, order_id: str) -> None:
        book, order = self.world.service.book, self.world.service.book.orders[order_id]
        accounts = book.held[order_id]
        captured, refunded = accounts[Account.PROVIDER_CLEARING], -accounts[Account.REFUNDS]
        decided = [each.amount_minor for key, each in book.refunds.items() if key[0] == order_id]
        if sum(accounts.values()) != 0 or captured != order.paid_minor or accounts[Account.CUSTOMER_HELD] > 0:
            raise Violation("I8", f"the ledger of {order_id} does not add up: {accounts}", order_id)
        if refunded > captured or sum(decided) > captured:
            raise Violation("I9", f"{order_id} gets back more than it paid", order_id)
        if order.state is OrderState.REFUNDED and order_id not in self.refunded_ms:
            self.refunded_ms[order_id] = self.kernel.ms
            self._judge_refund(order_id)

    def _judge_refund(self, order_id: str) -> None:
        """I9: money goes back only when nothing of the order can be handed out any more."""
        kept = self.world.oracle.cold.kept
        bags = [bag for bag in self.lobby.bags.values() if bag.order_id == order_id and bag.parcel_id not in kept]
        lies = [bag for bag in bags if isinstance(bag.place, int)]
        if self.world.disturbed or not lies or any(bag.excused for bag in lies):
            return
        if not self.world.oracle.was_cancelled(order_id):
            raise Violation("I9", f"{order_id} is refunded and its site still hands it out", order_id)
        for grant in self.world.oracle.memory.grants.values():
            if grant.order_id == order_id and grant.right in TO_OWNERS and any(d.phase in WORKING for d in grant.doors):
                raise Violation("I9", f"{order_id} is refunded while its door opens", order_id)
