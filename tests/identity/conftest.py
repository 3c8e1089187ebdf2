"""The brokers of both kinds, once a module."""

from collections.abc import Iterator

import pytest

from tests.identity.stand import Stand, mosquitto_stands, nats_stands


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stand]]:
    """Both links on Mosquitto with certificates."""
    with mosquitto_stands(tmp_path_factory.mktemp("mosquitto")) as stands:
        yield stands


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stand]]:
    """Both links on NATS with passwords."""
    with nats_stands(tmp_path_factory.mktemp("nats")) as stands:
        yield stands


@pytest.fixture(params=["mosquitto-uplink", "mosquitto-bus", "nats-uplink", "nats-bus"])
def stand(request: pytest.FixtureRequest) -> Stand:
    """The test runs on each link of each kind."""
    kind, link = request.param.split("-")
    found: Stand = request.getfixturevalue(kind)[link]
    return found
