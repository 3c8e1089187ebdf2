"""A furnished database in which every page has something to show: `places` gives a value for each part of an address.

Two buildings. At the first the order of the day lies in its lockers, nearly late, one of its bags shut for its food; an
earlier one was collected and is claimed. At the second a van is loading, and tomorrow's run waits to be packed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, text, update

from app.db import tables as t
from app.domain.collect_link import make_collect_link
from app.domain.column_code import ColumnPlace, write_column_code
from app.domain.roles import Role
from locker_protocol.ids import random_id
from tests.web.after_world import with_receipts
from tests.web.claims_world import collect, form, paid, photograph, picture_of
from tests.web.cold_world import LOADED, PACKED, alarm, keep, keep_shut
from tests.web.evening_world import KEEPS_UNTIL, SHIFT, ask
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, load, pack_all, pay, place

Places = dict[str, Any]
LOOKED = "0" * 32
A_DAY_LATER = (
    """INSERT INTO load_run (site_id, kind, local_date, order_by, load_from, load_until, removal_from)
    SELECT site_id, kind, local_date + 1, order_by + interval '1 day', load_from + interval '1 day',
        load_until + interval '1 day', removal_from + interval '1 day' FROM load_run WHERE run_no = :run""",
    """INSERT INTO pickup_window (run_no, opens_at, closes_at, order_cap)
    SELECT (SELECT max(run_no) FROM load_run), opens_at + interval '1 day', closes_at + interval '1 day', order_cap
    FROM pickup_window WHERE run_no = :run""",
    """INSERT INTO run_capacity (run_no, zone, size_or_larger, total)
    SELECT (SELECT max(run_no) FROM load_run), zone, size_or_larger, total FROM run_capacity WHERE run_no = :run""",
    """INSERT INTO run_stock (run_no, product_id, total)
    SELECT (SELECT max(run_no) FROM load_run), product_id, total FROM run_stock WHERE run_no = :run""",
)


@dataclass(frozen=True, slots=True)
class Furnished:
    """The day, and what its addresses are made of; `of` gives what single pages need otherwise, by endpoint."""

    day: Day
    places: Places
    of: dict[str, Places]
    # Names of people and what people typed: they have no language (WCAG 3.1.2).
    names: Sequence[str] = ("阿珍", "沈家田", "中文", "the zone is warm")


@contextmanager
def furnished(engine: Engine, folder: Path) -> Iterator[Furnished]:
    """Everything that any page can show."""
    with day_at(engine, folder) as day:
        yield _furnish(day)


def _furnish(day: Day) -> Furnished:
    with day.engine.begin() as conn:
        conn.execute(text("INSERT INTO tax_rate SELECT id, 'vat-exempt', 900, '增值税 9%', 'VAT 9 %' FROM site"))
        conn.execute(insert(t.scale).values(id="SZ-0417", verified_until=date(2027, 6, 30)))
        lot = _supply(conn, day)
        _staff(conn, day)
        earlier = place(conn, person_id=day.people[Role.RESIDENT], window_id=day.window_id, products=2)
        pay(conn, earlier)
        soon, later = _second_site(conn, day)
        tomorrow = place(conn, person_id=day.people[Role.RESIDENT], window_id=later.window_id, products=4)
        packed = place(conn, person_id=day.people[Role.RESIDENT], window_id=soon.window_id, products=3)
        theirs = place(conn, person_id=day.people[Role.DRIVER], window_id=soon.window_id, products=2)
        for order_id in (tomorrow, packed, theirs):
            pay(conn, order_id)
        pack_all(conn, packed)
        unpaid = place(conn, person_id=day.people[Role.RESIDENT], window_id=later.window_id, products=1)
    for order_id in (day.order_id, earlier, tomorrow, packed):
        paid(day, order_id)
    with_receipts(day)
    collect(day, earlier)
    with day.engine.begin() as conn:
        receipt = select(t.receipt.c.number).where(t.receipt.c.order_id == day.order_id)
        receipt_no = conn.execute(receipt).scalar_one()
        locker_id = _in_the_locker(conn, day)
        quarantine = _shut(conn, day, locker_id)
        look = _look(conn, day)
        bag = conn.execute(select(t.parcel).where(t.parcel.c.order_id == tomorrow).order_by(t.parcel.c.ref)).first()
        assert bag is not None
        in_it = select(t.order_line.c.line_no).where(t.order_line.c.parcel_id == bag.id)
        line_no = conn.execute(in_it).scalars().first()
        collected = conn.execute(select(t.parcel.c.id).where(t.parcel.c.order_id == earlier)).scalars().first()
    assert collected is not None
    photo = photograph(day, collected)
    claim, claim_alarm = _claims(day, earlier)
    _rows_of_the_office(day)
    choice = ask(day).removeprefix("choice/")
    key = day.app.extensions["caibox"].settings.secret_key
    places: Places = {
        "lang_code": "en",
        "site_id": day.site_id,
        "order_id": day.order_id,
        "run_no": later.run_no,
        "wave_no": 1,
        "parcel_id": bag.id,
        "line_no": line_no,
        "locker_id": locker_id,
        "zone": "chilled",
        "door_no": 7,
        "key": "waste",
        "product_id": "tomatoes",
        "category_id": "vegetables",
        "supplier_id": "kunshan",
        "lot_id": lot,
        "person_id": day.people[Role.KEEPER],
        "look_id": look,
        "command_id": _rescue(day),
        "quarantine_id": quarantine,
        "claim_id": claim,
        "alarm_id": claim_alarm,
        "photo_id": photo,
        "number": receipt_no,
        "ref": _sandbox(day, unpaid),
        "link": make_collect_link(key, order_id=day.order_id, ends_at=NOW + timedelta(days=1)),
        "code": write_column_code(key, ColumnPlace(locker_id, 2)),
    }
    loading = {"site_id": soon.site_id, "run_no": soon.run_no}
    of: dict[str, Places] = {
        "api.explain": {"code": "not_found"},
        "choice.choice_page": {"link": choice},
        "orders.linked_page": {"link": make_collect_link(key, order_id=theirs, ends_at=NOW + timedelta(days=1))},
        "order_edit.edit": {"order_id": tomorrow},
        "order_edit.ask_cancel": {"order_id": tomorrow},
        "claims.claim_page": {"order_id": earlier},
        "ops_cold.photo": {"quarantine_id": LOOKED},
        "claims.linked_page": {"link": make_collect_link(key, order_id=earlier, ends_at=NOW + timedelta(days=1))},
        "driver.loop_page": loading,
        "driver.code": loading,
        **{f"visit.{step}_page": loading for step in ("steps", "sweep", "check", "count", "leave")},
    }
    return Furnished(day, places, of)


def _supply(conn: Connection, day: Day) -> str:
    """A supplier, and a lot that lies in the order's first bag."""
    line = conn.execute(select(t.order_line).where(t.order_line.c.order_id == day.order_id).limit(1)).one()
    conn.execute(insert(t.supplier).values(id="kunshan", name_zh="昆山合作社", name_en="Kunshan growers"))
    conn.execute(update(t.product).where(t.product.c.id == line.product_id).values(supplier_id="kunshan"))
    days = {"expires_on": (NOW + timedelta(days=4)).date(), "received_at": NOW, "harvested_at": NOW}
    origin = {"origin_zh": "江苏昆山", "origin_en": "Kunshan, Jiangsu", "grower": "沈家田", "certificate": "HGZ-7"}
    row = {"id": "lot", "product_id": line.product_id, "code": "1122-A", "received": 40, "taken": 2}
    conn.execute(insert(t.lot).values(**row, **origin, **days))
    conn.execute(
        insert(t.lot_photo).values(lot_id="lot", at=NOW, person_id=day.people[Role.OPERATOR], jpeg=picture_of("green"))
    )
    conn.execute(insert(t.line_lot).values(order_id=day.order_id, line_no=line.line_no, lot_id="lot", quantity=2))
    return "lot"


