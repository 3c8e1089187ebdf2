"""What other programs may be told as it happens, and when a message that did not arrive is sent again.

An event names ids only, never a person: whoever hears it asks the API for more.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from app.domain.errors import DomainError
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState


class WebhookKind(StrEnum):
    """What happened."""

    ORDER_PAID = "order.paid"
    ORDER_PACKED = "order.packed"
    ORDER_LOADED = "order.loaded"
    ORDER_COLLECTED = "order.collected"
    ORDER_WITHDRAWN = "order.withdrawn"
    ORDER_REFUNDED = "order.refunded"
    ORDER_RELEASED = "order.released"
    PARCEL_PACKED = "parcel.packed"
    PARCEL_LOADED = "parcel.loaded"
    PARCEL_RESCUED = "parcel.rescued"
    PARCEL_COLLECTED = "parcel.collected"
    PARCEL_RETURNED = "parcel.returned"
    PARCEL_DISPOSED = "parcel.disposed"
    PARCEL_CANCELLED = "parcel.cancelled"
    DOOR_OPENED = "door.opened"
    DOOR_SHUT = "door.shut"
    DOOR_LEFT_OPEN = "door.left_open"
    DOOR_STAYED_SHUT = "door.stayed_shut"
    DOOR_TROUBLE_FOUND = "door.trouble_found"
    DOOR_TROUBLE_ENDED = "door.trouble_ended"


# By the table and the state that something moved to; what is missing is nobody else's business.
_K = WebhookKind
OF_MOVE: Mapping[tuple[str, str], WebhookKind] = {
    ("order", OrderState.PAID): _K.ORDER_PAID,
    ("order", OrderState.PACKED): _K.ORDER_PACKED,
    ("order", OrderState.READY): _K.ORDER_LOADED,
    ("order", OrderState.COLLECTED): _K.ORDER_COLLECTED,
    ("order", OrderState.EXPIRING): _K.ORDER_WITHDRAWN,
    ("order", OrderState.REFUNDED): _K.ORDER_REFUNDED,
    ("order", OrderState.RELEASED): _K.ORDER_RELEASED,
    ("parcel", ParcelState.PACKED): _K.PARCEL_PACKED,
    ("parcel", ParcelState.LOADED): _K.PARCEL_LOADED,
    ("parcel", ParcelState.RESCUED): _K.PARCEL_RESCUED,
    ("parcel", ParcelState.COLLECTED): _K.PARCEL_COLLECTED,
    ("parcel", ParcelState.RETURNED): _K.PARCEL_RETURNED,
    ("parcel", ParcelState.DISPOSED): _K.PARCEL_DISPOSED,
    ("parcel", ParcelState.CANCELLED): _K.PARCEL_CANCELLED,
}

# Waits after the first, second … try, in minutes: the last try is a little less than three days after the first.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1 / 6, 1, 5, 30, 60, 120, 240, 480, 480, 720, 720, 720, 720))
MOST_ENDPOINTS = 20


class DeliveryState(StrEnum):
    """Where a message to one endpoint stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class TooManyEndpoints(DomainError):
    """Each endpoint gets every message, so there are only so many. Fact: `most`."""

    code = "too_many_endpoints"


class WebhookAddressRefused(DomainError):
    """The address is not one we send to: not https, inside a private network, with a password in it, or unknown."""

    code = "webhook_address_refused"
    status = 422


class NoKindChosen(DomainError):
    """An endpoint that is told of nothing is no use."""

    code = "no_kind_chosen"
    status = 422


class NotDead(DomainError):
    """Only a message that was given up can be sent again by hand."""

    code = "not_dead"
