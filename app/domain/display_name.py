"""What somebody wants to be called, as they typed it, and the one form it is stored in."""

import unicodedata

from app.domain.errors import DomainError

MOST_CHARACTERS = 40


class NameUnreadable(DomainError):
    """Longer than forty characters, or with signs that are no text. Fact: `most`."""

    code = "name_unreadable"
    status = 422


def read_name(text: str) -> str:
    """The name on one line; empty is none. Raises NameUnreadable."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if len(name) > MOST_CHARACTERS or not all(letter.isprintable() for letter in name):
        raise NameUnreadable(most=MOST_CHARACTERS)
    return name
