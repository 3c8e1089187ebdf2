"""Nonsense in masses, a short run of it: nothing takes it, nothing raises what nobody documented, memory stays flat.

A million of each is `python -m benchmarks.fuzz --inputs 1000000 --scans 1000000`.
"""

from random import Random

from benchmarks.fuzz.mutations import mutate
from benchmarks.fuzz.run import fuzz
from benchmarks.fuzz.scans import scan_forgeries
from benchmarks.fuzz.targets import Target, targets

# A reader that kept a hundredth of what it reads would hold ten times as much.
MOST_BLOCKS_MORE = 5_000


def test_no_reader_takes_nonsense_or_raises_what_it_does_not_document() -> None:
    came = fuzz(targets(), inputs=30_000, seed=11, say=lambda _line: None)

    assert came.violations == []
    assert {name for name, one in came.targets.items() if not one.inputs} == set()
    assert came.memory[-1].blocks - came.memory[0].blocks < MOST_BLOCKS_MORE


def test_no_forged_code_opens_a_loaded_site_and_the_genuine_ones_among_them_do() -> None:
    came = scan_forgeries(6_000, seed=12, every=200)

    assert came.violations == []
    assert (came.genuine, came.opened) == (30, 30)
    assert len(came.kinds) == 17


def test_a_reader_that_breaks_is_noticed() -> None:
    def breaks(spoilt: bytes) -> bool:
        return spoilt.decode() == ""

    came = fuzz([Target("fragile", [b"abc"], breaks)], inputs=2_000, seed=1)

    assert any("fragile raised UnicodeDecodeError" in each for each in came.violations)
    assert any(each.startswith("fragile took b''") for each in came.violations)


def test_the_same_seed_makes_the_same_nonsense_and_another_something_else() -> None:
    def made(seed: int) -> list[bytes]:
        random = Random(seed)
        return [mutate(random, [b'{"type":"Beat","n":[1,2]}', b"L1ABC"]) for _ in range(300)]

    assert made(3) == made(3)
    assert made(3) != made(4)
