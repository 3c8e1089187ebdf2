"""One site, its run and a resident, in an empty database; the service's end of the link on a set clock."""

import pytest
from sqlalchemy import Engine

from tests.link.world import Service, add_person, add_run, add_site


@pytest.fixture
def service(db: Engine) -> Service:
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
    return Service(db)


@pytest.fixture
def run(service: Service) -> tuple[int, int]:
    with service.engine.begin() as conn:
        return add_run(conn)
