"""How one operation of the API is declared: what it takes, what it answers, which refusals it names.

The declaration checks the body before the view runs and is what `description.py` writes the OpenAPI from, so the
two cannot disagree. Whatever is wrong with a body is one refusal that names the field.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn, cast

from flask import Response, jsonify, request
from marshmallow import Schema, ValidationError

from app.domain.errors import DomainError

OPERATION = "_operation"


class InvalidField(DomainError):
    """One field of a request is not what the description says; `field` names it, `reason` says what would do."""

    code = "invalid_field"
    status = 400


class NotJson(DomainError):
    """The body is not a JSON document in UTF-8 with `Content-Type: application/json`."""

    code = "not_json"
    status = 400


@dataclass(frozen=True, slots=True)
class Operation:
    """One declared operation."""

    summary: str
    body: type[Schema] | None
    answer: type[Schema] | None
    many: bool
    status: int
    headers: tuple[str, ...]
    refusals: tuple[type[DomainError], ...]


def operation(
    summary: str,
    *,
    body: type[Schema] | None = None,
    answer: type[Schema] | None = None,
    many: bool = False,
    status: int = 200,
    headers: tuple[str, ...] = (),
    refusals: tuple[type[DomainError], ...] = (),
    largest_bytes: int | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Declare a view: its checked body arrives as `body=…`, what it returns is written by the answer's schema.

    `largest_bytes` is for bodies that may be larger than any form.
    """
    declared = Operation(summary, body, answer, many, status, headers, refusals)

    def declare(view: Callable[..., Any]) -> Callable[..., Response]:
        @wraps(view)
        def run(**arguments: Any) -> Response:  # noqa: ANN401  path arguments, as Flask gives them
            if largest_bytes is not None:
                request.max_content_length = largest_bytes
            if body is not None:
                arguments["body"] = read_body(body())
            return _answer(declared, view(**arguments))

        setattr(run, OPERATION, declared)
        return run

    return declare


def operation_of(view: Callable[..., object]) -> Operation | None:
    """What a view declared, if it is an operation of the API."""
    return getattr(view, OPERATION, None)


def read_body(schema: Schema) -> dict[str, Any]:
    """Read and check the body. Raises NotJson or InvalidField."""
    try:
        return cast("dict[str, Any]", schema.load(cast("dict[str, Any]", _json())))
    except ValidationError as error:
        refuse_field(error)


def refuse_field(error: ValidationError) -> NoReturn:
    """Turn the first fault that marshmallow found into our refusal."""
    field, reason = first_fault(error.normalized_messages())  # type: ignore[no-untyped-call]
    raise InvalidField(field=field[:80], reason=reason) from error


def first_fault(messages: Mapping[Any, Any]) -> tuple[str, str]:
    """Name the first faulty field as a path (`lines.0.quantity`) with its reason."""
    path: list[str] = []
    found: Any = messages
    while isinstance(found, Mapping):
        key, found = next(iter(found.items()))
        if key != "_schema":
            path.append(str(key))
    return ".".join(path) or "body", str(found[0] if isinstance(found, list) else found)


def _json() -> object:
    if not request.is_json:
        raise NotJson
    try:
        return json.loads(request.get_data().decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # bad UTF-8 and numbers of 5,000 digits are ValueErrors too
        raise NotJson from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # Python reads NaN and Infinity, JSON has neither


def _answer(declared: Operation, found: object) -> Response:
    if declared.answer is None:
        return Response(status=declared.status)
    answer = jsonify(declared.answer(many=declared.many).dump(found))
    answer.status_code = declared.status
    return answer
