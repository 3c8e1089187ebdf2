"""Orders one after another through a whole demo stack: how long from scan to unlock, and how long an order takes.

python -m benchmarks.orders [--orders 200] [--broker mosquitto]
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from app.demo.brokers import BrokerKind
from app.demo.stack import Stack
from app.replay.waves import Figures, run_waves, stage_at
from benchmarks.figures import percentiles
from locker_protocol.clock import RealClock


def measure(orders: int, broker: BrokerKind) -> dict[str, object]:
    """Drive the orders; raises what went wrong."""
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder:
        stack = Stack(Path(folder), uplink_broker=broker, bus_broker=broker)
        try:
            stack.start()
            before = time.perf_counter()
            figures = asyncio.run(_drive(stack.urls["web"], orders))
            seconds = time.perf_counter() - before
        finally:
            stack.stop()
    return {
        "broker": broker,
        "orders": figures.orders,
        "collected": figures.collected,
        "seconds": round(seconds, 1),
        "scan_to_unlock_ms": percentiles(figures.scan_to_unlock_ms),
        "scan_to_open_seen_ms": percentiles(figures.scan_to_open_seen_ms),
    }


async def _drive(url: str, orders: int) -> Figures:
    staff = {"picker": "picker@caibox.example", "driver": "driver@caibox.example"}
    async with stage_at(url, RealClock(), resident="mei@demo.caibox.example", **staff) as stage:
        return await run_waves(stage, orders=orders)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--broker", choices=["nats", "mosquitto"], default="nats")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.orders, asked.broker)))
