"""A day's application on a port, for a real browser."""

import threading
from collections.abc import Iterator

import pytest
from flask import session
from werkzeug.serving import make_server

from app.domain.roles import Role
from app.web.access import serves_everybody
from tests.conftest import wait_until
from tests.web.staff_world import Day


@pytest.fixture
def url(day: Day) -> Iterator[str]:
    """The application on a port; `/be/<role>` signs in, which in life takes a message."""

    def become(role: str) -> str:
        session["token"] = day.tokens[Role(role)]
        return "signed in"

    day.app.add_url_rule("/be/<role>", "become", serves_everybody()(become))
    server = make_server("127.0.0.1", 0, day.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    # A request that was under way still has its connection; it must be back before the engine is thrown away.
    pool = day.app.extensions["caibox"].engine.pool
    wait_until(lambda: pool.checkedout() == 0, what="every request ended", seconds=10)
