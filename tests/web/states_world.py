"""How each state a page can be in is reached: a few rows are written, and what is there already stays."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from app.db import tables as t
from app.db.engine import transaction
from app.db.ledger import book
from app.domain.collect_link import make_collect_link
from app.domain.ledger import Kind
from app.domain.refunding import RefundCause
from app.domain.roles import Role
from app.use_cases.evening.delay_run import delay_run
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.visiting.begin_visit import begin_visit
from tests.web.after_world import paid_for
from tests.web.cold_world import keep_shut, lay_down
from tests.web.collect_world import happen, make_ready, pulse_in_vain
from tests.web.evening_world import last_hour
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, pack_all


def nothing(_: Day) -> None:
    """The day as it is."""


def in_the_locker(day: Day) -> None:
    """The order lies behind its doors and has its code."""
    last_hour(day)


def not_heard_of(day: Day) -> None:
    """The locker has said nothing for fourteen minutes."""
    last_hour(day)
    with day.engine.begin() as conn:
        conn.execute(update(t.zone_reading).values(read_at=NOW - timedelta(minutes=14)))


def refunded(day: Day) -> None:
    """What nobody collected was taken out and paid back."""
    last_hour(day)
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="refunded"))


def shut(day: Day) -> None:
    """It was too warm behind a door, and somebody will look."""
    with day.engine.begin() as conn:
        keep_shut(conn, day, lay_down(conn, day))


def condemned(day: Day) -> None:
    """It was too warm behind a door, and nobody may eat that."""
    with day.engine.begin() as conn:
        decided = {"state": "condemned", "decided_at": NOW, "decided_by": "clock"}
        keep_shut(conn, day, lay_down(conn, day), **decided)


def full(day: Day) -> None:
    """Every place of the first window is taken."""
    with day.engine.begin() as conn:
        first = update(t.pickup_window).where(t.pickup_window.c.id == day.window_id)
        conn.execute(first.values(orders_taken=t.pickup_window.c.order_cap))


def late(day: Day) -> None:
    """The van comes two hours late, and everybody is told."""
    with day.engine.begin() as conn:
        opens = select(t.pickup_window.c.opens_at).where(t.pickup_window.c.id == day.window_id)
        expected = conn.execute(opens).scalar_one() + timedelta(minutes=25)
    with transaction(day.engine) as conn:
        settings = day.app.extensions["caibox"].settings
        delay_run(conn, run_no=day.run_no, expected_at=expected, actor="person:x", now=NOW, settings=settings)


def in_part(day: Day) -> None:
    """One thing was not delivered to us; the rest lies in the locker."""
    paid_for(day)
    with transaction(day.engine) as conn:
        pack_all(conn, day.order_id)
        line = _first_line(conn)
        short = {"picked_quantity": 0, "picked_at": NOW, "short_reason": "not_delivered"}
        mine = (t.order_line.c.order_id == day.order_id, t.order_line.c.line_no == line.line_no)
        conn.execute(update(t.order_line).where(*mine).values(**short))
        _refund(conn, day, RefundCause.SHORT, {line.line_no: line.line_minor})


def weighed(day: Day) -> None:
    """What is sold by weight weighed less than was charged."""
    paid_for(day)
    with transaction(day.engine) as conn:
        pack_all(conn, day.order_id)
        line = _first_line(conn)
        mine = (t.order_line.c.order_id == day.order_id, t.order_line.c.line_no == line.line_no)
        conn.execute(
            update(t.order_line).where(*mine).values(weight_g=470, picked_quantity=line.quantity, picked_at=NOW)
        )
        _refund(conn, day, RefundCause.WEIGHT, {line.line_no: 210})


def paid_back(day: Day) -> None:
    """Nobody collected it, and the provider has sent the money back."""
    paid_for(day)
    with transaction(day.engine) as conn:
        lines = conn.execute(select(t.order_line).where(t.order_line.c.order_id == day.order_id)).all()
        _refund(conn, day, RefundCause.NOT_COLLECTED, {line.line_no: line.line_minor for line in lines})
        conn.execute(update(t.refund).values(done_at=NOW, asked_at=NOW, provider_ref="back"))
        conn.execute(update(t.customer_order).values(state="refunded"))
        minor = sum(line.line_minor for line in lines)
        money = {"order_id": day.order_id, "amount_minor": minor, "currency": "CNY"}
        book(conn, transaction_id="back", kind=Kind.REFUND, **money, now=NOW)


def gone_meanwhile(day: Day) -> None:
    """Somebody else takes the last tomatoes while this page lies open."""
    with day.engine.begin() as conn:
        of = update(t.run_stock).where(t.run_stock.c.product_id == "tomatoes")
        conn.execute(of.values(taken=t.run_stock.c.total))


def past_cut_off(day: Day) -> None:
    """Tomorrow's orders closed an hour ago; the day after tomorrow can be had."""
    with day.engine.begin() as conn:
        run = conn.execute(select(t.load_run).where(t.load_run.c.run_no == day.run_no)).one()
        later = {**run._mapping, "order_by": run.order_by + timedelta(days=1)}
        later.pop("run_no")
        for name in ("load_from", "load_until", "removal_from"):
            later[name] += timedelta(days=1)
        later["local_date"] += timedelta(days=1)
        no = conn.execute(insert(t.load_run).values(later).returning(t.load_run.c.run_no)).scalar_one()
        for window in conn.execute(select(t.pickup_window).where(t.pickup_window.c.run_no == day.run_no)).all():
            moved = {"opens_at": window.opens_at + timedelta(days=1), "closes_at": window.closes_at + timedelta(days=1)}
            conn.execute(insert(t.pickup_window).values(run_no=no, order_cap=9, **moved))
        closed = update(t.load_run).where(t.load_run.c.run_no == day.run_no)
        conn.execute(closed.values(order_by=NOW - timedelta(hours=1)))


