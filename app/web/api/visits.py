"""A driver's visit for programs: begin, what there is to do, doors, loads, the load gate, the end."""

from typing import Any

from app.db.pages import visit as pages
from app.domain.errors import NotFound
from app.domain.loading import (
    LabelCancelled,
    LabelLoaded,
    LabelMalformed,
    LabelNotPacked,
    LabelOtherRun,
    LabelOtherSite,
    LabelUnknown,
)
from app.domain.roles import Role
from app.domain.visit import (
    DoorInHand,
    GateJustJudged,
    LabelInHand,
    NotDue,
    NotToCheck,
    VisitOver,
    ZoneTooWarm,
    ZoneUnmeasured,
)
from app.use_cases.site.ask_site import ReasonNeeded, open_doors
from app.use_cases.visiting.begin_visit import begin_visit
from app.use_cases.visiting.end_visit import end_visit
from app.use_cases.visiting.load_at_visit import load_at_visit
from app.use_cases.visiting.measure_gate import measure_gate
from app.use_cases.visiting.open_at_visit import open_at_visit
from app.web.access import NotForYou, serves
from app.web.api import schemas
from app.web.api.operations import Operations
from app.web.parts import civil_now, civil_rate, parts, read, signed_in, write
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import DoorFault, Right

blueprint = Operations("visits", says="A driver's visit: sweep, check, load, leave")

LABEL_REFUSALS = (
    LabelMalformed,
    LabelUnknown,
    LabelOtherSite,
    LabelOtherRun,
    LabelNotPacked,
    LabelLoaded,
    LabelCancelled,
)


@blueprint.post("/sites/<site_id>/visits")
@serves(Role.DRIVER)
@blueprint.once
@blueprint.response(201, schemas.BegunVisit)
def begin(site_id: str) -> Any:  # noqa: ANN401  what the schema reads from
    """Begin a visit, or join the one under way."""
    with write() as conn:
        return begin_visit(
            conn,
            site_id=site_id,
            person_id=signed_in().id,
            now=civil_now(),
            rate=civil_rate(),
            random=random_bytes,
        )


@blueprint.get("/sites/<site_id>/visit")
@serves(Role.DRIVER, Role.OPERATOR)
@blueprint.etag
@blueprint.response(200, schemas.Visit)
def show_visit(site_id: str) -> dict[str, Any]:
    """Show what is to be done at a site."""
    with read() as conn:
        found = pages.visit_now(conn, site_id=site_id, person_id=signed_in().id, now=civil_now(), rate=civil_rate())
    if found is None:
        raise NotFound
    return {
        "visit_id": found.visit_id,
        "to_remove": found.to_remove,
        "to_check": [place.door for place in found.to_check],
        "gate": found.gate,
        "to_load": len(found.packed),
    }


@blueprint.post("/sites/<site_id>/doors/open")
@serves(Role.DRIVER, Role.OPERATOR)
@blueprint.refuses(ReasonNeeded, NotDue, NotToCheck, DoorInHand)
@blueprint.once
@blueprint.arguments(schemas.DoorsWanted)
@blueprint.response(202, schemas.CommandAsked)
def ask_for_doors(site_id: str, body: dict[str, Any]) -> dict[str, str]:
    """Ask a site to open doors together."""
    right = Right(body["right"])
    driver = signed_in().role is Role.DRIVER
    if driver and right is Right.STAFF:
        raise NotForYou
    with write() as conn:
        command_id = (open_at_visit if driver else open_doors)(
            conn,
            site_id=site_id,
            doors=sorted(set(body["doors"])),
            right=right,
            person_id=signed_in().id,
            reason=body["reason"],
            now=civil_now(),
            random=random_bytes,
            rate=civil_rate(),
        )
    return {"command_id": command_id}


@blueprint.post("/sites/<site_id>/loads")
@serves(Role.DRIVER)
@blueprint.refuses(*LABEL_REFUSALS, LabelInHand, ZoneTooWarm, ZoneUnmeasured)
@blueprint.once
@blueprint.arguments(schemas.ScannedLabel)
@blueprint.response(202, schemas.CommandAsked)
def ask_to_load(site_id: str, body: dict[str, Any]) -> dict[str, str]:
    """Ask a site to open a door for this label."""
    fault = body["fault"]
    with write() as conn:
        command_id = load_at_visit(
            conn,
            site_id=site_id,
            label_text=body["label"],
            person_id=signed_in().id,
            now=civil_now(),
            instead_of=body["instead_of"],
            fault=DoorFault(fault) if fault else None,
            random=random_bytes,
            rate=civil_rate(),
        )
    return {"command_id": command_id}


@blueprint.post("/visits/<visit_id>/gate")
@serves(Role.DRIVER)
@blueprint.refuses(VisitOver, GateJustJudged)
@blueprint.once
@blueprint.response(204)
def measure(visit_id: str) -> None:
    """Measure the zones again."""
    with write() as conn:
        measure_gate(conn, visit_id=visit_id, now=civil_now(), rate=civil_rate())


@blueprint.post("/visits/<visit_id>/end")
@serves(Role.DRIVER)
@blueprint.refuses(VisitOver)
@blueprint.once
@blueprint.arguments(schemas.VisitEnd)
@blueprint.response(200, schemas.EndedVisit)
def end(visit_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """End a visit."""
    with write() as conn:
        left = end_visit(
            conn,
            visit_id=visit_id,
            person_id=signed_in().id,
            now=civil_now(),
            settings=parts().settings,
            **body,
        )
    return {"not_loaded": left}
