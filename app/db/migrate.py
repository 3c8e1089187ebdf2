"""Runs the migrations; `caibox db upgrade` and the tests come here."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parent.parent.parent / "migrations"


def upgrade_schema(database_url: str) -> None:
    """Bring the schema at `database_url` to the newest revision."""
    os.environ["DATABASE_URL"] = database_url
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, "head")
