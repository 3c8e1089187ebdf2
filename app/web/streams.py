"""The event stream of a page: `/live?topic=order:…,site:…`. One hears only what one may see.

An order's topic is for its owner, for staff, and for whoever holds its collect link; all other topics are for staff. A
keeper is a neighbour: of orders they hear only their own, of sites only the one they look after.
"""

from flask import Blueprint, Response, current_app, request
from sqlalchemy import Connection

from app.db.pages.orders import order_belongs_to
from app.domain.collect_link import read_collect_link
from app.domain.errors import DomainError, NotFound
from app.domain.roles import STAFF, Role
from app.web import live as event_streams
from app.web.access import serves_everybody
from app.web.parts import civil_now, parts, read, visitor

blueprint = Blueprint("streams", __name__)

ORDER, SITE, COMMAND = "order", "site", "command"
MOST_TOPICS = 8
MOST_CHARACTERS = 64


class TooManyTopics(DomainError):
    """No page shows that many things. Fact: `most`."""

    code = "too_many_topics"
    status = 422


@blueprint.get("/live")
@serves_everybody()
def live() -> Response:
    """Stream the names of the topics that changed. Raises NotFound for one that is not the visitor's."""
    topics = frozenset(topic for topic in request.args.get("topic", "").split(",") if topic)
    if len(topics) > MOST_TOPICS:
        raise TooManyTopics(most=MOST_TOPICS)
    with read() as conn:
        if not topics or not all(_may_hear(conn, topic) for topic in topics):
            raise NotFound(what="topic")
    return event_streams.stream(current_app.extensions["caibox_listener"], topics)


def _may_hear(conn: Connection, topic: str) -> bool:
    if len(topic) > MOST_CHARACTERS:
        return False
    kind, _, name = topic.partition(":")
    person = visitor()
    if person is not None and person.role is Role.KEEPER and kind != ORDER:
        # When which building's doors move shows who comes home when: a keeper hears of their own.
        return kind == COMMAND or (kind == SITE and name == person.site_id)
    if person is not None and person.role in STAFF - {Role.KEEPER}:
        return True
    if kind != ORDER:
        return False
    if person is not None and order_belongs_to(conn, order_id=name, person_id=person.id):
        return True
    link = request.args.get("link", "")
    return bool(link) and read_collect_link(parts().settings.secret_key, link, now=civil_now()) == name
