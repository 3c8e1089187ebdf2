"""What a person or program is told when a request cannot be served, and the headers that every answer carries.

Under `/api/` a problem is `application/problem+json` (RFC 9457) with a stable `code`; elsewhere it is a page, or, when
htmx asked, a line for the page's status region. What nobody expected answers 500 with a reference that the log knows.
Views with a form catch their own refusals and show the form again; what arrives here has no form to go back to.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import BadRequest, HTTPException

from app.domain.errors import DomainError
from app.payments.provider import Unavailable
from app.web import words
from app.web.language import LANGUAGES
from locker_protocol.ids import short_reference

log = structlog.get_logger()

REFERENCE_LENGTH = 4
RETRY_AFTER_S = 2
PROBLEM_TYPES = "/api/problems/"  # each leads to a page that explains it
CONTENT_POLICY: Mapping[str, str] = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# What a browser says it wants a page for; who says nothing is taken for a reader.
PAGE_DESTINATIONS = {"document", "iframe", "frame", "empty"}
HTTP_CODES: Mapping[int, str] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    412: "changed_meanwhile",
    413: "too_large",
    415: "unsupported_media_type",
    422: "bad_request",
    428: "if_match_needed",
    429: "too_many_requests",
}


def register(app: Flask) -> None:
    """Give every failure an answer and every answer its headers."""
    # A page may lie open on a kitchen table all day; its form must still work. The token dies with its session.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    # Before anything reads a form: what is no UTF-8 can be seen only in the raw bytes.
    app.before_request_funcs.setdefault(None, []).insert(0, refuse_broken_text)
    app.register_error_handler(DomainError, _on_refusal)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(Unavailable, _on_unavailable)
    app.register_error_handler(OperationalError, _on_database_away)
    app.register_error_handler(Exception, _on_bug)
    app.after_request(secure)


def allow(directive: str, source: str) -> None:
    """Let this answer's content policy have one more source, say `allow("script-src", "'wasm-unsafe-eval'")`."""
    policy: dict[str, str] = g.setdefault("content_policy", dict(CONTENT_POLICY))
    before = policy.get(directive, "'self'")
    policy[directive] = f"{before} {source}"


def refuse_broken_text() -> None:
    """Refuse text that is no UTF-8, or that holds a NUL, which PostgreSQL cannot store."""
    texts = [request.query_string]
    if request.mimetype == "application/x-www-form-urlencoded":
        texts.append(request.get_data())
    if "\ufffd" in request.path or "\0" in request.path or any(_is_broken(text) for text in texts):
        raise BadRequest
    if request.mimetype == "multipart/form-data" and any(
        "\ufffd" in value or "\0" in value for _, value in request.form.items(multi=True)
    ):
        raise BadRequest


def _is_broken(encoded: bytes) -> bool:
    decoded = unquote_to_bytes(encoded)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return True
    return b"\0" in decoded


def secure(response: Response) -> Response:
    """Say what the page may load, who may frame it, and that nobody keeps a copy of what is somebody's own."""
    policy: Mapping[str, str] = g.get("content_policy", CONTENT_POLICY)
    headers = response.headers
    headers.setdefault("Content-Security-Policy", "; ".join(f"{name} {value}" for name, value in policy.items()))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    elif "v" in request.args:  # the address changes with the file
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def problem(status: int, code: str, detail: str, facts: Mapping[str, Any] | None = None) -> Response:
    """Answer with a problem in the form the asker reads."""
    if request.path.startswith("/api/"):
        return _as_json(status, code, detail, facts or {})
    _take_language_from_path()
    if request.headers.get("HX-Request"):
        return _as_line(status, detail)
    if not _is_for_reading():
        return Response(detail, status, mimetype="text/plain")
    return make_response(render_template("problem.html", status=status, code=code, detail=detail), status)


def _is_for_reading() -> bool:
    """Whether the answer is shown as a page.

    A page has forms and so begins a session: an answer to a picture's request, sent before the first page had its
    cookie, would end the session of that page and its forms with it.
    """
    return request.headers.get("Sec-Fetch-Dest", "document") in PAGE_DESTINATIONS


def _on_refusal(error: DomainError) -> Response:
    _take_language_from_path()
    facts = {**error.facts, "errors": errors} if (errors := getattr(error, "errors", None)) else error.facts
    return problem(error.status, error.code, words.sentence(error), facts)


def _on_http(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return make_response(error.get_response())
    if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_bug(error)
    _take_language_from_path()
    code = HTTP_CODES.get(error.code, "bad_request")
    response = problem(error.code, code, words.of_code(code))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _on_unavailable(error: Unavailable) -> Response:
    _take_language_from_path()
    log.warning("outside_unavailable", reason=str(error), permanent=error.permanent, path=request.path)
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", words.of_code("unavailable"))


def _on_database_away(error: OperationalError) -> Response:
    """The database does not answer, or gave up: nothing was written, and the same request may be sent again."""
    _take_language_from_path()
    log.warning("database_unavailable", reason=str(error.orig).splitlines()[0][:200], path=request.path)
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", words.of_code("unavailable"))
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _on_bug(error: Exception) -> Response:
    _take_language_from_path()
    reference = f"E-{short_reference(REFERENCE_LENGTH)}"
    log.error("unexpected", reference=reference, method=request.method, path=request.path, exc_info=error)
    detail = words.of_code("unexpected", {"reference": reference})
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected", detail, {"reference": reference})


def _as_json(status: int, code: str, detail: str, facts: Mapping[str, Any]) -> Response:
    title = code.replace("_", " ").capitalize()
    own = {"type": f"{PROBLEM_TYPES}{code}", "title": title, "status": status, "code": code, "detail": detail}
    response = jsonify({**facts, **own})
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def _as_line(status: int, detail: str) -> Response:
    response = make_response(render_template("problem_line.html", detail=detail), status)
    response.headers["HX-Retarget"] = "#status"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def _take_language_from_path() -> None:
    """An address that leads nowhere still says which language was spoken there."""
    first = request.path.split("/", 2)[1] if request.path.startswith("/") else ""
    if not g.get("lang_code") and first in LANGUAGES:
        g.lang_code = first
