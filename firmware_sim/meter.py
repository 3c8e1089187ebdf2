"""A cabinet's energy meter, which keeps its count in a file and never runs back, whenever the power goes.

The file is always ahead of what was told, so it is written seldom; a program that is killed skips the rest of it.
"""

from pathlib import Path

AHEAD_WH = 500


class Meter:
    """Counts on from what its file says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._from_wh = self._kept_wh = _read(path)

    def read(self, used_j: float) -> int:
        """Watt-hours ever used, with so many joules since the program started."""
        now_wh = self._from_wh + int(used_j / 3600)
        if now_wh >= self._kept_wh:
            self._keep(now_wh + AHEAD_WH)
        return now_wh

    def put_away(self, used_j: float) -> None:
        """Leave the true count behind."""
        self._keep(self._from_wh + int(used_j / 3600))

    def _keep(self, value_wh: int) -> None:
        fresh = self._path.with_suffix(".fresh")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(str(value_wh), encoding="ascii")
        fresh.replace(self._path)
        self._kept_wh = value_wh


def _read(path: Path) -> int:
    text = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
    return int(text) if text.isdecimal() else 0
