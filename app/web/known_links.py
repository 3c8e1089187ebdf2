"""Collect links this browser opened before, in its signed session: so that a printed code at the locker knows it again.

It keeps the link and nothing else, the last few of them; signing out forgets them. What a link allows is asked anew
each time.
"""

from flask import session

from app.domain.collect_link import read_collect_link
from app.domain.errors import DomainError
from app.web.parts import civil_now, parts

KEPT = 3
KEY = "links"


def remember_link(link: str) -> None:
    """Keep a link that was good."""
    known: list[str] = session.get(KEY, [])
    if known[-1:] != [link]:
        session[KEY] = [*(each for each in known if each != link), link][-KEPT:]


def known_orders() -> dict[str, str]:
    """The orders whose links are still good, each with its link."""
    found: dict[str, str] = {}
    for link in session.get(KEY, []):
        try:
            found[read_collect_link(parts().settings.secret_key, link, now=civil_now())] = link
        except DomainError:
            continue  # it has ended
    return found
