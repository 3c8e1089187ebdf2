"""How fast one service process takes in the minutes of 10,000 lockers, beside COPY of the same rows in the same run.

python -m benchmarks.telemetry [--lockers 10000] [--minutes 3]

Each locker has four zones and tells each minute in a sealed message of its gateway, as over the wire. Timed is the
intake's own work, from the sealed bytes to the commit and the signed answer; no broker is in it. The first minute makes
the hour's rows and is told apart.
"""

import argparse
import json
import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, insert, text

from app.db.engine import make_engine
from app.db.tables import compartment, gateway, locker, site
from app.demo.child import Child
from app.link.command_relay import CommandRelay
from app.link.event_intake import EventIntake
from app.link.mqtt_client import Message
from app.link.uplink import Uplink
from app.settings import settings_from
from benchmarks.checkout import postgres_child
from benchmarks.shop import cpu_s
from locker_protocol.clock import Now
from locker_protocol.codec import encode
from locker_protocol.signing import Direction, seal
from locker_protocol.telemetry import MinutesKept, ZoneMinute, ZoneMinutes
from locker_protocol.topics import uplink_topic
from locker_protocol.vocabulary import Zone

LOCKERS, MINUTES = 10_000, 3
AN_HOUR = 60
ZONES = tuple(Zone)
SHARD = "s0"
START = datetime(2026, 11, 20, 8, tzinfo=UTC)
FIRST = int(START.timestamp()) // 60
KEY = Ed25519PrivateKey.from_private_bytes(b"g" * 32)
SIZE = text("SELECT pg_total_relation_size('zone_hour')")
WAL = text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
KNOWN = text("SELECT count(*) FROM zone_hour, unnest(samples) AS each WHERE each IS NOT NULL")
PLAIN = """
    CREATE TABLE plain (locker_id text, zone text, minute bigint, samples smallint, air_min smallint,
        air_mean smallint, air_max smallint, product_min smallint, product_mean smallint, product_max smallint,
        open_s smallint, cooling_s smallint, defrost_s smallint)
"""


