"""Spoils JSON without breaking it: a document whose every bracket fits and whose values do not.

Bytes alone seldom get past the first bracket of a reader; this is for what lies behind.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

VALUES: Sequence[Any] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    65_536,
    2**31,
    2**63,
    10**40,
    1.5,
    1e308,
    "",
    "0",
    "\x00",
    "\ud800",
    "a" * 5_000,
    "7\n",
    "١٢٣",
    "\u202e\u2028",
    "9" * 5_000,
    "2026-02-30T25:61:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "constructor",
    [],
    {},
    [[]],
    [None] * 300,
    {"type": "Unlock"},
    {str(number): number for number in range(300)},
)


def spoil(random: Random, document: bytes) -> bytes | None:
    """Change one to three places of a JSON document; `None` when it is none."""
    try:
        found: Any = json.loads(document)
    except ValueError:
        return None
    for _ in range(random.randint(1, 3)):
        found = _change(random, found)
    return json.dumps(found, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _change(random: Random, found: Any) -> Any:  # noqa: ANN401  whatever JSON may hold
    """Go down to some place, and put something else there, take it out, or double it."""
    if not isinstance(found, dict | list) or not found or random.random() < 0.15:
        return deepcopy(random.choice(VALUES))
    key: Any = random.choice(list(found)) if isinstance(found, dict) else random.randrange(len(found))
    what = random.random()
    if what < 0.1:
        del found[key]
    elif what < 0.2 and isinstance(found, dict):
        found[random.choice(("x", "", "type", "\x00", f"{key}2"))] = deepcopy(random.choice(VALUES))
    elif what < 0.25 and isinstance(found, list):
        found *= random.choice((2, 40))
    elif what < 0.3 and isinstance(found, dict):
        found[key] = deepcopy(random.choice(list(found.values())))
    else:
        found[key] = _change(random, found[key])
    return found