def _staff(conn: Connection, day: Day) -> None:
    names = {Role.KEEPER: "阿珍", Role.DRIVER: "Li", Role.OPERATOR: "Wang", Role.PICKER: "Zhao", Role.ADMIN: "Sun"}
    for role, name in names.items():
        mine = t.person.c.id == day.people[role]
        conn.execute(update(t.person).where(mine).values(display_name=name))
    keeper = t.person.c.id == day.people[Role.KEEPER]
    conn.execute(update(t.person).where(keeper).values(site_id=day.site_id))


def _second_site(conn: Connection, day: Day) -> tuple[Any, Any]:
    """A run the van loads now, and a copy of it for the day after tomorrow."""
    found = (
        select(t.load_run.c.run_no, t.load_run.c.site_id, t.pickup_window.c.id.label("window_id"))
        .join_from(t.load_run, t.pickup_window)
        .where(t.load_run.c.site_id != day.site_id)
        .order_by(t.load_run.c.run_no.desc(), t.pickup_window.c.id)
    )
    soon = conn.execute(found).first()
    assert soon is not None
    for statement in A_DAY_LATER:
        conn.execute(text(statement), {"run": soon.run_no})
    later = conn.execute(found).first()
    assert later is not None
    return soon, later


def _in_the_locker(conn: Connection, day: Day) -> str:
    """The day's order lies behind doors 6 and on, in its last hour; the other run is loaded now."""
    conn.execute(update(t.customer_order).where(t.customer_order.c.id == day.order_id).values(state="ready"))
    for door, parcel_id in enumerate(day.parcels, start=6):
        load(conn, parcel_id, door)
        here = update(t.parcel).where(t.parcel.c.id == parcel_id)
        conn.execute(here.values(packed_at=PACKED, loaded_at=LOADED, collect_until=KEEPS_UNTIL))
    code = {"id": "00112233445566aa", "order_id": day.order_id, "site_id": day.site_id, "handle": 7}
    conn.execute(insert(t.credential).values(**code, generation=1, made_at=NOW, expires_at=KEEPS_UNTIL, typed=True))
    run, window = t.load_run.c.run_no == day.run_no, t.pickup_window.c.run_no == day.run_no
    early = {name: t.load_run.c[name] - SHIFT for name in ("order_by", "load_from", "load_until")}
    conn.execute(update(t.load_run).where(run).values(**early, removal_from=KEEPS_UNTIL))
    shown = {name: t.pickup_window.c[name] - SHIFT for name in ("opens_at", "closes_at")}
    conn.execute(update(t.pickup_window).where(window).values(**shown))
    now = t.load_run.c.load_from - timedelta(hours=26)
    loading = (t.load_run.c.site_id != day.site_id) & (t.load_run.c.local_date == date(2026, 11, 23))
    conn.execute(update(t.load_run).where(loading).values(order_by=now, load_from=now))
    behind = (t.compartment.c.site_id == day.site_id, t.compartment.c.door == 6)
    return str(conn.execute(select(t.compartment.c.locker_id).where(*behind)).scalar_one())


