"""The API's description, OpenAPI 3.1, written by flask-smorest from the declarations; and the page that shows it."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template
from flask_smorest import Api

from app.domain.errors import DomainError, NotFound
from app.web import words
from app.web.access import serves_everybody
from app.web.api.operations import PROBLEM_JSON, Operations
from app.web.api.schemas import Problem
from app.web.problems import HTTP_CODES

VERSION = "1"
EXTENSION = "caibox_api"

blueprint = Blueprint("api", __name__, url_prefix="/api")


class Description(Api):  # type: ignore[misc]  # flask-smorest has no types
    """The library's extension. What goes wrong is told by `web.problems`, and the description's address is ours."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = Problem

    def register_operations(self, operations: Operations) -> None:
        """Serve and describe the operations of one topic."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][operations.name] = self
        self._app.register_blueprint(operations)
        operations.register_views_in_doc(self, self._app, self.spec, name=operations.name, parameters=None)
        self.spec.tag({"name": operations.topic, "description": operations.description})

    def _register_error_handlers(self) -> None:
        """None of the library's."""

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            response: dict[str, Any] = {"description": status.phrase}
            if status >= HTTPStatus.BAD_REQUEST:
                response["content"] = {PROBLEM_JSON: {"schema": Problem}}
            self.spec.components.response(status.name, response, lazy=True)


def describe(app: Flask) -> Description:
    """Begin the description of an application's API."""
    options = {"info": {"description": "Order produce, pay, and collect it from a refrigerated locker."}}
    api = Description(app, spec_kwargs={"title": "Caibox", "version": VERSION, "openapi_version": "3.1.0", **options})
    api.spec.components.security_scheme("session", {"type": "http", "scheme": "bearer"})
    app.extensions[EXTENSION] = api
    return api


@blueprint.get("/openapi.json")
@serves_everybody()
def openapi() -> Response:
    """Describe the API."""
    return jsonify(current_app.extensions[EXTENSION].spec.to_dict())


@blueprint.get("/docs")
@serves_everybody()
def docs() -> str:
    """Show the description as a page one can try things on."""
    return render_template("staff/api_docs.html")


@blueprint.get("/problems/<code>")
@serves_everybody()
def explain(code: str) -> str:
    """Explain a problem: its `type` leads here."""
    if code not in words.WORDS:
        raise NotFound
    return render_template("staff/api_problem.html", code=code, sentence=words.of_code(code), status=status_of(code))


def status_of(code: str) -> int | None:
    """With which HTTP status a problem of this code is answered; `None` for what is no problem of the API's."""
    of_library = (status for status, name in HTTP_CODES.items() if name == code)
    return next(of_library, None) or next((each.status for each in _refusals(DomainError) if each.code == code), None)


def _refusals(parent: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _refusals(child)
