"""What whoever collects should do now, from what their doors did and what became of their tap. Pure: values to steps.

However the doors were asked for (scanner, keypad, page), the page says the same. Never says that a door is open because
it was asked to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.door_tries import DoorWord, TriedParcel
from app.domain.parcel_state import ParcelState

SLOW_AFTER = timedelta(seconds=5)
# Its site tells after ten to twenty seconds of a door that stayed shut; whoever hears nothing for longer hears nothing.
SILENT_AFTER = timedelta(seconds=30)
# As the locker itself begins to ask for it.
LEFT_OPEN_AFTER = timedelta(seconds=30)
# What somebody tried a while ago says nothing to who comes now; a door that is jammed stays so until it opens.
TRIED_LATELY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Asked:
    """A tap on the page: when, where it stands (`waiting`, `opened`, `refused`, `unanswered`), and why not."""

    at: datetime
    state: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """Door numbers by what is to be done there; `ready` are those that may be asked for."""

    ready: tuple[int, ...] = ()
    opening: tuple[int, ...] = ()
    open: tuple[int, ...] = ()
    left_open: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    stuck: tuple[int, ...] = ()
    slow: bool = False
    silent: bool = False
    refusal: str = ""

    @property
    def lead(self) -> str:
        """What the one button is about."""
        named = ("stuck", "opening", "again", "ready", "open")
        return next((name for name in named if getattr(self, name)), "none")

    @property
    def moves(self) -> bool:
        """True while something is about to change without anybody's doing."""
        return bool(self.opening or self.open)


def opening_steps(
    parcels: Sequence[TriedParcel], asked: Asked | None, *, kept_shut: frozenset[str], now: datetime, rate: float
) -> Opening:
    """Sort the doors. `kept_shut`: parcels for staff only; `rate`: how fast civil time runs."""
    latest = max((each.tried.since for each in parcels if each.tried.since), default=None)
    if asked and latest and asked.state != "waiting" and latest > asked.at:
        asked = None  # the doors have answered
    good = [each for each in parcels if each.parcel_id not in kept_shut]
    waiting = asked is not None and asked.state in {"waiting", "opened"} and now - asked.at < SILENT_AFTER * rate
    opening = tuple(each.door for each in good if _opens(each, waiting=waiting, now=now, rate=rate))
    began = [each.tried.since for each in good if each.tried.word is DoorWord.OPENING and each.tried.since]
    since = min([*began, *([asked.at] if asked and waiting else [])], default=now)
    open_now = [each for each in good if each.tried.word is DoorWord.OPEN and each.tried.since]
    left = tuple(each.door for each in open_now if each.tried.since and now - each.tried.since > LEFT_OPEN_AFTER * rate)
    stuck = tuple(each.door for each in good if each.is_stuck and each.door not in opening)
    again = tuple(
        each.door for each in good if each.stayed_shut and each.door not in opening and _lately(each, now, rate)
    )
    lying = [each for each in good if each.state is ParcelState.LOADED and each.tried.word is not DoorWord.OPEN]
    return Opening(
        opening=opening,
        open=tuple(each.door for each in open_now),
        left_open=left,
        again=again,
        stuck=stuck,
        slow=bool(opening) and now - since > SLOW_AFTER * rate,
        silent=asked is not None and asked.state == "unanswered",
        refusal=asked.refusal if asked and asked.state == "refused" else "",
        ready=tuple(each.door for each in lying),
    )


def _opens(each: TriedParcel, *, waiting: bool, now: datetime, rate: float) -> bool:
    if each.tried.word is DoorWord.OPEN:
        return False
    granted = each.tried.word is DoorWord.OPENING and each.tried.since is not None
    if granted and each.tried.since is not None and now - each.tried.since < SILENT_AFTER * rate:
        return True
    return waiting and each.state is ParcelState.LOADED


def _lately(each: TriedParcel, now: datetime, rate: float) -> bool:
    return each.tried.since is not None and now - each.tried.since < TRIED_LATELY * rate
