"""Words that are kept for good (the audit, what staff changed) say what was done and why, never who somebody is.

Decides whether a text names a person by phone, mail address, or the name they gave us. It knows no other names, so the
forms ask for none: docs/privacy.md.
"""

import re
import unicodedata

import phonenumbers

from app.domain.contact import MAIL

# A name of one letter is no name to look for: it stands in every other word.
SHORTEST_NAME = 2


def names_somebody(text: str, *, names: tuple[str, ...] = (), region: str = "CN") -> bool:
    """Whether it does. `names` are those of the people concerned; empty ones are passed over."""
    plain = unicodedata.normalize("NFKC", text)
    if MAIL.search(plain) or any(True for _ in phonenumbers.PhoneNumberMatcher(plain, region)):
        return True
    return any(holds_name(plain, name) for name in names)


def holds_name(text: str, name: str) -> bool:
    """Whether a name stands in a text: as a word of its own where it is written in letters, anywhere in Chinese."""
    name = unicodedata.normalize("NFKC", name).strip()
    if len(name) < SHORTEST_NAME:
        return False
    bounded = rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name)
    return re.search(bounded, unicodedata.normalize("NFKC", text), re.IGNORECASE) is not None
