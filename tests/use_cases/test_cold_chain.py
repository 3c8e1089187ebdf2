"""Food that was not kept cold: shut, told, looked at, refunded once, and never handed out after its refund."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.db.engine import transaction
from app.domain.degrees import ProbeUnlikely
from app.domain.errors import DomainError, NotFound
from app.domain.inspecting import (
    DiscardLineCrossed,
    KeptShut,
    NotInBag,
    ProbeOutside,
    QuarantineOver,
)
from app.domain.parcel_state import ParcelState
from app.use_cases.audit.audit import audit
from app.use_cases.audit.rule import Moment
from app.use_cases.cold_chain.apply_cold_event import NoSuchParcelThere
from app.use_cases.cold_chain.condemn_undecided import condemn_undecided
from app.use_cases.cold_chain.inspect_food import Look, inspect_food
from app.use_cases.evening.offer_not_collected import offer_not_collected
from app.use_cases.keeping.hand_over_order import good_parcels, nothing_to_give
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.site.ask_site import PersonalWords, ReasonNeeded
from app.use_cases.site.wire_time import to_wire
from locker_protocol.cold_messages import (
    CondemnParcel,
    ParcelCleared,
    ParcelCondemned,
    ParcelQuarantined,
    ReleaseParcel,
    ZoneAlarmEnded,
    ZoneAlarmFound,
)
from locker_protocol.site_entries import PlanOrder
from locker_protocol.site_events import ParcelCollected, ParcelRemoved
from locker_protocol.vocabulary import ColdCause, Right, Zone, ZoneAlarm
from tests.use_cases.cast import LOAD_FROM, PICKER, SITE, open_shop
from tests.use_cases.evening import LATE_EVENING, Evening

FOUND = LOAD_FROM + timedelta(hours=1)
SOON = FOUND + timedelta(minutes=20)
DUE = FOUND + timedelta(hours=2)
JPEG = b"\xff\xd8 what was seen \xff\xd9"
STRICT, TCS = "chilled_strict", "chilled_tcs"


@dataclass
class Cold(Evening):
    """An evening on which a locker grows warm."""

    def quarantine(self, order: PlacedOrder, *, food_class: str = TCS, bag: int = 0, at: datetime = FOUND) -> None:
        """The site finds that a bag's line was crossed."""
        parcel = self.shop.parcels(order)[bag]
        event = ParcelQuarantined(
            parcel.id, order.order_id, "L1", parcel.door, food_class, ColdCause.TOO_WARM, to_wire(at)
        )
        self.tell(event, at=at)

    def condemn(self, order: PlacedOrder, *, food_class: str = TCS, bag: int = 0, at: datetime = SOON) -> None:
        parcel = self.shop.parcels(order)[bag]
        self.tell(ParcelCondemned(parcel.id, order.order_id, "L1", parcel.door, food_class, ColdCause.TOO_WARM), at=at)

    def clear(self, order: PlacedOrder, *, actor: str | None = None, bag: int = 0, at: datetime = SOON) -> None:
        parcel = self.shop.parcels(order)[bag]
        self.tell(ParcelCleared(parcel.id, order.order_id, "L1", parcel.door, actor), at=at)

    def remove(self, order: PlacedOrder, *, right: Right = Right.REMOVE, bag: int = 0, at: datetime = SOON) -> None:
        parcel = self.shop.parcels(order)[bag]
        self.tell(ParcelRemoved(parcel.id, order.order_id, "L1", parcel.door, right, PICKER), at=at)

    def look(self, *kept: int, probe_c: float = 3.0, reason: str = "cold to the touch", at: datetime = SOON) -> None:
        """Staff look at the one that is open."""
        with transaction(self.shop.engine) as conn:
            inspect_food(
                conn,
                quarantine_id=self.shop.one("SELECT id FROM quarantine ORDER BY found_at DESC LIMIT 1"),
                kept=kept,
                look=Look(reason, probe_c, JPEG),
                person_id=PICKER,
                now=at,
            )

    def wait(self, *, until: datetime) -> int:
        with transaction(self.shop.engine) as conn:
            return condemn_undecided(conn, now=until)

    def quarantines(self) -> list[Any]:
        return [
            (row.state, row.condemned, row.decided_by)
            for row in self.shop.rows("SELECT * FROM quarantine ORDER BY found_at, id")
        ]

    def refunds(self) -> list[tuple[str, int]]:
        rows = self.shop.rows("SELECT cause, amount_minor FROM refund ORDER BY decided_at, id")
        return [(row.cause, row.amount_minor) for row in rows]

    def notices(self) -> list[str]:
        kinds = ("order_kept_shut", "order_kept_shut_no_more", "order_refunded")
        rows = self.shop.rows(
            "SELECT kind FROM notification WHERE kind = ANY(:kinds) ORDER BY made_at, id", kinds=list(kinds)
        )
        return [row.kind for row in rows]

    def cost(self) -> int:
        asked = "SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry WHERE account = 'claims_locker'"
        return int(self.shop.one(asked))

    def broken(self) -> list[str]:
        self.shop.send_refunds(now=DUE)
        with transaction(self.shop.engine) as conn:
            found = audit(conn, Moment(DUE))
        # The site's words are told here without their log.
        return [example for each in found if each.invariant not in ("I7", "I14") for example in each.examples]