def behind_its_doors(day: Day) -> None:
    """The order lies in the locker, as its site told."""
    make_ready(day)


def opening_slowly(day: Day) -> None:
    """It was asked eight seconds ago."""
    make_ready(day)
    happen(day, "UnlockGranted", seconds=8)


def left_open(day: Day) -> None:
    """A door has been standing open for forty seconds."""
    make_ready(day)
    happen(day, "UnlockGranted", seconds=45)
    happen(day, "DoorWasOpened", seconds=40)


def stuck_once(day: Day) -> None:
    """A lock was released and its door stayed shut."""
    pulse_in_vain(make_ready(day), 1)


def stuck_twice(day: Day) -> None:
    """It was released again, and stayed shut again."""
    pulse_in_vain(make_ready(day), 2)


def opened_by_its_owner(day: Day) -> None:
    """Somebody opened their door and looks into it."""
    make_ready(day)
    with day.engine.begin() as conn:
        conn.execute(update(t.parcel).where(t.parcel.c.id == day.parcels[0]).values(opened_at=NOW))


def time_is_over(day: Day) -> None:
    """The food has been lying there for as long as food may."""
    make_ready(day)
    with day.engine.begin() as conn:
        conn.execute(update(t.credential).values(expires_at=NOW - timedelta(minutes=5)))


def nobody_is_signed_in(day: Day) -> None:
    """Every session has ended."""
    with day.engine.begin() as conn:
        conn.execute(delete(t.web_session))


def visit_begun(day: Day) -> None:
    """The driver stands at the lockers with packed bags."""
    loading(day)
    with day.engine.begin() as conn:
        begin_visit(conn, site_id=day.site_id, person_id=day.people[Role.DRIVER], now=NOW)


def bag_of(day: Day) -> str:
    """What is printed on a bag of the order."""
    with day.engine.connect() as conn:
        mine = select(t.parcel.c.ref).where(t.parcel.c.order_id == day.order_id)
        return str(conn.execute(mine.order_by(t.parcel.c.ref)).scalars().first())


def link_of(day: Day, *, days: int) -> str:
    """The link of the order, that ends so many days from now (before now: it is too old)."""
    key = day.app.extensions["caibox"].settings.secret_key
    return make_collect_link(key, order_id=day.order_id, ends_at=NOW + timedelta(days=days))


def door_stuck(day: Day) -> None:
    """A door at the keeper's building was pulsed twice and stayed shut; another stands open."""
    with day.engine.begin() as conn:
        keeper = t.person.c.id == day.people[Role.KEEPER]
        conn.execute(update(t.person).where(keeper).values(site_id=day.site_id))
        here = t.compartment.c.site_id == day.site_id
        stuck = {"trouble": "jammed", "trouble_at": NOW - timedelta(minutes=3)}
        conn.execute(update(t.compartment).where(here, t.compartment.c.door == 12).values(**stuck))
        opened = {"door_state": "open", "door_changed_at": NOW - timedelta(minutes=4)}
        conn.execute(update(t.compartment).where(here, t.compartment.c.door == 7).values(**opened))


def loading(day: Day) -> None:
    """The van is there, and its bags are packed."""
    with day.engine.begin() as conn:
        conn.execute(update(t.parcel).values(state="packed", packed_at=NOW))
        conn.execute(update(t.customer_order).values(state="packed"))
        early = t.load_run.c.load_from - timedelta(hours=26)
        conn.execute(update(t.load_run).values(order_by=early, load_from=early))


def _first_line(conn: Any) -> Any:
    return conn.execute(select(t.order_line).order_by(t.order_line.c.line_no).limit(1)).one()


def _refund(conn: Any, day: Day, cause: RefundCause, lines: dict[int, int]) -> None:
    decide_refund(conn, order_id=day.order_id, cause=cause, cause_key="state", lines=lines, actor="clock", now=NOW)
