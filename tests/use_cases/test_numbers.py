"""The ten numbers from known days: in the site's own days, each counting what its definition says and nothing else."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db.pages.numbers import Line, day_by_day, numbers
from app.domain.numbers import NotMeasured
from app.use_cases.ordering.place_order import PlacedOrder
from tests.use_cases.cast import ALICE, BOB, OTHER_SITE, SITE, Shop

MORNING = datetime(2026, 11, 25, 0, 30, tzinfo=UTC)  # 08:30 in Suzhou; yesterday is the 24th, the day of the run


def suzhou(hour: float, *, day: int = 24) -> datetime:
    """An hour of a day there."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour - 8)


def lines(shop: Shop, site: str = SITE, now: datetime = MORNING) -> dict[str, Line]:
    with shop.engine.begin() as conn:
        (found,) = [each for each in numbers(conn, now=now) if each.site.id == site]
    return {line.number.key: line for line in found.lines}


def values(shop: Shop, key: str, **where: Any) -> tuple[float | None, float | None]:
    line = lines(shop, **where)[key]
    return line.yesterday.value, line.seven_days.value


def loaded(shop: Shop, at: datetime, *, collected: datetime | None, person: str = ALICE) -> PlacedOrder:
    order = shop.packed(("milk", 1), person=person)
    state = "collected" if collected else "loaded"
    shop.run_sql(
        "UPDATE parcel SET state = :state, door = 1, loaded_at = :at, collected_at = :collected WHERE order_id = :id",
        state=state,
        at=at,
        collected=collected,
        id=order.order_id,
    )
    return order


def tell(shop: Shop, at: datetime, kind: str, order: PlacedOrder, **body: Any) -> None:
    shop.run_sql(
        "INSERT INTO site_event (gateway_id, log_id, seq, at, applied_at, type, order_id, body)"
        " VALUES (:site, 'log', :seq, :at, :at, :kind, :order, CAST(:body AS jsonb))",
        site=SITE,
        seq=shop.next(),
        at=at,
        kind=kind,
        order=order.order_id,
        body=json.dumps(body),
    )


def refund(shop: Shop, order: PlacedOrder, at: datetime, minor: int, cause: str = "short") -> None:
    shop.run_sql(
        "INSERT INTO refund (id, refund_no, order_id, payment_id, cause, cause_key, amount_minor, currency,"
        " decided_at, decided_by, next_try_at) SELECT :no, :no, :order, id, :cause, :no, :minor, 'CNY', :at, 'clock',"
        " :at FROM payment WHERE order_id = :order",
        no=f"R-{shop.next()}",
        order=order.order_id,
        cause=cause,
        minor=minor,
        at=at,
    )


def test_bags_of_an_evening_are_counted_in_the_sites_own_day(shop: Shop) -> None:
    loaded(shop, suzhou(15), collected=suzhou(18))
    loaded(shop, suzhou(15), collected=suzhou(24.5))  # half past midnight, still the 24th in UTC
    loaded(shop, suzhou(17), collected=suzhou(23.9))  # after its window had opened
    shop.packed(("milk", 1))  # never loaded

    assert values(shop, "uncollected_overnight") == pytest.approx((100 / 3, 100 / 3))
    assert values(shop, "in_doors_in_time") == (50, 50)
    assert lines(shop)["uncollected_overnight"].alarm
    assert lines(shop)["in_doors_in_time"].alarm


def test_a_day_later_it_is_no_longer_yesterday_and_a_week_later_it_is_gone(shop: Shop) -> None:
    loaded(shop, suzhou(15), collected=suzhou(18))

    assert values(shop, "in_doors_in_time", now=MORNING + timedelta(days=1)) == (None, 100)
    assert values(shop, "in_doors_in_time", now=MORNING + timedelta(days=6)) == (None, 100)
    assert values(shop, "in_doors_in_time", now=MORNING + timedelta(days=7)) == (None, None)
    assert values(shop, "in_doors_in_time", now=suzhou(23.9)) == (None, None)
    assert values(shop, "in_doors_in_time", site=OTHER_SITE) == (None, None)


