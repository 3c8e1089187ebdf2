"""A working day to test staff pages and the API against: `shop_world` with gateways, staff and an order."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, insert, select, update

from app.db import tables as t
from app.db.people import token_hash
from app.domain.basket import BasketLine
from app.domain.roles import Role
from app.factory import create_app
from app.settings import Settings
from app.use_cases.ordering.place_order import place_order
from locker_protocol.clock import write_anchor
from locker_protocol.ids import random_id
from tests.web.shop_world import NOW, add_person, furnish

STAFF_ROLES = tuple(role for role in Role if role is not Role.RESIDENT)


@dataclass(frozen=True, slots=True)
class Day:
    """Who and what there is. `tokens` are live session tokens by role; `other` is a second resident's."""

    engine: Engine
    app: Flask
    site_id: str
    run_no: int
    window_id: int
    people: Mapping[Role, str]
    tokens: Mapping[Role, str]
    other: str
    order_id: str
    parcels: list[str]

    def client(self, role: Role | None = None) -> Any:
        """A browser, signed in as that role; any, since what an answer holds is for the test to say."""
        client: FlaskClient = self.app.test_client()
        if role is not None:
            with client.session_transaction() as session:
                session["token"] = self.tokens[role]
        return client

    def bearer(self, role: Role) -> dict[str, str]:
        """The API's header for that role."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}


def make_settings(database_url: str, folder: Path, *, demo: bool = True) -> Settings:
    """Settings of a demo whose clock stands at `NOW` and then runs."""
    clock_file = folder / "clock.json"
    if demo and not clock_file.exists():
        write_anchor(clock_file, rate=1, civil_ms=round(NOW.timestamp() * 1000))
    return Settings(
        database_url=database_url,
        uplink_url="mqtt://127.0.0.1:1",
        shard="s0",
        secret_key="a secret for tests",
        signing_keys={1: Ed25519PrivateKey.from_private_bytes(bytes(32))},
        signing_key_id=1,
        public_url="http://localhost",
        sandbox_secret="another",
        smtp_url=None,
        clock_file=clock_file if demo else None,
        demo=demo,
        locker_pages={},
        metrics_port=None,
    )


@contextmanager
def day_at(engine: Engine, folder: Path) -> Iterator[Day]:
    """A day whose application is closed at the end."""
    day = make_day(engine, folder)
    try:
        yield day
    finally:
        day.app.extensions["caibox_listener"].close()
        day.app.extensions["caibox"].engine.dispose()


def make_day(engine: Engine, folder: Path) -> Day:
    """Furnish the shop and put one paid order on tomorrow's run at the first site."""
    settings = make_settings(engine.url.render_as_string(hide_password=False), folder)
    app = create_app(settings)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with engine.begin() as conn:
        furnish(conn)
        _gateways(conn, NOW)
        people = {role: add_person(conn, f"+86138000000{n:02d}", role=role) for n, role in enumerate(Role)}
        for number, role in enumerate(STAFF_ROLES, start=1):
            conn.execute(update(t.person).where(t.person.c.id == people[role]).values(staff_no=number))
        tokens = {role: sign_in_as(conn, person_id) for role, person_id in people.items()}
        other = sign_in_as(conn, add_person(conn, "+8613800000099"))
        window = conn.execute(
            select(t.pickup_window.c.id, t.load_run.c.run_no, t.load_run.c.site_id)
            .join_from(t.pickup_window, t.load_run)
            .order_by(t.pickup_window.c.id)
            .limit(1)
        ).one()
        order_id = place(conn, person_id=people[Role.RESIDENT], window_id=window.id)
        parcels = pay(conn, order_id)
    return Day(engine, app, window.site_id, window.run_no, window.id, people, tokens, other, order_id, parcels)


def sign_in_as(conn: Connection, person_id: str) -> str:
    """Write a session and give its token."""
    token = random_id()
    conn.execute(
        insert(t.web_session).values(
            token_hash=token_hash(token), person_id=person_id, made_at=NOW, expires_at=NOW + timedelta(days=30)
        )
    )
    return token


def place(conn: Connection, *, person_id: str, window_id: int, products: int = 9) -> str:
    """Place an order of the first few products that no rule refuses."""
    rows = conn.execute(select(t.product).order_by(t.product.c.position)).all()
    wanted = [row.id for row in rows if "live" not in row.flags and row.life_h > 24][:products]
    return place_order(
        conn,
        person_id=person_id,
        window_id=window_id,
        lines=[BasketLine(product_id, 2) for product_id in wanted],
        idempotency_key=random_id(),
        low_door=False,
        now=NOW,
    ).order_id


def pay(conn: Connection, order_id: str) -> list[str]:
    """Bring an order to `paid` the short way: these tests are not about money."""
    conn.execute(update(t.customer_order).where(t.customer_order.c.id == order_id).values(state="paid"))
    mine = t.parcel.c.order_id == order_id
    conn.execute(update(t.parcel).where(mine).values(state="planned", planned_doors=[1]))
    return list(conn.execute(select(t.parcel.c.id).where(mine).order_by(t.parcel.c.ref)).scalars())


def pack_all(conn: Connection, order_id: str) -> None:
    """Bring an order's parcels to `packed`."""
    conn.execute(update(t.parcel).where(t.parcel.c.order_id == order_id).values(state="packed", packed_at=NOW))
    conn.execute(update(t.customer_order).where(t.customer_order.c.id == order_id).values(state="packed"))


def load(conn: Connection, parcel_id: str, door: int) -> None:
    """Lay a packed parcel behind a door."""
    conn.execute(update(t.parcel).where(t.parcel.c.id == parcel_id).values(state="loaded", door=door, loaded_at=NOW))


def ask(conn: Connection, *, gateway_id: str, person_id: str, at: datetime = NOW, **values: Any) -> str:
    """Write a remote command."""
    command_id = random_id()
    row = {"kind": "load", "reason": "", **values}
    conn.execute(
        insert(t.remote_command).values(
            id=command_id,
            gateway_id=gateway_id,
            person_id=person_id,
            asked_at=at,
            not_after=at + timedelta(seconds=10),
            **row,
        )
    )
    return command_id


def tell(conn: Connection, *, site_id: str, at: datetime, kind: str, body: Mapping[str, Any]) -> None:
    """Write an event of a site."""
    gateway_id = conn.execute(select(t.gateway.c.id).where(t.gateway.c.site_id == site_id)).scalar_one()
    count = len(conn.execute(select(t.site_event.c.seq)).all())
    conn.execute(
        insert(t.site_event).values(
            gateway_id=gateway_id,
            log_id="log",
            seq=count + 1,
            at=at,
            applied_at=at,
            type=kind,
            body=dict(body),
            order_id=body.get("order_id"),
        )
    )


def _gateways(conn: Connection, now: datetime) -> None:
    for row in conn.execute(select(t.site)).all():
        known = conn.execute(select(t.gateway.c.id).where(t.gateway.c.site_id == row.id)).one_or_none()
        if known is None:
            conn.execute(
                insert(t.gateway).values(
                    id=f"gw-{row.site_no}",
                    site_id=row.id,
                    shard="s0",
                    public_key=bytes(32),
                    online=True,
                    heard_at=now,
                )
            )
