"""Somebody without a phone stands before a keeper and asks for their order. Is it theirs?

They say the order's number, and one thing only its owner's household knows beside it: the name on the order, the last
four digits of the phone, or the mail address. Decides that and nothing else; it never tells which of the two was wrong.
"""

import hmac
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from app.domain.errors import DomainError
from app.domain.order_number import ORDER_LENGTH
from locker_protocol.ids import CROCKFORD

MOST_WRONG = 5
WITHIN = timedelta(minutes=10)
# Long enough to walk to the doors and back; then the next look needs the person again.
LOOK_LIVES = timedelta(minutes=15)
LONGEST_SAID = 200
# What people write for the letters that numbers do without.
MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})


class LookWrong(DomainError):
    """No order here has that number and belongs to somebody like that. Fact: `tries_left`."""

    code = "look_wrong"
    status = 422


class LooksPaused(DomainError):
    """Five wrong looks within ten minutes. Fact: `minutes` until the next."""

    code = "looks_paused"
    status = 429


class LookOver(DomainError):
    """It was looked up too long ago, or by somebody else."""

    code = "look_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What is known of whoever ordered."""

    display_name: str
    phone: str | None
    mail: str | None


def read_order_no(text: str) -> str | None:
    """An order's number as somebody wrote it; `None` when it is none."""
    plain = unicodedata.normalize("NFKC", text)[:LONGEST_SAID]
    number = "".join(plain.replace("-", " ").split()).upper().translate(MISREAD)
    return number if len(number) == ORDER_LENGTH and set(number) <= set(CROCKFORD) else None


def is_theirs(said: str, owner: Owner) -> bool:
    """Whether what somebody said of themselves fits the order's owner; saying nothing fits nobody."""
    heard = _plain(said)
    known = [_plain(owner.display_name), _plain(owner.mail or ""), (owner.phone or "")[-4:]]
    return bool(heard) and any(each and hmac.compare_digest(heard.encode(), each.encode()) for each in known)


def refuse_more_looks(wrong: int, first_at: datetime | None, *, now: datetime) -> None:
    """Raises LooksPaused when `wrong` looks were wrong within ten minutes, the first of them at `first_at`."""
    if wrong >= MOST_WRONG and first_at is not None:
        raise LooksPaused(minutes=ceil((first_at + WITHIN - now) / timedelta(minutes=1)))


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text[:LONGEST_SAID]).casefold().split())
