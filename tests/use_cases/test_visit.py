"""A driver's visit on a real database: one at a time, a load gate, doors that only one driver asks for, and the end."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.degrees import ProbeUnlikely
from app.domain.errors import DomainError, NotFound
from app.domain.loading import LabelLoaded
from app.domain.visit import (
    CrateReadAlready,
    CrateTooWarm,
    DoorInHand,
    GateJustJudged,
    LabelInHand,
    NotDue,
    NotToCheck,
    TooManyAtOnce,
    VisitOver,
    ZoneTooWarm,
    ZoneUnmeasured,
)
from app.settings import Settings
from app.use_cases.site.apply_locker_event import Told, apply_locker_event
from app.use_cases.site.ask_site import ReasonNeeded
from app.use_cases.visiting.begin_visit import BegunVisit, begin_visit
from app.use_cases.visiting.count_back import count_back
from app.use_cases.visiting.end_visit import end_visit
from app.use_cases.visiting.keep_photo import keep_photo
from app.use_cases.visiting.load_at_visit import load_at_visit
from app.use_cases.visiting.measure_gate import measure_gate
from app.use_cases.visiting.open_at_visit import open_at_visit
from app.use_cases.visiting.read_crate import read_crate
from locker_protocol.site_events import DoorConditionChanged, LoadUnsure, ParcelRemoved, SiteEvent
from locker_protocol.vocabulary import DoorCondition, DoorFault, Right
from tests.use_cases.cast import BOB, LOAD_FROM, OTHER_SITE, PICKER, REMOVAL_FROM, SITE, Shop, at_once

DRIVER, SECOND = PICKER, BOB


@pytest.fixture(autouse=True)
def cold(shop: Shop) -> None:
    measured(shop)


def measured(shop: Shop, at: datetime = LOAD_FROM, **warm: float | None) -> None:
    """What the food probes of the site say."""
    degrees: dict[str, float | None] = {"frozen": -19.0, "chilled": 3.0, "cool": 12.0, "ambient": 21.0, **warm}
    for zone, product_c in degrees.items():
        shop.run_sql(
            "INSERT INTO zone_reading VALUES ('L1', :zone, 0, :c, :at) ON CONFLICT (locker_id, zone)"
            " DO UPDATE SET product_c = :c, read_at = :at",
            zone=zone,
            c=product_c,
            at=at,
        )


def do(shop: Shop, use_case: Callable[..., Any], **asked: Any) -> Any:
    with transaction(shop.engine) as conn:
        return use_case(conn, **asked)


def end(shop: Shop, *, visit_id: str, now: datetime, **told: Any) -> Any:
    return do(shop, end_visit, visit_id=visit_id, person_id=DRIVER, now=now, settings=shop.settings, **told)


def begin(shop: Shop, *, who: str = DRIVER, now: datetime = LOAD_FROM, site_id: str = SITE) -> BegunVisit:
    begun: BegunVisit = do(shop, begin_visit, site_id=site_id, person_id=who, now=now)
    return begun


def scan(shop: Shop, ref: str, *, who: str = DRIVER, now: datetime = LOAD_FROM, **more: Any) -> Any:
    return do(shop, load_at_visit, site_id=SITE, label_text=ref, person_id=who, now=now, **more)


def open_(shop: Shop, *doors: int, right: Right, who: str = DRIVER, now: datetime = LOAD_FROM, **more: Any) -> Any:
    asked = {"reason": "a driver's visit", **more}
    return do(shop, open_at_visit, site_id=SITE, doors=doors, right=right, person_id=who, now=now, **asked)


def refused(shop: Shop, refusal: type[DomainError], doing: Callable[..., Any], *args: Any, **more: Any) -> DomainError:
    before = shop.everything()
    with pytest.raises(refusal) as caught:
        doing(shop, *args, **more)
    assert shop.everything() == before
    return caught.value


def tell(shop: Shop, event: SiteEvent, *, now: datetime = LOAD_FROM) -> None:
    settings: Settings = shop.settings
    with transaction(shop.engine) as conn:
        apply_locker_event(conn, event, told=Told(SITE, SITE, now, now), settings=settings)


def loaded(shop: Shop, door: int, **more: Any) -> Any:
    """A packed order whose first parcel lies behind a door."""
    order = shop.packed(**more)
    parcel = shop.parcels(order)[0]
    shop.run_sql(
        "UPDATE parcel SET state = 'loaded', door = :door, loaded_at = :at WHERE id = :id",
        door=door,
        at=LOAD_FROM,
        id=parcel.id,
    )
    shop.run_sql("UPDATE customer_order SET state = 'ready' WHERE id = :id", id=order.order_id)
    return order


def answer(shop: Shop, *doors: int) -> None:
    shop.run_sql("UPDATE remote_command SET answered_at = :at, answered_doors = :d", at=LOAD_FROM, d=list(doors))


# --- beginning --------------------------------------------------------------------------------------------------------


def test_the_second_driver_joins_the_visit_of_the_first(shop: Shop) -> None:
    first, second = begin(shop), begin(shop, who=SECOND)

    assert not first.joined
    assert second == BegunVisit(first.visit_id, joined=True)
    assert shop.rows("SELECT person_id FROM visit_driver ORDER BY 1") == [(SECOND,), (DRIVER,)]


def test_of_drivers_who_begin_at_once_one_begins_and_the_others_join(shop: Shop) -> None:
    begun = at_once(*[lambda who=who: begin(shop, who=who) for who in (DRIVER, SECOND) * 4])

    assert len({one.visit_id for one in begun}) == 1
    assert shop.one("SELECT count(*) FROM visit") == 1
    assert shop.one("SELECT count(*) FROM visit_driver") == 2


def test_each_site_has_a_visit_of_its_own(shop: Shop) -> None:
    assert begin(shop).visit_id != begin(shop, site_id=OTHER_SITE).visit_id
    refused(shop, NotFound, begin, site_id="nowhere")


def test_a_forgotten_visit_is_ended_before_the_next_van_loads(shop: Shop) -> None:
    old = begin(shop)
    later = LOAD_FROM + timedelta(hours=5)
    measured(shop, later, chilled=9.0)

    new = begin(shop, now=later)

    assert not new.joined
    assert new.visit_id != old.visit_id
    assert shop.one("SELECT ended_at FROM visit WHERE id = :id", id=old.visit_id) == later
    assert shop.one("SELECT gate->'L1'->'chilled'->>'open' FROM visit WHERE ended_at IS NULL") == "false"


# --- the load gate ----------------------------------------------------------------------------------------------------


def test_a_warm_zone_is_not_loaded_and_says_how_warm_it_is(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    measured(shop, chilled=9.44)

    facts = refused(shop, ZoneTooWarm, scan, ref).facts

    assert facts == {"name_zh": "桂花苑", "name_en": "Osmanthus", "zone": "chilled", "degrees": "9.4"}


def test_a_zone_nobody_measured_is_not_loaded(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    measured(shop, LOAD_FROM - timedelta(minutes=3))
    refused(shop, ZoneUnmeasured, scan, ref)
    shop.run_sql("DELETE FROM zone_reading")
    refused(shop, ZoneUnmeasured, scan, ref)


def test_a_zone_that_had_no_reading_is_judged_by_its_first(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    measured(shop, LOAD_FROM - timedelta(hours=3))
    begin(shop)
    refused(shop, ZoneUnmeasured, scan, ref)
    measured(shop)
    scan(shop, ref)
    assert shop.one("SELECT gate->'L1'->'chilled'->>'open' FROM visit") == "true"


def test_the_gate_is_judged_once_a_visit_however_warm_the_open_doors_make_it(shop: Shop) -> None:
    refs = [shop.parcels(shop.packed())[0].ref for _ in range(2)]
    scan(shop, refs[0])
    measured(shop, chilled=9.0)
    scan(shop, refs[1])
    assert shop.one("SELECT count(*) FROM remote_command") == 2


def test_a_shut_gate_opens_when_it_is_measured_again_and_no_sooner(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    measured(shop, chilled=9.0)
    visit_id = begin(shop).visit_id
    later = LOAD_FROM + timedelta(minutes=3)
    measured(shop, later)

    refused(shop, ZoneTooWarm, scan, ref, now=later)
    refused(shop, GateJustJudged, do, measure_gate, visit_id=visit_id, now=LOAD_FROM + timedelta(minutes=2))
    refused(shop, NotFound, do, measure_gate, visit_id="nobody", now=later)
    do(shop, measure_gate, visit_id=visit_id, now=later)
    scan(shop, ref, now=later)

    assert shop.one("SELECT count(*) FROM remote_command") == 1


def test_a_warm_zone_does_not_hold_up_the_others(shop: Shop) -> None:
    measured(shop, frozen=-3.0)
    scan(shop, shop.parcels(shop.packed(("milk", 1)))[0].ref)
    assert shop.one("SELECT count(*) FROM remote_command") == 1


# --- loading ----------------------------------------------------------------------------------------------------------


def test_two_drivers_never_load_the_same_bag(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    done = at_once(lambda: scan(shop, ref), lambda: scan(shop, ref, who=SECOND))

    assert [type(one) for one in done if isinstance(one, Exception)] == [LabelInHand]
    assert shop.one("SELECT count(*) FROM remote_command") == 1


def test_a_bag_that_another_driver_put_back_can_be_taken_up_again(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    scan(shop, ref)
    refused(shop, LabelInHand, scan, ref, who=SECOND)
    scan(shop, ref)
    shop.run_sql("UPDATE remote_command SET answered_at = :at, refusal = 'no_free_door'", at=LOAD_FROM)

    scan(shop, ref, who=SECOND)


def test_another_door_is_asked_for_with_its_reason(shop: Shop) -> None:
    order = loaded(shop, 4)
    ref = shop.parcels(order)[0].ref
    refused(shop, LabelLoaded, scan, ref)

    scan(shop, ref, instead_of=4, fault=DoorFault.NO_FIT)

    assert shop.rows("SELECT instead_of, fault FROM remote_command") == [(4, "no_fit")]


def test_where_a_load_was_cut_off_the_next_driver_looks_first(shop: Shop) -> None:
    order = shop.packed()
    parcel = shop.parcels(order)[0]
    tell(shop, LoadUnsure(parcel.id, order.order_id, "L1", 2, DRIVER))
    assert shop.parcels(order)[0].look_door == 2
    assert shop.parcels(order)[0].state == "packed"


# --- sweeping and wiping ----------------------------------------------------------------------------------------------


def test_what_nobody_collected_is_asked_for_and_follows_the_site(shop: Shop) -> None:
    order = loaded(shop, 4)
    refused(shop, NotDue, open_, 4, right=Right.REMOVE)
    after = REMOVAL_FROM + timedelta(minutes=1)

    open_(shop, 4, right=Right.REMOVE, now=after)
    parcel = shop.parcels(order)[0]
    tell(shop, ParcelRemoved(parcel.id, order.order_id, "L1", 4, Right.REMOVE, DRIVER), now=after)

    assert shop.parcels(order)[0].state in {"returned", "disposed"}
    assert shop.state(order) == "refunded"
    refused(shop, NotDue, open_, 4, right=Right.REMOVE, now=after)


def test_a_withdrawn_order_is_taken_out_before_its_time(shop: Shop) -> None:
    order = loaded(shop, 4)
    shop.run_sql(
        "UPDATE customer_order SET state = 'expiring', withdrawn_for = 'staff' WHERE id = :id", id=order.order_id
    )
    open_(shop, 4, right=Right.REMOVE)
    assert shop.rows('SELECT doors, "right" FROM remote_command') == [([4], "remove")]


def test_only_emptied_doors_are_opened_to_be_wiped(shop: Shop) -> None:
    loaded(shop, 2)
    shop.run_sql("UPDATE compartment SET condition = 'to_check' WHERE site_id = :s AND door IN (1, 2, 3)", s=SITE)

    refused(shop, NotToCheck, open_, 1, 2, right=Right.CHECK)
    refused(shop, NotToCheck, open_, 4, right=Right.CHECK)
    open_(shop, 1, 3, right=Right.CHECK)
    tell(shop, DoorConditionChanged("L1", 1, DoorCondition.FREE, DRIVER))

    refused(shop, NotToCheck, open_, 1, right=Right.CHECK)
    assert shop.one("SELECT condition FROM compartment WHERE site_id = :s AND door = 1", s=SITE) == "free"


def test_two_drivers_never_open_the_same_door(shop: Shop) -> None:
    shop.run_sql("UPDATE compartment SET condition = 'to_check' WHERE site_id = :s", s=SITE)
    done = at_once(
        lambda: open_(shop, 1, 2, right=Right.CHECK), lambda: open_(shop, 2, 3, right=Right.CHECK, who=SECOND)
    )

    (refusal,) = (one for one in done if isinstance(one, Exception))
    assert isinstance(refusal, DoorInHand)
    assert refusal.facts == {"door": 2}
    assert shop.one("SELECT count(*) FROM remote_command") == 1


def test_a_door_that_the_first_driver_left_is_free_again_after_two_minutes(shop: Shop) -> None:
    shop.run_sql("UPDATE compartment SET condition = 'to_check' WHERE site_id = :s", s=SITE)
    open_(shop, 1, right=Right.CHECK)
    answer(shop, 1)
    refused(shop, DoorInHand, open_, 1, right=Right.CHECK, who=SECOND, now=LOAD_FROM + timedelta(seconds=60))
    open_(shop, 1, right=Right.CHECK, who=SECOND, now=LOAD_FROM + timedelta(seconds=121))


def test_nonsense_is_refused_before_anything_is_asked(shop: Shop) -> None:
    shop.run_sql("UPDATE compartment SET condition = 'to_check' WHERE site_id = :s", s=SITE)
    refused(shop, TooManyAtOnce, open_, *range(1, 10), right=Right.CHECK)
    refused(shop, ReasonNeeded, open_, 1, right=Right.CHECK, reason="x")
    refused(shop, NotFound, open_, 77, right=Right.CHECK)


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_the_end_names_the_orders_whose_bags_go_back(shop: Shop) -> None:
    left, planned, gone, there = shop.packed(), shop.paid(), shop.packed(), loaded(shop, 4)
    shop.run_sql(
        "UPDATE customer_order SET state = 'expiring', withdrawn_for = 'staff' WHERE id = :id", id=gone.order_id
    )
    visit_id = begin(shop).visit_id

    not_loaded = end(shop, visit_id=visit_id, now=LOAD_FROM, crates_back=3, ice_packs_back=0, note="wet floor")

    assert not_loaded == [left.order_id]
    assert {planned.order_id, gone.order_id, there.order_id}.isdisjoint(not_loaded)
    assert shop.rows("SELECT order_id, kind FROM offer") == [(left.order_id, "not_loaded")]
    assert shop.rows("SELECT crates_back, ice_packs_back, note, ended_at FROM visit") == [
        (3, 0, "wet floor", LOAD_FROM)
    ]


def test_before_their_time_no_bags_are_missed(shop: Shop) -> None:
    shop.packed()
    early = LOAD_FROM - timedelta(hours=1)
    assert end(shop, visit_id=begin(shop, now=early).visit_id, now=early) == []


def test_a_visit_that_ended_takes_nothing_more(shop: Shop) -> None:
    visit_id = begin(shop).visit_id
    do(shop, count_back, visit_id=visit_id, crates_back=2, ice_packs_back=5, note="", now=LOAD_FROM)
    end(shop, visit_id=visit_id, now=LOAD_FROM)
    assert shop.rows("SELECT crates_back, ice_packs_back FROM visit") == [(2, 5)]

    refused(shop, VisitOver, end, visit_id=visit_id, now=LOAD_FROM)
    refused(shop, VisitOver, do, count_back, visit_id=visit_id, crates_back=2, ice_packs_back=5, note="", now=LOAD_FROM)
    refused(shop, VisitOver, do, measure_gate, visit_id=visit_id, now=LOAD_FROM)
    refused(shop, VisitOver, do, keep_photo, visit_id=visit_id, person_id=DRIVER, jpeg=b"x", now=LOAD_FROM)
    refused(shop, NotFound, end, visit_id="nobody", now=LOAD_FROM)
    refused(shop, NotFound, do, count_back, visit_id="nobody", crates_back=0, ice_packs_back=0, note="", now=LOAD_FROM)
    refused(shop, NotFound, do, keep_photo, visit_id="nobody", person_id=DRIVER, jpeg=b"x", now=LOAD_FROM)


def test_a_photo_is_kept_with_the_visit(shop: Shop) -> None:
    visit_id = begin(shop).visit_id
    do(shop, keep_photo, visit_id=visit_id, person_id=DRIVER, jpeg=b"\xff\xd8", now=LOAD_FROM)
    assert shop.rows("SELECT visit_id, person_id, jpeg FROM photo") == [(visit_id, DRIVER, b"\xff\xd8")]


READ = LOAD_FROM + timedelta(minutes=2)


def read(shop: Shop, visit_id: str, zone: str = "chilled", product_c: float = 4.5) -> None:
    do(shop, read_crate, visit_id=visit_id, zone=zone, product_c=product_c, person_id=DRIVER, now=READ)


def test_what_is_loaded_is_judged_from_when_its_crate_was_measured(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    read(shop, begin(shop).visit_id)
    scan(shop, ref, now=READ + timedelta(seconds=9))

    assert shop.one("SELECT cold_since FROM remote_command") == READ


def test_without_a_reading_it_is_judged_from_its_loading(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref
    read(shop, begin(shop).visit_id, zone="frozen", product_c=-18.0)
    scan(shop, ref)

    assert shop.one("SELECT cold_since FROM remote_command") is None


@pytest.mark.parametrize(
    ("zone", "product_c", "refusal"),
    [
        ("chilled", 5.1, CrateTooWarm),
        ("frozen", -14.9, CrateTooWarm),
        ("chilled", float("nan"), ProbeUnlikely),
        ("chilled", -60.0, ProbeUnlikely),
        ("ambient", 20.0, NotFound),
        ("attic", 4.0, NotFound),
    ],
)
def test_a_crate_that_comes_too_warm_or_is_none_is_not_taken_down(
    shop: Shop, zone: str, product_c: float, refusal: type[DomainError]
) -> None:
    visit_id = begin(shop).visit_id
    refused(shop, refusal, read, visit_id, zone, product_c)


def test_the_first_reading_of_a_visit_counts_and_none_after_its_end(shop: Shop) -> None:
    visit_id = begin(shop).visit_id
    read(shop, visit_id)
    refused(shop, CrateReadAlready, read, visit_id)
    end(shop, visit_id=visit_id, now=READ)
    refused(shop, VisitOver, read, visit_id, "frozen", -20.0)
    refused(shop, NotFound, read, "nowhere")
