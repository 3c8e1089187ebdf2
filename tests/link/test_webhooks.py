"""Other programs are told what happens: signed, until it has arrived; a slow or hostile address delays nobody.

Against a real HTTP server and the real database.
"""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.db.engine import transaction
from app.db.moves import MovedMeanwhile, move_order, move_parcels
from app.domain.order_state import OrderEvent, OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.webhook_event import (
    MOST_ENDPOINTS,
    WAITS,
    NotDead,
    TooManyEndpoints,
    WebhookAddressRefused,
    WebhookKind,
)
from app.factory import Parts, make_parts
from app.notify.webhook_address import check_url, is_public, resolve
from app.notify.webhook_message import Outcome
from app.use_cases.audit.others import every_move_is_told_to_who_asks
from app.use_cases.audit.rule import Moment
from app.use_cases.telling.deliver_webhooks import claim_due, forget_delivered, record_outcome
from app.use_cases.telling.end_endpoint import end_endpoint
from app.use_cases.telling.register_endpoint import register_endpoint
from app.use_cases.telling.send_again import send_again
from app.webhook_sender import WebhookSender
from locker_protocol.site_events import DoorWasOpened, DoorWasShut
from tests.link.world import (
    LOCKER,
    START,
    Service,
    add_order,
    add_person,
    add_run,
    add_site,
    make_settings,
    one,
    rows,
    up_batch,
)

ALL = list(WebhookKind)


@dataclass
class Receiver:
    """Another program's server; `answer` gives the status of each request."""

    answer: Callable[[int], int] = lambda _count: 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    enough: threading.Event = field(default_factory=threading.Event)
    wanted: int = 1
    url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.got.append((headers, body))
        self.reached.set()
        status = self.answer(len(self.got))
        if len(self.got) >= self.wanted:
            self.enough.set()
        return status


