"""Lists come in parts. A cursor names the last row that was given, signed: rows that come or go meanwhile move nothing.

The next part begins behind that row by the list's own order, so nothing is shown twice and nothing that stayed is
left out. A cursor serves the list that gave it; anything else is refused like a faulty parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app, request
from flask_babel import gettext as _
from itsdangerous import BadSignature, URLSafeSerializer
from marshmallow import Schema, ValidationError, fields

from app.web.api.bodies import QUERY, refuse
from app.web.api.fields import Body, Words, WrittenWhole

MOST_AT_ONCE = 500
USUALLY_AT_ONCE = 100
LONGEST_CURSOR = 400
TIME_MARK = "at"


class PartWanted(Body):
    """Which part of a list."""

    limit = WrittenWhole(
        low=1, high=MOST_AT_ONCE, load_default=USUALLY_AT_ONCE, metadata={"description": "How many at once."}
    )
    cursor = Words(
        longest=LONGEST_CURSOR, load_default=None, metadata={"description": "`next` of the part before; none: begin."}
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list that is asked for: at most `limit` rows behind the row whose sort key is `after`.

    `query` is the whole query, for lists that can be narrowed.
    """

    limit: int
    after: tuple[Any, ...] | None
    query: Mapping[str, Any]

    @property
    def and_one(self) -> int:
        """One row more than is given: it tells whether there is a next part."""
        return self.limit + 1


def part_of(query: Mapping[str, Any]) -> Part:
    """Read which part is asked for. Raises InvalidField for a cursor that this list did not give."""
    cursor = query["cursor"]
    return Part(query["limit"], _read(cursor) if cursor else None, query)


def as_part(rows: Sequence[Any], part: Part, key: tuple[str, ...]) -> dict[str, Any]:
    """Cut what was read to the part that is given, and name the next one."""
    given = rows[: part.limit]
    return {"items": given, "next": _write(given[-1], key) if len(rows) > part.limit else None}


def list_of(item: type[Schema]) -> type[Schema]:
    """The schema of one part of a list."""
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.String(
                required=True, allow_none=True, metadata={"description": "The next part's cursor; null: the last."}
            ),
        },
        name=f"{item.__name__}List",
    )


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt=f"cursor {request.path}")


def _write(row: Any, key: tuple[str, ...]) -> str:  # noqa: ANN401  a row or a value, whatever the list is made of
    values = [row[name] if isinstance(row, Mapping) else getattr(row, name) for name in key]
    marked = [{TIME_MARK: value.isoformat()} if isinstance(value, datetime) else value for value in values]
    return str(_serializer().dumps(marked))


def _read(cursor: str) -> tuple[Any, ...]:
    try:
        marked = _serializer().loads(cursor)
    except BadSignature:
        refuse(ValidationError({QUERY: {"cursor": [_("this is no cursor of this list")]}}))
    return tuple(datetime.fromisoformat(one[TIME_MARK]) if isinstance(one, dict) else one for one in marked)