def test_a_door_that_stayed_shut_at_first_is_retried_and_the_wait_is_from_code_to_shut(shop: Shop) -> None:
    quick, slow, early = (shop.packed(("milk", 1)) for _ in range(3))
    moment = timedelta(seconds=1)
    grant = {"right": "collect", "doors": [1]}
    tell(shop, suzhou(17.6), "UnlockGranted", quick, grant_id="g1", **grant)
    tell(shop, suzhou(17.6) + 50 * moment, "ParcelCollected", quick, right="collect", door=1)
    tell(shop, suzhou(18), "UnlockGranted", slow, grant_id="g2", **grant)
    tell(shop, suzhou(18) + 10 * moment, "DoorStayedShut", slow, grant_id="g2", door=1)
    tell(shop, suzhou(18) + 60 * moment, "UnlockGranted", slow, grant_id="g3", **grant)
    tell(shop, suzhou(18) + 150 * moment, "ParcelCollected", slow, right="collect", door=1)
    tell(shop, suzhou(16), "UnlockGranted", early, grant_id="g4", right="collect", doors=[2, 3])
    tell(shop, suzhou(16) + 900 * moment, "ParcelCollected", early, right="collect", door=2)
    tell(shop, suzhou(16), "UnlockGranted", early, grant_id="g5", right="staff", doors=[4])
    tell(shop, suzhou(16) + 10 * moment, "DoorStayedShut", early, grant_id="g5", door=4)

    assert values(shop, "first_try_opens") == (75, 75)
    assert values(shop, "doors_retried") == (1, 1)
    assert values(shop, "evening_p90") == pytest.approx((140, 140))
    assert lines(shop)["evening_p90"].alarm


def test_refunds_are_set_against_sales_and_a_correction_of_weight_is_none(shop: Shop) -> None:
    orders = [shop.paid(("milk", 1)) for _ in range(4)]  # sold on the 23rd: 55.20
    refund(shop, orders[0], suzhou(9), 138)
    refund(shop, orders[1], suzhou(9), 500, cause="weight")
    refund(shop, orders[2], suzhou(9, day=25) - timedelta(hours=2), 138)  # today

    assert values(shop, "refunds_of_sales") == (None, 2.5)
    assert lines(shop)["refunds_of_sales"].alarm
    assert values(shop, "often_refunded") == (None, 0)

    refund(shop, orders[3], suzhou(10), 5)
    refund(shop, orders[3], suzhou(11), 5)
    assert values(shop, "often_refunded") == (None, 1)


def claimed(shop: Shop, order: PlacedOrder, at: datetime, *, key: str = "k") -> None:
    """A claim the short way: how one is answered is tested elsewhere."""
    shop.run_sql(
        "INSERT INTO claim (id, order_id, line_no, key, state, kind, quantity, batches, worth_minor, currency, made_at,"
        " made_by, hand_off) VALUES (:key, :order, 1, :key, 'waiting', 'missing', 1, '{}', 100, 'CNY', :at, 'person:x',"
        " 'packing')",
        key=f"{key}-{shop.next()}",
        order=order.order_id,
        at=at,
    )


def booked(shop: Shop, order: PlacedOrder, at: datetime, minor: int) -> None:
    """What a claim cost."""
    shop.run_sql(
        "INSERT INTO ledger_entry (transaction_id, at, kind, order_id, account, amount_minor, currency) VALUES"
        " (:no, :at, 'claim_cost', :order, 'claims_supplier', :minor, 'CNY'),"
        " (:no, :at, 'claim_cost', :order, 'sales', -:minor, 'CNY')",
        no=f"claim-{shop.next()}",
        at=at,
        order=order.order_id,
        minor=minor,
    )


def test_claims_are_set_against_the_lines_that_were_collected(shop: Shop) -> None:
    orders = [loaded(shop, suzhou(15), collected=suzhou(18)) for _ in range(4)]
    claimed(shop, orders[0], suzhou(20))
    claimed(shop, orders[1], suzhou(24.5))  # today already

    assert values(shop, "claims") == (25, 25)
    assert lines(shop)["claims"].alarm
    assert values(shop, "claims", site=OTHER_SITE) == (None, None)


def test_waste_is_what_claims_cost_and_what_nobody_collected_against_sales(shop: Shop) -> None:
    orders = [shop.paid(("milk", 1)) for _ in range(4)]  # sold on the 23rd: 55.20
    booked(shop, orders[0], suzhou(20), 138)
    refund(shop, orders[1], suzhou(9), 138, cause="not_collected")
    refund(shop, orders[2], suzhou(9), 500, cause="short")

    assert values(shop, "waste") == (None, 5)
    assert lines(shop)["waste"].alarm