@contextmanager
def serving(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(dict(self.headers), body)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", receiver.url + "elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def parts(db: Engine) -> Iterator[Parts]:
    settings = make_settings(db.url.render_as_string(hide_password=False))
    made = make_parts(replace(settings, demo=True))
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
        add_order(conn, "o1", run=add_run(conn), state="awaiting_payment", parcels=["draft", "draft"])
    yield made
    made.engine.dispose()


@contextmanager
def sending(parts: Parts) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=WebhookSender(parts).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def register(parts: Parts, url: str, kinds: list[WebhookKind] = ALL) -> tuple[str, str]:
    with transaction(parts.engine) as conn:
        return register_endpoint(conn, url=url, kinds=kinds, person_id="person-a", now=START, settings=parts.settings)


def pay(parts: Parts, at: datetime = START) -> None:
    with transaction(parts.engine) as conn:
        move_order(
            conn,
            order_id="o1",
            state=OrderState.AWAITING_PAYMENT,
            event=OrderEvent.PAYMENT_CAPTURED,
            actor="clock",
            now=at,
        )


def tell(parts: Parts, endpoint_id: str, *events: str) -> None:
    with transaction(parts.engine) as conn:
        for event in events:
            conn.execute(
                text(
                    "INSERT INTO webhook_delivery (endpoint_id, event_id, kind, at, next_try_at, facts)"
                    " VALUES (:endpoint, :event, 'order.paid', :at, :at, '{}')"
                ),
                {"endpoint": endpoint_id, "event": event, "at": START},
            )


def wait_for(parts: Parts, query: str, wanted: object) -> None:
    for _ in range(600):
        if one(parts.engine, query) == wanted:
            return
        threading.Event().wait(0.05)
    assert one(parts.engine, query) == wanted


def test_a_payment_is_told_with_a_signature_that_the_secret_proves(parts: Parts) -> None:
    with serving(Receiver()) as receiver:
        _, secret = register(parts, receiver.url)
        pay(parts)
        with sending(parts):
            assert receiver.enough.wait(30)
            wait_for(parts, "SELECT state FROM webhook_delivery", "sent")
    headers, body = receiver.got[0]
    stamp, _, given = headers["Caibox-Signature"].partition(",")
    made = hmac.new(secret.encode(), stamp.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest()
    assert given == f"v1={made}"
    told = json.loads(body)
    assert (told["kind"], told["data"]) == ("order.paid", {"order_id": "o1"})
    assert headers["Caibox-Event"] == "order.paid"
    assert told["id"] == one(parts.engine, "SELECT event_id FROM webhook_delivery")


def test_each_parcel_is_told_of_with_its_order(parts: Parts) -> None:
    register(parts, "http://127.0.0.1:1/")
    ids = [parcel_id for (parcel_id,) in rows(parts.engine, "SELECT id FROM parcel ORDER BY id")]
    with transaction(parts.engine) as conn:
        conn.execute(text("UPDATE parcel SET state = 'planned'"))
        move_parcels(
            conn,
            order_id="o1",
            parcel_ids=ids,
            state=ParcelState.PLANNED,
            event=ParcelEvent.PACKED,
            actor="clock",
            now=START,
        )
    told = rows(parts.engine, "SELECT kind, facts FROM webhook_delivery ORDER BY facts->>'parcel_id'")
    assert told == [("parcel.packed", {"order_id": "o1", "parcel_id": parcel_id}) for parcel_id in ids]


def test_a_door_is_told_of_with_its_site(parts: Parts) -> None:
    register(parts, "http://127.0.0.1:1/", [WebhookKind.DOOR_OPENED])
    Service(parts.engine).hear(up_batch([DoorWasOpened(LOCKER, 1), DoorWasShut(LOCKER, 1)]))
    told = rows(parts.engine, "SELECT kind, facts FROM webhook_delivery")
    assert told == [("door.opened", {"site_id": "site-test", "door": 1, "order_id": None})]


def test_the_audit_finds_a_move_that_nobody_was_told_of(parts: Parts) -> None:
    register(parts, "http://127.0.0.1:1/")
    pay(parts, at=START + timedelta(minutes=2))
    moment = Moment(START + timedelta(hours=1))
    with parts.engine.begin() as conn:
        assert list(every_move_is_told_to_who_asks(conn, moment)) == []
        conn.execute(text("DELETE FROM webhook_delivery"))
        (found,) = every_move_is_told_to_who_asks(conn, moment)
    assert "was not told to" in found


def test_who_did_not_ask_for_a_kind_or_was_ended_is_not_told(parts: Parts) -> None:
    register(parts, "http://127.0.0.1:1/", [WebhookKind.DOOR_OPENED])
    ended, _ = register(parts, "http://127.0.0.1:2/")
    with transaction(parts.engine) as conn:
        end_endpoint(conn, endpoint_id=ended, now=START)
    pay(parts)
    assert one(parts.engine, "SELECT count(*) FROM webhook_delivery") == 0


def test_a_move_that_did_not_happen_is_not_told(parts: Parts) -> None:
    register(parts, "http://127.0.0.1:1/")
    with parts.engine.begin() as conn:
        conn.execute(text("UPDATE customer_order SET state = 'paid'"))
    with pytest.raises(MovedMeanwhile):
        pay(parts)
    assert one(parts.engine, "SELECT count(*) FROM webhook_delivery") == 0


def test_a_slow_endpoint_delays_no_other(parts: Parts) -> None:
    with serving(Receiver(wanted=5)) as quick:

        def wait_for_the_other(_count: int) -> int:
            quick.enough.wait(60)
            return 204

        with serving(Receiver(answer=wait_for_the_other)) as slow:
            slow_id, _ = register(parts, slow.url)
            quick_id, _ = register(parts, quick.url)
            tell(parts, slow_id, "e1")
            with sending(parts):
                assert slow.reached.wait(30)
                tell(parts, quick_id, *(f"e{number}" for number in range(5)))
                assert quick.enough.wait(60)
    assert len(quick.got) == 5


def test_what_did_not_arrive_is_sent_again_with_the_same_bytes(parts: Parts) -> None:
    with serving(Receiver(answer=lambda count: 500 if count < 3 else 200, wanted=3)) as receiver:
        endpoint_id, _ = register(parts, receiver.url)
        tell(parts, endpoint_id, "e1")
        with sending(parts):
            for tries in (1, 2):
                wait_for(parts, "SELECT CASE answered WHEN 500 THEN tries END FROM webhook_delivery", tries)
                with parts.engine.begin() as conn:
                    conn.execute(text("UPDATE webhook_delivery SET next_try_at = :at"), {"at": START})
            wait_for(parts, "SELECT state FROM webhook_delivery", "sent")
    assert len({body for _, body in receiver.got}) == 1
    assert len(receiver.got) == 3


def test_a_redirect_is_not_followed(parts: Parts) -> None:
    with serving(Receiver(answer=lambda _count: 302)) as receiver:
        endpoint_id, _ = register(parts, receiver.url)
        tell(parts, endpoint_id, "e1")
        with sending(parts):
            wait_for(parts, "SELECT answered FROM webhook_delivery", 302)
    assert len(receiver.got) == 1
    assert one(parts.engine, "SELECT state FROM webhook_delivery") == "waiting"


def test_an_endpoint_that_is_gone_is_tried_for_three_days_and_then_given_up(parts: Parts) -> None:
    endpoint_id, _ = register(parts, "http://127.0.0.1:1/")
    tell(parts, endpoint_id, "e1")
    now, failed, states = START, Outcome(arrived=False, trouble="gone"), list[str]()
    while not states or states[-1] == "waiting":
        with transaction(parts.engine) as conn:
            (claimed,) = claim_due(conn, busy=[], now=now)
            assert claim_due(conn, busy=[], now=now) == []
            states.append(record_outcome(conn, claimed, failed, now=now).value)
        last, now = now, one(parts.engine, "SELECT next_try_at FROM webhook_delivery")
    assert len(states) == len(WAITS) + 1
    assert timedelta(days=2, hours=12) < last - START <= timedelta(days=3)
    with transaction(parts.engine) as conn:
        assert claim_due(conn, busy=[], now=now + timedelta(days=9)) == []


def test_what_was_given_up_is_sent_again_by_hand_and_nothing_else_is(parts: Parts) -> None:
    endpoint_id, _ = register(parts, "http://127.0.0.1:1/")
    tell(parts, endpoint_id, "e1")
    delivery = one(parts.engine, "SELECT id FROM webhook_delivery")
    with pytest.raises(NotDead), transaction(parts.engine) as conn:
        send_again(conn, endpoint_id=endpoint_id, delivery_id=delivery, now=START)
    with parts.engine.begin() as conn:
        conn.execute(text("UPDATE webhook_delivery SET state = 'dead', tries = 14"))
    with transaction(parts.engine) as conn:
        send_again(conn, endpoint_id=endpoint_id, delivery_id=delivery, now=START)
    with transaction(parts.engine) as conn:
        (claimed,) = claim_due(conn, busy=[], now=START)
    assert (claimed.event_id, claimed.tries) == ("e1", 1)


def test_the_end_of_an_endpoint_gives_up_what_waits_for_it(parts: Parts) -> None:
    endpoint_id, _ = register(parts, "http://127.0.0.1:1/")
    tell(parts, endpoint_id, "e1")
    with transaction(parts.engine) as conn:
        end_endpoint(conn, endpoint_id=endpoint_id, now=START)
    assert one(parts.engine, "SELECT state FROM webhook_delivery") == "dead"


def test_messages_that_are_over_are_forgotten_after_thirty_days(parts: Parts) -> None:
    endpoint_id, _ = register(parts, "http://127.0.0.1:1/")
    tell(parts, endpoint_id, "e1", "e2")
    with parts.engine.begin() as conn:
        over = text("UPDATE webhook_delivery SET state = 'sent', tried_at = :at WHERE event_id = 'e1'")
        conn.execute(over, {"at": START})
    with transaction(parts.engine) as conn:
        assert forget_delivered(conn, now=START + timedelta(days=29)) == 0
        assert forget_delivered(conn, now=START + timedelta(days=31)) == 1
    assert one(parts.engine, "SELECT event_id FROM webhook_delivery") == "e2"


def test_there_are_only_so_many_endpoints(parts: Parts) -> None:
    for number in range(MOST_ENDPOINTS):
        register(parts, f"http://127.0.0.1:{number + 1}/")
    with pytest.raises(TooManyEndpoints):
        register(parts, "http://127.0.0.1:99/")
    assert one(parts.engine, "SELECT count(*) FROM webhook_endpoint") == MOST_ENDPOINTS


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::ffff:192.168.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://user:password@example.org/",
        "https://example.org/#part",
        "https://example.org\\@127.0.0.1/",
        "https:///nowhere",
        "https://example.org:99999/",
        "ftp://example.org/",
        "https://exa mple.org/",
    ],
)
def test_an_address_we_do_not_send_to_is_refused(parts: Parts, url: str) -> None:
    outside = replace(parts.settings, demo=False)
    with pytest.raises(WebhookAddressRefused), transaction(parts.engine) as conn:
        register_endpoint(conn, url=url, kinds=ALL, person_id="person-a", now=START, settings=outside)
    assert one(parts.engine, "SELECT count(*) FROM webhook_endpoint") == 0


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "no.such.name.invalid"])
def test_a_name_that_leads_inside_or_nowhere_is_refused_when_it_is_resolved(host: str) -> None:
    place = check_url(f"https://{host}/", inside_allowed=False)
    with pytest.raises(WebhookAddressRefused):
        resolve(place, inside_allowed=False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104  it is asked about, not bound
        ("100.64.0.1", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_only_the_public_internet_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_an_endpoint_inside_is_refused_again_when_it_is_sent_to(parts: Parts) -> None:
    with serving(Receiver()) as receiver:
        endpoint_id, _ = register(parts, receiver.url.replace("http:", "https:"))
        tell(parts, endpoint_id, "e1")
        strict = replace(parts, settings=replace(parts.settings, demo=False))
        with sending(strict):
            wait_for(parts, "SELECT trouble FROM webhook_delivery", "no public address is known for it")
    assert receiver.got == []
