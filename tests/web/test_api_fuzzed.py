"""The API keeps to its description whatever is sent: Schemathesis makes requests from the description itself, right and
wrong ones, for each role, and checks what comes back.

The same requests each time: a failure is found again. The database is the real one; what a request did stays.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks
from sqlalchemy import Engine, text

from app.db.tables import metadata
from app.domain.roles import Role
from tests.web.staff_world import Day, ask, day_at

# Ending the session, or bending the demo's clock, would change what every later request is.
LEFT_OUT = {"end_session", "set_demo_clock"}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.unsupported_method,
]
EXAMPLES = 3


@pytest.fixture(scope="module")
def day(db_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with db_engine.begin() as conn:
        conn.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    with day_at(db_engine, tmp_path_factory.mktemp("fuzzed")) as made:
        yield made


def known(day: Day) -> Mapping[str, Any]:
    """What there is, by the names of paths; so that more than "not found" is seen."""
    with day.engine.begin() as conn:
        command_id = ask(conn, gateway_id="gw-1", person_id=day.people[Role.DRIVER], label="x")
    return {
        "site_id": day.site_id,
        "run_no": day.run_no,
        "order_id": day.order_id,
        "parcel_id": day.parcels[0],
        "line_no": 1,
        "door_no": 7,
        "command_id": command_id,
    }


# Keepers have no operations of their own yet.
@pytest.mark.parametrize("role", [None, *(role for role in Role if role is not Role.KEEPER)])
def test_every_answer_is_one_that_the_description_names(day: Day, role: Role | None) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", day.app)
    there = known(day)
    # Packed answers are for clients that unpack them; this one does not.
    headers = {"Accept-Encoding": "identity", **(day.bearer(role) if role else {})}
    wrong, asked = [], 0
    for each in schema.get_all_operations():
        assert isinstance(each, Ok)
        operation = each.ok()
        if not tried_as(role, operation.definition.raw):
            continue
        asked += 1
        for strategy in strategies(operation, {name: there[name] for name in there if f"{{{name}}}" in operation.path}):
            wrong += failures(strategy, headers)
    assert wrong == []
    assert asked


def test_an_answer_that_the_description_does_not_name_is_noticed(day: Day) -> None:
    """Or the tests above would prove nothing."""
    described = day.client().get("/api/openapi.json").json
    sites = described["paths"]["/api/v1/sites"]["get"]
    described["paths"] = {"/api/v1/sites": {"get": sites}}
    del sites["responses"]["200"]
    schema = schemathesis.openapi.from_dict(described)
    schema.app = day.app
    (each,) = schema.get_all_operations()
    assert isinstance(each, Ok)
    assert any("Undocumented" in one for one in failures(each.ok().as_strategy(), {}))


def tried_as(role: Role | None, raw: Mapping[str, Any]) -> bool:
    """Whoever is not served is refused (`test_route_census`). What all may do a resident tries, for all."""
    roles = raw.get("x-roles", [])
    if raw["operationId"] in LEFT_OUT or role is None or not roles:
        return role is None and not roles and raw["operationId"] not in LEFT_OUT
    if len(roles) == len(Role):
        return role is Role.RESIDENT
    return role in roles and (role is not Role.ADMIN or roles == [Role.ADMIN])


def strategies(operation: Any, places: Mapping[str, Any]) -> Iterator[Any]:
    """Right requests and wrong ones; where a path names something, also with what there is."""
    raw = operation.definition.raw
    yield operation.as_strategy()
    if raw.get("requestBody") or raw.get("parameters"):
        yield operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        if places:
            yield operation.as_strategy(generation_mode=GenerationMode.NEGATIVE, path_parameters=places)
    if places:
        yield operation.as_strategy(path_parameters=places)


def failures(strategy: Any, headers: Mapping[str, str]) -> list[str]:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def send(case: Any) -> None:
        case.call_and_validate(headers=dict(headers), checks=CHECKS)

    try:
        send()
    except Unsatisfiable:  # nothing about it can be wrong
        return []
    except BaseExceptionGroup as found:
        return [str(one) for one in found.exceptions]
    return []
