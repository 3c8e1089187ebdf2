"""How long a genuine scan waits while somebody floods the locker with forged ones: the real gateway, the real bus.

python -m benchmarks.forged_scans [--rate 50] [--rounds 5] [--json out.json]

The same, quiet and flooded, on each kind of broker: 120 orders a round, one after another. Forged codes have the right
shape and a stranger's signature, so that each costs the gateway a check.
"""

import argparse
import json
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.demo.brokers import BrokerKind
from benchmarks.figures import percentiles
from locker_protocol.token import RIGHT_COLLECT, Token, sign_token
from tests.conftest import running_broker
from tests.link.gateway_rig import SITE_NO
from tests.link.test_gateway_on_brokers import DAY_MS, NOW_MS, Rig, collect, rig_on

MEASURED = 120  # so many fit into one snapshot
STRANGER = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
KINDS: Sequence[BrokerKind] = ("nats", "mosquitto")


@dataclass(slots=True)
class Flood:
    """Forged scans at a fixed rate; `shown` counts them."""

    rig: Rig
    rate: float
    shown: int = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """For as long as the block lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _run(self, over: threading.Event) -> None:
        while self.rate and not over.wait(1 / self.rate):
            self.shown += 1
            number = 1 + self.shown % MEASURED
            token = Token(
                1, SITE_NO, number.to_bytes(8), number, 1, RIGHT_COLLECT, NOW_MS // 1000 + DAY_MS // 1000 - self.shown
            )
            self.rig.locker.scan(sign_token(token, STRANGER))


def measure(kind: BrokerKind, rate: float, rounds: int) -> dict[str, Any]:
    """One broker's figures at one rate of forged scans a second."""
    waits_ms: list[float] = []
    shown = pulses = 0
    for _ in range(rounds):
        with flooded(kind, rate) as flood:
            waits_ms += [1000 * collect(flood.rig, number) for number in range(1 + 1)]
        shown, pulses = shown + flood.shown, pulses + len(flood.rig.locker.pulses)
    return {
        "broker": kind,
        "forged_a_second": rate,
        "forged_shown": shown,
        "genuine_scans": len(waits_ms),
        "doors_opened": pulses,
        "scan_to_unlock_ms": {name: round(value, 1) for name, value in percentiles(waits_ms).items()},
        "slowest_ms": round(max(waits_ms), 1),
    }


@contextmanager
def flooded(kind: BrokerKind, rate: float) -> Iterator[Flood]:
    """A fresh site with its flood."""
    with tempfile.TemporaryDirectory(prefix="caibox-flood-") as name:
        folder = Path(name)
        with running_broker(kind, folder) as broker, rig_on(broker, folder / "gateway", orders=MEASURED) as rig:
            flood = Flood(rig, rate)
            with flood.running():
                yield flood


def main() -> int:
    """Measure, print, write; 1 when a door opened that nobody's code opened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    figures = [measure(kind, rate, asked.rounds) for kind in KINDS for rate in (0, asked.rate)]
    print(json.dumps(figures, indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if all(each["doors_opened"] == each["genuine_scans"] for each in figures) else 1


sys.exit(main())
