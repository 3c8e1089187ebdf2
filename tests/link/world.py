"""What tests of the link share: one site in the database, the service's parts, and a gateway's hand to sign with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, insert, text

from app.db import tables
from app.db.ledger import book
from app.domain.ledger import Kind
from app.link.command_relay import CommandRelay
from app.link.event_intake import EventIntake
from app.link.mqtt_client import Message
from app.link.remote_commands import RemoteCommands
from app.link.uplink import Uplink
from app.settings import Settings, settings_from
from locker_protocol.clock import Now
from locker_protocol.codec import decode, encode
from locker_protocol.ids import random_id
from locker_protocol.signing import Direction, seal, unseal
from locker_protocol.site_entries import LogPosition
from locker_protocol.site_events import SiteEvent
from locker_protocol.topics import UplinkKind, uplink_topic
from locker_protocol.uplink_messages import (
    ControllerStatus,
    Down,
    DownBatch,
    EventsApplied,
    NumberedSiteEvent,
    Presence,
    SiteStatus,
    Up,
    UpBatch,
)

SHARD = "s0"
START = datetime(2026, 11, 20, 8, tzinfo=UTC)
GATEWAY, SITE, LOCKER = "gw-test", "site-test", "locker-test"
GATEWAY_KEY = Ed25519PrivateKey.from_private_bytes(b"g" * 32)
PUBLIC_KEY = GATEWAY_KEY.public_key().public_bytes_raw()


def make_settings(database_url: str, uplink_url: str = "mqtt://127.0.0.1:1") -> Settings:
    return settings_from(
        {
            "DATABASE_URL": database_url,
            "CAIBOX_UPLINK_URL": uplink_url,
            "CAIBOX_SHARD": SHARD,
            "CAIBOX_SECRET_KEY": "not a secret",
            "CAIBOX_SIGNING_KEYS": "1:" + "c3M" * 14 + "c=",
            "CAIBOX_SANDBOX_SECRET": "not a secret",
        }
    )


@dataclass
class SetClock:
    """A clock that stands until it is set."""

    civil: datetime = START
    monotonic_ms: int = 1_000_000

    def now(self) -> Now:
        return Now(int(self.civil.timestamp() * 1000), self.monotonic_ms)

    def pass_ms(self, ms: int) -> None:
        self.monotonic_ms += ms
        self.civil += timedelta(milliseconds=ms)


@dataclass
class Wire:
    """A connection that keeps what was handed to it."""

    connected: bool = True
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        assert qos == 1
        if self.connected:
            self.sent.append((topic, payload))
        return self.connected


class Service:
    """The service's end of the link on a set clock and a kept wire."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settings = make_settings(engine.url.render_as_string(hide_password=False))
        self.clock = SetClock()
        self.wire = Wire()
        self.uplink = Uplink(self.wire, self.settings)
        self.relay = CommandRelay(engine=engine, shard=SHARD, uplink=self.uplink, clock=self.clock)
        self.commands = RemoteCommands(engine=engine, shard=SHARD, uplink=self.uplink, clock=self.clock)
        self.intake = self.new_intake()

    def new_intake(self) -> EventIntake:
        return EventIntake(
            engine=self.engine, settings=self.settings, clock=self.clock, uplink=self.uplink, relay=self.relay
        )

    def hear(self, message: msgspec.Struct, *, gateway: str = GATEWAY, retained: bool = False) -> None:
        kind: UplinkKind = "presence" if type(message).__name__.startswith("Gateway") else "up"
        self.intake.handle(Message(uplink_topic(SHARD, gateway, kind), sealed(message, gateway), retained))

    def turn(self) -> None:
        self.relay.turn(self.clock.now().monotonic_ms)

    def said(self, kind: type[Any] | None = None) -> list[Any]:
        """What was said to gateways so far, read as one would; of one kind, if asked."""
        read = [read_down(topic, frame, self.settings) for topic, frame in self.wire.sent]
        return [message for message in read if kind is None or isinstance(message, kind)]

    def sent_seqs(self) -> list[int]:
        return [entry.seq for batch in self.said(DownBatch) for entry in batch.entries]

    def acknowledged(self) -> list[tuple[str, int]]:
        return [(each.log_id, each.seq) for each in self.said(EventsApplied)]


def sealed(message: msgspec.Struct, gateway: str = GATEWAY, key: Ed25519PrivateKey = GATEWAY_KEY) -> bytes:
    return seal(encode(message), direction=Direction.UP, gateway=gateway, key_id=1, key=key)


def read_down(topic: str, frame: bytes, settings: Settings) -> Down:
    keys = {number: key.public_key() for number, key in settings.signing_keys.items()}
    body = unseal(frame, direction=Direction.DOWN, gateway=topic.split("/")[3], keys=keys)
    message: Down = decode(body, Down)
    return message


def read_up(topic: str, frame: bytes) -> Up | Presence:
    keys = {1: GATEWAY_KEY.public_key()}
    body = unseal(frame, direction=Direction.UP, gateway=topic.split("/")[3], keys=keys)
    message: Up = decode(body, Up)
    return message


def up_batch(events: Sequence[SiteEvent | bytes], *, log_id: str = "log-a", first: int = 1) -> UpBatch:
    numbered = [
        NumberedSiteEvent(seq, wire_ms(START), msgspec.Raw(event if isinstance(event, bytes) else encode(event)))
        for seq, event in enumerate(events, start=first)
    ]
    return UpBatch(log_id, numbered)


