"""The parts of a controller's front that people touch: scanner, keypad, door sensors. Pure.

It decides what counts as a scan, an entry or a door's movement. It never knows what a code means.
"""

import unicodedata
from dataclasses import dataclass, field

MAX_SCAN = 512
MAX_DIGITS = 16
KEYPAD_TIMEOUT_MS = 10_000
DEBOUNCE_MS = 50
DIGITS = frozenset("0123456789")


def clean_scan(raw: str) -> str:
    """What a scanner in serial mode hands on: no control characters (BadBarcode 2015), no half pairs, 512 at most."""
    return "".join(sign for sign in raw[: 4 * MAX_SCAN] if unicodedata.category(sign) not in {"Cc", "Cs"})[:MAX_SCAN]


@dataclass(slots=True)
class Keypad:
    """Digits gathered so far; ten seconds without a key and they are gone, for the next person."""

    digits: str = ""
    last_key_ms: int = 0

    def press(self, key: str, now_ms: int) -> str | None:
        """Take one key; the digits when `enter` confirmed some, else nothing."""
        self.expire(now_ms)
        self.last_key_ms = now_ms
        if key in DIGITS:
            self.digits = (self.digits + key)[:MAX_DIGITS]
        elif key == "back":
            self.digits = self.digits[:-1]
        elif key == "clear":
            self.digits = ""
        elif key == "enter":
            return self._take()
        return None

    def expire(self, now_ms: int) -> None:
        """Forget what nobody confirmed in time."""
        if self.due_ms() is not None and now_ms >= self.last_key_ms + KEYPAD_TIMEOUT_MS:
            self.digits = ""

    def due_ms(self) -> int | None:
        """When `expire` has something to do."""
        return self.last_key_ms + KEYPAD_TIMEOUT_MS if self.digits else None

    def _take(self) -> str | None:
        taken, self.digits = self.digits, ""
        return taken or None


@dataclass(slots=True)
class Sensors:
    """Door contacts that bounce: a door has moved when its contact was the same for 50 ms."""

    is_open: dict[int, bool]
    moving: dict[int, int] = field(default_factory=dict)

    def edge(self, door: int, *, is_open: bool, now_ms: int) -> None:
        """A contact changed."""
        if is_open == self.is_open[door]:
            self.moving.pop(door, None)
        else:
            self.moving[door] = now_ms

    def settled(self, now_ms: int) -> list[int]:
        """Doors that have come to rest in their other state; they are in it from now on."""
        rested = [door for door, since_ms in self.moving.items() if now_ms >= since_ms + DEBOUNCE_MS]
        for door in rested:
            del self.moving[door]
            self.is_open[door] = not self.is_open[door]
        return rested

    def due_ms(self) -> int | None:
        """When `settled` has something to say."""
        return min(self.moving.values()) + DEBOUNCE_MS if self.moving else None
