"""The API's description is true: every operation is in it, every reference leads somewhere, answers match."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from app.domain.roles import Role
from tests.web.staff_world import Day, ask, day_at

UNDESCRIBED = {"api.openapi", "api.docs", "api.explain"}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def described(day: Day) -> dict[str, Any]:
    answer = day.client().get("/api/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def operations(described: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for path in described["paths"].values() for name, one in path.items() if name != "parameters"]


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references(each)


def test_every_route_of_the_api_is_described_once(day: Day, described: dict[str, Any]) -> None:
    written = [one["operationId"] for one in operations(described)]
    served = [rule.endpoint for rule in day.app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    assert sorted(written) == sorted(day.app.view_functions[each].__name__ for each in set(served) - UNDESCRIBED)
    assert len(written) == len(set(written))
    assert described["openapi"].startswith("3.1")


def test_every_operation_says_in_a_sentence_what_it_does(described: dict[str, Any]) -> None:
    for one in operations(described):
        assert one["summary"].endswith(".")


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    targets = set(references(described))
    assert targets
    for target in targets:
        found: Any = described
        for part in target.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_every_parameter_of_a_path_is_described(described: dict[str, Any]) -> None:
    for path, item in described["paths"].items():
        names = {parameter["name"] for parameter in item.get("parameters", ()) if parameter["in"] == "path"}
        assert names == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_refusals_stand_beside_what_they_refuse(described: dict[str, Any]) -> None:
    answers = described["paths"]["/api/v1/orders"]["post"]["responses"]
    assert set(answers) >= {"201", "400", "401", "409", "422"}
    assert "`sold_out`" in answers["409"]["description"]
    assert "application/problem+json" in answers["409"]["content"]


@pytest.mark.parametrize(
    ("path", "method", "role"),
    [
        ("/api/v1/sites", "get", None),
        ("/api/v1/products", "get", None),
        ("/api/v1/sites/{site_id}/windows", "get", None),
        ("/api/v1/orders", "get", Role.RESIDENT),
        ("/api/v1/orders/{order_id}", "get", Role.RESIDENT),
        ("/api/v1/runs/{run_no}/parcels", "get", Role.PICKER),
        ("/api/v1/commands/{command_id}", "get", Role.OPERATOR),
    ],
)
def test_an_answer_matches_its_schema(
    day: Day, described: dict[str, Any], path: str, method: str, role: Role | None
) -> None:
    with day.engine.begin() as conn:
        command_id = ask(conn, gateway_id="gw-1", person_id=day.people[Role.DRIVER], label="x")
    url = path.format(site_id=day.site_id, order_id=day.order_id, run_no=day.run_no, command_id=command_id)
    answer = day.client().open(url, method=method.upper(), headers=day.bearer(role) if role else {})
    declared = described["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**declared, "components": described["components"]}).validate(answer.json)


def test_a_problem_matches_its_schema(day: Day, described: dict[str, Any]) -> None:
    problem = day.client().post("/api/v1/sign-in-codes", json={}).json
    schema = {"$ref": "#/components/schemas/Problem", "components": described["components"]}
    Draft202012Validator(schema).validate(problem)


def test_a_problem_leads_to_a_page_that_explains_it(day: Day) -> None:
    problem = day.client().get("/api/v1/orders", headers={"Accept-Language": "en"}).json
    explained = day.client().get(problem["type"], headers={"Accept-Language": "en"})
    assert explained.status_code == 200
    assert "HTTP 401" in explained.text
    assert "Please sign in first." in explained.text
    assert day.client().get("/api/problems/nobody_knows").status_code == 404


def test_the_page_that_shows_it_has_no_inline_script(day: Day) -> None:
    page = day.client().get("/api/docs").text
    assert "swagger-ui-bundle.js" in page
    assert "<script>" not in page