@dataclass
class SetClock:
    """A clock a little after the minutes that are told."""

    civil: datetime = START + timedelta(minutes=59)

    def now(self) -> Now:
        """Civil as set, monotonic as it is."""
        return Now(int(self.civil.timestamp() * 1000), time.monotonic_ns() // 1_000_000)


@dataclass
class Answers:
    """A connection that counts what was handed to it, and ends the run with the last."""

    wanted: int
    done: threading.Event = field(default_factory=threading.Event)
    connected: bool = True
    count: int = 0

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Take it."""
        del topic, payload, qos
        self.count += 1
        if self.count >= self.wanted:
            self.done.set()
        return True


def measure(lockers: int = LOCKERS, minutes: int = MINUTES) -> dict[str, object]:
    """Records a second of the intake and of COPY, CPU of both sides and bytes a record."""
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder, postgres_child(Path(folder)) as (url, child):
        engine = make_engine(url)
        _furnish(engine, lockers)
        told = [_take(engine, url, child, lockers, FIRST)]
        _analyze(engine)
        told += [_take(engine, url, child, lockers, FIRST + nth) for nth in range(1, minutes)]
        floor = _copy(url, lockers)
        late = _take(engine, url, child, max(1, lockers // 50), FIRST - 1, span=AN_HOUR)
        with engine.begin() as conn:
            kept = conn.execute(KNOWN).scalar_one()
            size = conn.execute(SIZE).scalar_one()
        engine.dispose()
    assert kept == (lockers * minutes + max(1, lockers // 50) * AN_HOUR) * len(ZONES), kept
    later = told[1:] or told
    best = sum(each["records_a_second"] for each in later) / len(later)
    return {
        "lockers": lockers,
        "records_a_minute": lockers * len(ZONES),
        "first_minute": told[0],
        "later_minutes": later,
        "an_hour_at_once_after_an_outage": late,
        "copy_records_a_second": round(floor),
        "of_copy": round(best / floor, 3),
        "needed_a_second": round(lockers * len(ZONES) / 60),
        "bytes_a_row_of_an_hour": round(size / (lockers * len(ZONES))),
    }


def _take(engine: Engine, url: str, child: Child, lockers: int, minute: int, span: int = 1) -> dict[str, Any]:
    inbox: queue.Queue[Message] = queue.Queue()
    for number in range(lockers):
        inbox.put(_message(number, minute, span))
    answers = Answers(lockers)
    intake = _intake(engine, url, answers)
    stop = threading.Event()
    with engine.connect() as conn:
        wal = conn.execute(WAL).scalar_one()
    ours, theirs, began = time.process_time(), cpu_s(child), time.perf_counter()
    worker = threading.Thread(target=intake.run, args=(inbox, stop))
    worker.start()
    answers.done.wait()
    seconds = time.perf_counter() - began
    cpu, database = time.process_time() - ours, cpu_s(child) - theirs
    stop.set()
    worker.join()
    with engine.connect() as conn:
        written = conn.execute(WAL).scalar_one() - wal
    records = lockers * len(ZONES) * span
    return {
        "records_a_second": round(records / seconds),
        "service_cpu_us_a_record": round(1e6 * cpu / records, 1),
        "database_cpu_us_a_record": round(1e6 * database / records, 1),
        "wal_bytes_a_record": round(written / records),
        "wire_bytes_a_record": round(len(_message(0, minute, span).payload) / len(ZONES) / span),
    }


def _message(number: int, minute: int, span: int) -> Message:
    """All that a locker has of `span` minutes through `minute`."""
    told = [
        ZoneMinute(each, 6, 180, 240 + number % 60, 310, 260, 280, 300, 0, 25)
        for each in range(minute - span + 1, minute + 1)
    ]
    after = minute - span if minute > FIRST else 0
    zones = [ZoneMinutes(zone, told) for zone in ZONES]
    body = encode(MinutesKept(f"L{number}", after, minute, zones, 1_000))
    gateway_id = f"g{number}"
    frame = seal(body, direction=Direction.UP, gateway=gateway_id, key_id=1, key=KEY)
    return Message(uplink_topic(SHARD, gateway_id, "up"), frame)


def _intake(engine: Engine, url: str, answers: Answers) -> EventIntake:
    settings = settings_from(
        {
            "DATABASE_URL": url,
            "CAIBOX_UPLINK_URL": "mqtt://127.0.0.1:1",
            "CAIBOX_SHARD": SHARD,
            "CAIBOX_SECRET_KEY": "not a secret",
            "CAIBOX_SIGNING_KEYS": "1:" + "c3M" * 14 + "c=",
            "CAIBOX_SANDBOX_SECRET": "not a secret",
        }
    )
    clock, uplink = SetClock(), Uplink(answers, settings)
    relay = CommandRelay(engine=engine, shard=SHARD, uplink=uplink, clock=clock)
    return EventIntake(engine=engine, settings=settings, clock=clock, uplink=uplink, relay=relay)


def _copy(url: str, lockers: int) -> float:
    """Rows a second of one COPY of a minute's records into a table without an index."""
    rows = list(_rows(lockers))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        conn.execute(PLAIN)
        began = time.perf_counter()
        with conn.cursor().copy("COPY plain FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return len(rows) / (time.perf_counter() - began)


def _rows(lockers: int) -> Iterator[Sequence[Any]]:
    for number in range(lockers):
        for zone in ZONES:
            yield (f"L{number}", zone.value, FIRST, 6, 180, 240, 310, 260, 280, 300, 0, 25, 0)


def _furnish(engine: Engine, lockers: int) -> None:
    public = KEY.public_key().public_bytes_raw()
    names = {"name_zh": "", "name_en": ""}
    place = {"address_zh": "", "address_en": "", "timezone": "Asia/Shanghai", "currency": "CNY", "households": 1}
    box = {"column_no": 1, "row_no": 1, "size": "M", "volume_ml": 1, "longest_mm": 1, "x_mm": 0, "y_mm": 0}
    box |= {"width_mm": 1, "height_mm": 1, "sill_mm": 1}
    numbers = range(lockers)
    with engine.begin() as conn:
        conn.execute(insert(site), [{"id": f"s{each}", "site_no": each, **names, **place} for each in numbers])
        cabinet = {"position": 0, "width_mm": 1, "height_mm": 1, "head": {}}
        conn.execute(insert(locker), [{"id": f"L{no}", "site_id": f"s{no}", **names, **cabinet} for no in numbers])
        doors = [
            {"site_id": f"s{no}", "locker_id": f"L{no}", "door": door, "zone": zone.value, **box}
            for no in numbers
            for door, zone in enumerate(ZONES, start=1)
        ]
        conn.execute(insert(compartment), doors)
        gateways = [{"id": f"g{no}", "site_id": f"s{no}", "shard": SHARD, "public_key": public} for no in numbers]
        conn.execute(insert(gateway), gateways)
    _analyze(engine)


def _analyze(engine: Engine) -> None:
    """What autovacuum does within a minute: a table that was empty a second ago is planned for as an empty one."""
    with engine.begin() as conn:
        conn.exec_driver_sql("ANALYZE")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lockers", type=int, default=LOCKERS)
    parser.add_argument("--minutes", type=int, default=MINUTES)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.lockers, asked.minutes), indent=2))