def site_status(
    down: LogPosition | None,
    *,
    boot_id: str = "boot-a",
    at: int | None = None,
    controllers: Sequence[ControllerStatus] = (),
) -> SiteStatus:
    at = wire_ms(START) if at is None else at
    return SiteStatus(boot_id, at, down, LogPosition("log-a", 0), list(controllers))


def wire_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# --- rows -------------------------------------------------------------------------------------------------------------


def add_site(
    conn: Connection,
    *,
    site: str = SITE,
    gateway: str = GATEWAY,
    locker: str = LOCKER,
    site_no: int = 1,
    doors: int = 4,
) -> None:
    """A site with one gateway and one locker of chilled M doors."""
    conn.execute(
        insert(tables.site).values(
            id=site, site_no=site_no, name_zh="桂花苑", name_en="Osmanthus", address_zh="", address_en="",
            timezone="Asia/Shanghai", currency="CNY", households=10,
        )
    )  # fmt: skip
    conn.execute(
        insert(tables.locker).values(
            id=locker, site_id=site, position=1, name_zh="", name_en="", width_mm=1, height_mm=1, head={}
        )
    )
    row = {"site_id": site, "locker_id": locker, "column_no": 1, "zone": "chilled", "size": "M", "volume_ml": 21_000}
    row |= {"longest_mm": 600, "x_mm": 0, "y_mm": 0, "width_mm": 330, "height_mm": 240, "sill_mm": 900}
    conn.execute(insert(tables.compartment), [{**row, "door": door, "row_no": door} for door in range(1, doors + 1)])
    conn.execute(insert(tables.gateway).values(id=gateway, site_id=site, shard=SHARD, public_key=PUBLIC_KEY))


def add_run(conn: Connection, *, site: str = SITE, order_cap: int = 500) -> tuple[int, int]:
    """A run that loads at START, and a window; returns their numbers."""
    run_no = conn.execute(
        insert(tables.load_run)
        .values(
            site_id=site, kind="evening", local_date=START.date(), order_by=START - timedelta(hours=10),
            load_from=START, load_until=START + timedelta(hours=2), removal_from=START + timedelta(hours=20),
        )
        .returning(tables.load_run.c.run_no)
    ).scalar_one()  # fmt: skip
    window = insert(tables.pickup_window).values(
        run_no=run_no, opens_at=START + timedelta(hours=2), closes_at=START + timedelta(hours=5), order_cap=order_cap
    )
    return run_no, conn.execute(window.returning(tables.pickup_window.c.id)).scalar_one()


def add_person(conn: Connection, person: str = "person-a") -> str:
    values = {"id": person, "mail": f"{person}@example.org", "created_at": START}
    conn.execute(insert(tables.person).values(**values))
    return person


def add_order(
    conn: Connection, order: str, *, run: tuple[int, int], state: str = "packed", parcels: Sequence[str] = ("packed",)
) -> list[str]:
    """An order of `person-a` with parcels in these states; loaded ones lie behind doors 1, 2, …; returns their ids."""
    conn.execute(
        insert(tables.customer_order).values(
            id=order, order_no=order, person_id="person-a", site_id=SITE, run_no=run[0], window_id=run[1], state=state,
            currency="CNY", total_minor=1_000, placed_at=START, hold_until=START,
        )
    )  # fmt: skip
    conn.execute(text("UPDATE pickup_window SET orders_taken = orders_taken + 1 WHERE id = :id"), {"id": run[1]})
    ids = [f"{order}-p{place}" for place in range(1, len(parcels) + 1)]
    for place, (parcel, parcel_state) in enumerate(zip(ids, parcels, strict=True), start=1):
        lies = parcel_state in ("loaded", "collected")
        conn.execute(
            insert(tables.parcel).values(
                id=parcel, ref=parcel[-32:], order_id=order, state=parcel_state, zone="chilled", size="M",
                volume_ml=9_000, longest_mm=300, weight_g=900, collect_until=START + timedelta(hours=20),
                planned_doors=[place], door=place if lies else None,
            )
        )  # fmt: skip
    return ids


def add_payment(conn: Connection, order: str) -> None:
    """What the order costs, captured and booked."""
    values = {"id": f"pay-{order}", "order": order, "at": START}
    conn.execute(
        text(
            "INSERT INTO payment (id, order_id, provider, provider_ref, state, amount_minor, currency, made_at)"
            " VALUES (:id, :order, 'sandbox', :id, 'captured', 1000, 'CNY', :at)"
        ),
        values,
    )
    book(
        conn,
        transaction_id=f"capture-pay-{order}",
        kind=Kind.CAPTURE,
        order_id=order,
        amount_minor=1_000,
        currency="CNY",
        now=START,
    )


def add_credential(conn: Connection, order: str, *, handle: int = 7, typed: bool = False) -> str:
    values = {"id": random_id()[:16], "order_id": order, "site_id": SITE, "handle": handle, "generation": 1}
    values |= {"made_at": START, "expires_at": START + timedelta(hours=20), "typed": typed}
    conn.execute(insert(tables.credential).values(**values))
    return str(values["id"])


def add_entry(conn: Connection, entry: msgspec.Struct, *, gateway: str = GATEWAY) -> None:
    conn.execute(insert(tables.outbox).values(gateway_id=gateway, made_at=START, entry=encode(entry)))


def one(engine: Engine, query: str, **values: Any) -> Any:
    with engine.connect() as conn:
        return conn.execute(text(query), values).scalar_one()


def rows(engine: Engine, query: str, **values: Any) -> list[Any]:
    with engine.connect() as conn:
        return [tuple(row) for row in conn.execute(text(query), values)]
