"""The program as it is started: one sentence and a code where it cannot run."""

import os
import subprocess
import sys
from pathlib import Path

from tests.gateway.test_settings import COMPLETE


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


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "locker_gateway"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
