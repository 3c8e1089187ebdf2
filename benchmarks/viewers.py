"""Who looks at which pages of a measured shop: a resident whose order lies in the lockers, and one of each staff."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection

from sqlalchemy import Connection, text

from app.db.engine import transaction
from app.db.people import token_hash
from benchmarks.shop import SITE, ServedShop, paid_order
from locker_protocol.clock import RealClock
from locker_protocol.ids import random_id

RESIDENT, PICKER, DRIVER, KEEPER, OPERATOR = "resident", "picker", "driver", "keeper", "operator"
# Each is what a person opens again and again; an address says whose it is, and holds what `Viewers.places` knows.
PAGES: Mapping[str, tuple[str, str]] = {
    "shop": (RESIDENT, "/en/shop"),
    "search": (RESIDENT, "/en/shop?q=tomato"),
    "product": (RESIDENT, "/en/products/tomatoes"),
    "basket": (RESIDENT, "/en/basket"),
    "orders": (RESIDENT, "/en/orders"),
    "order": (RESIDENT, "/en/orders/{order}"),
    "collect": (RESIDENT, "/en/orders/{order}/collect"),
    "account": (RESIDENT, "/en/account"),
    "packing": (PICKER, "/en/picking"),
    "packing a run": (PICKER, "/en/picking/runs/{run}"),
    "driving": (DRIVER, "/en/driver"),
    "loading": (DRIVER, f"/en/driver/{SITE}/{{run}}"),
    "building": (KEEPER, "/en/keeper"),
    "fleet": (OPERATOR, "/en/ops"),
    "day": (OPERATOR, "/en/ops/day"),
    "numbers": (OPERATOR, "/en/ops/numbers"),
    "all orders": (OPERATOR, "/en/ops/orders"),
    "an order found": (OPERATOR, "/en/ops/orders?q={order_no}"),
    "an order's history": (OPERATOR, "/en/ops/orders/{order}"),
    "runs": (OPERATOR, "/en/ops/runs"),
    "stock": (OPERATOR, "/en/ops/stock"),
    "refunds": (OPERATOR, "/en/ops/refunds"),
    "people": (OPERATOR, "/en/ops/people"),
    "lots": (OPERATOR, "/en/ops/lots"),
    "claims": (OPERATOR, "/en/ops/claims"),
    "cold": (OPERATOR, "/en/ops/cold"),
    "alarms": (OPERATOR, "/en/ops/alarms"),
    "openings": (OPERATOR, "/en/ops/openings"),
}


@dataclass(frozen=True, slots=True)
class Viewers:
    """Their cookies by role, and what addresses are made of."""

    cookies: Mapping[str, str]
    places: Mapping[str, object]

    def address(self, page: str) -> tuple[str, str]:
        """The path of a page and the cookie of whom it is for."""
        role, path = PAGES[page]
        return path.format(**self.places), self.cookies[role]


def make_viewers(shop: ServedShop) -> Viewers:
    """Sign everybody in, and bring one order of the first buyer into the lockers."""
    with closing(HTTPConnection(shop.address, timeout=60)) as http:
        order, _ = paid_order(shop, http, 0)
    with transaction(shop.engine) as conn:
        places = _in_the_lockers(conn, order)
        cookies = {role: shop.cookie(_sign_in(conn, role)) for role in (PICKER, DRIVER, KEEPER, OPERATOR)}
        conn.execute(  # its health is asked for beside; a worker is not part of this
            text("INSERT INTO worker_beat (shard, connected, beat_at) VALUES ('s0', true, :ahead)"),
            {"ahead": RealClock().now().civil + timedelta(days=1)},
        )
    return Viewers({RESIDENT: shop.cookie(shop.tokens[0]), **cookies}, {"order": order, **places})


def _sign_in(conn: Connection, role: str) -> str:
    now, token = RealClock().now().civil, random_id()
    conn.execute(
        text(
            "INSERT INTO web_session (token_hash, person_id, made_at, expires_at) SELECT :hash, id, :now, :ends"
            " FROM person WHERE role = :role ORDER BY id LIMIT 1"
        ),
        {"hash": token_hash(token), "now": now, "ends": now + timedelta(hours=12), "role": role},
    )
    return token


def _in_the_lockers(conn: Connection, order: str) -> dict[str, object]:
    """The order is ready, each of its bags behind the door that was planned for it, and has a code."""
    now, mine = RealClock().now().civil, {"order": order}
    conn.execute(
        text(
            "UPDATE parcel SET state = 'loaded', door = planned_doors[1], packed_at = :early, loaded_at = :now"
            " WHERE order_id = :order"
        ),
        {**mine, "early": now - timedelta(hours=3), "now": now},
    )
    conn.execute(text("UPDATE customer_order SET state = 'ready' WHERE id = :order"), mine)
    conn.execute(
        text(
            "INSERT INTO credential (id, order_id, site_id, handle, generation, made_at, expires_at, typed)"
            " VALUES ('0011223344556677', :order, :site, 7, 1, :now, :ends, true) ON CONFLICT DO NOTHING"
        ),
        {**mine, "site": SITE, "now": now, "ends": now + timedelta(days=2)},
    )
    found = conn.execute(text("SELECT order_no, run_no FROM customer_order WHERE id = :order"), mine).one()
    return {"order_no": found.order_no, "run": found.run_no}
