"""A web worker's greenlets wait for the database without keeping each other waiting, and notice a lost end."""

import subprocess
import sys

from sqlalchemy import Engine

# What gunicorn's gevent worker does before it imports the program, which no test's own process may.
WORKER = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
from gevent.event import Event
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from app.db.engine import each_alone, make_engine, transaction
from app.db.statement import Statement, driver_of

LONG = Statement("SELECT repeat('x', 3000000) AS words, pg_advisory_xact_lock(7) IS NULL AS waited")
PID = Statement("SELECT pg_backend_pid() AS pid")
engine = make_engine(sys.argv[1], pool_size=3)
asked, pids = Event(), []

def slow():
    with transaction(engine) as conn:
        print(type(driver_of(conn)).__name__)
        pids.append(PID.one(conn, {}).pid)
        asked.set()
        print("slow", len(LONG.one(conn, {}).words))

def cut():
    with each_alone(engine) as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pids[-1]})

for end in ("answered", "lost"):
    asked.clear()
    with transaction(engine) as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(7)"))
        waiting = gevent.spawn(slow)
        asked.wait()
        print("others go on")
        if end == "lost":
            cut()
            waiting.join()
    waiting.join()
    print(end, type(waiting.exception).__name__)
"""


def test_greenlets_go_on_while_one_waits_for_the_database(db: Engine, postgres_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, postgres_url], capture_output=True, text=True, check=False, timeout=120
    )

    assert done.stdout.splitlines() == [
        "_AmongGreenlets",
        "others go on",
        "slow 3000000",
        "answered NoneType",
        "_AmongGreenlets",
        "others go on",
        "lost OperationalError",
    ], done.stderr[-2000:]
