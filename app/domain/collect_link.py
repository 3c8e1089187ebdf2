"""The signed link to a collect page: whoever holds it may see the code, as whoever holds the code may collect.

The link carries the order and its own end in civil time, and nothing about the person. It is no pickup code: it opens a
page, and the page asks the database what is true now.
"""

from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from app.domain.errors import DomainError, NotFound

SALT = "caibox-collect-link"
# After that the page still says what became of the food and the money.
LIVES_AFTER_END = timedelta(days=2)


class LinkExpired(DomainError):
    """The link was ours and is over."""

    code = "link_expired"
    status = 410


def make_collect_link(secret_key: str, *, order_id: str, ends_at: datetime) -> str:
    """Write the last part of the page's address. `ends_at`: when the code ends, or leftovers are removed."""
    return make_link(secret_key, salt=SALT, subject=order_id, ends_at=ends_at)


def read_collect_link(secret_key: str, link: str, *, now: datetime) -> str:
    """The order a link leads to. Raises NotFound for a forged one, LinkExpired for an old one."""
    return read_link(secret_key, link, salt=SALT, now=now)


def make_link(secret_key: str, *, salt: str, subject: str, ends_at: datetime) -> str:
    """Sign a link of one kind (`salt`): one kind never passes for another."""
    until = int((ends_at + LIVES_AFTER_END).timestamp())
    return str(URLSafeSerializer(secret_key, salt=salt).dumps([subject, until]))


def read_link(secret_key: str, link: str, *, salt: str, now: datetime) -> str:
    """What a link of this kind leads to. Raises NotFound or LinkExpired."""
    try:
        subject, until = URLSafeSerializer(secret_key, salt=salt).loads(link)
    except BadData as error:
        raise NotFound(what="link") from error
    if now >= datetime.fromtimestamp(until, tz=UTC):
        raise LinkExpired
    return str(subject)
