"""Cancelling an order: its codes end at once, and the service hears so when none of its doors is moving any more.

Money goes back after that event. So once it is told, nothing that happens later is told as a collection.
"""

import msgspec

from locker_gateway import doubts, grants
from locker_gateway.codes import code_of
from locker_gateway.records import Cancellation
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.site_events import OrderCancelled


def cancel(turn: Turn, order_id: str) -> None:
    """Parcels not loaded stay listed, so that their label can be refused by what happened. Each cancel is answered."""
    site = turn.site
    turn.put(site.codes, order_id, msgspec.structs.replace(code_of(site, order_id), cancelled=True))
    turn.put(site.cancellations, order_id, Cancellation(order_id))
    for doubt in [each for each in site.doubts.rows.values() if each.order_id == order_id]:
        doubts.leave(turn, doubt)
    tell_settled(turn)


def expect(turn: Turn, order_id: str) -> None:
    """The order is planned again: it is expected, but no code made before this opens anything."""
    site = turn.site
    code = code_of(site, order_id)
    if not code.cancelled:
        return
    through = max(code.revoked_through, code.generation)
    turn.put(site.codes, order_id, msgspec.structs.replace(code, cancelled=False, revoked_through=through))
    turn.delete(site.cancellations, order_id)


def tell_settled(turn: Turn) -> None:
    """Answer the cancellations of orders whose doors have come to rest."""
    for order_id in [each for each in turn.site.cancellations.rows if not _moving(turn.site, each)]:
        turn.delete(turn.site.cancellations, order_id)
        turn.event(OrderCancelled(order_id))
        turn.say("order_cancelled", order_id=order_id)


def was_told(site: Site, order_id: str) -> bool:
    """True when the service was told that nothing of this order is collected any more."""
    return code_of(site, order_id).cancelled and order_id not in site.cancellations.rows


def _moving(site: Site, order_id: str) -> bool:
    placements = [each for each in site.placements.rows.values() if each.order_id == order_id]
    if any(each.state == "opened" for each in placements):
        return True
    parcel_ids = {each.parcel_id for each in placements}
    return any(
        door.phase in grants.AT_WORK and (grant.order_id == order_id or door.parcel_id in parcel_ids)
        for grant in site.grants.rows.values()
        for door in grant.doors
    )
