"""What the order service keeps, in dicts instead of tables, and its use cases on them. Each is one transaction.

States move by the real tables of `app.domain`, refunds and postings are the real ones; what a use case does in SQL is
told again here in a line or two. A use case that refuses has changed nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec

from app.domain.errors import DomainError, IllegalMove, NotFound
from app.domain.ledger import Account, Kind, postings
from app.domain.order_state import FINAL_ORDER_STATES, ORDER_TABLE, OrderEvent, OrderState
from app.domain.parcel_state import PARCEL_TABLE, ParcelEvent, ParcelState
from app.domain.pickup_code import NOT_REUSED_FOR, choose_handle, credential_manifest, typed_secret
from app.domain.refunding import ChargedLine, shares
from app.domain.removal import fate
from app.domain.state_table import step
from locker_protocol.codec import encode
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, ColdPolicy
from locker_protocol.cold_messages import ParcelCleared, ParcelCondemned, ParcelQuarantined
from locker_protocol.ids import RandomBytes
from locker_protocol.site_entries import (
    CancelOrder,
    CredentialManifest,
    DoorSpec,
    Entry,
    IssueCredential,
    LoadedParcel,
    ParcelManifest,
    PlanOrder,
    RevokeCredential,
    ServiceKey,
    SiteSnapshot,
)
from locker_protocol.site_events import (
    DoorConditionChanged,
    DoorWasOpened,
    LoadUnsure,
    OrderCancelled,
    ParcelCollected,
    ParcelLoaded,
    ParcelRemoved,
    ParcelTakenBack,
    SiteEvent,
)
from locker_protocol.vocabulary import DoorCondition, Right
from simulation.cold_book import GOES_ON, ColdBook

SECRET = "a simulated secret"  # noqa: S105 - of nobody
NOT_REUSED_FOR_MS = NOT_REUSED_FOR // timedelta(milliseconds=1)
LIVE = frozenset({OrderState.PAID, OrderState.PACKED, OrderState.READY})
UNDECIDED = frozenset(
    {ParcelState.DRAFT, ParcelState.PLANNED, ParcelState.PACKED, ParcelState.LOADED, ParcelState.RESCUED}
)


class UnknownParcel(DomainError):
    """The site tells of a parcel this service does not have."""

    code = "unknown_parcel"


def _no_money() -> dict[Account, int]:
    return dict.fromkeys(Account, 0)


@dataclass(slots=True)
class Parcel:
    """One parcel. `lines`: what the goods of each of its food classes cost."""

    manifest: ParcelManifest
    lines: dict[str, int]
    state: ParcelState = ParcelState.PLANNED
    door: int | None = None
    opened: bool = False


@dataclass(slots=True)
class Credential:
    """The newest code of an order."""

    credential_id: str
    handle: int
    generation: int
    expires_at: int
    live: bool = True


@dataclass(slots=True)
class Order:
    """One order."""

    order_id: str
    state: OrderState
    parcels: list[str]
    code: Credential | None = None
    paid_minor: int = 0


@dataclass(slots=True)
class Refund:
    """One decision to give money back."""

    refund_id: str
    order_id: str
    amount_minor: int
    done: bool = False


@dataclass(slots=True)
class Row:
    """One entry of the outbox."""

    entry: bytes
    made_at: int
    log_id: str | None = None
    seq: int = 0
    acked: bool = False


@dataclass(slots=True)
class Book:
    """The service's database."""

    site_no: int
    doors: list[DoorSpec]
    keys: list[ServiceKey]
    orders: dict[str, Order] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    refunds: dict[tuple[str, str], Refund] = field(default_factory=dict)
    handles: list[tuple[int, int]] = field(default_factory=list)  # given ever, and when their codes expire
    held: dict[str, dict[Account, int]] = field(default_factory=lambda: defaultdict(_no_money))
    conditions: dict[int, DoorCondition] = field(default_factory=dict)
    outbox: list[Row] = field(default_factory=list)
    online: bool = False
    boot_id: str | None = None
    down_log_id: str | None = None
    down_seq: int = 0
    down_acked: int = 0
    up_log_id: str | None = None
    up_positions: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    cold: ColdBook = field(default_factory=ColdBook)
    policy: ColdPolicy = DEFAULT_POLICY

    def copied(self) -> "Book":
        """A copy that goes its own way; what cannot change is shared."""
        orders = {each: replace(order, code=copy(order.code)) for each, order in self.orders.items()}
        return replace(
            self,
            orders=orders,
            parcels={each: copy(parcel) for each, parcel in self.parcels.items()},
            refunds={each: copy(refund) for each, refund in self.refunds.items()},
            handles=list(self.handles),
            held=defaultdict(_no_money, {each: dict(accounts) for each, accounts in self.held.items()}),
            conditions=dict(self.conditions),
            outbox=[copy(row) for row in self.outbox],
            up_positions=dict(self.up_positions),
            touched=set(self.touched),
            unsure=set(self.unsure),
            cold=self.cold.copied(),
        )

    # --- orders

    def place(self, order_id: str, parcels: Mapping[str, tuple[ParcelManifest, dict[str, int]]], now: int) -> None:
        """An order is paid and told to its site."""
        paid = sum(sum(lines.values()) for _, lines in parcels.values())
        state = step(ORDER_TABLE, OrderState.AWAITING_PAYMENT, OrderEvent.PAYMENT_CAPTURED)
        for parcel_id, (manifest, lines) in parcels.items():
            drawn = step(PARCEL_TABLE, ParcelState.DRAFT, ParcelEvent.PAID)
            self.parcels[parcel_id] = Parcel(manifest, lines, drawn)
        self.orders[order_id] = Order(order_id, state, list(parcels), paid_minor=paid)
        self._post(order_id, Kind.CAPTURE, paid)
        self.tell(PlanOrder(order_id, [manifest for manifest, _ in parcels.values()]), now)

    def pack(self, parcel_id: str, now: int, random: RandomBytes) -> None:
        """A parcel is packed; the last one packs the order, which gets its code."""
        parcel = self._parcel(parcel_id)
        order = self._order(parcel.manifest.order_id)
        parcel.state = step(PARCEL_TABLE, parcel.state, ParcelEvent.PACKED)
        states = {self.parcels[each].state for each in order.parcels}
        if ParcelState.PLANNED not in states and order.state is OrderState.PAID:
            order.state = step(ORDER_TABLE, order.state, OrderEvent.ALL_PACKED)
            self.issue(order.order_id, now, random)

    def issue(self, order_id: str, now: int, random: RandomBytes) -> None:
        """Make the next generation of an order's code."""
        order = self._order(order_id)
        if order.state not in LIVE or order.state is OrderState.PAID:
            raise IllegalMove(state=order.state.value, event="issue")
        taken = {handle for handle, expires_at in self.handles if expires_at + NOT_REUSED_FOR_MS > now}
        taken |= {each.code.handle for each in self.orders.values() if each.code is not None}
        generation = order.code.generation + 1 if order.code else 1
        expires_at = max(self.parcels[each].manifest.collect_until for each in order.parcels)
        handle = choose_handle(taken, doors=len(self.doors), random=random)
        order.code = Credential(random(8).hex(), handle, generation, expires_at)
        self.handles.append((handle, expires_at))
        self.tell(IssueCredential(_manifest(order)), now)

    def reissue(self, order_id: str, now: int, random: RandomBytes) -> None:
        """A new code for the live one."""
        order = self._order(order_id)
        if order.code is None or not order.code.live:
            raise IllegalMove(state=order.state.value, event="reissue")
        self.issue(order_id, now, random)

    def revoke(self, order_id: str, now: int) -> None:
        """Withdraw the code without giving another."""
        order = self._order(order_id)
        if order.code is None or not order.code.live:
            raise IllegalMove(state=order.state.value, event="revoke")
        order.code.live = False
        self.tell(RevokeCredential(order_id, order.code.generation), now)

    def plan_again(self, order_id: str, now: int) -> None:
        """Tell the site once more what it shall expect."""
        order = self._order(order_id)
        if order.state not in LIVE:
            raise IllegalMove(state=order.state.value, event="plan")
        self.tell(PlanOrder(order_id, [self.parcels[each].manifest for each in order.parcels]), now)

    def withdraw(self, order_id: str, now: int) -> None:
        """Stop handing out; the money waits for the site's word."""
        order = self._order(order_id)
        order.state = step(ORDER_TABLE, order.state, OrderEvent.WITHDRAWN)
        if order.code is not None:
            order.code.live = False
        self.tell(CancelOrder(order_id), now)

    def expire(self, now: int) -> None:
        """Withdraw what is past its time, with five minutes for clocks that differ."""
        for order in list(self.orders.values()):
            until = [self.parcels[each].manifest.collect_until for each in order.parcels]
            if order.state in LIVE and max(until) <= now - 300_000:
                self.withdraw(order.order_id, now)
        for parcel_id, parcel in self.parcels.items():
            if parcel.state is ParcelState.RESCUED and parcel.manifest.collect_until <= now:
                self.end_rescued(parcel_id, ParcelEvent.DISCARDED)

    def end_rescued(self, parcel_id: str, event: ParcelEvent) -> None:
        """What lay in a cold bag was handed out, or thrown away."""
        parcel = self._parcel(parcel_id)
        parcel.state = step(PARCEL_TABLE, parcel.state, event)
        order = self._order(parcel.manifest.order_id)
        if order.state in (OrderState.PACKED, OrderState.READY):
            self._end_when_done(order)

    # --- what the site tells

    def apply(self, event: SiteEvent, now: int, random: RandomBytes) -> None:
        """One event, as `apply_locker_event` takes it. Raises DomainError, and then nothing changed."""
        match event:
            case ParcelLoaded():
                self._loaded(event, now, random)
            case ParcelCollected():
                self._collected(event)
            case ParcelRemoved():
                self._removed(event, now)
            case ParcelTakenBack():
                self._taken_back(event)
            case OrderCancelled():
                self.close_withdrawn(event.order_id)
            case DoorConditionChanged():
                self.conditions[event.door] = event.condition
            case DoorWasOpened() if event.order_id in self.orders:
                for parcel_id in self.orders[event.order_id or ""].parcels:
                    parcel = self.parcels[parcel_id]
                    parcel.opened |= parcel.door == event.door and parcel.state is ParcelState.LOADED
            case LoadUnsure(parcel_id):
                self.unsure.add(parcel_id)  # who loads is told to look
            case _:
                self._apply_cold(event, now)

    def _apply_cold(self, event: SiteEvent, now: int) -> None:
        """Of anything else the record is all there is to it."""
        if isinstance(event, ParcelQuarantined | ParcelCleared | ParcelCondemned):
            self._named(event.parcel_id, event.order_id)
            self.cold.apply(self, event, now)

    def close_withdrawn(self, order_id: str) -> bool:
        """The site's word, or that of staff who looked: end a withdrawn order."""
        order = self.orders.get(order_id)
        if order is None or order.state is not OrderState.EXPIRING:
            return False
        for parcel_id in order.parcels:
            parcel = self.parcels[parcel_id]
            if parcel.state in (ParcelState.PLANNED, ParcelState.PACKED):
                parcel.state = step(PARCEL_TABLE, parcel.state, ParcelEvent.CANCELLED)
        self._end(order)
        return True

    def _loaded(self, event: ParcelLoaded, now: int, random: RandomBytes) -> None:
        parcel, order = self._named(event.parcel_id, event.order_id)
        if parcel.state is ParcelState.PLANNED:
            self.pack(event.parcel_id, now, random)
        parcel.state = step(PARCEL_TABLE, parcel.state, ParcelEvent.LOADED)
        parcel.door, parcel.opened = event.door, False
        self.unsure.discard(event.parcel_id)
        states = {self.parcels[each].state for each in order.parcels} - {ParcelState.CANCELLED}
        if order.state is OrderState.PACKED and states <= {ParcelState.LOADED, ParcelState.COLLECTED}:
            order.state = step(ORDER_TABLE, order.state, OrderEvent.ALL_LOADED)

    def _collected(self, event: ParcelCollected) -> None:
        parcel, order = self._named(event.parcel_id, event.order_id)
        if order.state is OrderState.REFUNDED and not self._must_not_be_eaten(event.parcel_id):
            raise IllegalMove(state=order.state.value, event=ParcelEvent.COLLECTED.value)
        parcel.state = step(PARCEL_TABLE, parcel.state, ParcelEvent.COLLECTED)
        if order.state in (OrderState.PACKED, OrderState.READY):
            self._end_when_done(order)

    def _removed(self, event: ParcelRemoved, now: int) -> None:
        parcel, order = self._named(event.parcel_id, event.order_id)
        if event.right is Right.RESCUE:
            parcel.state = step(PARCEL_TABLE, parcel.state, ParcelEvent.RESCUED)
            return
        until = datetime.fromtimestamp(parcel.manifest.collect_until / 1000, UTC)
        end = fate(parcel.manifest.food_classes, collect_until=until, now=datetime.fromtimestamp(now / 1000, UTC))
        was_shut = self.cold.taken_out(self, event.parcel_id)
        parcel.state = step(PARCEL_TABLE, parcel.state, ParcelEvent.DISCARDED if was_shut else end)
        if order.state in (OrderState.PACKED, OrderState.READY):
            self._end_when_done(order)

    def _taken_back(self, event: ParcelTakenBack) -> None:
        parcel, order = self._named(event.parcel_id, event.order_id)
        parcel.state = step(PARCEL_TABLE, parcel.state, ParcelEvent.TAKEN_BACK)
        parcel.door = None
        if order.state is OrderState.READY:
            order.state = step(ORDER_TABLE, order.state, OrderEvent.LOAD_UNDONE)

    def end_without(self, parcel_id: str) -> None:
        """Nothing of this parcel is handed out any more: its order may be over."""
        order = self._order(self._parcel(parcel_id).manifest.order_id)
        if order.state in (OrderState.PACKED, OrderState.READY):
            self._end_when_done(order)

    def _end_when_done(self, order: Order) -> None:
        waits_for = [each for each in order.parcels if not self._must_not_be_eaten(each)]
        if not {self.parcels[each].state for each in waits_for} & UNDECIDED:
            self._end(order)

    def _must_not_be_eaten(self, parcel_id: str) -> bool:
        there = self.parcels[parcel_id].state in (ParcelState.LOADED, ParcelState.RESCUED)
        return there and self.cold.is_condemned(parcel_id)

    def _end(self, order: Order) -> None:
        """Collected if any parcel was, the rest refunded; else refunded whole."""
        gone = {each for each in order.parcels if self.parcels[each].state is ParcelState.COLLECTED}
        event = OrderEvent.ALL_COLLECTED if gone else OrderEvent.REFUND_DECIDED
        order.state = step(ORDER_TABLE, order.state, event)
        sold = [(each, name) for each in order.parcels for name in self.parcels[each].lines]
        lines = [
            ChargedLine(line_no, self.parcels[each].lines[name], 0) for line_no, (each, name) in enumerate(sold, 1)
        ]
        wanted = {
            line.line_no: line.charged_minor
            for line, (each, name) in zip(lines, sold, strict=True)
            if each not in gone and (order.order_id, f"cold:{each}:{name}") not in self.refunds
        }
        self._decide_refund(order, sum(shares(lines, wanted).values()))
        if order.code is not None:
            order.code.live = False
        owed = -self.held[order.order_id][Account.CUSTOMER_HELD]
        earned = owed - sum(each.amount_minor for each in self._refunds(order) if not each.done)
        if earned > 0:
            self._post(order.order_id, Kind.SALE, earned)

    # --- money

    def refund_food(self, parcel_id: str, food_classes: Iterable[str]) -> None:
        """Food was not kept cold: each of its lines goes back, once."""
        parcel = self._parcel(parcel_id)
        order = self._order(parcel.manifest.order_id)
        if order.state in GOES_ON and parcel.state is not ParcelState.COLLECTED:
            for name in sorted(food_classes):
                self._decide_refund(order, parcel.lines[name], f"cold:{parcel_id}:{name}")

    def _decide_refund(self, order: Order, amount_minor: int, why: str = "end") -> None:
        key = (order.order_id, why)
        self.touched.add(order.order_id)
        if amount_minor > 0 and key not in self.refunds:
            self.refunds[key] = Refund(f"refund-{order.order_id}-{len(self.refunds)}", order.order_id, amount_minor)

    def refund_done(self, refund: Refund) -> None:
        """The provider gave it back."""
        if not refund.done:
            refund.done = True
            self._post(refund.order_id, Kind.REFUND, refund.amount_minor)

    def _refunds(self, order: Order) -> Iterable[Refund]:
        return [each for each in self.refunds.values() if each.order_id == order.order_id]

    def _post(self, order_id: str, kind: Kind, amount_minor: int) -> None:
        self.touched.add(order_id)
        for posting in postings(kind, amount_minor):
            self.held[order_id][posting.account] += posting.amount_minor

    # --- the down log

    def snapshot(self, log_id: str, now: int) -> None:
        """Begin a new log: everything the site must know is its first entry."""
        for row in self.outbox:
            row.acked = True
        entry = encode(self._snapshot())
        self.outbox.append(Row(entry, now, log_id, 1))
        self.down_log_id, self.down_seq, self.down_acked = log_id, 1, 0
        for order in self.orders.values():
            if order.state is OrderState.EXPIRING:  # its money waits for an answer that may be lost with the old log
                self.tell(CancelOrder(order.order_id), now)

    def number(self) -> None:
        """Give committed entries the next numbers."""
        if self.down_log_id is None:
            return
        for row in self.outbox:
            if row.log_id is None and not row.acked:
                self.down_seq += 1
                row.log_id, row.seq = self.down_log_id, self.down_seq

    def acknowledge(self, log_id: str, seq: int) -> None:
        """The site applied the log through here."""
        if log_id != self.down_log_id or not self.down_acked < seq <= self.down_seq:
            return
        self.down_acked = seq
        for row in self.outbox:
            row.acked |= row.log_id == log_id and row.seq <= seq

    def _snapshot(self) -> SiteSnapshot:
        lying = [
            (each, parcel)
            for each, parcel in self.parcels.items()
            if parcel.state is ParcelState.LOADED and parcel.door
        ]
        expected = [
            parcel.manifest
            for parcel in self.parcels.values()
            if self.orders[parcel.manifest.order_id].state in LIVE
            and parcel.state in (ParcelState.PLANNED, ParcelState.PACKED)
        ]
        codes = [
            _manifest(order) for order in self.orders.values() if order.state in LIVE and order.code and order.code.live
        ]
        free = DoorCondition.FREE
        doors = [msgspec.structs.replace(each, condition=self.conditions.get(each.door, free)) for each in self.doors]
        loaded = [
            LoadedParcel(each, parcel.door or 1, "opened" if parcel.opened else "loaded") for each, parcel in lying
        ]
        return SiteSnapshot(
            self.site_no,
            doors,
            self.keys,
            [*(parcel.manifest for _, parcel in lying), *expected],
            codes,
            loaded,
            self.policy,
            self.cold.told_a_new_store([each for each, _ in lying]),
        )

    def tell(self, entry: Entry, now: int) -> None:
        """An entry for the site, not numbered yet."""
        self.outbox.append(Row(encode(entry), now))

    # --- looking

    def unfinished(self) -> list[str]:
        """Orders that have not come to an end."""
        return [each.order_id for each in self.orders.values() if each.state not in FINAL_ORDER_STATES]

    def typed_digits(self, order_id: str) -> str:
        """What its owner types."""
        code = self.orders[order_id].code
        assert code is not None
        return f"{code.handle:02d}{typed_secret(SECRET, credential_id=code.credential_id, generation=code.generation)}"

    def _named(self, parcel_id: str, order_id: str) -> tuple[Parcel, Order]:
        parcel = self._parcel(parcel_id)
        return parcel, self._order(order_id)

    def _order(self, order_id: str) -> Order:
        if order_id not in self.orders:
            raise NotFound
        return self.orders[order_id]

    def _parcel(self, parcel_id: str) -> Parcel:
        if parcel_id not in self.parcels:
            raise UnknownParcel(parcel=parcel_id)
        return self.parcels[parcel_id]


def _manifest(order: Order) -> CredentialManifest:
    code = order.code
    assert code is not None
    return credential_manifest(
        SECRET,
        order_id=order.order_id,
        credential_id=code.credential_id,
        handle=code.handle,
        generation=code.generation,
        expires_at=datetime.fromtimestamp(code.expires_at / 1000, UTC),
        typed=True,
    )
