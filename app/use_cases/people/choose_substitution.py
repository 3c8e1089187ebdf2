"""A person says, once for all their orders, what they want where something is short: something similar, or the money.

Holds for what is not packed yet, too: whoever packs it sees what they want now.
"""

from sqlalchemy import Connection, text

from app.domain.basket import Substitution

CHOOSE = text("UPDATE person SET substitution = :wanted WHERE id = :person_id AND substitution <> :wanted")
FOLLOW = text("""
    UPDATE customer_order SET substitution = :wanted, version = version + 1
    WHERE person_id = :person_id AND state IN ('awaiting_payment', 'paid') AND substitution <> :wanted
""")


def choose_substitution(conn: Connection, *, person_id: str, wanted: Substitution) -> None:
    """Keep it for them, and for their orders that are still to be packed."""
    asked = {"person_id": person_id, "wanted": wanted.value}
    if conn.execute(CHOOSE, asked).rowcount:
        conn.execute(FOLLOW, asked)
