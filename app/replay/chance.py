"""Seeded decisions that do not depend on who comes first: each is drawn from the seed and its own name."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def chance(seed: int, *name: str | int) -> float:
    """A number from 0 up to 1, always the same for the same seed and name."""
    drawn = hashlib.sha256(repr((seed, name)).encode()).digest()
    return int.from_bytes(drawn[:8]) / 2**64


def pick(seed: int, shares: Mapping[T, float], *name: str | int) -> T:
    """One of several by its share of 1; what the shares leave over goes to the last."""
    drawn = chance(seed, *name)
    for choice, share in shares.items():
        drawn -= share
        if drawn < 0:
            return choice
    return list(shares)[-1]


def shuffled(seed: int, items: Sequence[T], *name: str | int) -> list[T]:
    """The items in an order of the seed's."""
    keyed = sorted(range(len(items)), key=lambda at: (chance(seed, *name, at), at))
    return [items[at] for at in keyed]
