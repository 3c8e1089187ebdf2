"""What one event of a site means for orders, parcels and doors.

The site says where a parcel lies and what its doors did; the service follows. Decides when an order is ready or over:
with its last parcel. Raises a DomainError for a move the tables refuse, and then nothing of the event has an
effect; storing it is the caller's. Never asks whether somebody should have been let in: the gateway decided that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.engine import announce
from app.db.moves import move_order, move_parcels
from app.db.quarantines import latest_quarantine
from app.db.webhooks import tell_programs
from app.domain.errors import DomainError, IllegalMove
from app.domain.order_state import OrderEvent, OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.quarantine_state import QuarantineEvent, QuarantineState
from app.domain.refunding import RefundCause
from app.domain.removal import fate
from app.domain.webhook_event import WebhookKind
from app.settings import Settings
from app.use_cases.cold_chain.apply_cold_event import apply_cold_event
from app.use_cases.cold_chain.condemn_food import condemn_food
from app.use_cases.collecting.end_order import end_order_when_done
from app.use_cases.evening.withdraw_order import close_withdrawn
from app.use_cases.keeping.receive_rescued import receive_rescued
from app.use_cases.packing.pack_parcel import record_packed
from app.use_cases.telling.tell_jam import tell_jam
from app.use_cases.telling.tell_order import tell_order_ready
from locker_protocol.cold_messages import (
    ParcelCleared,
    ParcelCondemned,
    ParcelQuarantined,
    ZoneAlarmEnded,
    ZoneAlarmFound,
)
from locker_protocol.ids import random_id
from locker_protocol.site_events import (
    AccessRefused,
    ControllerCameUp,
    ControllerEventRefused,
    ControllerWentSilent,
    DoorConditionChanged,
    DoorLeftOpen,
    DoorStayedShut,
    DoorTroubleEnded,
    DoorTroubleFound,
    DoorWasOpened,
    DoorWasShut,
    LoadUnsure,
    OrderCancelled,
    ParcelCollected,
    ParcelLoaded,
    ParcelRemoved,
    ParcelTakenBack,
    SiteEvent,
    UnlockGranted,
)
from locker_protocol.vocabulary import DoorTrouble, Right

# The order's row is locked before its parcels', as everywhere: a cancellation waits, or has happened.
PARCEL = text(
    "SELECT customer_order.state AS order_state, parcel.state, parcel.collect_until FROM customer_order JOIN parcel"
    " ON parcel.order_id = customer_order.id WHERE parcel.id = :parcel AND customer_order.id = :order"
    " AND customer_order.site_id = :site FOR UPDATE OF customer_order"
)
FOOD_CLASSES = text(
    "SELECT DISTINCT food_class FROM order_line JOIN product ON product.id = product_id WHERE parcel_id = :parcel"
)
LOOK_BEHIND = text("UPDATE parcel SET look_door = :door WHERE id = :parcel AND state IN ('planned', 'packed')")
CONDITION = text(
    "UPDATE compartment SET condition = :condition, condition_at = :at WHERE site_id = :site AND door = :door"
)
STATES = text("SELECT DISTINCT state FROM parcel WHERE order_id = :order AND state <> 'cancelled'")
TROUBLE = text(
    "UPDATE compartment SET trouble = :trouble, trouble_door = :other, trouble_at = :at"
    " WHERE site_id = :site AND door = :door"
)
TROUBLE_OVER = text(
    "UPDATE compartment SET trouble = NULL, trouble_door = NULL, trouble_at = NULL"
    " WHERE site_id = :site AND door = :door AND trouble = :trouble"
)
# A word that comes late, after a status told of something newer, must not undo it.
DOOR = text(
    "UPDATE compartment SET door_state = :state, door_changed_at = :at WHERE site_id = :site AND door = :door"
    " AND locker_id = :locker AND (door_changed_at IS NULL OR door_changed_at <= :at)"
)
# Each opening is one event, applied once; a late word of one counts as well.
WEAR = text(
    "UPDATE compartment SET openings = openings + 1 WHERE site_id = :site AND door = :door AND locker_id = :locker"
)
OPENED = text(
    "UPDATE parcel SET opened_at = :at WHERE order_id = :order AND door = :door AND state = 'loaded'"
    " AND opened_at IS NULL"
)
LOCKER = text(
    "UPDATE locker SET online = :online WHERE id = :locker AND site_id = :site"
    " AND (heard_at IS NULL OR heard_at <= :at)"
)
DOORS_UNKNOWN = text(
    "UPDATE compartment SET door_state = 'unknown' WHERE site_id = :site AND locker_id = :locker"
    " AND (door_changed_at IS NULL OR door_changed_at <= :at)"
)


TOLD_DOORS = (DoorWasOpened, DoorWasShut, DoorLeftOpen, DoorStayedShut, DoorTroubleFound, DoorTroubleEnded)
KINDS: Mapping[type, WebhookKind] = {
    DoorWasOpened: WebhookKind.DOOR_OPENED,
    DoorWasShut: WebhookKind.DOOR_SHUT,
    DoorLeftOpen: WebhookKind.DOOR_LEFT_OPEN,
    DoorStayedShut: WebhookKind.DOOR_STAYED_SHUT,
    DoorTroubleFound: WebhookKind.DOOR_TROUBLE_FOUND,
    DoorTroubleEnded: WebhookKind.DOOR_TROUBLE_ENDED,
}

ParcelTold = ParcelLoaded | ParcelCollected | ParcelRemoved | ParcelTakenBack

# Stored and told to listeners; they change no other row, so they need no savepoint.
RECORDS_ONLY = (UnlockGranted, AccessRefused, DoorStayedShut, DoorLeftOpen, ControllerEventRefused)


class UnknownParcel(DomainError):
    """The site tells of a parcel this service does not have there."""

    code = "unknown_parcel"


@dataclass(frozen=True, slots=True)
class Told:
    """Who told, when it happened there (never later than now), and now."""

    gateway_id: str
    site_id: str
    at: datetime
    now: datetime

    @property
    def actor(self) -> str:
        """As history has it."""
        return f"gateway:{self.gateway_id}"


def apply_locker_event(conn: Connection, event: SiteEvent, *, told: Told, settings: Settings) -> None:
    """Apply one event. Raises IllegalMove, MovedMeanwhile or UnknownParcel; then nothing of it counts."""
    _tell_programs(conn, event, told)
    match event:
        case ParcelLoaded() | ParcelCollected() | ParcelRemoved() | ParcelTakenBack() | LoadUnsure():
            _apply_to_parcel(conn, event, told, settings)
        case ParcelQuarantined() | ParcelCleared() | ParcelCondemned() | ZoneAlarmFound() | ZoneAlarmEnded():
            apply_cold_event(conn, event, site_id=told.site_id, actor=told.actor, at=told.at, now=told.now)
        case OrderCancelled():
            close_withdrawn(conn, order_id=event.order_id, site_id=told.site_id, actor=told.actor, now=told.now)
        case DoorConditionChanged():
            _condition(conn, event, told)
        case DoorTroubleFound() | DoorTroubleEnded():
            _trouble(conn, event, told)
        case DoorWasOpened() | DoorWasShut():
            _door(conn, event, told)
        case ControllerCameUp() | ControllerWentSilent():
            _controller(conn, event.controller, told, online=isinstance(event, ControllerCameUp))
        case ControllerEventRefused():
            _announce(conn, None, told)  # as below, and of no order
        case UnlockGranted() | AccessRefused() | DoorStayedShut() | DoorLeftOpen():
            _announce(conn, event.order_id, told)  # the record is all there is to it


def _tell_programs(conn: Connection, event: SiteEvent, told: Told) -> None:
    """Of parcels their moves tell."""
    if isinstance(event, TOLD_DOORS):
        facts = {"site_id": told.site_id, "door": event.door, "order_id": getattr(event, "order_id", None)}
        kind = KINDS[type(event)]
        tell_programs(conn, kind=kind, event_id=random_id(), facts=facts, at=told.at, now=told.now)


def _apply_to_parcel(conn: Connection, event: ParcelTold | LoadUnsure, told: Told, settings: Settings) -> None:
    match event:
        case ParcelLoaded():
            _loaded(conn, event, told, settings)
        case ParcelCollected():
            _collected(conn, event, told)
        case ParcelRemoved():
            _removed(conn, event, told)
        case ParcelTakenBack():
            _taken_back(conn, event, told)
        case LoadUnsure():
            conn.execute(LOOK_BEHIND, {"parcel": event.parcel_id, "door": event.door})
            _announce(conn, event.order_id, told)


def _condition(conn: Connection, event: DoorConditionChanged, told: Told) -> None:
    place = {"site": told.site_id, "door": event.door, "at": told.at}
    conn.execute(CONDITION, {**place, "condition": event.condition.value})
    _announce(conn, None, told)


def _trouble(conn: Connection, event: DoorTroubleFound | DoorTroubleEnded, told: Told) -> None:
    place = {"site": told.site_id, "door": event.door, "trouble": event.trouble.value}
    if isinstance(event, DoorTroubleFound):
        conn.execute(TROUBLE, {**place, "other": event.other_door, "at": told.at})
        if event.trouble is DoorTrouble.JAMMED:
            tell_jam(conn, site_id=told.site_id, door=event.door, now=told.now)
    else:
        conn.execute(TROUBLE_OVER, place)
    _announce(conn, None, told)


def _loaded(conn: Connection, event: ParcelLoaded, told: Told, settings: Settings) -> None:
    _pack_what_nobody_marked(conn, event, told, settings)
    values = {"door": event.door, "loaded_at": told.at, "look_door": None}
    state = _move_parcel(conn, event, ParcelEvent.LOADED, values, told)
    if state is OrderState.PACKED and _states(conn, event.order_id) <= {ParcelState.LOADED, ParcelState.COLLECTED}:
        ready = OrderEvent.ALL_LOADED
        move_order(conn, order_id=event.order_id, state=state, event=ready, actor=told.actor, now=told.at)
        tell_order_ready(conn, order_id=event.order_id, settings=settings, now=told.now)


def _pack_what_nobody_marked(conn: Connection, event: ParcelLoaded, told: Told, settings: Settings) -> None:
    """A bag behind a door was packed, though no picker said so: the order gets its code all the same."""
    row = _parcel(conn, event, told)
    if row.state == ParcelState.PLANNED:
        record_packed(conn, parcel_id=event.parcel_id, actor=told.actor, now=told.at, settings=settings)


def _collected(conn: Connection, event: ParcelCollected, told: Told) -> None:
    state = OrderState(_parcel(conn, event, told).order_state)
    if state is OrderState.REFUNDED:  # it must not have been handed out: the audit shows it
        raise IllegalMove(state=state.value, event=ParcelEvent.COLLECTED.value)
    _move_parcel(conn, event, ParcelEvent.COLLECTED, {"collected_at": told.at}, told)
    _end(conn, event.order_id, state, told)


def _removed(conn: Connection, event: ParcelRemoved, told: Told) -> None:
    known = _parcel(conn, event, told)
    if event.right is Right.RESCUE:
        _rescued(conn, event, OrderState(known.order_state), told)
        return
    classes = conn.execute(FOOD_CLASSES, {"parcel": event.parcel_id}).scalars().all()
    shut = _discard_kept_shut(conn, event, told)
    move = ParcelEvent.DISCARDED if shut else fate(classes, collect_until=known.collect_until, now=told.at)
    _end(conn, event.order_id, _move_parcel(conn, event, move, {}, told), told)


def _discard_kept_shut(conn: Connection, event: ParcelRemoved, told: Told) -> bool:
    """Whether what was taken out was kept shut for food safety; on what nobody decided, that decides."""
    kept = latest_quarantine(conn, parcel_id=event.parcel_id)
    if kept is None or kept.state not in (QuarantineState.OPEN, QuarantineState.CONDEMNED):
        return False
    if kept.state == QuarantineState.OPEN:
        discarded = QuarantineEvent.DISCARDED
        condemn_food(conn, kept, food_classes=None, event=discarded, actor=told.actor, now=told.now)
    return True


def _rescued(conn: Connection, event: ParcelRemoved, state: OrderState, told: Told) -> None:
    receive_rescued(
        conn,
        parcel_id=event.parcel_id,
        order_id=event.order_id,
        order_state=state,
        keeper_id=event.actor,
        actor=told.actor,
        taken_at=told.at,
        now=told.now,
    )
    announce(conn, f"site:{told.site_id}")


def _taken_back(conn: Connection, event: ParcelTakenBack, told: Told) -> None:
    state = _move_parcel(conn, event, ParcelEvent.TAKEN_BACK, {"door": None, "loaded_at": None}, told)
    if state is OrderState.READY:
        undone = OrderEvent.LOAD_UNDONE
        move_order(conn, order_id=event.order_id, state=state, event=undone, actor=told.actor, now=told.at)


def _end(conn: Connection, order_id: str, state: OrderState, told: Told) -> None:
    """End the order with its last parcel. One that is being withdrawn ends when its site says that it holds."""
    if state in (OrderState.PACKED, OrderState.READY):
        cause = RefundCause.NOT_COLLECTED
        end_order_when_done(conn, order_id=order_id, state=state, cause=cause, actor=told.actor, now=told.at)


def _parcel(conn: Connection, event: ParcelTold, told: Told) -> Row[Any]:
    """Lock the order and read where it and the parcel stand."""
    asked = {"parcel": event.parcel_id, "order": event.order_id, "site": told.site_id}
    row = conn.execute(PARCEL, asked).one_or_none()
    if row is None:
        raise UnknownParcel(parcel=event.parcel_id)
    return row


def _move_parcel(
    conn: Connection, event: ParcelTold, move: ParcelEvent, values: Mapping[str, Any], told: Told
) -> OrderState:
    """Move the parcel and return the state of its order."""
    row = _parcel(conn, event, told)
    move_parcels(
        conn,
        order_id=event.order_id,
        parcel_ids=[event.parcel_id],
        state=ParcelState(row.state),
        event=move,
        actor=told.actor,
        now=told.at,
        values=values,
    )
    announce(conn, f"site:{told.site_id}")
    return OrderState(row.order_state)


def _states(conn: Connection, order_id: str) -> set[ParcelState]:
    return {ParcelState(state) for state in conn.execute(STATES, {"order": order_id}).scalars()}


def _door(conn: Connection, event: DoorWasOpened | DoorWasShut, told: Told) -> None:
    state = "open" if isinstance(event, DoorWasOpened) else "shut"
    place = {"site": told.site_id, "door": event.door, "locker": event.controller, "at": told.at}
    conn.execute(DOOR, {**place, "state": state})
    if state == "open":
        conn.execute(WEAR, place)
    if state == "open" and event.order_id is not None:
        conn.execute(OPENED, {"order": event.order_id, "door": event.door, "at": told.at})
    _announce(conn, event.order_id, told)


def _controller(conn: Connection, controller: str, told: Told, *, online: bool) -> None:
    place = {"site": told.site_id, "locker": controller, "at": told.at}
    turned = conn.execute(LOCKER, {**place, "online": online}).rowcount
    if turned and not online:
        conn.execute(DOORS_UNKNOWN, place)
    _announce(conn, None, told)


def _announce(conn: Connection, order_id: str | None, told: Told) -> None:
    announce(conn, f"site:{told.site_id}")
    if order_id is not None:
        announce(conn, f"order:{order_id}")
