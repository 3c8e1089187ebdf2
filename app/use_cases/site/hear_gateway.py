"""What a gateway says of itself: that it is there, how its controllers and doors stand, how far it has our log.

Decides what is shown as unknown: everything behind a gateway or controller that is not heard. Decides where the down
log stands for the gateway; beginning a new one is `begin_down_log`'s. Never believes a death of an earlier boot.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.use_cases.site.wire_time import from_wire
from locker_protocol.site_entries import LogPosition
from locker_protocol.uplink_messages import ControllerStatus, GatewayBirth, GatewayDeath, SiteStatus

HEAR = text(
    "UPDATE gateway SET online = true, boot_id = :boot_id, heard_at = :now,"
    " ahead_s = coalesce(:ahead_s, ahead_s) WHERE id = :gateway"
    " RETURNING down_log_id, down_seq, down_acked_seq"
)
GO_BACK = text("UPDATE gateway SET down_acked_seq = :seq WHERE id = :gateway AND down_log_id = :log_id")
DIE = text(
    "UPDATE gateway SET online = false WHERE id = :gateway AND online"
    " AND (boot_id IS NULL OR boot_id = :boot_id) RETURNING site_id"
)
SILENT = text(
    "UPDATE gateway SET online = false WHERE shard = :shard AND online AND NOT (id = ANY(CAST(:heard AS text[])))"
    " RETURNING id, site_id"
)
LOCKERS_GONE = text("UPDATE locker SET online = false WHERE site_id = :site AND online")
DOORS_UNKNOWN = text(
    "UPDATE compartment SET door_state = 'unknown' WHERE site_id = :site AND door_state <> 'unknown'"
    " AND locker_id IN (SELECT id FROM locker WHERE site_id = :site AND NOT online)"
)
LOCKERS = text(
    "WITH told AS (SELECT * FROM unnest(CAST(:lockers AS text[]), CAST(:online AS boolean[]),"
    " CAST(:heard_at AS timestamptz[])) AS told (id, online, heard_at)),"
    " before AS (SELECT locker.id, locker.online FROM locker JOIN told USING (id) WHERE locker.site_id = :site)"
    " UPDATE locker SET online = told.online, heard_at = told.heard_at FROM told JOIN before USING (id)"
    " WHERE locker.id = told.id RETURNING before.online <> told.online AS turned"
)
# A status that was overtaken by a later event must not undo it.
DOORS = text(
    "UPDATE compartment SET door_state = told.state, door_changed_at = :at FROM unnest(CAST(:lockers AS text[]),"
    " CAST(:doors AS integer[]), CAST(:states AS text[])) AS told (locker_id, door, state)"
    " WHERE compartment.site_id = :site AND compartment.door = told.door AND compartment.locker_id = told.locker_id"
    " AND door_state <> told.state AND (door_changed_at IS NULL OR door_changed_at <= :at)"
)
# Pages show a tenth of a degree; they need not hear of less.
ZONES = text(
    "WITH told AS (SELECT told.* FROM unnest(CAST(:lockers AS text[]), CAST(:zones AS text[]),"
    " CAST(:air_c AS float8[]), CAST(:product_c AS float8[]), CAST(:read_at AS timestamptz[]))"
    " AS told (locker_id, zone, air_c, product_c, read_at) JOIN locker ON locker.id = told.locker_id"
    " WHERE locker.site_id = :site),"
    " turned AS (SELECT count(*) AS n FROM told LEFT JOIN zone_reading z USING (locker_id, zone) WHERE"
    " z.zone IS NULL OR round(z.air_c::numeric, 1) IS DISTINCT FROM round(told.air_c::numeric, 1)),"
    " written AS (INSERT INTO zone_reading (locker_id, zone, air_c, product_c, read_at) SELECT * FROM told"
    " ON CONFLICT (locker_id, zone) DO UPDATE SET air_c = excluded.air_c, product_c = excluded.product_c,"
    " read_at = excluded.read_at)"
    " SELECT n FROM turned"
)
# Written when it changed. What is older than the last word was overtaken, or is told again by somebody else.
AUDIT = text(
    "INSERT INTO audit_told (gateway_id, log_id, at_ms, heard_at, no, hash)"
    " SELECT :gateway, :log_id, :at_ms, :now, :no, :hash WHERE NOT EXISTS (SELECT FROM (SELECT at_ms, no, hash"
    " FROM audit_told WHERE gateway_id = :gateway AND log_id = :log_id ORDER BY at_ms DESC LIMIT 1) last"
    " WHERE last.at_ms >= :at_ms OR (last.no = :no AND last.hash = :hash))"
)


class Standing(Enum):
    """Where the down log stands for a gateway: never begun, nothing to do, send again from where it is, begin anew."""

    NEVER_BEGUN = "never_begun"

    IN_STEP = "in_step"
    BEHIND = "behind"
    UNKNOWN = "unknown"


def hear_birth(conn: Connection, birth: GatewayBirth, *, gateway_id: str, site_id: str, now: datetime) -> Standing:
    """A gateway connected, or could not join our log."""
    announce(conn, f"site:{site_id}")
    return _hear(conn, gateway_id, birth.boot_id, birth.down, now, ahead_s=None)


def hear_status(conn: Connection, status: SiteStatus, *, gateway_id: str, site_id: str, now: datetime) -> Standing:
    """A gateway told what is now: lockers, doors, temperatures. Announces the site only when something turned."""
    ahead_s = max(0, int((from_wire(status.at) - now).total_seconds()))
    standing = _hear(conn, gateway_id, status.boot_id, status.down, now, ahead_s=ahead_s)
    _hear_audit(conn, status, gateway_id, now)
    turned = _hear_lockers(conn, status.controllers, site_id, now)
    turned |= conn.execute(DOORS_UNKNOWN, {"site": site_id}).rowcount > 0
    live = [each for each in status.controllers if each.online]
    turned |= _hear_doors(conn, live, site_id, min(from_wire(status.at), now))
    turned |= _hear_zones(conn, live, site_id, now)
    if turned:
        announce(conn, f"site:{site_id}")
    return standing


def hear_death(conn: Connection, death: GatewayDeath, *, gateway_id: str, site_id: str) -> bool:
    """A gateway's will: it is away, and what is behind it unknown. False: it was an earlier boot's, and is ignored."""
    if conn.execute(DIE, {"gateway": gateway_id, "boot_id": death.boot_id}).one_or_none() is None:
        return False
    _nothing_known(conn, site_id)
    return True


def hear_silence(conn: Connection, *, shard: str, heard: Sequence[str]) -> list[str]:
    """Mark every gateway of the shard that is not among `heard` as away; returns those that were thought there."""
    gone = conn.execute(SILENT, {"shard": shard, "heard": list(heard)}).all()
    for _, site_id in gone:
        _nothing_known(conn, site_id)
    return [gateway_id for gateway_id, _ in gone]


def judge(down: LogPosition | None, *, log_id: str | None, seq: int, acked: int) -> Standing:
    """Compare what a gateway says it has with our log: numbered through `seq`, acknowledged through `acked`."""
    if log_id is None:
        return Standing.NEVER_BEGUN
    if down is None or down.log_id != log_id or down.seq > seq:
        return Standing.UNKNOWN
    return Standing.BEHIND if down.seq < acked else Standing.IN_STEP


def _hear(
    conn: Connection, gateway_id: str, boot_id: str, down: LogPosition | None, now: datetime, *, ahead_s: int | None
) -> Standing:
    values = {"gateway": gateway_id, "boot_id": boot_id, "now": now, "ahead_s": ahead_s}
    log_id, seq, acked = conn.execute(HEAR, values).one()
    standing = judge(down, log_id=log_id, seq=seq, acked=acked)
    if standing is Standing.BEHIND and down is not None and down.log_id == log_id:
        conn.execute(GO_BACK, {"gateway": gateway_id, "log_id": log_id, "seq": down.seq})
    return standing


def _hear_audit(conn: Connection, status: SiteStatus, gateway_id: str, now: datetime) -> None:
    if status.audit is None:
        return
    told = {"at_ms": status.at, "no": status.audit.row, "hash": bytes.fromhex(status.audit.hash)}
    conn.execute(AUDIT, {"gateway": gateway_id, "log_id": status.up.log_id, "now": now, **told})


def _nothing_known(conn: Connection, site_id: str) -> None:
    conn.execute(LOCKERS_GONE, {"site": site_id})
    conn.execute(DOORS_UNKNOWN, {"site": site_id})
    announce(conn, f"site:{site_id}")


def _hear_lockers(conn: Connection, told: list[ControllerStatus], site_id: str, now: datetime) -> bool:
    values = {
        "site": site_id,
        "lockers": [each.controller for each in told],
        "online": [each.online for each in told],
        "heard_at": [min(from_wire(each.heard_at), now) for each in told],
    }
    return any(conn.execute(LOCKERS, values).scalars().all())


def _hear_doors(conn: Connection, live: list[ControllerStatus], site_id: str, at: datetime) -> bool:
    pairs = [(each.controller, reading) for each in live for reading in each.doors]
    values = {
        "site": site_id,
        "at": at,
        "lockers": [controller for controller, _ in pairs],
        "doors": [reading.door for _, reading in pairs],
        "states": [reading.state for _, reading in pairs],
    }
    return conn.execute(DOORS, values).rowcount > 0


def _hear_zones(conn: Connection, live: list[ControllerStatus], site_id: str, now: datetime) -> bool:
    pairs = {(each.controller, reading.zone): (each, reading) for each in live for reading in each.zones}
    values = {
        "site": site_id,
        "lockers": [each.controller for each, _ in pairs.values()],
        "zones": [reading.zone.value for _, reading in pairs.values()],
        "air_c": [reading.air_c for _, reading in pairs.values()],
        "product_c": [reading.product_c for _, reading in pairs.values()],
        "read_at": [min(from_wire(each.heard_at), now) for each, _ in pairs.values()],
    }
    return int(conn.execute(ZONES, values).scalar_one()) > 0