def _shut(conn: Connection, day: Day, locker_id: str) -> str:
    """The zone was warm, so one bag is kept shut; a door was left open and another is jammed."""
    keep(conn, locker_id=locker_id, zone="chilled", since=PACKED, minutes=230, values={60: 9.0, 61: 9.5, 62: 9.1})
    alarm(conn, site_id=day.site_id, locker_id=locker_id, kind="too_warm")
    alarm(conn, site_id=day.site_id, locker_id=locker_id, kind="unmeasured", zone="cool")
    here = t.compartment.c.site_id == day.site_id
    door = conn.execute(select(t.compartment).where(here, t.compartment.c.door == 6)).one()
    opened = {"door_state": "open", "door_changed_at": NOW - timedelta(minutes=4)}
    conn.execute(update(t.compartment).where(here, t.compartment.c.door == 2).values(**opened))
    jammed = {"trouble": "jammed", "trouble_at": NOW - timedelta(minutes=3)}
    conn.execute(update(t.compartment).where(here, t.compartment.c.door == 7).values(**jammed))
    conn.execute(update(t.compartment).where(here, t.compartment.c.door == 3).values(condition="broken"))
    looked = {"state": "released", "decided_at": NOW, "decided_by": day.people[Role.KEEPER], "reason": "cold, fresh"}
    keep_shut(conn, day, door, id=LOOKED, **looked, kept=[], probe_c=3.4, photo=picture_of("teal"))
    return keep_shut(conn, day, door)


