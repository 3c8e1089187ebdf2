"""One topic of the API: a flask-smorest blueprint that also writes into the description whom an operation serves and
which refusals it names, and that lists in parts.

An operation is declared in this order: its route, whom it serves, `refuses`, `etag`, `arguments`, and `response` or
`lists`. Its docstring is its summary.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, request
from flask_smorest import Blueprint
from flask_smorest.exceptions import NotModified
from marshmallow import Schema
from werkzeug.exceptions import NotAcceptable

from app.domain.answered import RequestKeyReused, RequestUnderWay
from app.domain.basket import IdempotencyKeyInvalid
from app.domain.errors import DomainError, NotFound
from app.web.access import NotForYou, SignInNeeded, policy_of
from app.web.api.bodies import InvalidField, NotJson, Parser, UnsupportedMediaType
from app.web.api.listing import PartWanted, as_part, list_of, part_of
from app.web.api.once import HEADER, answered_once
from app.web.api.schemas import Problem

View = TypeVar("View", bound=Callable[..., Any])

PREFIX = "/api/v1"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
OURS = "_ours"
KEY_SCHEMA = {"type": "string", "pattern": "^[!-~]{8,128}$"}
KEY_SAYS = "Of your making, one a request. For a day the same request under the same key is answered the same."
# What any operation may answer: text that is no text, a form we do not speak, a database that is away.
ANYWHERE = ((400, "bad_request"), (406, "not_acceptable"), (500, "unexpected"), (503, "unavailable"))


class Operations(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """The operations of one topic, which is their tag in the description."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, topic: str, *, says: str) -> None:
        super().__init__(f"api_{topic}", __name__, url_prefix=PREFIX, description=says)
        self.topic = topic
        self.before_request(_speak_json)
        self._prepare_doc_cbks.append(_write_operation)

    def get(self, rule: str) -> Callable[[View], View]:
        """Declare an operation that only reads."""
        return cast("Callable[[View], View]", super().get(rule))

    def post(self, rule: str) -> Callable[[View], View]:
        """Declare an operation that makes something, or that does something."""
        return cast("Callable[[View], View]", super().post(rule))

    def put(self, rule: str) -> Callable[[View], View]:
        """Declare an operation that sets the whole of something."""
        return cast("Callable[[View], View]", super().put(rule))

    def patch(self, rule: str) -> Callable[[View], View]:
        """Declare an operation that sets a part of something."""
        return cast("Callable[[View], View]", super().patch(rule))

    def delete(self, rule: str) -> Callable[[View], View]:
        """Declare an operation that ends something."""
        return cast("Callable[[View], View]", super().delete(rule))

    def add_url_rule(self, rule: str, endpoint: str | None, view_func: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401
        """Note for the description what only the route knows."""
        ours = _ours(view_func)
        ours |= {"rule": rule, "roles": policy_of(view_func), "operation_id": view_func.__name__}
        super().add_url_rule(rule, endpoint, view_func, **{**options, "tags": [self.topic]})

    def refuses(self, *refusals: type[DomainError]) -> Callable[[View], View]:
        """Name the refusals of an operation beside those that follow from its declaration."""

        def declare(view: View) -> View:
            _ours(view)["refusals"] = refusals
            return view

        return declare

    def needs_header(self, name: str) -> Callable[[View], View]:
        """Name a header without which an operation is refused."""

        def declare(view: View) -> View:
            _ours(view)["headers"] = [{"name": name, "in": "header", "required": True, "schema": KEY_SCHEMA}]
            return view

        return declare

    def arguments(self, schema: type[Schema], *, largest_bytes: int | None = None) -> Callable[[View], View]:
        """Give a view its checked body as `body=…`. `largest_bytes` is for bodies that may be larger than any form."""
        library = super().arguments(schema(), arg_name="body")  # made once: a class would be made anew each request

        def declare(view: View) -> View:
            @wraps(view)
            def run(**arguments: Any) -> Any:  # noqa: ANN401  path arguments, as Flask gives them
                if largest_bytes is not None:
                    request.max_content_length = largest_bytes
                return read(**arguments)

            read = library(view)
            run.__dict__.update(read.__dict__)
            _ours(run)["has_body"] = True
            return cast("View", run)

        return declare

    def response(self, status: int, schema: type[Schema] | None = None) -> Callable[[View], View]:
        """Write what a view returns by a schema; without one an answer has no body."""
        library = super().response(status, schema)

        def declare(view: View) -> View:
            @wraps(view)
            def run(**arguments: Any) -> Any:  # noqa: ANN401
                view(**arguments)
                return Response(status=status)

            return cast("View", library(view if schema is not None else run))

        return declare

    def lists(
        self, item: type[Schema], *, key: tuple[str, ...], query: type[PartWanted] = PartWanted
    ) -> Callable[[View], View]:
        """Answer with part of a list. The view gets `part=…`, returns at most `part.and_one` rows in order of `key`."""
        library_query = super().arguments(query(), location="query", arg_name="query")
        library_answer = super().response(200, list_of(item))

        def declare(view: View) -> View:
            @wraps(view)
            def run(*, query: Mapping[str, Any], **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
                part = part_of(query)
                return as_part(view(part=part, **arguments), part, key)

            declared = library_query(library_answer(run))
            _ours(declared)["has_query"] = True
            return cast("View", declared)

        return declare

    def etag(self, view: View) -> View:
        """Tag what an operation answers, and answer 304 to who has it; PUT, PATCH and DELETE ask for If-Match."""
        return cast("View", super().etag(view))

    def once(self, view: View) -> View:
        """Let a request with an `Idempotency-Key` be sent again without being done again (`once.py`)."""
        wrapped = cast("View", answered_once(view))
        _ours(wrapped)["headers"] = [
            {"name": HEADER, "in": "header", "required": False, "schema": KEY_SCHEMA, "description": KEY_SAYS}
        ]
        _ours(wrapped)["once"] = True
        return wrapped

    def _check_not_modified(self, etag: str) -> None:
        try:
            super()._check_not_modified(etag)
        except NotModified as same:
            same.response = Response(status=304)
            same.response.set_etag(etag)
            raise


def _ours(view: Callable[..., Any]) -> dict[str, Any]:
    """What we keep beside what the library keeps on a view, and what it hands to `_write_operation`."""
    documented: dict[str, Any] = view.__dict__.setdefault("_apidoc", {})
    found: dict[str, Any] = documented.setdefault(OURS, {})
    return found


def _speak_json() -> None:
    accepted = request.accept_mimetypes
    if accepted and accepted.best_match((JSON, PROBLEM_JSON)) is None:
        raise NotAcceptable


def _write_operation(doc: dict[str, Any], doc_info: Mapping[str, Any], **_more: object) -> dict[str, Any]:
    ours = doc_info[OURS]
    doc["operationId"] = ours["operation_id"]
    doc.setdefault("parameters", []).extend(ours.get("headers", []))
    doc.setdefault("responses", {}).update(_problems(ours))
    if ours["roles"]:
        doc["security"] = [{"session": []}]
        doc["x-roles"] = sorted(ours["roles"])
    return doc


def _refusals(ours: Mapping[str, Any]) -> Iterator[type[DomainError]]:
    yield from ours.get("refusals", ())
    if ours.get("once"):
        yield from (IdempotencyKeyInvalid, RequestKeyReused, RequestUnderWay)
    if ours["roles"]:
        yield from (SignInNeeded, NotForYou)
    if ours.get("has_body"):
        yield from (NotJson, InvalidField, UnsupportedMediaType)
    if ours.get("has_query"):
        yield InvalidField
    if "<" in ours["rule"]:
        yield NotFound


def _of_library(ours: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """What is answered before a view is asked."""
    yield from ANYWHERE
    if ours.get("has_body"):
        yield 413, "too_large"
    if "<int(" in ours["rule"]:
        yield 405, "method_not_allowed"  # so the library answers to a number beyond what a path takes


def _problems(ours: Mapping[str, Any]) -> dict[int, Any]:
    codes: dict[int, dict[str, None]] = defaultdict(dict)
    for status, code in [*_of_library(ours), *((each.status, each.code) for each in _refusals(ours))]:
        codes[status][code] = None
    return {
        status: {
            "description": " · ".join(f"`{code}`" for code in listed),
            "content": {PROBLEM_JSON: {"schema": Problem}},
        }
        for status, listed in sorted(codes.items())
    }
