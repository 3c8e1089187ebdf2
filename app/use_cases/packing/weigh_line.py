"""A picker read a scale: every reading is kept, and the last net weight of a line is the one that counts."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, text

from app.db.pick_lines import lock_line, write_line
from app.db.tables import weighing
from app.domain.picking import PickedAlready
from app.domain.weighing import NotSoldByWeight, ScaleUnknown, checked_net_g, refuse_unverified

SCALE = text("SELECT id, verified_until FROM scale WHERE id = :scale")


def weigh_line(
    conn: Connection,
    *,
    parcel_id: str,
    line_no: int,
    scale_id: str,
    gross_g: int,
    tare_g: int,
    person_id: str,
    now: datetime,
) -> int:
    """Weigh all pieces of a line that are there and mark it as picked; returns the net grams.

    Raises NotFound, IllegalMove, NotSoldByWeight, ScaleUnknown, ScaleNotVerified, WeightAbsurd, or PickedAlready when
    none of its pieces is there to be weighed.
    """
    line = lock_line(conn, parcel_id=parcel_id, line_no=line_no)
    if line.net_g is None:
        raise NotSoldByWeight
    pieces = line.quantity if line.picked_quantity is None else line.picked_quantity
    if pieces == 0:
        raise PickedAlready(ref=line.ref)
    _refuse_scale(conn, scale_id, line.timezone, now)
    net = checked_net_g(gross_g=gross_g, tare_g=tare_g, expected_g=pieces * line.net_g)
    reading = {"order_id": line.order_id, "line_no": line_no, "at": now, "person_id": person_id}
    conn.execute(insert(weighing).values(**reading, scale_id=scale_id, gross_g=gross_g, tare_g=tare_g))
    kept = {name: getattr(line, name) for name in ("short_reason", "substitute_id", "substitute_quantity")}
    write_line(conn, line, person_id=person_id, now=now, picked_quantity=pieces, weight_g=net, **kept)
    return net


def _refuse_scale(conn: Connection, scale_id: str, timezone: str, now: datetime) -> None:
    scale = conn.execute(SCALE, {"scale": scale_id}).one_or_none()
    if scale is None:
        raise ScaleUnknown(scale=scale_id)
    refuse_unverified(scale.id, verified_until=scale.verified_until, today=now.astimezone(ZoneInfo(timezone)).date())
