"""The shop of `cast.py` in an empty database."""

import pytest
from sqlalchemy import Engine

from tests.use_cases.cast import Shop, open_shop


@pytest.fixture
def shop(db: Engine) -> Shop:
    return open_shop(db)
