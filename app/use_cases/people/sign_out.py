"""A session ends. Ending one that is over or was never there is no mistake."""

from sqlalchemy import Connection, delete

from app.db.people import token_hash
from app.db.tables import web_session


def sign_out(conn: Connection, *, token: str) -> None:
    """End the session of this token."""
    conn.execute(delete(web_session).where(web_session.c.token_hash == token_hash(token)))
