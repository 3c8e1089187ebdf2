"""Picking line by line: what is marked, what is refused without a trace, and what of the money goes back."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.db import tables
from app.db.engine import transaction
from app.domain.basket import SoldOut, Substitution
from app.domain.errors import DomainError, IllegalMove, NotFound
from app.domain.loading import LabelMalformed
from app.domain.picking import (
    LinesOpen,
    MissingAbsurd,
    MustBeWeighed,
    NotPicked,
    PickedAlready,
    SealAbsurd,
    ShortReason,
    SubstituteNotWanted,
    SubstituteUnsuitable,
    WrongTote,
)
from app.domain.refunding import RefundCause
from app.domain.weighing import NotSoldByWeight, ScaleNotVerified, ScaleUnknown, WeightAbsurd
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.money.send_refunds import send_refunds
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.packing.pick_line import pick_line
from app.use_cases.packing.seal_parcel import seal_parcel
from app.use_cases.packing.short_line import short_line
from app.use_cases.packing.substitute_line import substitute_line
from app.use_cases.packing.unpick_line import unpick_line
from app.use_cases.packing.weigh_line import weigh_line
from locker_protocol.label import Label, write_label
from locker_protocol.site_entries import CancelOrder
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, NOW, PICKER, Shop, at_once

SCALE, OLD_SCALE = "SZ-0417", "SZ-0001"
SIMILAR = Substitution.SIMILAR


@pytest.fixture(autouse=True)
def scales(shop: Shop) -> None:
    with shop.engine.begin() as conn:
        conn.execute(
            insert(tables.scale),
            [
                {"id": SCALE, "verified_until": LOAD_FROM.date()},
                {"id": OLD_SCALE, "verified_until": LOAD_FROM.date() - timedelta(days=1)},
            ],
        )


def do(shop: Shop, use_case: Any, **asked: Any) -> Any:
    with transaction(shop.engine) as conn:
        return use_case(conn, **{"person_id": PICKER, "now": LOAD_FROM, **asked})


def line(shop: Shop, order: PlacedOrder, product: str) -> Any:
    (row,) = shop.rows(
        "SELECT * FROM order_line WHERE order_id = :order AND product_id = :product",
        order=order.order_id,
        product=product,
    )
    return row


def at(shop: Shop, order: PlacedOrder, product: str) -> dict[str, Any]:
    row = line(shop, order, product)
    return {"parcel_id": row.parcel_id, "line_no": row.line_no}


def scan(shop: Shop, order: PlacedOrder, product: str, *, ref: str | None = None, **asked: Any) -> Any:
    """Scan a product, then the tote of an order that it goes into."""
    ref = ref or shop.one(
        "SELECT p.ref FROM parcel p JOIN order_line l ON l.parcel_id = p.id"
        " WHERE l.order_id = :order AND l.product_id = :product",
        order=order.order_id,
        product=product,
    )
    label = write_label(Label(1, shop.run_no, ref))
    return do(shop, pick_line, run_no=shop.run_no, product_id=product, label_text=label, **asked)


def weigh(shop: Shop, order: PlacedOrder, product: str, gross_g: int, **asked: Any) -> int:
    reading = {"scale_id": SCALE, "gross_g": gross_g, "tare_g": 20, **asked}
    return int(do(shop, weigh_line, **at(shop, order, product), **reading))


def short(shop: Shop, order: PlacedOrder, product: str, missing: int) -> None:
    do(shop, short_line, **at(shop, order, product), missing=missing, reason=ShortReason.SPOILED)


def replace(shop: Shop, order: PlacedOrder, product: str, substitute: str, quantity: int = 1) -> None:
    do(shop, substitute_line, **at(shop, order, product), substitute_id=substitute, quantity=quantity)


def seal(shop: Shop, order: PlacedOrder, *, number: str = "") -> None:
    """Seal all totes of an order."""
    for parcel in shop.parcels(order):
        do(shop, seal_parcel, parcel_id=parcel.id, seal=number, jpeg=None, settings=shop.settings)


def refunds(shop: Shop, order: PlacedOrder) -> list[tuple[str, str, int]]:
    rows = shop.rows(
        "SELECT cause, cause_key, amount_minor FROM refund WHERE order_id = :order ORDER BY cause_key",
        order=order.order_id,
    )
    return [tuple(row) for row in rows]


def balance(shop: Shop) -> dict[str, int]:
    """The ledger once every refund was sent."""
    send_refunds(shop.engine, shop.provider, now=LOAD_FROM)
    return dict(shop.rows("SELECT account, sum(amount_minor)::int FROM ledger_entry GROUP BY 1"))


def told(shop: Shop, kind: str = "order_packed") -> list[str]:
    return [row.body for row in shop.rows("SELECT body FROM notification WHERE kind = :kind", kind=kind)]


def refused(shop: Shop, refusal: type[DomainError], doing: Any) -> DomainError:
    """It is refused, and nothing at all changed."""
    before = shop.everything()
    with pytest.raises(refusal) as caught:
        doing()
    assert shop.everything() == before
    return caught.value


# --- both scans


def test_product_and_tote_together_mark_a_line(shop: Shop) -> None:
    order = shop.paid(("milk", 3))
    scan(shop, order, "milk")
    row = line(shop, order, "milk")
    assert (row.picked_quantity, row.picked_at, row.picked_by) == (3, LOAD_FROM, PICKER)


def test_the_wrong_tote_stops_and_marks_nothing(shop: Shop) -> None:
    order, other = shop.paid(("milk", 1)), shop.paid(("bananas", 1), person=BOB)
    foreign = shop.parcels(other)[0].ref
    refused(shop, WrongTote, lambda: scan(shop, order, "milk", ref=foreign))
    refused(shop, WrongTote, lambda: scan(shop, order, "milk", ref="ZZZZZZZZ"))
    unread = {"run_no": shop.run_no, "product_id": "milk", "label_text": "a leaflet"}
    refused(shop, LabelMalformed, lambda: do(shop, pick_line, **unread))


def test_a_second_scan_of_the_same_tote_says_so_and_changes_nothing(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    scan(shop, order, "milk")
    refused(shop, PickedAlready, lambda: scan(shop, order, "milk", now=LOAD_FROM + timedelta(minutes=1)))


def test_a_product_that_stands_in_a_tote_at_two_prices_is_scanned_twice_and_then_done(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    shop.run_sql(
        "INSERT INTO order_line (order_id, line_no, product_id, parcel_id, quantity, price_minor, line_minor)"
        " SELECT order_id, 2, product_id, parcel_id, 2, 1500, 3000 FROM order_line WHERE product_id = 'milk'"
    )
    ref = shop.parcels(order)[0].ref
    marked = [scan(shop, order, "milk", ref=ref)[1] for _ in range(2)]
    assert marked == [1, 2]
    picked = shop.rows("SELECT picked_quantity FROM order_line ORDER BY line_no")
    assert [row.picked_quantity for row in picked] == [1, 2]
    refused(shop, PickedAlready, lambda: scan(shop, order, "milk", ref=ref))


def test_of_two_pickers_at_one_line_one_is_told(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    outcomes = at_once(*[lambda person=person: scan(shop, order, "milk", person_id=person) for person in (PICKER, BOB)])
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [PickedAlready]
    assert line(shop, order, "milk").picked_quantity == 1


def test_a_tote_of_another_run_is_the_wrong_tote(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    label = shop.parcels(order)[0].ref
    asked = {"run_no": shop.run_no + 1, "product_id": "milk", "label_text": label}
    refused(shop, WrongTote, lambda: do(shop, pick_line, **asked))


def test_what_is_sold_by_weight_is_not_marked_by_scans_alone(shop: Shop) -> None:
    order = shop.paid(("pork", 1))
    refusal = refused(shop, MustBeWeighed, lambda: scan(shop, order, "pork"))
    assert dict(refusal.facts) == at(shop, order, "pork")


def test_a_mark_can_be_taken_back_before_the_seal(shop: Shop) -> None:
    order = shop.paid(("milk", 2))
    refused(shop, NotPicked, lambda: do(shop, unpick_line, **at(shop, order, "milk")))
    scan(shop, order, "milk")
    do(shop, unpick_line, **at(shop, order, "milk"))
    assert line(shop, order, "milk").picked_at is None
    scan(shop, order, "milk")
    seal(shop, order)
    refused(shop, IllegalMove, lambda: do(shop, unpick_line, **at(shop, order, "milk")))


def test_nothing_is_marked_in_an_order_that_is_being_withdrawn(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("pork", 1))
    with transaction(shop.engine) as conn:
        withdraw_order(conn, order_id=order.order_id, cause=RefundCause.GIVEN_UP, actor="x", now=LOAD_FROM)
    refused(shop, IllegalMove, lambda: scan(shop, order, "milk"))
    refused(shop, IllegalMove, lambda: weigh(shop, order, "pork", 520))
    refused(shop, IllegalMove, lambda: short(shop, order, "milk", 1))
    refused(shop, IllegalMove, lambda: seal(shop, order))


# --- weighing


def test_catch_weight_is_charged_by_its_net_weight(shop: Shop) -> None:
    order = shop.paid(("pork", 1))
    assert weigh(shop, order, "pork", 490) == 470
    seal(shop, order)
    # 470 g at 19.80 for 500 g is 18.612, rounded down; 21.78 was charged.
    assert refunds(shop, order) == [("weight", "weight:1", 2178 - 1861)]
    (words,) = told(shop)
    assert words.startswith(f"Caibox: order {order.order_no} is packed. pork: weighed 470 g. ¥3.17 goes back the way")
    assert balance(shop) == {"provider_clearing": 2178, "customer_held": -1861, "refunds": -317}


def test_catch_weight_never_costs_more_than_its_cap(shop: Shop) -> None:
    order = shop.paid(("pork", 2))
    weigh(shop, order, "pork", 1220)
    seal(shop, order)
    assert refunds(shop, order) == []
    assert told(shop) == []


@pytest.mark.parametrize("gross", [20, 10, 1521])
def test_a_weight_that_cannot_be_is_refused(shop: Shop, gross: int) -> None:
    order = shop.paid(("pork", 1))
    refused(shop, WeightAbsurd, lambda: weigh(shop, order, "pork", gross))


def test_three_times_the_estimate_is_just_believed(shop: Shop) -> None:
    order = shop.paid(("pork", 1))
    assert weigh(shop, order, "pork", 1520) == 1500


def test_only_a_verified_scale_weighs_for_trade(shop: Shop) -> None:
    order = shop.paid(("pork", 1))
    refused(shop, ScaleNotVerified, lambda: weigh(shop, order, "pork", 520, scale_id=OLD_SCALE))
    refused(shop, ScaleUnknown, lambda: weigh(shop, order, "pork", 520, scale_id="the kitchen's"))
    assert weigh(shop, order, "pork", 520) == 500, "the last day of its verification counts"


def test_what_is_counted_is_not_weighed(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    refused(shop, NotSoldByWeight, lambda: weigh(shop, order, "milk", 520))


def test_every_reading_is_kept_and_the_last_one_counts(shop: Shop) -> None:
    order = shop.paid(("pork", 1))
    weigh(shop, order, "pork", 490)
    weigh(shop, order, "pork", 530)
    assert line(shop, order, "pork").weight_g == 510
    assert shop.rows("SELECT gross_g, tare_g, scale_id FROM weighing ORDER BY id") == [
        (490, 20, SCALE),
        (530, 20, SCALE),
    ]


@pytest.mark.parametrize(("net", "back"), [(480, 0), (479, 390 - 390 * 479 // 500), (250, 195)])
def test_a_portion_that_is_too_light_is_paid_back_unasked(shop: Shop, net: int, back: int) -> None:
    shop.run_sql("UPDATE product SET food_class = 'chilled_quality' WHERE id = 'pak-choi'")
    order = shop.paid(("pak-choi", 1))
    weigh(shop, order, "pak-choi", net + 20)
    seal(shop, order)
    assert refunds(shop, order) == ([("weight", "weight:1", back)] if back else [])


def test_a_tote_with_an_unweighed_line_is_not_sealed(shop: Shop) -> None:
    order = shop.paid(("pork", 2))
    short(shop, order, "pork", 1)
    refused(shop, MustBeWeighed, lambda: seal(shop, order))
    weigh(shop, order, "pork", 520)
    seal(shop, order)
    assert refunds(shop, order) == [("short", "short:1", 2178), ("weight", "weight:1", 198)]


# --- short


def test_missing_pieces_are_refunded_when_the_tote_is_sealed(shop: Shop) -> None:
    order = shop.paid(("milk", 3), ("dumplings", 1))
    short(shop, order, "milk", 2)
    assert refunds(shop, order) == []
    scan(shop, order, "dumplings")
    seal(shop, order)
    number = line(shop, order, "milk").line_no
    assert refunds(shop, order) == [("short", f"short:{number}", 2760)]
    assert shop.rows("SELECT line_no, amount_minor FROM refund_line") == [(number, 2760)]
    (words,) = told(shop)
    assert words.endswith("milk: 2 missing (no longer fresh). ¥27.60 goes back the way you paid, in 1–3 working days.")
    assert balance(shop) == {"provider_clearing": 5830, "customer_held": -3070, "refunds": -2760}


@pytest.mark.parametrize("missing", [0, -1, 4])
def test_no_more_is_missing_than_was_ordered(shop: Shop, missing: int) -> None:
    order = shop.paid(("milk", 3))
    refused(shop, MissingAbsurd, lambda: short(shop, order, "milk", missing))


def test_a_parcel_with_nothing_in_it_is_cancelled_and_the_rest_is_packed(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1))
    scan(shop, order, "milk")
    short(shop, order, "dumplings", 1)
    seal(shop, order)
    assert sorted(parcel.state for parcel in shop.parcels(order)) == ["cancelled", "packed"]
    assert shop.state(order) == "packed"
    assert [cause for cause, *_ in refunds(shop, order)] == ["short"]
    assert shop.one("SELECT count(*) FROM credential WHERE ended_at IS NULL") == 1


def test_an_order_whose_other_bags_lie_in_the_locker_is_ready_when_its_last_bag_turns_out_empty(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1))
    chilled = at(shop, order, "milk")["parcel_id"]
    shop.pack(chilled)
    shop.run_sql("UPDATE parcel SET state = 'loaded', door = 1 WHERE id = :id", id=chilled)
    short(shop, order, "dumplings", 1)
    frozen = at(shop, order, "dumplings")["parcel_id"]
    do(shop, seal_parcel, parcel_id=frozen, seal="", jpeg=None, settings=shop.settings)
    assert shop.state(order) == "ready"
    assert len(told(shop, "order_ready")) == 1


def test_an_order_with_nothing_left_is_refunded_and_its_site_told(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1), person=BOB)
    short(shop, order, "milk", 1)
    short(shop, order, "dumplings", 1)
    seal(shop, order)
    assert shop.state(order) == "refunded"
    assert shop.entries()[-1] == CancelOrder(order_id=order.order_id)
    assert balance(shop) == {"provider_clearing": 3070, "customer_held": 0, "refunds": -3070}
    (words,) = told(shop, "order_nothing_packed")
    assert "milk少 1 份（不新鲜了）" in words
    assert "共退 ¥30.70" in words
    assert told(shop) + told(shop, "order_refunded") == []
    assert shop.one("SELECT count(*) FROM credential") == 0


# --- substitutes


def test_a_cheaper_substitute_gives_the_difference_back(shop: Shop) -> None:
    order = shop.paid(("milk", 2), substitution=SIMILAR)
    replace(shop, order, "milk", "pak-choi")
    row = line(shop, order, "milk")
    assert (row.picked_quantity, row.substitute_id, row.substitute_quantity) == (1, "pak-choi", 1)
    seal(shop, order)
    assert refunds(shop, order) == [("substitute", "substitute:1", 1380 - 390)]
    assert "milk: 1 replaced by pak-choi" in told(shop)[0]
    assert shop.taken()["stock"] == {"milk": 2, "pak-choi": 1}


def test_a_dearer_substitute_costs_what_was_ordered(shop: Shop) -> None:
    order = shop.paid(("pak-choi", 1), substitution=SIMILAR)
    replace(shop, order, "pak-choi", "milk")
    seal(shop, order)
    assert refunds(shop, order) == []
    assert told(shop) == [f"Caibox: order {order.order_no} is packed. pak-choi: 1 replaced by milk."]


def test_what_stands_for_catch_weight_costs_its_estimate_at_most(shop: Shop) -> None:
    order = shop.paid(("pork", 1), substitution=SIMILAR)
    shop.run_sql("UPDATE product SET price_minor = 2100 WHERE id = 'milk'")
    replace(shop, order, "pork", "milk")
    seal(shop, order)
    assert refunds(shop, order) == [("substitute", "substitute:1", 2178 - 1980)]


def test_nothing_is_replaced_for_who_wants_the_money(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    refused(shop, SubstituteNotWanted, lambda: replace(shop, order, "milk", "pak-choi"))


@pytest.mark.parametrize("product", ["bananas", "milk", "crabs", "pork", "oysters"])
def test_another_kind_zone_or_life_does_not_stand_for_it(shop: Shop, product: str) -> None:
    """Of another zone, itself, alive, sold by weight, keeping too short."""
    order = shop.paid(("milk", 1), substitution=SIMILAR)
    refused(shop, SubstituteUnsuitable, lambda: replace(shop, order, "milk", product))
    refused(shop, NotFound, lambda: replace(shop, order, "milk", "gold"))


def test_a_substitute_is_never_oversold(shop: Shop) -> None:
    shop.run_sql("UPDATE run_stock SET total = 1 WHERE product_id = 'pak-choi'")
    order = shop.paid(("milk", 2), substitution=SIMILAR)
    refused(shop, SoldOut, lambda: replace(shop, order, "milk", "pak-choi", 2))


def test_a_substitute_taken_back_frees_its_stock(shop: Shop) -> None:
    order = shop.paid(("milk", 1), substitution=SIMILAR)
    replace(shop, order, "milk", "pak-choi")
    refused(shop, PickedAlready, lambda: replace(shop, order, "milk", "pak-choi"))
    refused(shop, PickedAlready, lambda: short(shop, order, "milk", 1))
    do(shop, unpick_line, **at(shop, order, "milk"))
    assert shop.taken()["stock"] == {"milk": 1}


def test_an_order_withdrawn_while_orders_are_open_gives_its_substitutes_back(shop: Shop) -> None:
    order = shop.paid(("milk", 1), substitution=SIMILAR)
    replace(shop, order, "milk", "pak-choi")
    with transaction(shop.engine) as conn:
        withdraw_order(conn, order_id=order.order_id, cause=RefundCause.GIVEN_UP, actor="x", now=NOW)
    assert shop.taken()["stock"] == {}


def test_part_of_what_is_short_may_be_replaced(shop: Shop) -> None:
    order = shop.paid(("milk", 3), substitution=SIMILAR)
    short(shop, order, "milk", 2)
    refused(shop, MissingAbsurd, lambda: replace(shop, order, "milk", "pak-choi", 3))
    replace(shop, order, "milk", "pak-choi", 1)
    seal(shop, order)
    assert refunds(shop, order) == [("short", "short:1", 1380), ("substitute", "substitute:1", 990)]


# --- seal


def test_a_tote_is_sealed_when_all_its_lines_are_done(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("pak-choi", 1))
    scan(shop, order, "milk")
    assert refused(shop, LinesOpen, lambda: seal(shop, order)).facts == {"left": 1}
    scan(shop, order, "pak-choi")
    seal(shop, order, number=" 004711 ")
    (parcel,) = shop.parcels(order)
    assert (parcel.state, parcel.seal, parcel.packed_by, parcel.packed_at) == ("packed", "004711", PICKER, LOAD_FROM)
    assert shop.state(order) == "packed"


@pytest.mark.parametrize("number", ["4" * 33, "no\x07", "号"])
def test_a_seals_number_is_short_and_plain(shop: Shop, number: str) -> None:
    order = shop.paid(("milk", 1))
    scan(shop, order, "milk")
    refused(shop, SealAbsurd, lambda: seal(shop, order, number=number))


def test_a_tote_is_sealed_once(shop: Shop) -> None:
    order = shop.paid(("milk", 2))
    short(shop, order, "milk", 1)
    outcomes = at_once(lambda: seal(shop, order), lambda: seal(shop, order))
    assert [type(one) for one in outcomes if one is not None] == [IllegalMove]
    assert refunds(shop, order) == [("short", "short:1", 1380)]
    assert len(told(shop)) == 1
    with pytest.raises(NotFound):
        do(shop, seal_parcel, parcel_id="nothing", seal="", jpeg=None, settings=shop.settings)


def test_a_photo_is_kept_with_its_parcel(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    scan(shop, order, "milk")
    parcel = shop.parcels(order)[0].id
    do(shop, seal_parcel, parcel_id=parcel, seal="", jpeg=b"jpeg", settings=shop.settings)
    assert shop.rows("SELECT parcel_id, person_id, jpeg FROM photo") == [(parcel, PICKER, b"jpeg")]


def test_who_only_says_packed_says_all_as_ordered_and_weight_at_its_estimate(shop: Shop) -> None:
    order = shop.packed(("pork", 1), ("milk", 2))
    assert line(shop, order, "milk").picked_quantity == 2
    pork = line(shop, order, "pork")
    assert (pork.picked_quantity, pork.weight_g, pork.picked_by) == (1, None, PICKER)
    assert refunds(shop, order) == [("weight", f"weight:{pork.line_no}", 198)]


def test_what_was_picked_by_hand_stays_when_a_program_says_packed(shop: Shop) -> None:
    order = shop.paid(("milk", 2), ("pak-choi", 1), person=ALICE)
    short(shop, order, "milk", 1)
    shop.pack(shop.parcels(order)[0].id)
    assert [cause for cause, *_ in refunds(shop, order)] == ["short"]
    assert line(shop, order, "pak-choi").picked_quantity == 1


def test_all_as_ordered_is_worth_no_message(shop: Shop) -> None:
    shop.packed(("milk", 1))
    assert told(shop) == []


def test_a_scales_day_is_the_sites(shop: Shop) -> None:
    """Ten in the evening in London is the next morning in Suzhou."""
    order = shop.paid(("pork", 1))
    shop.run_sql("UPDATE scale SET verified_until = :day", day=date(2026, 11, 24))
    late = LOAD_FROM.replace(hour=22)
    refused(shop, ScaleNotVerified, lambda: weigh(shop, order, "pork", 520, now=late))
