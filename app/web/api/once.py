"""Lets a program send a request again that it got no answer to: under the same `Idempotency-Key` it is done once.

The view runs inside one transaction, with which its answer is kept or lost. So nothing that asks a payment provider
belongs here.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request

from app.domain.answered import request_hash
from app.use_cases.people.answer_once import Answer, earlier_answer, keep_answer
from app.web.parts import civil_now, joined, signed_in, write

HEADER = "Idempotency-Key"
JSON = "application/json"


def answered_once(view: Callable[..., Response]) -> Callable[..., Response]:
    """Run a view once for a key; without a key, each time."""

    @wraps(view)
    def run(**arguments: Any) -> Response:  # noqa: ANN401  path arguments, as Flask gives them
        key = request.headers.get(HEADER)
        return view(**arguments) if key is None else _once(key, view, arguments)

    return run


def _once(key: str, view: Callable[..., Response], arguments: dict[str, Any]) -> Response:
    asked = request_hash(method=request.method, path=request.full_path, body=request.get_data())
    person_id = signed_in().id
    with write() as conn, joined(conn):
        earlier = earlier_answer(conn, person_id=person_id, key=key, request_hash=asked)
        if earlier is not None:
            return Response(earlier.body, status=earlier.status, content_type=JSON if earlier.body else None)
        answer = view(**arguments)
        told = Answer(answer.status_code, answer.get_data())
        keep_answer(conn, person_id=person_id, key=key, request_hash=asked, answer=told, now=civil_now())
    return answer
