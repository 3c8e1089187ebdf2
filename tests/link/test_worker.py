"""The worker as a process: ready, one a shard, ends when told, ends as a whole when a part of it fails."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.demo.brokers import Broker
from app.demo.ports import free_port
from locker_protocol.site_entries import CancelOrder
from tests.link.hand_gateway import HandGateway, gateway_of
from tests.link.world import SHARD, add_entry, add_site, make_settings, one

SIGNING_KEYS = "1:" + "c3M" * 14 + "c="


class Process:
    """A worker, its output and how it ended."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.worker"], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def ready(self) -> bool:
        assert self.process.poll() is None, self.output
        return '"event": "ready"' in self.output

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def environment(db: Engine, broker: Broker) -> dict[str, str]:
    with db.begin() as conn:
        add_site(conn, gateway=gateway_of(broker))
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": db.url.render_as_string(hide_password=False),
        "CAIBOX_UPLINK_URL": broker.url("service"),
        "CAIBOX_SHARD": SHARD,
        "CAIBOX_SECRET_KEY": "not a secret",
        "CAIBOX_SIGNING_KEYS": SIGNING_KEYS,
        "CAIBOX_SANDBOX_SECRET": "not a secret",
        "CAIBOX_METRICS_PORT": str(free_port()),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def begin(**more: str) -> Process:
        running.append(Process(environment | more, tmp_path / f"worker-{len(running)}.log"))
        return running[-1]

    yield begin
    for process in running:
        process.kill()


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_it_says_when_it_is_ready_and_ends_cleanly_with_nothing_unfinished(
    start: Callable[..., Process], environment: dict[str, str]
) -> None:
    worker = start()
    until(worker.ready)
    with urllib.request.urlopen(f"http://127.0.0.1:{environment['CAIBOX_METRICS_PORT']}/metrics") as answer:
        assert b"caibox_outbox_backlog" in answer.read()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0
    assert '"unfinished": []' in worker.output


def test_its_heart_beats_by_the_databases_clock(start: Callable[..., Process], db: Engine) -> None:
    until(start().ready)
    beat = "SELECT count(*) FROM worker_beat WHERE connected AND beat_at > clock_timestamp() - interval '5 s'"
    until(lambda: one(db, beat) == 1)


def test_an_order_of_the_database_reaches_the_gateway_through_it(
    start: Callable[..., Process], db: Engine, broker: Broker
) -> None:
    name = gateway_of(broker)
    settings = make_settings(db.url.render_as_string(hide_password=False))
    keys = {number: key.public_key() for number, key in settings.signing_keys.items()}
    gateway = HandGateway(broker.url(name), name, keys)
    until(start().ready)
    gateway.start()
    until(lambda: gateway.down is not None)
    with db.begin() as conn:
        add_entry(conn, CancelOrder("o1"), gateway=name)
    until(lambda: any(b"o1" in entry for entry in gateway.entries))
    until(lambda: one(db, "SELECT count(*) FROM outbox WHERE acked_at IS NULL") == 0)
    gateway.stop()


def test_a_second_worker_waits_and_takes_over_when_the_first_is_killed(start: Callable[..., Process]) -> None:
    first = start()
    until(first.ready)
    second = start(CAIBOX_METRICS_PORT=str(free_port()))
    until(lambda: "another_worker_serves_the_shard" in second.output)
    assert not second.ready()
    first.kill()
    until(second.ready)


def test_one_that_waits_ends_when_told_to(start: Callable[..., Process]) -> None:
    until(start().ready)
    second = start(CAIBOX_METRICS_PORT=str(free_port()))
    until(lambda: "another_worker_serves_the_shard" in second.output)
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(20) == 0


def test_one_that_loses_the_shards_lock_ends_with_a_traceback(start: Callable[..., Process], db: Engine) -> None:
    worker = start()
    until(worker.ready)
    with db.begin() as conn:
        conn.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"))
    assert worker.process.wait(20) == 1
    assert "Traceback" in worker.output


def test_without_a_broker_it_lives_and_is_not_ready(start: Callable[..., Process], db: Engine) -> None:
    worker = start(CAIBOX_UPLINK_URL=f"mqtt://127.0.0.1:{free_port()}")
    until(lambda: "uplink_unreachable" in worker.output)
    until(lambda: one(db, "SELECT count(*) FROM worker_beat WHERE NOT connected") == 1)
    assert not worker.ready()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0


def test_a_missing_setting_is_one_sentence(start: Callable[..., Process]) -> None:
    worker = start(DATABASE_URL="")
    assert worker.process.wait(20) == 2
    assert worker.output == "DATABASE_URL is not set.\n"
