"""`make bench`: every figure, printed and written to `build/bench.json`."""

import json
from pathlib import Path

from benchmarks import checkout, codes, demo, orders

OUT = Path("build/bench.json")
ORDERS = 50


def main() -> None:
    """Measure everything."""
    figures = [*codes.measure(), *checkout.measure()]
    for figure in figures:
        print(figure.line())
    start = demo.measure()
    print(f"a demo, started again: {start}")
    journey = orders.measure(ORDERS, "nats")
    print(f"{ORDERS} orders one by one: {journey}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(
        json.dumps({"figures": [figure.as_json() for figure in figures], "demo": start, "orders": journey}, indent=2)
    )


main()
