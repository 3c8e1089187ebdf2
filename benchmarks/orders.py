"""Orders through a whole demo stack: how long from scan to unlock, and how long a checkout takes.

python -m benchmarks.orders [--orders 200] [--hands 12] [--broker mosquitto]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from app.demo.brokers import BrokerKind
from app.replay.run import Wanted, run_replay
from benchmarks.baskets import write_baskets


def measure(orders: int, broker: BrokerKind, *, hands: int = 1) -> dict[str, object]:
    """Replay made-up baskets on a stack of its own; with one hand, one after another."""
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder:
        out = Path(folder) / "figures.json"
        baskets = write_baskets(Path(folder), 2 * orders)
        wanted = Wanted(baskets=baskets, orders=orders, json_path=out, hands=hands, broker=broker)
        held = run_replay(wanted, say=lambda sentence: print(sentence, file=sys.stderr)) == 0
        figures = json.loads(out.read_text(encoding="utf-8"))
    kept = ("orders", "collected", "seconds", "checkout_ms", "scan_to_unlock_ms", "scan_to_open_seen_ms")
    return {"broker": broker, "hands": hands, "held": held, **{name: figures[name] for name in kept}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--hands", type=int, default=1)
    parser.add_argument("--broker", choices=["nats", "mosquitto"], default="nats")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.orders, asked.broker, hands=asked.hands)))
