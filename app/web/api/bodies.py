"""How what a program sends is read: JSON in UTF-8 or a query, checked by a schema, refused with every fault at once.

A refusal names each faulty field by a JSON pointer (RFC 6901), or each parameter of the query by its name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, cast

import flask
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

from app.domain.errors import DomainError

MOST_FAULTS = 50
LONGEST_NAME = 80
QUERY = "query"


class InvalidField(DomainError):
    """A request is not what the description says. `field` and `reason` tell the first fault, `errors` all of them."""

    code = "invalid_field"
    status = 400

    def __init__(self, *, errors: Sequence[Mapping[str, str]], field: str, reason: str) -> None:
        super().__init__(field=field, reason=reason)
        self.errors = errors


class NotJson(DomainError):
    """The body is not a JSON document in UTF-8."""

    code = "not_json"
    status = 400


class UnsupportedMediaType(DomainError):
    """The body does not say that it is JSON (`Content-Type: application/json`)."""

    code = "unsupported_media_type"
    status = 415


class Parser(FlaskParser):
    """The library's parser with strict JSON, and our refusals."""

    DEFAULT_VALIDATION_STATUS = InvalidField.status
    # A parameter that nobody reads is a misspelt one: it is refused like a field that nobody knows.
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, QUERY: None}  # noqa: RUF012

    def load_json(self, req: flask.Request, schema: Schema) -> Any:  # noqa: ANN401, ARG002  whatever JSON may hold
        return read_json(req)

    def handle_error(self, error: ValidationError, req: flask.Request, schema: Schema, **_more: object) -> NoReturn:  # noqa: ARG002
        refuse(error)


def read_body(schema: Schema) -> dict[str, Any]:
    """Read and check this request's body. Raises UnsupportedMediaType, NotJson or InvalidField."""
    try:
        return cast("dict[str, Any]", schema.load(cast("dict[str, Any]", read_json(flask.request))))
    except ValidationError as error:
        refuse({"json": error.normalized_messages()})  # type: ignore[no-untyped-call]


def read_json(request: flask.Request) -> object:
    """Read a body as strict JSON. Raises UnsupportedMediaType or NotJson."""
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        return json.loads(request.get_data().decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # bad UTF-8 and numbers of 5,000 digits are ValueErrors too
        raise NotJson from error


def refuse(error: ValidationError | Mapping[str, Any]) -> NoReturn:
    """Turn the faults that marshmallow found, by location, into our refusal."""
    messages = error if isinstance(error, Mapping) else error.normalized_messages()  # type: ignore[no-untyped-call]
    ((location, found),) = messages.items()
    faults = list(_faults(found))[:MOST_FAULTS]
    path, reason = faults[0]
    field = ".".join(path)[:LONGEST_NAME] or "body"
    raise InvalidField(errors=[_told(location, *fault) for fault in faults], field=field, reason=reason)


def _told(location: str, path: Sequence[str], reason: str) -> Mapping[str, str]:
    if location == QUERY:
        return {"parameter": ".".join(path)[:LONGEST_NAME], "detail": reason}
    return {"pointer": "".join("/" + _escaped(part) for part in path), "detail": reason}


def _escaped(part: str) -> str:
    return part[:LONGEST_NAME].replace("~", "~0").replace("/", "~1")


def _faults(found: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(found, Mapping):
        for key, inner in found.items():
            yield from _faults(inner, path if key == "_schema" else (*path, str(key)))
    else:
        yield path, str(found[0] if isinstance(found, list) else found)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # Python reads NaN and Infinity, JSON has neither
