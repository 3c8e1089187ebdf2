"""Words that are kept for good (the audit, what staff changed) say what was done and why, never who somebody is.

Decides whether a text names a person by phone, mail address, or the name they gave us. It knows no other names, so the
forms ask for none: docs/privacy.md.
"""

import re
import unicodedata

import phonenumbers

from app.domain.contact import MAIL
from app.domain.errors import DomainError

# A name of one letter is no name to look for: it stands in every other word.
SHORTEST_NAME = 2


class PersonalWords(DomainError):
    """A text that is kept for good holds a phone number, a mail address or the name of whoever it is about."""

    code = "personal_words"
    status = 422


def refuse_personal(text: str, *, names: tuple[str, ...] = (), region: str = "CN") -> None:
    """Raises PersonalWords. `names` are those of the people concerned; empty ones are passed over."""
    plain = unicodedata.normalize("NFKC", text)
    if MAIL.search(plain) or any(True for _ in phonenumbers.PhoneNumberMatcher(plain, region)):
        raise PersonalWords
    if any(holds_name(plain, name) for name in names):
        raise PersonalWords


def holds_name(text: str, name: str) -> bool:
    """Whether a name stands in a text: as a word of its own where it is written in letters, anywhere in Chinese."""
    name = unicodedata.normalize("NFKC", name).strip()
    if len(name) < SHORTEST_NAME:
        return False
    bounded = rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name)
    return re.search(bounded, unicodedata.normalize("NFKC", text), re.IGNORECASE) is not None
