"""The driver's connection as our pools make it: among gevent's greenlets it waits in gevent's own loop.

The driver itself would wait there by gevent's `poll()`, which makes a timeout and several watchers for each answer and
wakes up ten times a second for a Ctrl-C that never comes to a web worker: three percent of an order's processor time.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.waiting import Ready, Wait


@cache
def driver_class() -> type["psycopg.Connection[Any]"]:
    """The class of our connections in this program."""
    monkey = sys.modules.get("gevent.monkey")
    return _AmongGreenlets if monkey is not None and monkey.is_module_patched("socket") else psycopg.Connection


class _AmongGreenlets(psycopg.Connection[Any]):
    """Lets other greenlets run while the server works."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Drive one of the driver's generators to its end; `timeout` in seconds is left to the driver's own way."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        waits = _waits()
        try:
            wanted = next(gen)
            while True:
                wait, ready = waits[wanted]
                wait(self.pgconn.socket)
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: RV = end.value
            return answer


@cache
def _waits() -> Mapping[int, tuple[Callable[[int], object], Ready]]:
    """How to wait for what the driver wants, and what is ready then (to read too soon finds nothing, no harm)."""
    from gevent.socket import wait_read, wait_readwrite, wait_write  # noqa: PLC0415  only in a web worker

    return {
        Wait.R: (wait_read, Ready.R),
        Wait.W: (wait_write, Ready.W),
        Wait.RW: (wait_readwrite, Ready.RW),
    }
