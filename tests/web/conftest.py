"""A day's application on a port, for a real browser."""

from collections.abc import Iterator

import pytest
from flask import session
from playwright.sync_api import Browser

from app.domain.roles import Role
from app.web.access import serves_everybody
from tests.web.served import served
from tests.web.staff_world import Day


@pytest.fixture
def url(day: Day, browser: Browser) -> Iterator[str]:
    """The application's address; `/be/<role>` signs in, which in life takes a message."""

    def become(role: str) -> str:
        session["token"] = day.tokens[Role(role)]
        return "signed in"

    day.app.add_url_rule("/be/<role>", "become", serves_everybody()(become))
    with served(day.app, browser) as address:
        yield address
