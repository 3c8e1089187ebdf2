"""A day on which an order was collected, paid for and photographed, so that its household may claim."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.domain.collect_link import make_collect_link
from app.domain.roles import Role
from tests.web.shop_world import NOW, add_person
from tests.web.staff_world import Day, day_at, pay, place, sign_in_as

DOOR = 12


def picture_of(colour: str) -> bytes:
    """A photo as a phone sends it."""
    out = BytesIO()
    Image.new("RGB", (1200, 900), colour).save(out, "JPEG")
    return out.getvalue()


TOMATO = picture_of("darkred")
PACKED = picture_of("darkgreen")


@contextmanager
def collected_day(db: Engine, folder: Path) -> Iterator[Day]:
    """A day whose first order has been collected half an hour ago."""
    with day_at(db, folder) as made:
        paid(made, made.order_id)
        collect(made, made.order_id)
        photograph(made, made.parcels[0])
        yield made


def another_order(day: Day, phone: str, *, products: int = 1) -> tuple[str, str]:
    """Another household's order, collected; and its session token."""
    with day.engine.begin() as conn:
        person = add_person(conn, phone)
        order_id = place(conn, person_id=person, window_id=day.window_id, products=products)
        pay(conn, order_id)
        token = sign_in_as(conn, person)
    paid(day, order_id)
    collect(day, order_id)
    return order_id, token


def paid(day: Day, order_id: str) -> None:
    """Its money was captured."""
    with day.engine.begin() as conn:
        order = conn.execute(select(t.customer_order).where(t.customer_order.c.id == order_id)).one()
        row = {"id": f"pay-{order_id}", "order_id": order_id, "provider_ref": f"ref-{order_id}", "made_at": NOW}
        money = {"amount_minor": order.total_minor, "currency": order.currency}
        conn.execute(insert(t.payment).values(**row, **money, provider="sandbox", state="captured"))


def collect(day: Day, order_id: str, *, at: datetime = NOW - timedelta(minutes=30)) -> None:
    """Its bags were loaded and collected."""
    mine = t.parcel.c.order_id == order_id
    with day.engine.begin() as conn:
        packed = {"packed_at": at - timedelta(hours=6), "loaded_at": at - timedelta(hours=4), "collected_at": at}
        conn.execute(update(t.parcel).where(mine).values(state="collected", door=DOOR, **packed))
        conn.execute(update(t.customer_order).where(t.customer_order.c.id == order_id).values(state="collected"))


def photograph(day: Day, parcel_id: str) -> str:
    """What was in a bag when it was packed."""
    row = {"id": "packing-photo", "at": NOW, "person_id": day.people[Role.PICKER], "parcel_id": parcel_id}
    with day.engine.begin() as conn:
        conn.execute(insert(t.photo).values(**row, jpeg=PACKED))
    return "packing-photo"


def collect_link(day: Day) -> str:
    """The link that was forwarded."""
    secret_key = day.app.extensions["caibox"].settings.secret_key
    return make_collect_link(secret_key, order_id=day.order_id, ends_at=NOW + timedelta(days=1))


def cheap_line(day: Day) -> Any:
    """A line of the first order that the policy refunds at once."""
    with day.engine.begin() as conn:
        return conn.execute(
            select(t.order_line, t.product.c.name_en, t.product.c.name_zh)
            .join_from(t.order_line, t.product, t.product.c.id == t.order_line.c.product_id)
            .where(t.order_line.c.order_id == day.order_id, t.order_line.c.price_minor < 1000)
            .order_by(t.order_line.c.line_no)
            .limit(1)
        ).one()


def form(line_no: int, **changed: Any) -> dict[str, Any]:
    """What a household sends; `photo=None` leaves it out."""
    sent: dict[str, Any] = {
        "line": str(line_no),
        "kind": "spoiled",
        "quantity": "1",
        "words": "",
        "key": "k1",
        "photo": TOMATO,
        **changed,
    }
    photo = sent.pop("photo")
    return {**sent, "photo": (BytesIO(photo), "IMG_1.jpg")} if photo is not None else sent


def claims_of(day: Day) -> list[Any]:
    with day.engine.begin() as conn:
        return list(conn.execute(select(t.claim).order_by(t.claim.c.made_at, t.claim.c.id)).all())
