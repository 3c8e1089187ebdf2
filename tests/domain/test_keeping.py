"""What a keeper may do with food, and what they may be told: times in a bag, whose order it is, what is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.asking_for import LooksPaused, Owner, is_theirs, read_order_no, refuse_more_looks
from app.domain.door_trouble import DoorSeen, TroubleKind, ZoneSeen, too_warm, worst_first
from app.domain.errors import DomainError
from app.domain.keeping import (
    KeptParcel,
    NoDoorChosen,
    NothingBehindDoor,
    TooManyDoors,
    Verdict,
    check_doors,
    keep_until,
    may_be_given,
    verdict,
)
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from locker_protocol.vocabulary import DoorTrouble, Zone

NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
LATER = NOW + timedelta(hours=9)
LIN = Owner(display_name="林 Xiu", phone="+8613812345678", mail="Lin@example.org")


@pytest.mark.parametrize(
    ("zone", "minutes"), [(Zone.FROZEN, 30), (Zone.CHILLED, 120), (Zone.COOL, 120), (Zone.AMBIENT, 540)]
)
def test_a_bag_keeps_food_for_its_zones_time(zone: Zone, minutes: int) -> None:
    assert keep_until(zone, taken_at=NOW, collect_until=LATER) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize("zone", list(Zone))
def test_a_bag_never_makes_food_last_longer_than_its_door(zone: Zone) -> None:
    soon = NOW + timedelta(minutes=5)
    assert keep_until(zone, taken_at=NOW, collect_until=soon) == soon


def parcel(state: ParcelState, *, collect: int = 60, keep: int | None = None) -> KeptParcel:
    kept = None if keep is None else NOW + timedelta(minutes=keep)
    return KeptParcel(state=state, collect_until=NOW + timedelta(minutes=collect), keep_until=kept, kept_shut=False)


def test_food_may_be_given_until_its_very_last_moment() -> None:
    for one in (parcel(ParcelState.LOADED, collect=0), parcel(ParcelState.RESCUED, keep=0)):
        assert may_be_given(OrderState.READY, one, now=NOW)
        assert not may_be_given(OrderState.READY, one, now=NOW + timedelta(seconds=1))


@pytest.mark.parametrize("state", sorted(set(OrderState) - {OrderState.READY, OrderState.PACKED}))
def test_nothing_of_an_order_that_ends_or_has_ended_is_given_out(state: OrderState) -> None:
    bags = [parcel(ParcelState.LOADED), parcel(ParcelState.RESCUED, keep=60)]
    assert not any(may_be_given(state, bag, now=NOW) for bag in bags)


@pytest.mark.parametrize(
    ("order", "parcels", "says"),
    [
        (OrderState.READY, [parcel(ParcelState.LOADED)], Verdict.HERE),
        (OrderState.PACKED, [parcel(ParcelState.LOADED), parcel(ParcelState.PACKED)], Verdict.HERE),
        (OrderState.READY, [parcel(ParcelState.COLLECTED), parcel(ParcelState.RESCUED, keep=1)], Verdict.HERE),
        (OrderState.READY, [parcel(ParcelState.LOADED, collect=-1)], Verdict.PAST),
        (OrderState.READY, [parcel(ParcelState.RESCUED, keep=-1)], Verdict.PAST),
        (OrderState.PAID, [parcel(ParcelState.PLANNED)], Verdict.NOT_YET),
        (OrderState.PACKED, [parcel(ParcelState.PACKED)], Verdict.NOT_YET),
        (OrderState.AWAITING_PAYMENT, [parcel(ParcelState.DRAFT)], Verdict.OVER),
        (OrderState.EXPIRING, [parcel(ParcelState.LOADED)], Verdict.OVER),
        (OrderState.COLLECTED, [parcel(ParcelState.COLLECTED)], Verdict.OVER),
        (OrderState.REFUNDED, [parcel(ParcelState.LOADED)], Verdict.OVER),
    ],
)
def test_what_a_keeper_is_told_of_an_order(order: OrderState, parcels: list[KeptParcel], says: Verdict) -> None:
    assert verdict(order, parcels, now=NOW) is says


def test_doors_to_empty_are_each_named_once() -> None:
    assert check_doors([7, 3, 7], with_food={3, 7, 9}) == [3, 7]
    assert check_doors(list(range(8)), with_food=set(range(9))) == list(range(8))


@pytest.mark.parametrize(
    ("doors", "refusal"), [([], NoDoorChosen), (list(range(9)), TooManyDoors), ([1, 10], NothingBehindDoor)]
)
def test_doors_no_keeper_empties(doors: list[int], refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        check_doors(doors, with_food=set(range(10)))


@pytest.mark.parametrize("written", ["7K3M9QX", " 7k3-m9q x", "７Ｋ３Ｍ９ＱＸ"])
def test_a_number_is_read_however_it_was_written(written: str) -> None:
    assert read_order_no(written) == "7K3M9QX"


def test_letters_that_numbers_do_without_are_read_as_what_they_look_like() -> None:
    assert read_order_no("oil0000") == "0110000"


@pytest.mark.parametrize("written", ["", "7K3M9Q", "7K3M9QXA", "7K3M9QU", "七七七七七七七", "%" * 500])
def test_what_is_no_number_is_none(written: str) -> None:
    assert read_order_no(written) is None


@pytest.mark.parametrize("said", ["林 Xiu", "林xiu", " 林　XIU ", "5678", "５６７８", "lin@EXAMPLE.org"])
def test_a_name_four_digits_or_the_mail_address_will_do(said: str) -> None:
    assert is_theirs(said, LIN)


@pytest.mark.parametrize("said", ["", "  ", "林", "678", "45678", "+8613812345678", "lin@example", "李 Xiu", "x" * 999])
def test_anything_less_will_not_do(said: str) -> None:
    assert not is_theirs(said, LIN)


def test_what_is_not_known_of_somebody_fits_nobody() -> None:
    assert not is_theirs("", Owner(display_name="", phone=None, mail=None))
    assert not is_theirs(" ", Owner(display_name=" ", phone=None, mail=None))


def test_the_fifth_wrong_look_pauses_until_ten_minutes_after_the_first() -> None:
    first = NOW - timedelta(minutes=7, seconds=30)
    refuse_more_looks(4, first, now=NOW)
    refuse_more_looks(0, None, now=NOW)
    with pytest.raises(LooksPaused) as paused:
        refuse_more_looks(5, first, now=NOW)
    assert paused.value.facts == {"minutes": 3}


def zone(locker: str, name: Zone, *, air: float | None = None, goods: float | None = None) -> ZoneSeen:
    return ZoneSeen(locker_id=locker, zone=name, air_c=air, goods_c=goods)


@pytest.mark.parametrize(
    ("seen", "warm"),
    [
        (zone("G1", Zone.CHILLED, air=9.0, goods=4.9), False),  # somebody holds a door open
        (zone("G1", Zone.CHILLED, air=3.0, goods=5.1), True),
        (zone("G1", Zone.CHILLED, air=8.1), True),
        (zone("G1", Zone.FROZEN, air=-13.0), False),
        (zone("G1", Zone.FROZEN, goods=-14.0), True),
        (zone("G1", Zone.COOL), False),
    ],
)
def test_warm_is_judged_by_the_goods_first(seen: ZoneSeen, *, warm: bool) -> None:
    assert too_warm(seen) is warm


def door(number: int, locker: str = "G1", *, open_s: int | None = None, trouble: DoorTrouble | None = None) -> DoorSeen:
    since = None if open_s is None else NOW - timedelta(seconds=open_s)
    return DoorSeen(door=number, locker_id=locker, open_since=since, trouble=trouble)


def test_the_worst_stands_first_and_a_silent_locker_hides_what_is_not_known() -> None:
    found = worst_first(
        doors=[
            door(1, open_s=61),
            door(2, trouble=DoorTrouble.JAMMED),
            door(3, open_s=59, trouble=DoorTrouble.FORCED),
            door(4, open_s=700, trouble=DoorTrouble.READS_OPEN),
            door(5, trouble=DoorTrouble.MISWIRED),
            door(30, "G2", open_s=600, trouble=DoorTrouble.JAMMED),
        ],
        silent_lockers=["G2"],
        zones=[zone("G1", Zone.CHILLED, goods=9.0), zone("G2", Zone.CHILLED, goods=9.0)],
        now=NOW,
    )
    kinds = [(each.kind, each.door or each.locker_id) for each in found]
    assert kinds == [
        (TroubleKind.MISWIRED, 5),
        (TroubleKind.JAMMED, 2),
        (TroubleKind.READS_OPEN, 4),
        (TroubleKind.LEFT_OPEN, 1),
        (TroubleKind.FORCED, 3),
        (TroubleKind.LOCKER_SILENT, "G2"),
        (TroubleKind.WARM, "G1"),
    ]


def test_a_door_is_left_open_after_sixty_real_seconds_however_fast_the_day_runs() -> None:
    seen = [door(1, open_s=600)]
    assert worst_first(doors=seen, silent_lockers=[], zones=[], now=NOW, rate=60) == []
    assert worst_first(doors=seen, silent_lockers=[], zones=[], now=NOW, rate=1) != []
