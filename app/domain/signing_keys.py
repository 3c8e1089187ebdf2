"""How the service's signing keys change without a gap: a second key is introduced, then used, then the first retired.

Decides which step may be taken now. In between both live, so that whatever either signed is believed. Never holds a
secret: keys are numbers here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Step = Literal["introduce", "use", "retire"]
MAX_KEY_ID = 255


class TooEarly(Exception):
    """A step that cannot be taken now; one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Live keys, the one that signs first; gateways that have not confirmed exactly these; the end of the last code
    that the key behind the first may have signed, if one is still good.
    """

    keys: Sequence[int]
    unconfirmed: Sequence[str]
    codes_until: datetime | None


def keys_after(step: Step, standing: Standing, *, at_once: bool = False) -> list[int]:
    """The live keys after a step: `introduce` a second, `use` it to sign, `retire` the one that does not sign.

    `at_once` retires a key whose codes are still good: they end. Raises TooEarly.
    """
    first, *others = standing.keys
    if (step == "introduce") == bool(others):
        raise TooEarly(f"There is no key to {step}." if not others else "Two keys live already: use and retire first.")
    if step != "introduce" and standing.unconfirmed:
        raise TooEarly(f"Not every site has confirmed the present keys: {', '.join(standing.unconfirmed)}.")
    if step == "retire" and standing.codes_until is not None and not at_once:
        raise TooEarly(f"Codes that the old key signed are good until {standing.codes_until:%Y-%m-%d %H:%M} UTC.")
    after: dict[Step, list[int]] = {
        "introduce": [first, following(first)],
        "use": [*others, first],
        "retire": [first],
    }
    return after[step]


def following(key: int) -> int:
    """The number of the key after this one; a code has one byte for it."""
    return key % MAX_KEY_ID + 1
