"""How a figure is taken and written down."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison; times in microseconds an operation, medians of interleaved rounds. Ratio: ours / floor."""

    name: str
    ours_us: float
    floor_us: float
    ratio: float
    floor: str

    def line(self) -> str:
        """One line for the person at the terminal."""
        return f"{self.name:<28} {self.ours_us:>10.1f} us   {self.ratio:>6.2f} x  {self.floor} ({self.floor_us:.1f} us)"

    def as_json(self) -> dict[str, object]:
        """What `build/bench.json` holds."""
        return asdict(self)


def compare(name: str, ours: Callable[[], object], floor: Callable[[], object], *, times: int, floor_is: str) -> Figure:
    """Run both in turns, so that a noisy machine is noisy to both."""
    rounds = [(_time(ours, times), _time(floor, times)) for _ in range(ROUNDS)]
    ours_us, floor_us = median(each[0] for each in rounds), median(each[1] for each in rounds)
    return Figure(name, ours_us, floor_us, median(a / b for a, b in rounds), floor_is)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The median and the 99th percentile."""
    cuts = quantiles(values, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def _time(work: Callable[[], object], times: int) -> float:
    before = time.perf_counter_ns()
    for _ in range(times):
        work()
    return (time.perf_counter_ns() - before) / 1000 / times
