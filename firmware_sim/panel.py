"""The parts of a controller's front that people touch: scanner, keypad, door sensors. Pure.

It decides what counts as a scan, an entry or a door's movement. It never knows what a code means.
"""

import unicodedata
from dataclasses import dataclass, field

MAX_SCAN = 512
MAX_FRAME_BYTES = 4 * MAX_SCAN
# A scanner ends a symbol with a carriage return; one that forgets it is not waited for longer than this.
SCAN_GAP_MS = 100
LINE_ENDS = b"\r\n"
MAX_DIGITS = 16
# Ten times as long as most people need between two keys; the display warns before, and whoever asks gets it again.
KEYPAD_TIMEOUT_MS = 60_000
DEBOUNCE_MS = 50
KEY_DEBOUNCE_MS = 20
# Nobody presses one key so often in a row; it hangs, and is not listened to until it was quiet for ten seconds.
MAX_SAME_KEY = 20
HANGS_FOR_MS = 10_000
DIGITS = frozenset("0123456789")
KEYS = (*"0123456789", "back", "clear", "enter")
# Not on the keypad but on the display: whoever needs more time touches it.
WAIT = "wait"


def clean_scan(raw: str) -> str:
    """What a scanner in serial mode hands on: no control characters (BadBarcode 2015), no half pairs, 512 at most."""
    return "".join(sign for sign in raw[: 4 * MAX_SCAN] if unicodedata.category(sign) not in {"Cc", "Cs"})[:MAX_SCAN]


@dataclass(slots=True)
class SerialLine:
    """Puts a symbol together from the bytes a scanner dribbles; what is too long is cut, never gathered."""

    gathered: bytearray = field(default_factory=bytearray)
    last_ms: int = 0

    def take(self, sent: bytes, now_ms: int) -> list[str]:
        """Take some bytes; the texts that are complete with them."""
        texts = [self._end()] if self._gap(now_ms) else []
        self.last_ms = now_ms
        for byte in sent:
            if byte in LINE_ENDS:
                texts.append(self._end())
            elif len(self.gathered) < MAX_FRAME_BYTES:
                self.gathered.append(byte)
        return [text for text in texts if text]

    def expire(self, now_ms: int) -> list[str]:
        """The text whose end never came."""
        return [text] if self._gap(now_ms) and (text := self._end()) else []

    def due_ms(self) -> int | None:
        """When `expire` has something to do."""
        return self.last_ms + SCAN_GAP_MS if self.gathered else None

    def _gap(self, now_ms: int) -> bool:
        return bool(self.gathered) and now_ms >= self.last_ms + SCAN_GAP_MS

    def _end(self) -> str:
        text = self.gathered.decode(errors="ignore")
        self.gathered.clear()
        return clean_scan(text)


@dataclass(slots=True)
class Keypad:
    """Digits gathered so far; a minute without a key and they are gone, for the next person.

    `hung` holds keys that hang, with the time each was last felt.
    """

    digits: str = ""
    last_key_ms: int = 0
    run: tuple[str, int] = ("", 0)
    hung: dict[str, int] = field(default_factory=dict)

    def press(self, key: str, now_ms: int) -> str | None:
        """Take one key; the digits when `enter` confirmed some, else nothing."""
        self.expire(now_ms)
        if key != WAIT and self._hangs(key, now_ms):
            return None
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
        due_ms = self.due_ms()
        if due_ms is not None and now_ms >= due_ms:
            self.digits = ""

    def due_ms(self) -> int | None:
        """When `expire` has something to do."""
        return self.last_key_ms + KEYPAD_TIMEOUT_MS if self.digits else None

    def _hangs(self, key: str, now_ms: int) -> bool:
        """What a hanging key typed is thrown away when it is found out."""
        if key in self.hung and now_ms < self.hung[key] + HANGS_FOR_MS:
            self.hung[key] = now_ms
            return True
        self.hung.pop(key, None)
        before, times = self.run
        quiet = now_ms >= self.last_key_ms + HANGS_FOR_MS
        self.run = (key, times + 1 if key == before and not quiet else 1)
        if self.run[1] > MAX_SAME_KEY:
            self.run, self.digits, self.hung[key] = ("", 0), "", now_ms
            return True
        return False

    def _take(self) -> str | None:
        taken, self.digits = self.digits, ""
        return taken or None


@dataclass(slots=True)
class Sensors:
    """Contacts that bounce: a door has moved when its contact was the same for 50 ms, a key for 20."""

    is_open: dict[int, bool]
    moving: dict[int, int] = field(default_factory=dict)
    rest_ms: int = DEBOUNCE_MS

    def edge(self, door: int, *, is_open: bool, now_ms: int) -> None:
        """A contact changed."""
        if is_open == self.is_open[door]:
            self.moving.pop(door, None)
        else:
            self.moving[door] = now_ms

    def settled(self, now_ms: int) -> list[int]:
        """Doors that have come to rest in their other state; they are in it from now on."""
        rested = [door for door, since_ms in self.moving.items() if now_ms >= since_ms + self.rest_ms]
        for door in rested:
            del self.moving[door]
            self.is_open[door] = not self.is_open[door]
        return rested

    def due_ms(self) -> int | None:
        """When `settled` has something to say."""
        return min(self.moving.values()) + self.rest_ms if self.moving else None
