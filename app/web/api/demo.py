"""What a demo stack publishes of itself: its virtual lockers, its inbox, its clock. Anywhere else: not found."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, fields, validate

from app.db.engine import transaction
from app.db.pages import inbox as pages
from app.domain.errors import NotFound
from app.use_cases.audit.audit import as_json, audit
from app.use_cases.audit.chains import heads
from app.use_cases.audit.rule import QUIET, Moment
from app.web.access import serves_everybody
from app.web.api.fields import Body, Words
from app.web.api.listing import Part, PartWanted
from app.web.api.operations import Operations
from app.web.demo_clock import NoSuchJump, clock_file
from app.web.parts import civil_now, parts, read
from locker_protocol.clock import DemoClock, read_anchor, write_anchor

blueprint = Operations("demo", says="A demo stack's lockers, inbox and clock; elsewhere not found")

# A clock near the end of what dates can say would break every page, for good: it never goes back.
LAST_DAY = datetime(2100, 1, 1, tzinfo=UTC)


class DemoClockReading(Schema):
    civil = fields.AwareDateTime(required=True)
    rate = fields.Float(required=True)


class Demo(Schema):
    locker_pages = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, metadata={"description": "By locker id."}
    )
    clock = fields.Nested(DemoClockReading, required=True)


class DemoMessage(Schema):
    kind = fields.String(required=True)
    subject = fields.String(required=True)
    body = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)


class DemoFinding(Schema):
    invariant = fields.String(required=True)
    name = fields.String(required=True)
    violations = fields.Integer(required=True)
    examples = fields.List(fields.String(), required=True)


class DemoAudit(Schema):
    violations = fields.Integer(required=True)
    invariants = fields.List(fields.Nested(DemoFinding), required=True)


class MessagesWanted(PartWanted):
    contact = Words(longest=254, shortest=0, load_default="", metadata={"description": "A part of the address."})


class WantedTime(Body):
    to = fields.AwareDateTime(required=True, metadata={"description": "The civil time from now on; never earlier."})
    rate = fields.Float(load_default=None, validate=validate.Range(min=1, max=600))


@blueprint.get("/demo")
@serves_everybody()
@blueprint.refuses(NotFound)
@blueprint.etag
@blueprint.response(200, Demo)
def describe_demo() -> Mapping[str, Any]:
    """Describe a demo stack."""
    clock = _clock()
    return {"locker_pages": parts().settings.locker_pages, "clock": clock}


@blueprint.get("/demo/messages")
@serves_everybody()
@blueprint.refuses(NotFound)
@blueprint.etag
@blueprint.lists(DemoMessage, key=("made_at", "id"), query=MessagesWanted)
def list_demo_messages(part: Part) -> Sequence[Any]:
    """Read a demo's inbox, newest first."""
    clock_file()
    with read() as conn:
        return pages.messages(conn, contact=part.query["contact"], after=part.after, limit=part.and_one)


@blueprint.post("/demo/clock")
@serves_everybody()
@blueprint.refuses(NotFound, NoSuchJump)
@blueprint.arguments(WantedTime)
@blueprint.response(200, DemoClockReading)
def set_demo_clock(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Set a demo's clock ahead."""
    path, target = clock_file(), body["to"]
    if not DemoClock(path).now().civil <= target <= LAST_DAY:
        raise NoSuchJump
    rate = body["rate"] or read_anchor(path).rate
    write_anchor(path, rate=rate, civil_ms=round(target.timestamp() * 1000))
    return _clock()


@blueprint.get("/demo/audit")
@serves_everybody()
@blueprint.refuses(NotFound)
@blueprint.etag
@blueprint.response(200, DemoAudit)
def audit_demo() -> Mapping[str, Any]:
    """Check the invariants of a demo's database."""
    rate = read_anchor(clock_file()).rate
    with transaction(parts().engine) as conn:  # the long tables are read through a cursor, which needs one
        return as_json(audit(conn, Moment(civil_now(), QUIET * max(1.0, rate))), heads(conn))


def _clock() -> Mapping[str, datetime | float]:
    path = clock_file()
    return {"civil": DemoClock(path).now().civil, "rate": read_anchor(path).rate}
