"""An order's parcels with how it goes at their doors. Reads only; what the site's words mean is `domain.door_tries`."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.door_tries import DoorEvent, DoorTry, Happened, TriedParcel, tries
from app.domain.parcel_state import ParcelState
from locker_protocol.vocabulary import DoorTrouble

# A log that is new begins at one again, so the time it was applied goes first. Staff who look at a door try nothing.
EVENTS = text("""
    SELECT type, at, body FROM site_event
    WHERE order_id = :order_id AND fault IS NULL
        AND type IN ('UnlockGranted', 'DoorWasOpened', 'DoorWasShut', 'DoorStayedShut')
        AND (type <> 'UnlockGranted' OR body->>'right' IN ('collect', 'reopen', 'hand_over'))
    ORDER BY applied_at, seq
""")
PARCELS = text("""
    SELECT p.id, p.door, p.state, c.trouble FROM parcel p
    JOIN customer_order o ON o.id = p.order_id
    JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door
    WHERE p.order_id = :order_id AND p.state IN ('loaded', 'collected') ORDER BY p.door
""")
HAPPENED: Mapping[str, Happened] = {
    "UnlockGranted": Happened.GRANTED,
    "DoorWasOpened": Happened.OPENED,
    "DoorWasShut": Happened.SHUT,
    "DoorStayedShut": Happened.STAYED,
}


def tried_parcels(conn: Connection, *, order_id: str) -> list[TriedParcel]:
    """The parcels of an order that lie, or lay, behind doors; none before it is loaded."""
    events = conn.execute(EVENTS, {"order_id": order_id}).all()
    tried = tries(each for row in events for each in _of(row))
    return [
        TriedParcel(
            row.id,
            row.door,
            ParcelState(row.state),
            tried.get(row.door, DoorTry()),
            DoorTrouble(row.trouble) if row.trouble else None,
        )
        for row in conn.execute(PARCELS, {"order_id": order_id})
    ]


def _of(row: Row[Any]) -> Iterator[DoorEvent]:
    doors = row.body["doors"] if row.type == "UnlockGranted" else [row.body["door"]]
    return (DoorEvent(door, HAPPENED[row.type], row.at) for door in doors)
