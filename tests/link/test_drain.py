"""A gateway that was alone for long, the real worker, a real broker: each event arrives once, in order."""

import base64
import os
import sys
from pathlib import Path

from sqlalchemy import Engine

from app.demo.brokers import Broker
from app.demo.child import Command
from app.demo.ports import answers, free_port
from benchmarks.drain import fill_store
from locker_gateway.__main__ import STORE_FILE
from tests.conftest import running
from tests.link.gateway_rig import GATEWAY, SERVICE_KEY, SITE_NO, running_gateway, until
from tests.link.world import LOCKER, SHARD, add_site, one, rows

EVENTS = 1_500


def worker_command(db: Engine, broker: Broker, log: Path) -> Command:
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": db.url.render_as_string(hide_password=False),
        "CAIBOX_UPLINK_URL": broker.url("service"),
        "CAIBOX_SHARD": SHARD,
        "CAIBOX_SECRET_KEY": "not a secret",
        "CAIBOX_SIGNING_KEYS": f"1:{base64.b64encode(SERVICE_KEY.private_bytes_raw()).decode()}",
        "CAIBOX_SANDBOX_SECRET": "not a secret",
        "CAIBOX_METRICS_PORT": str(port),
    }
    return Command("worker", [sys.executable, "-m", "app.worker"], environment, log, ready=lambda: answers(port))


def test_events_queued_while_a_site_was_alone_all_arrive_once_and_in_order(
    db: Engine, broker: Broker, tmp_path: Path
) -> None:
    with db.begin() as conn:
        add_site(conn, gateway=GATEWAY, site_no=SITE_NO)
    fill_store(tmp_path / "gateway" / STORE_FILE, controller=LOCKER, events=EVENTS)
    with (
        running(worker_command(db, broker, tmp_path / "worker.log")),
        running_gateway(broker.url(GATEWAY), tmp_path / "gateway", GATEWAY_CONTROLLERS=LOCKER) as gateway,
    ):
        until(lambda: one(db, "SELECT count(*) FROM site_event") >= EVENTS, what="all events", seconds=60)
        assert gateway.stop() == 0
    told = rows(db, "SELECT seq FROM site_event ORDER BY applied_at, seq")
    assert [row[0] for row in told][:EVENTS] == list(range(1, EVENTS + 1))
    assert one(db, "SELECT count(*) FROM site_event WHERE fault IS NOT NULL") == 0
