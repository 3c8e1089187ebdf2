"""The whole stack, once for the journeys that follow each other: everything a demo starts, on ports of its own."""

from collections.abc import Iterator

import pytest

from app.demo.stack import Stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A demo stack in a folder of its own, watched as `make demo` watches it."""
    running = Stack(tmp_path_factory.mktemp("stack"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
