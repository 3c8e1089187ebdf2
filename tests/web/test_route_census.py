"""Every route says whom it serves and refuses all others. Walks the whole map: no new route can be forgotten."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from werkzeug.routing import Rule

from app.db.tables import metadata
from app.domain.roles import Role
from app.web.access import policy_of
from tests.web.staff_world import Day, day_at, sign_in_as

# Anybody may read these; who else a path names is nobody: unknown ids, so nothing is changed by asking.
NOBODY = {
    "lang_code": "en",
    "site_id": "nowhere",
    "run_no": 999999,
    "window_id": 999999,
    "door_no": 998,
    "wave_no": 998,
    "line_no": 998,
    "delivery_id": 998,
    "receipt_no": 998,
    "filename": "nothing.css",
}
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@pytest.fixture(scope="module")
def day(db_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with db_engine.begin() as conn:
        conn.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    with day_at(db_engine, tmp_path_factory.mktemp("census")) as made:
        yield made


def routes(day: Day) -> list[tuple[Rule, str]]:
    return [
        (rule, method)
        for rule in day.app.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def address(day: Day, rule: Rule) -> str:
    values = {name: NOBODY.get(name, "nobody") for name in rule.arguments}
    with day.app.test_request_context("/en/"):
        return str(day.app.url_map.bind("localhost").build(rule.endpoint, values))


def ask(day: Day, rule: Rule, method: str, role: Role | None) -> tuple[int, str]:
    client, headers = day.app.test_client(), {}
    if role is not None:
        with day.engine.begin() as conn:  # a session of its own: one of the routes ends it
            token = sign_in_as(conn, day.people[role])
        if rule.rule.startswith("/api/"):
            headers["Authorization"] = f"Bearer {token}"
        else:
            with client.session_transaction() as session:
                session["token"] = token
    with client.open(address(day, rule), method=method, headers=headers) as answer:
        return answer.status_code, answer.headers.get("Location", "")


def test_every_route_says_whom_it_serves(day: Day) -> None:
    silent = {rule.endpoint for rule, _ in routes(day) if policy_of(day.app.view_functions[rule.endpoint]) is None}
    assert silent == set()


@pytest.mark.parametrize(
    ("blueprint", "roles"),
    [
        ("picking", {Role.PICKER, Role.ADMIN}),
        ("driver", {Role.DRIVER, Role.ADMIN}),
        ("ops", {Role.OPERATOR, Role.ADMIN}),
        ("keeper", {Role.KEEPER, Role.ADMIN}),
        ("keeper_food", {Role.KEEPER, Role.ADMIN}),
        ("keeper_help", {Role.KEEPER, Role.ADMIN}),
        ("visit", {Role.DRIVER, Role.ADMIN}),
        ("ops_day", {Role.OPERATOR, Role.ADMIN}),
        ("ops_supply", {Role.OPERATOR, Role.ADMIN}),
        ("ops_reconciliation", {Role.OPERATOR, Role.ADMIN}),
        ("ops_stock", {Role.OPERATOR, Role.ADMIN}),
        ("ops_claims", {Role.OPERATOR, Role.ADMIN}),
        ("ops_money", {Role.OPERATOR, Role.ADMIN}),
        ("ops_people", {Role.OPERATOR, Role.ADMIN}),
        ("ops_webhooks", {Role.OPERATOR, Role.ADMIN}),
    ],
)
def test_staff_pages_serve_their_own_staff_only(day: Day, blueprint: str, roles: set[Role]) -> None:
    served = [policy_of(view) for name, view in day.app.view_functions.items() if name.startswith(f"{blueprint}.")]
    assert served
    assert all(allowed and allowed <= roles for allowed in served)


@pytest.mark.parametrize("role", [None, *Role])
def test_whom_a_route_does_not_serve_is_refused_and_the_others_are_not(day: Day, role: Role | None) -> None:
    wrong = []
    for rule, method in routes(day):
        allowed = policy_of(day.app.view_functions[rule.endpoint])
        assert allowed is not None
        status, location = ask(day, rule, method, role)
        if (refused(rule, status, location) == (not allowed or role in allowed)) or (
            status >= 500 and rule.rule != "/healthz"
        ):
            wrong.append(f"{method} {rule.rule} answers {status} {location}")
    assert wrong == []


def refused(rule: Rule, status: int, location: str) -> bool:
    if rule.rule.startswith("/api/"):
        return status in {401, 403}
    return status == 403 or (status == 302 and "/sign-in?" in location)


def test_no_address_both_shows_and_changes(day: Day) -> None:
    both = [
        rule.rule for rule, _ in routes(day) if "GET" in (rule.methods or set()) and CHANGES & (rule.methods or set())
    ]
    assert both == []
