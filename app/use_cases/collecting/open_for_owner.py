"""Whoever holds an order's code asks on a page for its doors, from wherever they are.

Decides only that there is a code and something to open; the gateway judges the code as if it had been typed, so all its
rules hold. What is asked is written first, lives ten seconds, is never sent twice; a second tap meanwhile is the same.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, text

from app.db.engine import announce
from app.db.quarantines import KEPT_SHUT
from app.db.tables import remote_command
from app.domain.errors import NotFound
from app.domain.inspecting import KeptShut
from app.use_cases.collecting.issue_credential import NoLiveCode
from app.use_cases.collecting.show_code import REOPENS_FOR
from locker_protocol.ids import RandomBytes, random_bytes, random_id

LIVES = timedelta(seconds=10)

LOCK = text("SELECT id, state, person_id, site_id FROM customer_order WHERE id = :order_id FOR UPDATE")
CODE = text("""
    SELECT id FROM credential WHERE order_id = :order_id
        AND (ended_at IS NULL OR (:state = 'collected' AND ended_at > :lately))
    ORDER BY generation DESC LIMIT 1
""")
UNDER_WAY = text("""
    SELECT id FROM remote_command
    WHERE order_id = :order_id AND kind = 'collect' AND answered_at IS NULL AND not_after > :now
    ORDER BY asked_at DESC LIMIT 1
""")
LYING = text(f"""
    SELECT count(*) FILTER (WHERE NOT {KEPT_SHUT}) AS good, count(*) AS lying
    FROM parcel p WHERE p.order_id = :order_id AND p.state = 'loaded'
""")  # noqa: S608  a text of ours
GATEWAY = text("SELECT id FROM gateway WHERE site_id = :site_id")


def open_for_owner(
    conn: Connection, *, order_id: str, now: datetime, random: RandomBytes = random_bytes, rate: float = 1
) -> str:
    """Ask for the order's doors; returns the command's id. Raises NotFound, NoLiveCode or KeptShut.

    The caller has proved the right: the order's owner, or a signed link. `rate` is how fast civil time runs (1 outside
    a demo): the command lives ten real seconds.
    """
    order = conn.execute(LOCK, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound(what="order")
    asked = {"order_id": order_id, "state": order.state, "lately": now - REOPENS_FOR}
    credential_id = conn.execute(CODE, asked).scalar_one_or_none()
    if credential_id is None or order.state not in ("ready", "collected"):
        raise NoLiveCode
    lying = conn.execute(LYING, {"order_id": order_id}).one()
    if lying.lying and not lying.good:
        raise KeptShut
    running = conn.execute(UNDER_WAY, {"order_id": order_id, "now": now}).scalar_one_or_none()
    if running is not None:
        return str(running)
    command_id = random_id(random)
    conn.execute(
        insert(remote_command).values(
            id=command_id,
            gateway_id=conn.execute(GATEWAY, {"site_id": order.site_id}).scalar_one(),
            kind="collect",
            order_id=order_id,
            credential_id=credential_id,
            # Whose code it is. Who held it nobody asks, as nobody does at the locker.
            person_id=order.person_id,
            reason="",
            asked_at=now,
            not_after=now + LIVES * rate,
        )
    )
    for topic in ("command", f"order:{order_id}"):
        announce(conn, topic)
    return command_id
