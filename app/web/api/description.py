"""The API's description, OpenAPI 3.1, written from the declarations themselves; and the page that shows it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Response, current_app, jsonify, render_template
from werkzeug.routing import Rule

from app.domain.errors import DomainError, NotFound
from app.web.access import NotForYou, SignInNeeded, policy_of, serves_everybody
from app.web.api import blueprint
from app.web.api.contract import InvalidField, NotJson, Operation, operation_of
from app.web.api.schemas import Problem

VERSION = "1"
INTEGERS = "IntegerConverter"
TAGS = {
    "sessions": "Sign in with a one-time code, sign out",
    "catalogue": "Sites, windows, products",
    "products": "What operators put on sale",
    "orders": "A resident's own orders",
    "packing": "Waves, picking, weighing, sealing",
    "staff": "Packing, opening",
    "visits": "A driver's visit: sweep, check, load, leave",
    "demo": "A demo stack's lockers, inbox and clock; elsewhere not found",
}


@blueprint.get("/openapi.json")
@serves_everybody()
def openapi() -> Response:
    """Describe the API."""
    return jsonify(describe().to_dict())


@blueprint.get("/docs")
@serves_everybody()
def docs() -> str:
    """Show the description as a page one can try things on."""
    return render_template("staff/api_docs.html")


def describe() -> APISpec:
    """Write the description of every operation this application serves."""
    spec = APISpec(
        title="Caibox",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_name_of)],
        info={"description": "Order produce, pay, and collect it from a refrigerated locker."},
        tags=[{"name": name, "description": says} for name, says in TAGS.items()],
    )
    spec.components.security_scheme("session", {"type": "http", "scheme": "bearer"})
    for rule, declared in operations():
        spec.path(path=re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", rule.rule), operations=_operations(rule, declared))
    return spec


def operations() -> Iterator[tuple[Rule, Operation]]:
    """Every declared operation with its route."""
    for rule in current_app.url_map.iter_rules():
        declared = operation_of(current_app.view_functions[rule.endpoint])
        if declared is not None:
            yield rule, declared


def _operations(rule: Rule, declared: Operation) -> dict[str, Any]:
    view = current_app.view_functions[rule.endpoint]
    written: dict[str, Any] = {
        "operationId": view.__name__,
        "summary": declared.summary,
        "tags": [view.__module__.rpartition(".")[2]],
        "parameters": [*_path_parameters(rule), *_headers(declared)],
        "responses": _responses(rule, declared),
    }
    if declared.body is not None:
        written["requestBody"] = {"required": True, "content": {"application/json": {"schema": declared.body}}}
    roles = policy_of(view)
    if roles:
        written["security"] = [{"session": []}]
        written["description"] = "Serves " + ", ".join(sorted(roles)) + "."
    method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
    return {method.lower(): written}


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    kinds = rule._converters  # noqa: SLF001  werkzeug offers no other way to ask
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if type(kinds[name]).__name__ == INTEGERS else "string"},
        }
        for name in sorted(rule.arguments)
    ]


def _headers(declared: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in declared.headers]


def _responses(rule: Rule, declared: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if declared.answer is not None:
        schema: Any = {"type": "array", "items": declared.answer} if declared.many else declared.answer
        success["content"] = {"application/json": {"schema": schema}}
    return {str(declared.status): success, **_problems(_refusals(rule, declared))}


def _refusals(rule: Rule, declared: Operation) -> list[type[DomainError]]:
    found = list(declared.refusals)
    if policy_of(current_app.view_functions[rule.endpoint]):
        found += [SignInNeeded, NotForYou]
    if declared.body is not None:
        found += [NotJson, InvalidField]
    if rule.arguments:
        found.append(NotFound)
    return found


def _problems(refusals: list[type[DomainError]]) -> dict[str, Any]:
    codes: dict[int, list[str]] = defaultdict(list)
    for refusal in refusals:
        if refusal.code not in codes[refusal.status]:
            codes[refusal.status].append(refusal.code)
    return {
        str(status): {
            "description": " · ".join(f"`{code}`" for code in listed),
            "content": {"application/problem+json": {"schema": Problem}},
        }
        for status, listed in sorted(codes.items())
    }


def _name_of(schema: Any) -> str:  # noqa: ANN401  a class or an instance, as apispec has it
    return schema.__name__ if isinstance(schema, type) else type(schema).__name__
