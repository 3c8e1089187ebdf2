"""Signing in and out: a code goes to a phone or mail address, and whoever sends it back gets a session's token."""

from typing import Any

from flask import request

from app.domain.contact import ContactUnreadable
from app.domain.sign_in_code import CodeOver, CodeWrong, TooManyCodes
from app.use_cases.people.request_sign_in import request_sign_in
from app.use_cases.people.sign_in import SignedIn, sign_in
from app.use_cases.people.sign_out import sign_out
from app.web.access import serves_everybody, serves_signed_in
from app.web.api import blueprint, schemas
from app.web.api.contract import operation
from app.web.language import short
from app.web.parts import civil_now, write
from locker_protocol.ids import random_bytes


@blueprint.post("/sign-in-codes")
@serves_everybody()
@operation(
    "Send a sign-in code",
    body=schemas.SignInCodeWanted,
    answer=schemas.SignInCodeAsked,
    status=201,
    refusals=(ContactUnreadable, TooManyCodes),
)
def send_sign_in_code(body: dict[str, Any]) -> dict[str, str]:
    with write() as conn:
        request_id = request_sign_in(
            conn, contact=body["contact"], language=short(), now=civil_now(), random=random_bytes
        )
    return {"request_id": request_id}


@blueprint.post("/sessions")
@serves_everybody()
@operation(
    "Sign in with the code",
    body=schemas.SignIn,
    answer=schemas.Session,
    status=201,
    refusals=(CodeWrong, CodeOver),
)
def begin_session(body: dict[str, Any]) -> SignedIn:
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
@operation("Sign out", status=204)
def end_session() -> None:
    with write() as conn:
        sign_out(conn, token=request.headers["Authorization"].removeprefix("Bearer "))
