"""Reads a phone number or a mail address as somebody typed it, and gives the one form it is stored in."""

import re
from dataclasses import dataclass
from typing import Literal

import phonenumbers

from app.domain.errors import DomainError

# Deliberately wide: whether an address works is shown by the code that arrives there.
MAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
MOST_CHARACTERS = 200


class ContactUnreadable(DomainError):
    """Neither a phone number nor a mail address."""

    code = "contact_unreadable"
    status = 422


@dataclass(frozen=True, slots=True)
class Contact:
    """A phone number in E.164 or a mail address in lower case."""

    kind: Literal["phone", "mail"]
    value: str


def read_contact(text: str, *, region: str = "CN") -> Contact:
    """Read it; numbers without a country belong to `region`. Raises ContactUnreadable."""
    text = text.strip()
    if len(text) > MOST_CHARACTERS:
        raise ContactUnreadable
    if "@" in text:
        return _mail(text)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise ContactUnreadable from error
    if not phonenumbers.is_valid_number(number):
        raise ContactUnreadable
    return Contact("phone", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _mail(text: str) -> Contact:
    if MAIL.fullmatch(text) is None:
        raise ContactUnreadable
    return Contact("mail", text.lower())
