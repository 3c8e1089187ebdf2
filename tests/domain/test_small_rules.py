"""Rules of one sentence each: baskets, contacts, codes, numbers, shelf lives, labels, money, state tables."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.basket import (
    BasketLine,
    IdempotencyKeyInvalid,
    NothingInBasket,
    OrderCycleClosed,
    QuantityAbsurd,
    Shortage,
    SoldOut,
    TooManyLines,
    checked_basket,
    checked_key,
    refuse_late,
    request_hash,
)
from app.domain.contact import Contact, ContactUnreadable, read_contact
from app.domain.errors import DomainError, IllegalMove
from app.domain.hand_off import HandOff
from app.domain.holding import HoldEnded, NotToBePaid, refuse_unpayable
from app.domain.ledger import Kind, claim_cost, cost_moved, postings
from app.domain.loading import (
    LabelCancelled,
    LabelledParcel,
    LabelLoaded,
    LabelMalformed,
    LabelNotPacked,
    LabelOtherRun,
    LabelOtherSite,
    ref_of,
    refuse_unloadable,
)
from app.domain.order_number import SPACE, order_no, parcel_ref
from app.domain.order_state import FINAL_ORDER_STATES, ORDER_TABLE, OrderEvent, OrderState
from app.domain.parcel_state import FINAL_PARCEL_STATES, PARCEL_TABLE, ParcelEvent, ParcelState
from app.domain.payment_state import PAYMENT_TABLE, PaymentEvent, PaymentState
from app.domain.roles import Role
from app.domain.shelf_life import Perishable, collect_until, good_until
from app.domain.sign_in_code import code_matches, hash_code, make_code, session_length
from app.domain.state_table import StateTable, step
from locker_protocol.label import Label, read_label, write_label
from locker_protocol.vocabulary import Zone

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


# --- baskets


def test_the_same_product_twice_is_one_line() -> None:
    lines = [BasketLine("tofu", 1), BasketLine("milk", 2), BasketLine("tofu", 3)]

    assert checked_basket(lines) == {"milk": 2, "tofu": 4}


@pytest.mark.parametrize("quantities", [[0], [-1], [100], [60, 60]])
def test_an_absurd_quantity_is_refused(quantities: list[int]) -> None:
    with pytest.raises(QuantityAbsurd) as refusal:
        checked_basket(BasketLine("milk", quantity) for quantity in quantities)

    assert refusal.value.facts == {"product": "milk", "most": 99}


def test_an_empty_basket_and_an_endless_one_are_refused() -> None:
    with pytest.raises(NothingInBasket):
        checked_basket([])
    with pytest.raises(TooManyLines):
        checked_basket(BasketLine(str(number), 1) for number in range(61))


@pytest.mark.parametrize("key", ["", "short", "x" * 129, "tab\tand more", "umlautö-long"])
def test_a_key_must_be_visible_ascii_of_some_length(key: str) -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        checked_key(key)


def test_orders_end_at_the_second() -> None:
    refuse_late(order_by=NOW, now=NOW - timedelta(seconds=1))
    with pytest.raises(OrderCycleClosed):
        refuse_late(order_by=NOW, now=NOW)


def test_another_request_has_another_hash() -> None:
    one = request_hash(window_id=1, wanted={"milk": 1}, low_door=False)

    assert one == request_hash(window_id=1, wanted={"milk": 1}, low_door=False)
    assert one != request_hash(window_id=2, wanted={"milk": 1}, low_door=False)
    assert one != request_hash(window_id=1, wanted={"milk": 2}, low_door=False)
    assert one != request_hash(window_id=1, wanted={"milk": 1}, low_door=True)


def test_sold_out_says_what_is_left() -> None:
    refusal = SoldOut([Shortage("milk", 3, 2), Shortage("tofu", 1, 0)])

    assert refusal.facts == {"product": "milk", "wanted": 3, "left": 2}
    assert len(refusal.shortages) == 2


# --- people


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("138 0013 8000", Contact("phone", "+8613800138000")),
        ("+44 20 7946 0958", Contact("phone", "+442079460958")),
        ("  Mei@Demo.Example ", Contact("mail", "mei@demo.example")),
    ],
)
def test_a_contact_has_one_form(typed: str, kept: Contact) -> None:
    assert read_contact(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "12", "mei@", "@x.cn", "a b@x.cn", "mei@localhost", "x" * 300, "hello", "9" * 40]
)
def test_what_is_no_contact_is_refused(typed: str) -> None:
    with pytest.raises(ContactUnreadable):
        read_contact(typed)


def test_a_sign_in_code_has_six_digits_and_matches_itself_only() -> None:
    code = make_code(lambda count: bytes(count - 1) + b"\x07")
    stored = hash_code(code, b"salt")

    assert code == "000007"
    assert code_matches(" 000 007 ", salt=b"salt", expected=stored)
    assert not code_matches("000008", salt=b"salt", expected=stored)
    assert not code_matches("0" * 5000, salt=b"salt", expected=stored)


def test_staff_sessions_are_short() -> None:
    assert session_length(Role.DRIVER) < session_length(Role.RESIDENT)


# --- numbers


@given(st.integers(0, SPACE - 1), st.integers(0, SPACE - 1))
def test_two_orders_never_have_the_same_number(one: int, other: int) -> None:
    assert (order_no(one) == order_no(other)) == (one == other)


@given(st.integers(0, SPACE - 1), st.integers(0, 31))
def test_a_parcels_reference_fits_its_label(number: int, index: int) -> None:
    label = Label(1, 7, parcel_ref(order_no(number), index))

    assert read_label(write_label(label)) == label


# --- time


def test_life_counts_from_the_earliest_loading() -> None:
    mince = Perishable(zone=Zone.CHILLED, tolerates={}, life_h=24)

    assert good_until(mince, stands_in=Zone.CHILLED, load_from=NOW) == NOW + timedelta(hours=22)


def test_a_warmer_zone_ends_with_the_hours_tolerated_there() -> None:
    leaves = Perishable(zone=Zone.CHILLED, tolerates={Zone.COOL: 2}, life_h=72)

    assert good_until(leaves, stands_in=Zone.COOL, load_from=NOW) == NOW + timedelta(hours=2)


def test_a_colder_zone_costs_quality_and_no_safety() -> None:
    tomatoes = Perishable(zone=Zone.COOL, tolerates={Zone.CHILLED: 6}, life_h=144)

    assert good_until(tomatoes, stands_in=Zone.CHILLED, load_from=NOW) == NOW + timedelta(hours=142)


def test_a_parcel_ends_with_its_most_delicate_goods_or_with_the_van() -> None:
    rice = Perishable(zone=Zone.AMBIENT, tolerates={Zone.CHILLED: -1}, life_h=4000)
    buns = Perishable(zone=Zone.CHILLED, tolerates={}, life_h=12)
    van = NOW + timedelta(hours=24)

    assert collect_until([rice], stands_in=Zone.CHILLED, load_from=NOW, removal_from=van) == van
    assert collect_until([rice, buns], stands_in=Zone.CHILLED, load_from=NOW, removal_from=van) == NOW + timedelta(
        hours=10
    )


def test_only_an_order_that_still_holds_can_be_paid() -> None:
    later = NOW + timedelta(minutes=1)
    refuse_unpayable(OrderState.AWAITING_PAYMENT, hold_until=later, now=NOW)
    with pytest.raises(HoldEnded):
        refuse_unpayable(OrderState.AWAITING_PAYMENT, hold_until=NOW, now=NOW)
    with pytest.raises(HoldEnded):
        refuse_unpayable(OrderState.RELEASED, hold_until=later, now=NOW)
    with pytest.raises(NotToBePaid):
        refuse_unpayable(OrderState.PAID, hold_until=later, now=NOW)


# --- labels


def labelled(**changes: object) -> LabelledParcel:
    known: dict[str, object] = {
        "state": ParcelState.PACKED,
        "site_id": "osmanthus",
        "site_zh": "桂花苑",
        "site_en": "Osmanthus Court",
        "run_no": 7,
        "load_from": NOW,
        "removal_from": NOW + timedelta(hours=20),
        "door": None,
        "order_over": False,
    }
    return LabelledParcel(**{**known, **changes})  # type: ignore[arg-type]


def test_a_label_may_be_scanned_or_its_reference_typed() -> None:
    assert ref_of("P1-1-7-0A1B2C3D") == "0A1B2C3D"
    assert ref_of(" 0a1b 2c3d ") == "0A1B2C3D"


@pytest.mark.parametrize("text", ["", "0A1B2C3", "0A1B2C3U", "https://example.com", "L1" + "0" * 132])
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(LabelMalformed):
        ref_of(text)


@pytest.mark.parametrize(
    ("parcel", "refusal"),
    [
        (labelled(site_id="sunny"), LabelOtherSite),
        (labelled(load_from=NOW + timedelta(hours=3)), LabelOtherRun),
        (labelled(load_from=NOW - timedelta(hours=20), removal_from=NOW), LabelOtherRun),
        (labelled(state=ParcelState.PLANNED), LabelNotPacked),
        (labelled(state=ParcelState.LOADED, door=3), LabelLoaded),
        (labelled(state=ParcelState.COLLECTED, door=3), LabelLoaded),
        (labelled(state=ParcelState.CANCELLED), LabelCancelled),
        (labelled(order_over=True), LabelCancelled),
    ],
)
def test_a_parcel_is_loaded_only_here_and_now(parcel: LabelledParcel, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        refuse_unloadable(parcel, site_id="osmanthus", now=NOW)


def test_a_loaded_parcel_may_be_given_another_door() -> None:
    lying = labelled(state=ParcelState.LOADED, door=3)
    refuse_unloadable(lying, site_id="osmanthus", now=NOW, another_door=True)
    with pytest.raises(LabelLoaded):
        refuse_unloadable(labelled(state=ParcelState.COLLECTED), site_id="osmanthus", now=NOW, another_door=True)


def test_two_hours_before_the_run_loading_begins() -> None:
    refuse_unloadable(labelled(), site_id="osmanthus", now=NOW - timedelta(hours=2))
    with pytest.raises(LabelOtherRun):
        refuse_unloadable(labelled(), site_id="osmanthus", now=NOW - timedelta(hours=2, seconds=1))


# --- money


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in {Kind.CLAIM_COST, Kind.COST_MOVED}])
def test_every_movement_sums_to_zero(kind: Kind) -> None:
    assert sum(line.amount_minor for line in postings(kind, 1234)) == 0
    with pytest.raises(AssertionError):
        postings(kind, 0)


@pytest.mark.parametrize("hand_off", list(HandOff))
def test_what_a_claim_costs_sums_to_zero_and_moves_whole(hand_off: HandOff) -> None:
    moved = cost_moved(HandOff.UNKNOWN, hand_off, 1234)
    assert sum(line.amount_minor for line in claim_cost(hand_off, 1234)) == 0
    assert (moved[0].amount_minor, moved[1].amount_minor) == (1234, -1234)
    assert moved[0].account == claim_cost(hand_off, 1)[0].account


# --- state tables

TABLES: list[tuple[StateTable[StrEnum, StrEnum], type[StrEnum], type[StrEnum]]] = [
    (ORDER_TABLE, OrderState, OrderEvent),  # type: ignore[list-item]
    (PARCEL_TABLE, ParcelState, ParcelEvent),  # type: ignore[list-item]
    (PAYMENT_TABLE, PaymentState, PaymentEvent),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_everything_unlisted_is_refused(
    table: StateTable[StrEnum, StrEnum], states: type[StrEnum], events: type[StrEnum]
) -> None:
    for state in states:
        for event in events:
            if (state, event) not in table:
                with pytest.raises(IllegalMove):
                    step(table, state, event)


def _reached_from(start: StrEnum, table: StateTable[StrEnum, StrEnum]) -> set[StrEnum]:
    reached, grew = {start}, True
    while grew:
        more = {new for (old, _), new in table.items() if old in reached}
        grew = not more <= reached
        reached |= more
    return reached


@pytest.mark.parametrize(
    ("start", "table", "states"),
    [
        (OrderState.AWAITING_PAYMENT, ORDER_TABLE, OrderState),
        (ParcelState.DRAFT, PARCEL_TABLE, ParcelState),
        (PaymentState.OPEN, PAYMENT_TABLE, PaymentState),
    ],
)
def test_every_state_can_be_reached(
    start: StrEnum, table: StateTable[StrEnum, StrEnum], states: Callable[[], None]
) -> None:
    assert _reached_from(start, table) == set(states)  # type: ignore[call-overload]


@pytest.mark.parametrize("final", [*sorted(FINAL_PARCEL_STATES), OrderState.COLLECTED, OrderState.REFUNDED])
def test_nothing_leaves_a_final_state(final: StrEnum) -> None:
    assert not [old for old, _ in [*ORDER_TABLE, *PARCEL_TABLE] if old is final]
    assert OrderState.RELEASED in FINAL_ORDER_STATES  # the one exception: money that came late
