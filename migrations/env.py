"""Alembic's way in: the URL comes from the environment, the schema from `app.db.tables`."""

import os

from alembic import context
from sqlalchemy import NullPool, create_engine

from app.db.tables import metadata

with create_engine(os.environ["DATABASE_URL"], poolclass=NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