@pytest.fixture
def cold(db: Engine) -> Cold:
    shop = open_shop(db)
    shop.run_sql("UPDATE product SET food_class = :c", c=TCS)
    return Cold(shop)


@pytest.fixture
def order(cold: Cold) -> PlacedOrder:
    """One bag with two lines of one class, behind a door."""
    placed = cold.shop.packed(("milk", 1), ("pak-choi", 1))
    cold.load(placed)
    return placed


def lines(cold: Cold) -> dict[str, tuple[int, int]]:
    rows = cold.shop.rows("SELECT product_id, line_no, line_minor FROM order_line ORDER BY line_no")
    return {row.product_id: (row.line_no, row.line_minor) for row in rows}


def test_its_owner_is_told_that_a_door_stays_shut_and_nothing_is_refunded_yet(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)

    assert cold.quarantines() == [("open", [], None)]
    assert cold.shop.one("SELECT due_at FROM quarantine") == DUE
    (body,) = cold.shop.rows("SELECT body FROM notification WHERE kind = 'order_kept_shut'")
    assert "stays shut for food safety: it was too warm in there" in body.body
    assert cold.refunds() == []
    assert cold.broken() == []


def test_a_second_class_of_the_same_bag_is_the_same_quarantine(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    cold.quarantine(order, food_class=STRICT, at=SOON)

    assert len(cold.quarantines()) == 1
    assert cold.notices() == ["order_kept_shut"]


def test_a_gap_that_was_filled_clears_it_and_its_owner_may_collect(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    cold.clear(order)

    assert cold.quarantines() == [("cleared", [], f"gateway:{SITE}")]
    assert cold.notices() == ["order_kept_shut", "order_kept_shut_no_more"]
    cold.collect(order, at=SOON)
    assert (cold.shop.state(order), cold.refunds()) == ("collected", [])
    assert cold.broken() == []


def test_what_is_condemned_is_refunded_once_and_its_order_is_over(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    cold.condemn(order)
    cold.condemn(order)

    assert cold.quarantines() == [("condemned", [TCS], f"gateway:{SITE}")]
    total = sum(minor for _, minor in lines(cold).values())
    assert cold.refunds() == [("cold_chain", total)]
    assert cold.cost() == total
    assert cold.shop.state(order) == "refunded"
    assert cold.notices() == ["order_kept_shut", "order_refunded"]
    assert cold.shop.one("SELECT count(*) FROM credential WHERE ended_at IS NULL") == 0
    assert cold.shop.parcels(order)[0].state == "loaded"  # until staff take it out
    cold.remove(order)
    assert cold.shop.parcels(order)[0].state == "disposed"
    assert cold.broken() == []


def test_a_site_may_condemn_at_once_what_was_never_kept_shut_before(cold: Cold, order: PlacedOrder) -> None:
    cold.condemn(order)

    assert cold.quarantines() == [("condemned", [TCS], f"gateway:{SITE}")]
    assert cold.shop.state(order) == "refunded"


def test_only_the_lines_of_the_class_that_is_condemned_go_back(cold: Cold) -> None:
    cold.shop.run_sql("UPDATE product SET food_class = :c WHERE id = 'pak-choi'", c=STRICT)
    order = cold.shop.packed(("milk", 1), ("pak-choi", 1))
    cold.load(order)
    cold.quarantine(order, food_class=STRICT)
    cold.condemn(order, food_class=STRICT)

    assert cold.quarantines() == [("open", [STRICT], None)]
    assert cold.refunds() == [("cold_chain", lines(cold)["pak-choi"][1])]
    assert cold.shop.state(order) == "ready"
    cold.look(lines(cold)["milk"][0])
    assert cold.shop.entries()[-1] == ReleaseParcel(cold.shop.parcels(order)[0].id, order.order_id, PICKER, [TCS])
    cold.clear(order, actor=PICKER)
    cold.collect(order, at=SOON)
    assert cold.shop.state(order) == "collected"
    assert cold.refunds() == [("cold_chain", lines(cold)["pak-choi"][1])]
    assert cold.broken() == []


def test_staff_take_the_spoiled_line_out_and_release_the_rest(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    milk, greens = lines(cold)["milk"], lines(cold)["pak-choi"]
    cold.look(milk[0])

    assert cold.quarantines() == [("released", [], f"person:{PICKER}")]
    assert cold.refunds() == [("cold_chain", greens[1])]
    assert cold.cost() == greens[1]
    (row,) = cold.shop.rows("SELECT reason, probe_c, photo, kept FROM quarantine")
    assert (row.reason, row.probe_c, bytes(row.photo), row.kept) == ("cold to the touch", 3.0, JPEG, [TCS])
    assert cold.notices() == ["order_kept_shut", "order_refunded"]  # that it opens, is the site's to say
    assert cold.shop.one("SELECT actor FROM audit WHERE act = 'food_released'") == f"person:{PICKER}"
    cold.clear(order, actor=PICKER, at=SOON + timedelta(minutes=1))
    assert cold.notices()[-1] == "order_kept_shut_no_more"
    assert cold.broken() == []


def test_what_was_released_and_grows_warm_again_is_another_quarantine(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    cold.look(lines(cold)["milk"][0])
    cold.clear(order, actor=PICKER)
    cold.quarantine(order, at=SOON + timedelta(minutes=9))
    cold.condemn(order, at=SOON + timedelta(minutes=10))

    assert [state for state, _, _ in cold.quarantines()] == ["released", "condemned"]
    assert sorted(cold.refunds()) == sorted(("cold_chain", minor) for _, minor in lines(cold).values())
    assert cold.shop.state(order) == "refunded"
    assert cold.broken() == []


def test_what_staff_took_out_is_not_condemned_again_by_a_site_that_had_not_heard_of_it(cold: Cold) -> None:
    cold.shop.run_sql("UPDATE product SET food_class = :c WHERE id = 'pak-choi'", c=STRICT)
    order = cold.shop.packed(("milk", 1), ("pak-choi", 1))
    cold.load(order)
    cold.quarantine(order, food_class=STRICT)
    cold.look(lines(cold)["milk"][0])
    before = (cold.quarantines(), cold.refunds())
    cold.condemn(order, food_class=STRICT, at=SOON + timedelta(minutes=1))

    assert (cold.quarantines(), cold.refunds()) == before
    assert before == ([("released", [], f"person:{PICKER}")], [("cold_chain", lines(cold)["pak-choi"][1])])
    cold.clear(order, actor=PICKER, at=SOON + timedelta(minutes=2))
    assert cold.shop.state(order) == "ready"
    assert cold.broken() == []


def test_staff_discard_it_all_and_the_sites_word_afterwards_refunds_nothing_twice(
    cold: Cold, order: PlacedOrder
) -> None:
    cold.quarantine(order)
    cold.look(probe_c=14.0, reason="warm and sour")

    assert cold.quarantines() == [("condemned", [TCS], f"person:{PICKER}")]
    assert cold.shop.entries()[-1] == CondemnParcel(cold.shop.parcels(order)[0].id, order.order_id, PICKER)
    refunds = cold.refunds()
    cold.condemn(order, at=SOON + timedelta(minutes=1))
    assert cold.refunds() == refunds == [("cold_chain", sum(minor for _, minor in lines(cold).values()))]
    assert cold.shop.state(order) == "refunded"
    assert cold.broken() == []


def test_an_order_of_which_another_bag_is_collected_ends_collected(cold: Cold) -> None:
    order = cold.shop.packed(("milk", 1), ("dumplings", 1))
    cold.load(order)
    bags = [parcel.zone for parcel in cold.shop.parcels(order)]
    assert sorted(bags) == ["chilled", "frozen"]
    shut, good = bags.index("chilled"), bags.index("frozen")
    cold.quarantine(order, bag=shut)
    cold.condemn(order, bag=shut)
    assert cold.shop.state(order) == "ready"
    other = cold.shop.parcels(order)[good]
    cold.tell(ParcelCollected(other.id, order.order_id, "L1", other.door), at=SOON)

    assert cold.shop.state(order) == "collected"
    assert cold.refunds() == [("cold_chain", lines(cold)["milk"][1])]
    assert cold.broken() == []


def test_without_a_decision_the_site_is_told_after_two_hours_and_money_waits_for_its_word(
    cold: Cold, order: PlacedOrder
) -> None:
    cold.quarantine(order)
    assert cold.wait(until=DUE) == 0  # clocks differ by so much
    assert cold.wait(until=DUE + timedelta(minutes=5)) == 1
    assert cold.wait(until=DUE + timedelta(minutes=6)) == 0

    assert [each for each in cold.shop.entries() if isinstance(each, CondemnParcel)] == [
        CondemnParcel(cold.shop.parcels(order)[0].id, order.order_id)
    ]
    assert (cold.quarantines(), cold.refunds()) == ([("open", [], None)], [])
    cold.condemn(order, at=DUE)
    assert cold.shop.state(order) == "refunded"


def test_what_is_taken_out_undecided_is_discarded_and_refunded(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    cold.remove(order)

    assert cold.quarantines() == [("condemned", [TCS], f"gateway:{SITE}")]
    assert cold.shop.parcels(order)[0].state == "disposed"
    assert cold.shop.state(order) == "refunded"
    assert {cause for cause, _ in cold.refunds()} == {"cold_chain"}
    assert cold.broken() == []


def test_rescued_food_keeps_its_record_and_is_condemned_by_the_clock(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    cold.remove(order, right=Right.RESCUE)
    assert cold.quarantines() == [("open", [], None)]
    assert cold.wait(until=DUE + timedelta(minutes=5)) == 1

    assert cold.quarantines() == [("condemned", [TCS], "clock")]
    assert cold.shop.state(order) == "refunded"
    assert cold.broken() == []


REFUSALS: list[tuple[dict[str, Any], type[DomainError]]] = [
    ({"reason": "ok"}, ReasonNeeded),
    ({"reason": "call 13800138000 about it"}, PersonalWords),
    ({"kept": (7,)}, NotInBag),
    ({"kept": (1,), "probe_c": 6.5}, ProbeOutside),
    ({"kept": (1,), "probe_c": -2.0}, ProbeOutside),
    ({"probe_c": 99.0}, ProbeUnlikely),
    ({"probe_c": float("nan")}, ProbeUnlikely),
]


@pytest.mark.parametrize(("said", "refusal"), REFUSALS)
def test_a_look_that_says_nothing_changes_nothing(
    cold: Cold, order: PlacedOrder, said: dict[str, Any], refusal: type[DomainError]
) -> None:
    cold.quarantine(order)
    before = cold.shop.everything()
    kept = said.get("kept", ())
    with pytest.raises(refusal):
        cold.look(*kept, **{name: value for name, value in said.items() if name != "kept"})

    assert cold.shop.everything() == before


def test_what_is_past_its_discard_line_is_never_released(cold: Cold) -> None:
    cold.shop.run_sql("UPDATE product SET food_class = :c WHERE id = 'pak-choi'", c=STRICT)
    order = cold.shop.packed(("milk", 1), ("pak-choi", 1))
    cold.load(order)
    cold.condemn(order, food_class=STRICT)
    before = cold.shop.everything()
    with pytest.raises(DiscardLineCrossed):
        cold.look(*(no for no, _ in lines(cold).values()))

    assert cold.shop.everything() == before


def test_a_decision_is_made_once(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    cold.look()
    before = cold.shop.everything()
    with pytest.raises(QuarantineOver):
        cold.look(1)

    assert cold.shop.everything() == before


def test_nobody_looks_at_what_is_not_there(cold: Cold, order: PlacedOrder) -> None:
    with pytest.raises(NotFound), transaction(cold.shop.engine) as conn:
        inspect_food(conn, quarantine_id="x", kept=[], look=Look("warm food", 3.0, JPEG), person_id=PICKER, now=SOON)


@pytest.mark.parametrize("place", ["parcel", "order", "locker", "site"])
def test_a_word_on_what_is_not_there_has_no_effect(cold: Cold, order: PlacedOrder, place: str) -> None:
    said = {"parcel": cold.shop.parcels(order)[0].id, "order": order.order_id, "locker": "L1", "site": SITE}
    said[place] = "L2" if place == "locker" else "other"
    event = ParcelQuarantined(said["parcel"], said["order"], said["locker"], 1, TCS, ColdCause.TOO_WARM, to_wire(FOUND))
    before = cold.shop.everything()
    with pytest.raises(NoSuchParcelThere):
        cold.tell(event, at=FOUND, site=said["site"])

    assert cold.shop.everything() == before


def test_neither_a_door_nor_a_bag_that_is_kept_shut_is_handed_over_by_hand(cold: Cold, order: PlacedOrder) -> None:
    with transaction(cold.shop.engine) as conn:
        row = conn.execute(text("SELECT * FROM customer_order WHERE id = :id"), {"id": order.order_id}).one()
        assert good_parcels(conn, row, ParcelState.LOADED, now=SOON)
    cold.quarantine(order)
    with transaction(cold.shop.engine) as conn:
        assert good_parcels(conn, row, ParcelState.LOADED, now=SOON) == []
        assert isinstance(nothing_to_give(conn, order_id=order.order_id), KeptShut)
    cold.remove(order, right=Right.RESCUE)
    with transaction(cold.shop.engine) as conn:
        assert good_parcels(conn, row, ParcelState.RESCUED, now=SOON) == []


def test_the_audit_sees_what_was_handed_over_and_a_grant_while_it_was_kept_shut(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    door = cold.shop.parcels(order)[0].door
    for right, seq in (("staff", 1), ("collect", 2)):
        cold.shop.run_sql(
            "INSERT INTO site_event"
            " VALUES (:site, 'log', :seq, :at, :at, 'UnlockGranted', :order, CAST(:body AS jsonb))",
            site=SITE, seq=seq, at=SOON, order=order.order_id, body=f'{{"right": "{right}", "doors": [{door}]}}',
        )  # fmt: skip
    cold.shop.run_sql(
        "UPDATE parcel SET state = 'collected', opened_at = :at, collected_at = :at WHERE order_id = :order",
        at=SOON, order=order.order_id,
    )  # fmt: skip
    with transaction(cold.shop.engine) as conn:
        found = {each.invariant: each.violations for each in audit(conn, Moment(DUE))}

    assert (found["I10"], found["I11"]) == (1, 1)


def test_nobody_is_asked_why_they_did_not_collect_what_is_kept_shut(cold: Cold, order: PlacedOrder) -> None:
    cold.quarantine(order)
    with transaction(cold.shop.engine) as conn:
        assert offer_not_collected(conn, now=LATE_EVENING, settings=cold.shop.settings) == 0
    cold.clear(order)
    with transaction(cold.shop.engine) as conn:
        assert offer_not_collected(conn, now=LATE_EVENING, settings=cold.shop.settings) == 1


def alarm(**more: Any) -> ZoneAlarmFound:
    return ZoneAlarmFound("L1", Zone.CHILLED, ZoneAlarm.TOO_WARM, **more)


def test_a_zones_alarm_is_one_row_from_its_finding_to_its_end(cold: Cold) -> None:
    for value_c in (6.0, 7.5):
        cold.tell(alarm(probe="air", value_c=value_c), at=FOUND)
    cold.tell(ZoneAlarmEnded("L1", Zone.CHILLED, ZoneAlarm.TOO_WARM), at=SOON)
    cold.tell(alarm(), at=DUE)

    rows = cold.shop.rows("SELECT alarm, probe, value_c, found_at, ended_at FROM zone_alarm ORDER BY found_at")
    assert [tuple(row) for row in rows] == [
        ("too_warm", "air", 7.5, FOUND, SOON),
        ("too_warm", None, None, DUE, None),
    ]


def test_an_alarm_of_another_sites_locker_is_not_believed(cold: Cold) -> None:
    before = cold.shop.everything()
    with pytest.raises(NoSuchParcelThere):
        cold.tell(ZoneAlarmFound("L2", Zone.CHILLED, ZoneAlarm.SENSOR), at=FOUND)

    assert cold.shop.everything() == before


def test_a_site_is_told_by_which_classes_a_bag_is_judged(cold: Cold) -> None:
    cold.shop.run_sql("UPDATE product SET food_class = :c WHERE id = 'pak-choi'", c=STRICT)
    cold.shop.paid(("milk", 1), ("pak-choi", 1))

    (plan,) = [each for each in cold.shop.entries() if isinstance(each, PlanOrder)]
    assert [each.food_classes for each in plan.parcels] == [[STRICT, TCS]]