def test_households_and_newcomers_are_people_who_paid(shop: Shop) -> None:
    first, again, once = shop.paid(), shop.paid(), shop.paid(person=BOB)
    shop.order(("milk", 1), person=BOB)  # never paid
    for order, days in ((first, 20), (again, 10), (once, 20)):
        placed = suzhou(12) - timedelta(days=days)
        shop.run_sql("UPDATE customer_order SET placed_at = :at WHERE id = :id", at=placed, id=order.order_id)
    assert values(shop, "second_order") == (None, 50)
    assert values(shop, "households_buying") == (None, 0)

    shop.paid(person=BOB)
    assert values(shop, "households_buying") == (None, 1)


def tonights(shop: Shop, now: datetime) -> float | None:
    return lines(shop, now=now)["doors_short"].today.value


def test_doors_short_tonight_are_those_promised_and_not_there(shop: Shop) -> None:
    tonight = suzhou(9)
    assert tonights(shop, tonight) == 0
    shop.run_sql("UPDATE run_capacity SET blocked = total WHERE run_no = :run AND zone = 'chilled'", run=shop.run_no)
    shop.run_sql(
        "UPDATE run_capacity SET taken = CASE size_or_larger WHEN 'S' THEN 3 ELSE 1 END WHERE run_no = :run"
        " AND zone = 'chilled' AND total > 0",
        run=shop.run_no,
    )
    assert tonights(shop, tonight) == 3  # not 3 + 1 + 1: the larger are among the small
    assert lines(shop, now=tonight)["doors_short"].alarm


def test_bags_beyond_their_temperature_are_those_kept_shut_and_unknown_without_a_probe(shop: Shop) -> None:
    assert lines(shop)["over_limit"].yesterday.missing is NotMeasured.NO_TEMPERATURE_HISTORY
    order = loaded(shop, suzhou(15), collected=None)
    shop.run_sql(
        "INSERT INTO quarantine (id, parcel_id, order_id, site_id, locker_id, door, food_class, cause, since, found_at,"
        " due_at)"
        " SELECT 'q', p.id, p.order_id, o.site_id, c.locker_id, p.door, 'chilled_tcs', 'too_warm', :at, :at, :at"
        " FROM parcel p JOIN customer_order o ON o.id = p.order_id JOIN compartment c ON c.site_id = o.site_id"
        " AND c.door = p.door WHERE o.id = :order",
        at=suzhou(19),
        order=order.order_id,
    )
    assert values(shop, "over_limit") == (1, 1)
    assert lines(shop)["over_limit"].alarm
    assert lines(shop, site=OTHER_SITE)["over_limit"].seven_days.value is None


def test_a_cabinets_electricity_is_set_against_the_same_day_a_week_before(shop: Shop) -> None:
    assert lines(shop)["energy"].seven_days.missing is NotMeasured.NO_METER
    for day, wh in (("2026-11-24", 2_400), ("2026-11-17", 2_000), ("2026-11-23", 2_000)):
        shop.run_sql(
            "INSERT INTO cabinet_energy (locker_id, day, first_wh, last_wh)"
            " SELECT id, :day, 100, 100 + :wh FROM locker WHERE site_id = :site",
            day=day,
            wh=wh,
            site=SITE,
        )
    assert values(shop, "energy") == pytest.approx((20, 20))  # the 23rd has no week before
    assert lines(shop)["energy"].today.missing is NotMeasured.DAY_NOT_OVER
    assert lines(shop)["energy"].alarm


def test_today_counts_what_has_happened_so_far_and_alarms_only_for_tonights_doors(shop: Shop) -> None:
    loaded(shop, suzhou(17), collected=suzhou(18))  # after its window had opened
    found = lines(shop, now=suzhou(20))
    assert (found["in_doors_in_time"].today.value, found["in_doors_in_time"].yesterday.value) == (0, None)
    assert not found["in_doors_in_time"].alarm
    assert lines(shop, now=suzhou(12))["in_doors_in_time"].today.value is None  # its window is to come
    assert found["uncollected_overnight"].today.missing is NotMeasured.DAY_NOT_OVER


def test_a_number_day_by_day_ends_today_and_says_what_it_does_not_know(shop: Shop) -> None:
    loaded(shop, suzhou(15), collected=suzhou(18))
    with shop.engine.begin() as conn:
        found = day_by_day(conn, site_id=SITE, key="in_doors_in_time", days=3, now=MORNING)
        assert found is not None
        assert [(day.day, each.value) for day, each in found.days] == [(23, None), (24, 100), (25, None)]
        assert found.days[0][1].missing is NotMeasured.NOTHING_TO_COUNT
        assert day_by_day(conn, site_id=SITE, key="second_order", days=3, now=MORNING) is None
        assert day_by_day(conn, site_id="nowhere", key="waste", days=3, now=MORNING) is None
