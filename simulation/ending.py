"""When everything is quiet: what the books say must be what happened to bags and money."""

from typing import TYPE_CHECKING

from app.domain.ledger import Account
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from firmware_sim.controller import MAX_QUEUE
from locker_protocol.vocabulary import DoorCondition
from simulation.kernel import Violation
from simulation.lobby import OWNER

if TYPE_CHECKING:
    from simulation.lobby import Bag
    from simulation.world import World


def judge_the_end(world: "World") -> None:
    """Raises Violation."""
    if not world.gateway.disk.chain_holds():
        raise Violation("I12", "the audit chain is broken")
    if world.auditor.audit_head != world.gateway.disk.head and not world.disturbed:
        raise Violation("I12", "service and gateway come to different hashes of what was unlocked")
    for controller in world.controllers.values():
        if controller.state is not None and len(controller.state.memory.events) > MAX_QUEUE:
            raise Violation("I17", "a controller keeps more events than it may")
    for order_id in world.service.book.orders:
        _judge_money(world, order_id)
    if not world.disturbed:
        for bag in world.lobby.bags.values():
            _judge_bag(world, bag)


def _judge_money(world: "World", order_id: str) -> None:
    """I8: all that was captured is earned or went back, in the books and at the provider."""
    accounts = world.service.book.held[order_id]
    if accounts[Account.CUSTOMER_HELD] != 0:
        raise Violation("I8", f"money of {order_id} is still held: {accounts}", order_id)
    if -accounts[Account.REFUNDS] != world.given_back[order_id] and not world.disturbed:
        raise Violation("I9", f"{order_id}: the provider gave back {world.given_back[order_id]}: {accounts}", order_id)


def _judge_bag(world: "World", bag: "Bag") -> None:
    """I1: who has a bag by a door that was seen to open paid for it; who has none paid nothing."""
    book = world.service.book
    parcel, order = book.parcels[bag.parcel_id], book.orders[bag.order_id]
    by_the_book = parcel.state is ParcelState.COLLECTED
    has_it = bag.place == OWNER
    unseen = (
        bag.excused
        or (bag.taken and (not bag.taken.known or bag.taken.late))
        or (bag.put and (not bag.put.known or bag.put.late))
    )
    if has_it != by_the_book and not unseen:
        about = (bag.parcel_id, bag.order_id)
        raise Violation("I1", f"{bag.parcel_id} is {bag.place} and its book says {parcel.state}", *about)
    if isinstance(bag.place, int) and world.is_swept() and not unseen and not _is_broken(world, bag.place):
        raise Violation("I14", f"{bag.parcel_id} lies behind door {bag.place} and nobody knows", bag.parcel_id)
    went_back = order.state is OrderState.REFUNDED and book.cold.is_condemned(bag.parcel_id)
    if by_the_book and order.state is not OrderState.COLLECTED and not went_back:
        raise Violation(
            "I1", f"{bag.parcel_id} was collected and its order is {order.state}", bag.parcel_id, bag.order_id
        )


def _is_broken(world: "World", door: int) -> bool:
    """Whoever repairs a broken door looks behind it."""
    return world.service.book.conditions.get(door) is DoorCondition.BROKEN
