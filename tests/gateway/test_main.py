"""The program as it is started: one sentence and a code where it cannot run."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from locker_gateway.__main__ import STORE_FILE
from locker_gateway.store import Store
from tests.gateway.test_settings import COMPLETE

NOBODY = "mqtt://127.0.0.1:1"


def test_it_refuses_to_start_without_its_settings() -> None:
    ended = start({})
    assert ended.returncode == 2
    assert ended.stderr == "locker_gateway: GATEWAY_ID is not set.\n"


def test_it_refuses_a_store_it_cannot_open(tmp_path: Path) -> None:
    (tmp_path / "gateway.sqlite").write_bytes(b"no database" * 1_000)
    ended = start({**COMPLETE, "GATEWAY_DATA": str(tmp_path)})
    assert ended.returncode == 1
    assert "cannot be opened" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_full_disk_ends_it_with_one_sentence_and_it_starts_again_when_there_is_room(tmp_path: Path) -> None:
    environment = {**COMPLETE, "GATEWAY_DATA": str(tmp_path), "GATEWAY_UPLINK_URL": NOBODY, "GATEWAY_BUS_URL": NOBODY}
    ended = start(environment, file_bytes=16_384)
    assert ended.returncode == 1
    assert ended.stderr.startswith("locker_gateway: The gateway's store ")
    assert len(ended.stderr.splitlines()) == 1

    command = [sys.executable, "-m", "locker_gateway"]
    with subprocess.Popen(command, env=with_path(environment), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "link_failed"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    store = Store(tmp_path / STORE_FILE)
    assert [kind for kind, _, _ in store.records()].count("up_log") == 1
    assert store.broken_audit_row() is None
    store.close()


def start(environment: dict[str, str], *, file_bytes: int = -1) -> subprocess.CompletedProcess[str]:
    """Run it to its end; no file of it may grow beyond `file_bytes`."""
    limit = (file_bytes, file_bytes)
    return subprocess.run(
        [sys.executable, "-m", "locker_gateway"],
        env=with_path(environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )


def with_path(environment: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment}
