"""The running program, and hands in front of it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GATEWAY, LOCKER = "osmanthus", "T1"


class Simulator:
    """`python -m firmware_sim`, running, and hands in front of it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.url = process, f"http://127.0.0.1:{port}"
        self.page = f"{self.url}/{LOCKER}"
        self._base = f"{self.url}/api/{LOCKER}/"

    def do(self, path: str, **body: object) -> dict[str, Any]:
        request = urllib.request.Request(self._base + path, json.dumps(body).encode())  # noqa: S310 - our own address
        request.add_header("Content-Type", "application/json")
        return self._answer(request)

    def state(self) -> dict[str, Any]:
        return self._answer(urllib.request.Request(self._base + "state"))  # noqa: S310 - our own address

    def until(self, found: Callable[[dict[str, Any]], bool], seconds: float = 10) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while not found(state := self.state()):
            assert time.monotonic() < deadline, state
            time.sleep(0.02)
        return state

    def until_told(self, found: Callable[[dict[str, Any]], bool], seconds: float = 10) -> dict[str, Any]:
        """Wait for what the simulator says of its fault file."""
        deadline = time.monotonic() + seconds
        address = urllib.request.Request(f"{self.url}/api/faults")  # noqa: S310 - our own address
        while not found(file := self._answer(address)["file"]):
            assert time.monotonic() < deadline, file
            time.sleep(0.02)
        told: dict[str, Any] = file
        return told

    def _answer(self, request: urllib.request.Request) -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - our own address
            answer: dict[str, Any] = json.load(response)
        return answer


@contextmanager
def running_simulator(bus_url: str, lockers_file: Path, data: Path, **more: str) -> Iterator[Simulator]:
    """Run `python -m firmware_sim` for as long as the block lasts."""
    environment = {
        "PATH": os.environ["PATH"],
        "SIM_BUS_URL": bus_url,
        "SIM_LOCKERS": str(lockers_file),
        "SIM_HTTP_PORT": "0",
        "SIM_DATA": str(data),
        **more,
    }
    command = [sys.executable, "-m", "firmware_sim"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = (json.loads(line) for line in process.stdout)
            yield Simulator(process, next(line["port"] for line in lines if line["event"] == "ready"))
        finally:
            process.terminate()
            process.wait(10)
