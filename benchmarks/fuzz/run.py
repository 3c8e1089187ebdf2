"""Runs the fuzz: so many spoilt inputs over all readers in turn, and what came of them.

Decides what a violation is: nonsense that had an effect, or an error nobody documented. Memory is read at each tenth
of the way.
"""

import gc
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.fuzz.mutations import mutate
from benchmarks.fuzz.targets import Target

SHOWN = 20
SHOWN_BYTES = 400


@dataclass(slots=True)
class Came:
    """What came of one reader's share."""

    inputs: int = 0
    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Memory:
    """How much there was. `rss_kib` is the process's resident memory, `blocks` the interpreter's objects."""

    rss_kib: int
    blocks: int


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    seed: int
    inputs: int = 0
    seconds: float = 0
    violations: list[str] = field(default_factory=list)
    targets: dict[str, Came] = field(default_factory=dict)
    memory: list[Memory] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "inputs": self.inputs,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "violations": len(self.violations),
            "violated": self.violations[:SHOWN],
            "memory": as_json(self.memory),
            "targets": {
                name: {"inputs": came.inputs, "taken": came.taken, "refused": dict(came.refused)}
                for name, came in self.targets.items()
            },
        }


def fuzz(targets: Sequence[Target], *, inputs: int, seed: int, say: Callable[[str], object] = print) -> Outcome:
    """Give every reader its share of `inputs` spoilt inputs. The same seed gives the same ones."""
    random, outcome = Random(seed), Outcome(seed)
    outcome.targets = {target.name: Came() for target in targets}
    turns = [target for target in targets for _ in range(target.share)]
    before_s = time.perf_counter()
    for number in range(1, inputs + 1):
        _try(random.choice(turns), random, outcome)
        if number % max(1, inputs // 10) == 0:
            outcome.memory.append(memory_now())
        if number % 100_000 == 0:
            say(f"{number} inputs, {len(outcome.violations)} violations, {time.perf_counter() - before_s:.0f} s")
    outcome.inputs = inputs
    outcome.seconds = time.perf_counter() - before_s
    return outcome


def memory_now() -> Memory:
    """What this process holds now."""
    gc.collect()
    return Memory(_resident_kib(), sys.getallocatedblocks())


def as_json(memory: Sequence[Memory]) -> dict[str, list[int]]:
    """What was read at each tenth of the way."""
    return {"rss_kib": [each.rss_kib for each in memory], "blocks": [each.blocks for each in memory]}


def _resident_kib() -> int:
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # elsewhere: the most there ever was


def _try(target: Target, random: Random, outcome: Outcome) -> None:
    spoilt, came = mutate(random, target.examples), outcome.targets[target.name]
    came.inputs += 1
    try:
        had_effect = target.reads(spoilt)
    except target.refusals as refusal:
        came.refused[_kind_of(refusal)] += 1
        return
    except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
        outcome.violations.append(f"{target.name} raised {error!r:.200} on {_shown(spoilt)}")
        return
    came.taken += 1
    if had_effect:
        outcome.violations.append(f"{target.name} took {_shown(spoilt)}")


def _kind_of(refusal: Exception) -> str:
    word = getattr(refusal, "fault", None) or getattr(refusal, "refusal", None) or getattr(refusal, "code", None)
    return str(word or type(refusal).__name__)


def _shown(spoilt: bytes) -> str:
    rest = len(spoilt) - SHOWN_BYTES
    return repr(spoilt[:SHOWN_BYTES]) + (f" and {rest} bytes more" if rest > 0 else "")
