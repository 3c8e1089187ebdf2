"""The signed link to a choice: whoever holds it may choose, as whoever holds the collect link may collect.

It carries the offer and its own end in civil time, nothing about the person; the page asks the database what is open.
"""

from datetime import datetime

from app.domain.collect_link import make_link, read_link

SALT = "caibox-choice-link"


def make_choice_link(secret_key: str, *, offer_id: str, ends_at: datetime) -> str:
    """Write the last part of the page's address. `ends_at`: when the answer is due, or leftovers are removed."""
    return make_link(secret_key, salt=SALT, subject=offer_id, ends_at=ends_at)


def read_choice_link(secret_key: str, link: str, *, now: datetime) -> str:
    """The offer a link leads to. Raises NotFound for a forged one, LinkExpired for an old one."""
    return read_link(secret_key, link, salt=SALT, now=now)
