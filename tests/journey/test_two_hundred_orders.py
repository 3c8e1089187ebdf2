"""One order after another, 200 times, over HTTP and MQTT and through the virtual lockers.

How fast is `python -m benchmarks.orders`: machines are noisy, and a test that fails with the load proves nothing.
"""

import asyncio

from app.demo.stack import Stack
from app.replay.waves import Figures, run_waves, stage_at
from locker_protocol.clock import RealClock

ORDERS = 200


def test_two_hundred_orders_are_all_collected(stack: Stack) -> None:
    figures = asyncio.run(drive(stack.urls["web"]))
    assert (figures.orders, figures.paid, figures.loaded, figures.collected) == (ORDERS, ORDERS, ORDERS, ORDERS)
    assert len(figures.scan_to_unlock_ms) == ORDERS


async def drive(url: str) -> Figures:
    staff = {"picker": "picker@caibox.example", "driver": "driver@caibox.example"}
    async with stage_at(url, RealClock(), resident="mei@demo.caibox.example", **staff) as stage:
        return await run_waves(stage, orders=ORDERS)