def _look(conn: Connection, day: Day) -> str:
    """The keeper looked the order up a moment ago."""
    look_id = random_id()
    row = {"id": look_id, "at": NOW, "person_id": day.people[Role.KEEPER], "site_id": day.site_id}
    conn.execute(insert(t.keeper_look).values(**row, order_id=day.order_id))
    return look_id


def _rescue(day: Day) -> str:
    """The keeper asked for a door, to take its food into the bag."""
    answer = day.client(Role.KEEPER).post("/en/keeper/rescue", data={"doors": ["7"], "reason": "the zone is warm"})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"].rsplit("/", 1)[1])


def _claims(day: Day, order_id: str) -> tuple[str, str]:
    """The resident says what was wrong with what they had, and the batch is looked at."""
    client = day.client(Role.RESIDENT)
    path, sent = f"/en/orders/{order_id}/claim", form(1, quantity="2", words="two were soft")
    answer = client.post(path, data=sent, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    with day.engine.begin() as conn:
        claim = conn.execute(select(t.claim)).one()
        product = conn.execute(select(t.order_line.c.product_id).where(t.order_line.c.order_id == order_id)).scalars()
        row = {"id": "batch-alarm", "batch": claim.batches[0], "site_id": day.site_id, "product_id": product.first()}
        conn.execute(insert(t.claim_alarm).values(**row, kind=claim.kind, raised_at=NOW, orders=3))
    return claim.id, "batch-alarm"


def _rows_of_the_office(day: Day) -> None:
    """What operators find in their lists."""
    with day.engine.begin() as conn:
        late = {"provider": "sandbox", "movement": "charge", "state": "found", "found_at": NOW, "seen_at": NOW}
        theirs = {"theirs_minor": 500, "theirs_currency": "CNY"}
        conn.execute(
            insert(t.payment_difference).values(
                **late, **theirs, id="d1", kind="unknown_here", subject="sb_1", heals=False
            )
        )
        notice = {"id": "n1", "contact": "+8613800000001", "kind": "order_ready", "language": "en", "subject": "s"}
        times = {"made_at": NOW, "next_try_at": NOW, "tries": 9, "failed": "no provider takes text messages"}
        conn.execute(insert(t.notification).values(**notice, **times, body="b"))
        gateway = conn.execute(select(t.gateway.c.id).where(t.gateway.c.site_id == day.site_id)).scalar_one()
        conn.execute(
            insert(t.rejected_message).values(
                received_at=NOW, topic=f"caibox/v1/s0/{gateway}/up", fault="malformed", reason="no seq", payload=b"{}"
            )
        )


def _sandbox(day: Day, order_id: str) -> str:
    """The resident is on the provider's page."""
    asked = day.app.test_client().post(f"/api/v1/orders/{order_id}/payment", headers=day.bearer(Role.RESIDENT))
    assert asked.status_code < 300, asked.text
    return str(asked.get_json()["pay_url"]).rsplit("/", 1)[1]
