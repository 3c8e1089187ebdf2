"""Sends what people ask of a door from afar, once, and takes the answers.

Decides that a command is sent at most once: it is marked as sent, committed, and only then handed over; whoever dies in
between has sent nothing, and nobody tries again. A command nobody could send in time is too late, one nobody answers
within 12 s was said to a silent locker. One that waits for a second person is not there until they agreed. Never asks
why.
"""

import threading
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, text

from app.db.engine import announce, transaction
from app.link import metrics
from app.link.busy import postponed
from app.link.uplink import Uplink
from app.use_cases.site.wire_time import to_wire
from locker_protocol.clock import Clock
from locker_protocol.uplink_messages import CommandAnswered, LoadParcel, OpenDoors, OpenForOwner
from locker_protocol.vocabulary import DoorFault, Refusal, Right

log = structlog.get_logger()

POLL_S = 0.5
ANSWER_WITHIN_MS = 12_000
AT_ONCE = 32

TOO_LATE = text(
    "UPDATE remote_command SET answered_at = :now, refusal = :refusal"
    " FROM gateway WHERE gateway.id = gateway_id AND shard = :shard"
    " AND sent_at IS NULL AND answered_at IS NULL AND not_after < :now"
    " AND (hold_state IS NULL OR hold_state = 'confirmed')"
    " RETURNING remote_command.id, gateway_id, order_id, kind, refusal, answered_doors"
)
TAKE = text(
    "UPDATE remote_command SET sent_at = :now WHERE id IN (SELECT c.id FROM remote_command c"
    " JOIN gateway g ON g.id = c.gateway_id WHERE shard = :shard AND sent_at IS NULL AND answered_at IS NULL"
    " AND (hold_state IS NULL OR hold_state = 'confirmed')"
    " ORDER BY asked_at LIMIT :most FOR UPDATE OF c SKIP LOCKED)"
    ' RETURNING id, gateway_id, kind, doors, "right", order_id, label, instead_of, fault, person_id, reason, not_after,'
    " second_id, cold_since, credential_id,"
    " (SELECT generation FROM credential WHERE credential.id = credential_id) AS generation,"
    " (SELECT staff_no FROM person WHERE person.id = person_id)"
)
WAITING = text(
    "SELECT c.id FROM remote_command c JOIN gateway g ON g.id = c.gateway_id"
    " WHERE shard = :shard AND sent_at IS NOT NULL AND answered_at IS NULL"
)
SILENT = text(
    "UPDATE remote_command SET answered_at = :now, refusal = :refusal WHERE id = ANY(CAST(:ids AS text[]))"
    " AND answered_at IS NULL RETURNING id, gateway_id, order_id, kind, refusal, answered_doors"
)
# An answer that comes after we gave up is still the truth about the door.
ANSWER = text(
    "UPDATE remote_command SET answered_at = :now, answered_doors = CAST(:doors AS smallint[]), refusal = :refusal"
    " WHERE id = :id"
    " AND gateway_id = :gateway AND sent_at IS NOT NULL AND (answered_at IS NULL OR refusal = :gave_up)"
    " RETURNING id, gateway_id, order_id, kind, refusal, answered_doors"
)


class RemoteCommands:
    """The commands of one shard; `turn` is called from one thread."""

    def __init__(self, *, engine: Engine, shard: str, uplink: Uplink, clock: Clock) -> None:
        self._engine = engine
        self._shard = shard
        self._uplink = uplink
        self._clock = clock
        self._waiting_since: dict[str, int] = {}
        self.wake = threading.Event()
        self.turned_ms = clock.now().monotonic_ms

    def run(self, stop: threading.Event) -> None:
        """Send and give up until told to stop."""
        while not stop.is_set():
            self.wake.clear()
            self.turned_ms = self._clock.now().monotonic_ms
            with postponed("commands"):
                self.turn()
            self.wake.wait(POLL_S)

    def turn(self) -> None:
        """Refuse what is too late, send what waits, give up on what got no answer."""
        now = self._clock.now()
        for row in self._take(now.civil):
            sent = self._uplink.send(row.gateway_id, _command(row))
            log.info("command_sent" if sent else "command_lost", command=row.id, kind=row.kind, gateway=row.gateway_id)
        self._give_up(now.civil, now.monotonic_ms)

    def _take(self, now: datetime) -> list[Row[Any]]:
        with transaction(self._engine) as conn:
            late = conn.execute(TOO_LATE, {"shard": self._shard, "now": now, "refusal": Refusal.TOO_LATE.value}).all()
            for row in late:
                _tell(conn, row)
            if not self._uplink.connected:  # there may be a connection before it is too late
                return []
            return list(conn.execute(TAKE, {"shard": self._shard, "now": now, "most": AT_ONCE}).all())

    def _give_up(self, now: datetime, now_ms: int) -> None:
        with transaction(self._engine) as conn:
            waiting = set(conn.execute(WAITING, {"shard": self._shard}).scalars())
            # One that an earlier process sent is waited for from now on.
            self._waiting_since = {each: self._waiting_since.get(each, now_ms) for each in waiting}
            silent = [each for each, since in self._waiting_since.items() if now_ms - since >= ANSWER_WITHIN_MS]
            if silent:
                values = {"ids": silent, "now": now, "refusal": Refusal.LOCKER_SILENT.value}
                for row in conn.execute(SILENT, values).all():
                    _tell(conn, row)


def take_answer(conn: Connection, answer: CommandAnswered, *, gateway_id: str, now: datetime) -> bool:
    """Store what became of a command. False: it is not this gateway's, was never sent, or was answered before."""
    values = {
        "id": answer.command_id,
        "gateway": gateway_id,
        "now": now,
        "doors": list(answer.doors),
        "refusal": answer.refusal.value if answer.refusal else None,
        "gave_up": Refusal.LOCKER_SILENT.value,
    }
    row = conn.execute(ANSWER, values).one_or_none()
    if row is None:
        return False
    _tell(conn, row)
    return True


def _tell(conn: Connection, row: Row[Any]) -> None:
    metrics.COMMANDS_ANSWERED.labels(outcome=row.refusal or "opened").inc()
    log.info("command_answered", command=row.id, doors=row.answered_doors, refusal=row.refusal)
    announce(conn, f"command:{row.id}")
    if row.kind == "collect":
        announce(conn, f"order:{row.order_id}")  # whoever collects sees their order's page, and nothing of commands


def _command(row: Row[Any]) -> OpenDoors | LoadParcel | OpenForOwner:
    not_after = to_wire(row.not_after)
    if row.kind == "collect":
        return OpenForOwner(row.id, row.order_id, row.credential_id, row.generation, not_after)
    if row.kind == "open":
        right = Right(row.right)
        return OpenDoors(
            row.id, list(row.doors), right, row.person_id, row.reason, not_after, row.order_id, row.second_id
        )
    fault = DoorFault(row.fault) if row.fault else None
    # As the gateway names whoever showed their rotating code at a locker: to it they are the same driver.
    actor = row.person_id if row.staff_no is None else f"staff-{row.staff_no}"
    since = None if row.cold_since is None else to_wire(row.cold_since)
    return LoadParcel(row.id, row.label, actor, not_after, row.instead_of, fault, since)
