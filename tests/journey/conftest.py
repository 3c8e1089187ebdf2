"""The whole stack, once for the journeys that follow each other: everything a demo starts, on ports of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from app.demo.stack import Stack


@pytest.fixture(autouse=True)
def everybody_goes_home(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what a test's people left open: every page of theirs goes on asking, and the next test waits for it."""
    yield
    if "browser" in request.fixturenames:
        browser: Browser = request.getfixturevalue("browser")
        for context in browser.contexts:
            context.close()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A demo stack in a folder of its own, watched as `make demo` watches it."""
    yield from running_stack(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One for a journey that leaves its site as nobody should find it: warm, and unmeasured for ten minutes."""
    yield from running_stack(tmp_path_factory.mktemp("own"))


def running_stack(folder: Path) -> Iterator[Stack]:
    """Start it; stop it whatever happens."""
    running = Stack(folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()
