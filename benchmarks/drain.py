"""How long 10,000 events take from a gateway's store into PostgreSQL, when its uplink comes back after days.

python -m benchmarks.drain [--events 10000] [--broker mosquitto]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path

from sqlalchemy import Engine, text

from app.db.engine import make_engine
from app.demo.brokers import BrokerKind
from app.demo.plan import gateway_commands, schema_commands, service_commands
from app.demo.stack import Stack
from locker_gateway.__main__ import STORE_FILE
from locker_gateway.outputs import AppendEvent, Put, Record
from locker_gateway.records import UpLog
from locker_gateway.state import ONLY
from locker_gateway.store import Store
from locker_protocol.clock import RealClock
from locker_protocol.codec import encode
from locker_protocol.site_events import DoorWasOpened, DoorWasShut, SiteEvent, UnlockGranted
from locker_protocol.vocabulary import Right, Via

EVENTS = 10_000
LOG = "drained"
TOLD = text("SELECT count(*) FROM site_event WHERE log_id = :log")
WITHIN_S = 300
A_COMMIT = 500


def measure(events: int = EVENTS, broker: BrokerKind = "nats") -> dict[str, object]:
    """Seconds from the start of the gateway's program to the last event's commit, on a whole stack."""
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder:
        stack = Stack(Path(folder), uplink_broker=broker)
        try:
            stack.start(programs=False)
            seconds = _drain(stack, events)
        finally:
            stack.stop()
    return {"broker": broker, "events": events, "seconds": round(seconds, 2), "a_second": round(events / seconds)}


def fill_store(path: Path, *, controller: str, events: int) -> None:
    """Make the store of a gateway that was alone: so many events that nobody has heard of."""
    store = Store(path)
    records: Iterator[Record] = (
        AppendEvent(seq, at, event, encode(event))
        for seq, at, event in zip(count(1), _times(events), islice(_visits(controller), events), strict=False)
    )
    while some := list(islice(records, A_COMMIT)):
        store.commit(some)
    store.commit([Put("up_log", ONLY, encode(UpLog(LOG, events)))])
    store.close()


def _visits(controller: str) -> Iterator[SiteEvent]:
    """What staff who look behind one door after another leave in the log."""
    for number, door in zip(count(1), cycle(range(1, 5)), strict=False):
        grant_id = f"grant{number}"
        yield UnlockGranted(grant_id, controller, [door], "staff-31", Right.STAFF, Via.REMOTE, "to look behind it")
        yield DoorWasOpened(controller, door, grant_id)
        yield DoorWasShut(controller, door)


def _times(events: int) -> Iterator[int]:
    now_ms = RealClock().now().civil_ms
    return iter(range(now_ms - 1_000 * events, now_ms, 1_000))


def _drain(stack: Stack, events: int) -> float:
    plan = stack.plan
    site = plan.sites[0]
    for command in schema_commands(plan):
        stack.supervisor.run(command)
    store = plan.data / f"gateway-{site.gateway_id}" / STORE_FILE
    fill_store(store, controller=site.lockers[0].locker_id, events=events)
    stack.supervisor.start(*service_commands(plan))
    engine = make_engine(plan.postgres.url)
    began = time.perf_counter()
    stack.supervisor.start(gateway_commands(plan)[0])
    _await_all(engine, events, until_s=began + WITHIN_S)
    ended = time.perf_counter()
    engine.dispose()
    return ended - began


def _await_all(engine: Engine, events: int, *, until_s: float) -> None:
    while time.perf_counter() < until_s:
        with engine.connect() as conn:
            if conn.execute(TOLD, {"log": LOG}).scalar_one() >= events:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{events} events did not drain within {WITHIN_S} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--broker", choices=["nats", "mosquitto"], default="nats")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.events, asked.broker)))
