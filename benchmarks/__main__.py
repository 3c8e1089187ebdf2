"""`make bench`: every figure, printed and written to `build/bench.json`."""

import json
from pathlib import Path

from benchmarks import (
    allocation,
    checkout,
    codes,
    demo,
    drain,
    many_orders,
    orders,
    page_load,
    pages,
    paid_orders,
    recall,
    streams,
    telemetry,
    unlock_over_tls,
)

OUT = Path("build/bench.json")
ORDERS = 50
SCANS, ROUNDS = 100, 3
SHORT_HISTORY = 20_000  # the long one is a command of its own: python -m benchmarks.many_orders
RUNS, SEED, SOLVER_S = 8, 1, 20


def main() -> None:
    """Measure everything."""
    figures = [*codes.measure(), *checkout.measure()]
    for figure in figures:
        print(figure.line())
    paid = paid_orders.measure()
    print(f"paid orders through HTTP: {paid}")
    history = many_orders.measure(SHORT_HISTORY)
    print(f"with a history of {SHORT_HISTORY} orders: {history}")
    served = pages.measure(SHORT_HISTORY)  # the 100,000 orders: python -m benchmarks.pages
    print(f"each page at {pages.A_SECOND} requests a second: {served}")
    painted = page_load.measure()
    print(f"pages on a slow line and an old phone: {painted}")
    opened = streams.measure()
    print(f"open event streams: {opened}")
    allocated = allocation.measure(baskets=None, runs=RUNS, seed=SEED, limit_s=SOLVER_S, say=lambda _: None)
    print(f"allocation beside an exact solver: {allocated}")
    start = demo.measure()
    print(f"a demo, started again: {start}")
    drained = drain.measure()
    print(f"events that waited at a site: {drained}")
    drill = recall.measure()
    print(f"the recall of a lot: {drill}")
    taken_in = telemetry.measure()
    print(f"minutes of 10,000 lockers: {taken_in}")
    journey = orders.measure(ORDERS, "nats")
    print(f"{ORDERS} orders one by one: {journey}")
    unlock = unlock_over_tls.measure(SCANS, ROUNDS)
    print(f"from scan to unlock over TLS: {unlock}")
    OUT.parent.mkdir(exist_ok=True)
    measured = {
        "figures": [figure.as_json() for figure in figures],
        "paid_orders": paid,
        "many_orders": history,
        "pages": served,
        "page_load": painted,
        "streams": opened,
        "allocation": allocated,
        "demo": start,
        "drain": drained,
        "recall": drill,
        "telemetry": taken_in,
        "orders": journey,
        "unlock": unlock,
    }
    OUT.write_text(json.dumps(measured, indent=2))


main()
