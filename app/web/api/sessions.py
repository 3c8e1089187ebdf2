"""Signing in and out: a code goes to a phone or mail address, and whoever sends it back gets a session's token."""

from typing import Any

from flask import request

from app.domain.contact import ContactUnreadable
from app.domain.sign_in_code import CodeOver, CodeWrong, TooManyCodes
from app.use_cases.people.request_sign_in import request_sign_in
from app.use_cases.people.sign_in import SignedIn, sign_in
from app.use_cases.people.sign_out import sign_out
from app.web.access import serves_everybody, serves_signed_in
from app.web.api import schemas
from app.web.api.operations import Operations
from app.web.language import short
from app.web.parts import civil_now, write
from locker_protocol.ids import random_bytes

blueprint = Operations("sessions", says="Sign in with a one-time code, sign out")


@blueprint.post("/sign-in-codes")
@serves_everybody()
@blueprint.refuses(ContactUnreadable, TooManyCodes)
@blueprint.arguments(schemas.SignInCodeWanted)
@blueprint.response(201, schemas.SignInCodeAsked)
def send_sign_in_code(body: dict[str, Any]) -> dict[str, str]:
    """Send a sign-in code."""
    with write() as conn:
        request_id = request_sign_in(
            conn, contact=body["contact"], language=short(), now=civil_now(), random=random_bytes
        )
    return {"request_id": request_id}


@blueprint.post("/sessions")
@serves_everybody()
@blueprint.refuses(CodeWrong, CodeOver)
@blueprint.arguments(schemas.SignIn)
@blueprint.response(201, schemas.Session)
def begin_session(body: dict[str, Any]) -> SignedIn:
    """Sign in with the code."""
    with write() as conn:
        return sign_in(
            conn,
            request_id=body["request_id"],
            code=body["code"],
            now=civil_now(),
            random=random_bytes,
        )


@blueprint.delete("/sessions/current")
@serves_signed_in()
@blueprint.response(204)
def end_session() -> None:
    """Sign out."""
    with write() as conn:
        sign_out(conn, token=request.headers["Authorization"].removeprefix("Bearer "))
