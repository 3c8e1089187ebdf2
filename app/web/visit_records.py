"""Where a driver's phone sends what it kept while there was no network: several records at once, an answer for each.

Each record is a transaction of its own, in the order in which they were sent. One that is refused holds up no other.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from app.domain.errors import DomainError
from app.domain.roles import Role
from app.domain.visit_record import LATEST_MS, MOST_AT_ONCE, RecordUnreadable, TooManyRecords, VisitRecord, read_record
from app.use_cases.visiting.take_visit_record import Taken, take_visit_record
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, civil_rate, signed_in, write
from app.web.uploads import photo_sent, takes_photo
from locker_protocol.ids import random_id

blueprint = Blueprint("visit_records", __name__, url_prefix="/<lang_code>/driver/<site_id>/records")

Answer = tuple[dict[str, Any], int]
MILLISECONDS = 1000


@blueprint.post("")
@serves(Role.DRIVER)
@takes_photo
def take(site_id: str) -> Answer:
    """Take `records`, a JSON text `{sent, records}`; a photo comes as the file named by its record's id.

    Answers with `{answers: [{id, code, says, done_at}]}`: `taken`, `again` (it was taken before), or a refusal's code.
    What cannot be read as a whole answers 422 with `{code, says}`, and nothing of it counts.
    """
    try:
        sent_ms, records = _read(request.form.get("records", ""))
    except DomainError as refusal:
        return {"code": refusal.code, "says": words.sentence(refusal)}, refusal.status
    return {"answers": [_answer(site_id, each, sent_ms) for each in records]}, HTTPStatus.OK


@blueprint.post("/form")
@serves(Role.DRIVER)
def take_form(site_id: str) -> Response:
    """Take a trouble, or one taken back, from a page without script; raises what `take` would answer."""
    now_ms = round(civil_now().timestamp() * MILLISECONDS)
    form = {name: request.form.get(name, "") for name in ("kind", "trouble", "label", "of", "visit")}
    record = read_record({**form, "id": random_id(), "person": signed_in().id, "seq": 0, "at": now_ms})
    _take(site_id, record, now_ms)
    return redirect(_back(site_id), HTTPStatus.SEE_OTHER)


def _read(text: str) -> tuple[int, list[object]]:
    """The phone's time and the records as sent. Raises RecordUnreadable or TooManyRecords."""
    try:
        sent = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise RecordUnreadable(field="records") from None
    records = sent.get("records") if isinstance(sent, dict) else None
    if not isinstance(records, list):
        raise RecordUnreadable(field="records")
    if len(records) > MOST_AT_ONCE:
        raise TooManyRecords(most=MOST_AT_ONCE)
    sent_ms = sent.get("sent")
    if not isinstance(sent_ms, int) or isinstance(sent_ms, bool) or not 0 <= sent_ms <= LATEST_MS:
        raise RecordUnreadable(field="sent")
    return sent_ms, records


def _answer(site_id: str, sent: object, sent_ms: int) -> dict[str, Any]:
    named = sent.get("id") if isinstance(sent, dict) else None
    try:
        taken = _take(site_id, read_record(sent), sent_ms)
    except DomainError as refusal:
        return _said(named, refusal.code, words.sentence(refusal))
    return _said(named, "again" if taken.again else "taken", "", taken.done_at)


def _take(site_id: str, record: VisitRecord, sent_ms: int) -> Taken:
    jpeg = photo_sent(record.id)
    with write() as conn:
        return take_visit_record(
            conn,
            record=record,
            sent_ms=sent_ms,
            jpeg=jpeg,
            site_id=site_id,
            person_id=signed_in().id,
            now=civil_now(),
            rate=civil_rate(),
        )


def _said(named: object, code: str, says: str, done_at: datetime | None = None) -> dict[str, Any]:
    return {"id": named, "code": code, "says": says, "done_at": done_at.isoformat() if done_at else None}


def _back(site_id: str) -> str:
    run_no = request.form.get("run_no", "")
    if run_no.isascii() and run_no.isdecimal() and len(run_no) <= 9:
        return url_for("driver.loop_page", site_id=site_id, run_no=int(run_no))
    return url_for("visit.leave_page", site_id=site_id)
