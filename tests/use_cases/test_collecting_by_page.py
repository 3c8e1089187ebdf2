"""Collecting by the page: opening from afar, a door that will not open, somebody else's bag. On the real database."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert

from app.db import tables
from app.db.engine import transaction
from app.domain.door_tries import DoorNotStuck
from app.domain.errors import DomainError, NotFound
from app.domain.inspecting import KeptShut
from app.use_cases.audit.audit import audit
from app.use_cases.audit.rule import Moment
from app.use_cases.collecting.issue_credential import NoLiveCode
from app.use_cases.collecting.open_for_owner import open_for_owner
from app.use_cases.collecting.refund_stuck import refund_stuck
from app.use_cases.collecting.report_wrong_bag import DoorNotOpened, report_wrong_bag
from app.use_cases.collecting.show_code import show_code
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.site.apply_locker_event import Told, apply_locker_event
from locker_protocol.codec import encode
from locker_protocol.ids import random_id
from locker_protocol.site_entries import CancelOrder, RevokeCredential
from locker_protocol.site_events import (
    DoorStayedShut,
    DoorTroubleFound,
    DoorWasOpened,
    DoorWasShut,
    OrderCancelled,
    ParcelCollected,
    ParcelLoaded,
    SiteEvent,
    UnlockGranted,
)
from locker_protocol.vocabulary import DoorTrouble, Right, Via
from tests.use_cases.cast import ALICE, LOAD_FROM, PICKER, REMOVAL_FROM, SITE, Shop, at_once

KEEPER, OTHER_KEEPER, OPERATOR = "d" * 32, "e" * 32, "f" * 32
EVENING = LOAD_FROM + timedelta(hours=4)


@dataclass
class Lobby:
    """The shop with a locker that tells of its doors."""

    shop: Shop

    def loaded(self, *wanted: tuple[str, int]) -> PlacedOrder:
        order = self.shop.packed(*(wanted or (("milk", 1), ("dumplings", 1))))
        for door, bag in enumerate(self.shop.parcels(order), start=3):
            self.tell(ParcelLoaded(bag.id, order.order_id, "L1", door, PICKER), at=LOAD_FROM)
        return order

    def tell(self, event: SiteEvent, *, at: datetime = EVENING) -> None:
        """As the intake does: the event is stored, then applied."""
        with transaction(self.shop.engine) as conn:
            row = {"gateway_id": SITE, "log_id": "log", "seq": self.shop.next(), "at": at, "applied_at": at}
            body = {"type": type(event).__name__, "body": _json(event), "order_id": getattr(event, "order_id", None)}
            conn.execute(insert(tables.site_event).values(**row, **body))
            told = Told(SITE, SITE, at, at)
            apply_locker_event(conn, event, told=told, settings=self.shop.settings)

    def pulse_in_vain(self, order: PlacedOrder, door: int, times: int = 1) -> None:
        for n in range(times):
            grant = f"g{self.shop.next()}"
            at = EVENING + timedelta(seconds=12 * n)
            self.tell(_granted(grant, order.order_id, door), at=at)
            self.tell(DoorStayedShut("L1", door, grant, order.order_id), at=at + timedelta(seconds=11))
        if times > 1:
            self.tell(DoorTroubleFound("L1", door, DoorTrouble.JAMMED), at=EVENING + timedelta(seconds=30))

    def open(self, order: PlacedOrder, door: int) -> None:
        self.tell(_granted("g", order.order_id, door))
        self.tell(DoorWasOpened("L1", door, "g", order.order_id))

    def collect(self, order: PlacedOrder, bag: Any) -> None:
        self.open(order, bag.door)
        self.tell(DoorWasShut("L1", bag.door, order.order_id))
        self.tell(ParcelCollected(bag.id, order.order_id, "L1", bag.door))

    def ask(self, order: PlacedOrder, *, now: datetime = EVENING) -> str:
        with transaction(self.shop.engine) as conn:
            return open_for_owner(conn, order_id=order.order_id, now=now)

    def refund(self, order: PlacedOrder, *, now: datetime = EVENING) -> bool:
        with transaction(self.shop.engine) as conn:
            return refund_stuck(conn, order_id=order.order_id, actor=f"person:{ALICE}", now=now)

    def wrong(self, order: PlacedOrder, door: int, *, now: datetime = EVENING) -> bool:
        with transaction(self.shop.engine) as conn:
            return report_wrong_bag(conn, order_id=order.order_id, door=door, now=now)

    def commands(self) -> list[Any]:
        return list(self.shop.rows("SELECT * FROM remote_command ORDER BY asked_at, id"))

    def refunded(self, order: PlacedOrder) -> list[tuple[str, int]]:
        query = "SELECT cause, amount_minor FROM refund WHERE order_id = :id ORDER BY decided_at"
        return [tuple(row) for row in self.shop.rows(query, id=order.order_id)]

    def told(self) -> list[tuple[str, str]]:
        query = "SELECT contact, body FROM notification WHERE kind = 'trouble' ORDER BY contact"
        return [tuple(row) for row in self.shop.rows(query)]

    def broken(self, *, now: datetime = EVENING) -> dict[str, list[str]]:
        """What the audit finds wrong with orders, doors and money; this locker keeps no chain of its own."""
        looked_at = {"I1", "I2", "I8", "I9", "I10", "I18"}
        with transaction(self.shop.engine) as conn:
            found = audit(conn, Moment(now))
        return {each.invariant: each.examples for each in found if each.violations and each.invariant in looked_at}

    def refuses(self, error: type[DomainError], doing: Any) -> None:
        """It says no, and nothing changed."""
        before = self.shop.everything()
        with pytest.raises(error):
            doing()
        assert self.shop.everything() == before


@pytest.fixture
def lobby(shop: Shop) -> Lobby:
    staff = ((KEEPER, "keeper", SITE), (OTHER_KEEPER, "keeper", "sunny"), (OPERATOR, "operator", None))
    with transaction(shop.engine) as conn:
        for n, (person, role, site) in enumerate(staff):
            row = {"id": person, "role": role, "site_id": site, "phone": f"+861390000000{n}", "created_at": LOAD_FROM}
            conn.execute(insert(tables.person).values(**row))
    return Lobby(shop)


# --- opening from afar


def test_a_tap_writes_one_command_with_the_code_and_its_ten_seconds(lobby: Lobby) -> None:
    order = lobby.loaded()
    command_id = lobby.ask(order)
    (row,) = lobby.commands()
    live = lobby.shop.one("SELECT id FROM credential WHERE order_id = :id AND ended_at IS NULL", id=order.order_id)
    assert (row.id, row.kind, row.order_id, row.credential_id) == (command_id, "collect", order.order_id, live)
    assert (row.asked_at, row.not_after) == (EVENING, EVENING + timedelta(seconds=10))


def test_a_second_tap_meanwhile_is_the_same_also_at_the_same_moment(lobby: Lobby) -> None:
    order = lobby.loaded()
    asked = at_once(*[partial(lobby.ask, order)] * 4)
    assert len(set(asked)) == 1
    assert len(lobby.commands()) == 1
    lobby.ask(order, now=EVENING + timedelta(seconds=11))
    assert len(lobby.commands()) == 2


def test_nothing_is_asked_before_it_lies_there_nor_after_it_was_withdrawn(lobby: Lobby) -> None:
    packed = lobby.shop.packed(("milk", 1))
    lobby.refuses(NoLiveCode, lambda: lobby.ask(packed))
    order = lobby.loaded()
    lobby.pulse_in_vain(order, 3, times=2)
    lobby.refund(order)
    lobby.refuses(NoLiveCode, lambda: lobby.ask(order))


def test_nothing_is_asked_of_an_order_nobody_has(lobby: Lobby) -> None:
    nobody = PlacedOrder("0" * 32, "X", 0, "CNY")
    lobby.refuses(NotFound, lambda: lobby.ask(nobody))


def test_food_that_is_kept_shut_is_not_asked_for(lobby: Lobby) -> None:
    order = lobby.loaded(("milk", 1))
    (bag,) = lobby.shop.parcels(order)
    _keep_shut(lobby, order, bag)
    lobby.refuses(KeptShut, lambda: lobby.ask(order))


def test_what_was_collected_is_asked_for_again_for_a_quarter_of_an_hour(lobby: Lobby) -> None:
    order = lobby.loaded(("milk", 1))
    lobby.collect(order, lobby.shop.parcels(order)[0])
    assert lobby.shop.state(order) == "collected"
    lobby.ask(order, now=EVENING + timedelta(minutes=14))
    lobby.refuses(NoLiveCode, lambda: lobby.ask(order, now=EVENING + timedelta(minutes=16)))


# --- a door that will not open


def test_after_one_pulse_in_vain_there_is_no_refund_yet(lobby: Lobby) -> None:
    order = lobby.loaded()
    lobby.pulse_in_vain(order, 3)
    lobby.refuses(DoorNotStuck, lambda: lobby.refund(order))
    assert lobby.told() == []


def test_after_two_the_keeper_of_the_site_and_the_office_are_told_in_their_language(lobby: Lobby) -> None:
    order = lobby.loaded()
    lobby.shop.run_sql("UPDATE person SET language = 'en' WHERE id = :id", id=OPERATOR)
    lobby.pulse_in_vain(order, 3, times=2)
    told = dict(lobby.told())
    assert set(told) == {"+8613900000000", "+8613900000002"}
    assert order.order_no in told["+8613900000000"]
    assert "3 号门" in told["+8613900000000"]
    assert "door 3: the door does not open" in told["+8613900000002"]


def test_a_door_that_jams_with_nobodys_food_behind_it_calls_nobody(lobby: Lobby) -> None:
    lobby.tell(DoorTroubleFound("L1", 5, DoorTrouble.JAMMED))
    assert lobby.told() == []


def test_refund_now_withdraws_the_order_and_its_money_waits_for_the_sites_word(lobby: Lobby) -> None:
    order = lobby.loaded()
    lobby.pulse_in_vain(order, 3, times=2)
    assert lobby.refund(order)
    assert (lobby.shop.state(order), lobby.refunded(order)) == ("expiring", [])
    assert isinstance(lobby.shop.entries()[-1], CancelOrder)
    lobby.tell(OrderCancelled(order.order_id))
    assert (lobby.shop.state(order), lobby.refunded(order)) == ("refunded", [("not_opened", 3070)])
    lobby.shop.send_refunds(now=EVENING)
    assert lobby.broken() == {}


def test_pressing_refund_often_and_at_once_is_one_decision(lobby: Lobby) -> None:
    order = lobby.loaded()
    lobby.pulse_in_vain(order, 3, times=2)
    assert sorted(at_once(*[partial(lobby.refund, order)] * 4)) == [False, False, False, True]
    lobby.tell(OrderCancelled(order.order_id))
    assert not lobby.refund(order)
    assert lobby.refunded(order) == [("not_opened", 3070)]


def test_what_was_collected_from_another_door_is_not_refunded(lobby: Lobby) -> None:
    order = lobby.loaded()
    cold, frozen = lobby.shop.parcels(order)
    lobby.collect(order, cold)
    lobby.pulse_in_vain(order, frozen.door, times=2)
    assert lobby.refund(order)
    lobby.tell(OrderCancelled(order.order_id))
    assert lobby.shop.state(order) == "collected"
    left = lobby.shop.one("SELECT sum(line_minor) FROM order_line WHERE parcel_id = :id", id=frozen.id)
    assert lobby.refunded(order) == [("not_opened", left)]
    assert lobby.broken() == {}


def test_a_bag_in_the_hand_while_the_money_is_asked_for_is_collected_and_not_refunded(lobby: Lobby) -> None:
    order = lobby.loaded()
    first, second = lobby.shop.parcels(order)
    lobby.open(order, first.door)  # and while it stands open:
    lobby.pulse_in_vain(order, second.door, times=2)
    assert lobby.refund(order)
    lobby.tell(DoorWasShut("L1", first.door, order.order_id))
    lobby.tell(ParcelCollected(first.id, order.order_id, "L1", first.door))
    lobby.tell(OrderCancelled(order.order_id))
    left = lobby.shop.one("SELECT sum(line_minor) FROM order_line WHERE parcel_id = :id", id=second.id)
    assert (lobby.shop.state(order), lobby.refunded(order)) == ("collected", [("not_opened", left)])


# --- somebody else's bag


def test_a_wrong_bag_ends_the_code_at_the_site_and_calls_staff_once(lobby: Lobby) -> None:
    order = lobby.loaded(("milk", 1))
    (bag,) = lobby.shop.parcels(order)
    lobby.collect(order, bag)
    assert lobby.wrong(order, bag.door)
    assert not lobby.wrong(order, bag.door)
    assert lobby.shop.entries()[-1] == RevokeCredential(order_id=order.order_id, generation=1)
    assert len(lobby.told()) == 2
    assert all(order.order_no in body for _, body in lobby.told())
    with pytest.raises(NoLiveCode), transaction(lobby.shop.engine) as conn:
        show_code(conn, order_id=order.order_id, person_id=None, now=EVENING, settings=lobby.shop.settings)
    lobby.refuses(NoLiveCode, lambda: lobby.ask(order))


@pytest.mark.parametrize("door", [3, 0, 998])
def test_a_door_that_did_not_open_for_the_order_cannot_be_reported(lobby: Lobby, door: int) -> None:
    order = lobby.loaded(("milk", 1))
    lobby.refuses(DoorNotOpened, lambda: lobby.wrong(order, door))


def test_after_a_quarter_of_an_hour_it_is_too_late_to_say_so_here(lobby: Lobby) -> None:
    order = lobby.loaded(("milk", 1))
    (bag,) = lobby.shop.parcels(order)
    lobby.collect(order, bag)
    lobby.refuses(DoorNotOpened, lambda: lobby.wrong(order, bag.door, now=EVENING + timedelta(minutes=16)))


def _granted(grant: str, order_id: str, door: int) -> UnlockGranted:
    return UnlockGranted(grant, "L1", [door], "code-7", Right.COLLECT, Via.REMOTE, "", order_id)


def _json(event: SiteEvent) -> Any:
    return {key: value for key, value in json.loads(encode(event)).items() if key != "type"}


def _keep_shut(lobby: Lobby, order: PlacedOrder, bag: Any) -> None:
    row = {"id": random_id(), "parcel_id": bag.id, "order_id": order.order_id, "site_id": SITE, "locker_id": "L1"}
    row |= {"door": bag.door, "food_class": "chilled_tcs", "cause": "too_warm", "since": EVENING, "found_at": EVENING}
    with transaction(lobby.shop.engine) as conn:
        conn.execute(insert(tables.quarantine).values(**row, due_at=REMOVAL_FROM))
