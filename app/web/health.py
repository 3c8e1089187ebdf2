"""`/healthz`, which tells the truth, and `/metrics`, which speaks Prometheus.

Decides what "well" means: the database answers and has this program's schema, and the worker's heart beat within the
last ten seconds. Gateways are facts beside that: one that is away does not make the service ill.
"""

from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from alembic.script import ScriptDirectory
from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.db.migrate import MIGRATIONS
from app.db.pages import health as pages
from app.web.access import serves_everybody
from app.web.parts import civil_now, parts, read

blueprint = Blueprint("health", __name__)

BEAT_WITHIN_S = 10.0


@blueprint.get("/healthz")
@serves_everybody()
def healthz() -> tuple[Response, HTTPStatus]:
    """Answer 200 when all is well, else 503; the body says what is and what is not."""
    try:
        with read() as conn:
            facts = _facts(conn, civil_now())
    except OperationalError:
        facts = {"well": False, "database": "unreachable"}
    answer = jsonify(facts)
    answer.headers["Cache-Control"] = "no-store"
    return answer, HTTPStatus.OK if facts["well"] else HTTPStatus.SERVICE_UNAVAILABLE


@blueprint.get("/metrics")
@serves_everybody()
def metrics() -> Response:
    """Answer the machine's own network; what came through a proxy came from outside and finds nothing here."""
    if request.headers.get("X-Forwarded-For"):
        abort(HTTPStatus.NOT_FOUND)
    return Response(_figures(), content_type=CONTENT_TYPE_LATEST)


def _facts(conn: Connection, now: datetime) -> dict[str, Any]:
    migrated = pages.revision(conn) == newest_revision()
    if not migrated:
        return {"well": False, "database": "not_migrated"}
    worker = pages.worker(conn, shard=parts().settings.shard)
    beating = worker is not None and worker.age_s <= BEAT_WITHIN_S
    return {
        "well": beating,
        "database": "ok",
        "worker": {
            "beating": beating,
            "age_s": round(worker.age_s, 1) if worker else None,
            "connected": beating and worker is not None and worker.connected,
        },
        "gateways": [_gateway(each, now, beating=beating) for each in pages.gateways(conn)],
    }


def _gateway(told: pages.GatewayNow, now: datetime, *, beating: bool) -> dict[str, Any]:
    """While no worker listens nobody knows how a gateway is: unknown is told as unknown."""
    age_s = round((now - told.heard_at).total_seconds()) if told.heard_at else None
    return {
        "id": told.id,
        "online": told.online if beating else None,
        "heard_s_ago": age_s,
        "unconfirmed_entries": told.unconfirmed,
    }


@lru_cache(maxsize=1)
def newest_revision() -> str | None:
    """The revision this program's migrations end with."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _figures() -> bytes:
    registry = CollectorRegistry()
    up = Gauge("caibox_database_up", "1 when the database answers", registry=registry)
    try:
        with read() as conn:
            _tell(conn, registry)
    except OperationalError:
        up.set(0)
    else:
        up.set(1)
    return generate_latest(registry)


def _tell(conn: Connection, registry: CollectorRegistry) -> None:
    for name, value in pages.figures(conn).items():
        Gauge(f"caibox_{name}", name.replace("_", " ").capitalize(), registry=registry).set(float(value))
    orders = Gauge("caibox_orders", "Orders by state", ["state"], registry=registry)
    for state, count in pages.orders_by_state(conn).items():
        orders.labels(state=state).set(count)
    worker = pages.worker(conn, shard=parts().settings.shard)
    if worker:
        beat = Gauge("caibox_worker_beat_age_seconds", "Since the worker's heart beat last", registry=registry)
        beat.set(worker.age_s)
