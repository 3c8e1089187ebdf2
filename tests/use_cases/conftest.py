"""The shop of `cast.py` in an empty database."""

import pytest
from sqlalchemy import Engine

from tests.use_cases.cast import Shop, open_shop
from tests.use_cases.changes import Changes
from tests.use_cases.evening import Evening
from tests.use_cases.keeping_world import Keeping, look_after


@pytest.fixture
def shop(db: Engine) -> Shop:
    return open_shop(db)


@pytest.fixture
def evening(shop: Shop) -> Evening:
    return Evening(shop)


@pytest.fixture
def keeping(shop: Shop) -> Keeping:
    return look_after(shop)


@pytest.fixture
def changes(shop: Shop) -> Changes:
    return Changes(shop)
