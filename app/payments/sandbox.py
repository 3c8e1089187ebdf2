"""A payment provider without money: charges in a table of its own, a hosted page, signed webhooks, idempotency keys.

It behaves as real ones do where that matters: it knows nothing of orders, tells of changes by messages that may be lost
or repeated, and decides only on its own page. Messages are signed by HMAC-SHA256 over `{timestamp}.{body}`. It shares
our database for want of another, and nothing of our code: it could move to a machine of its own. Switched on, it fails
in the ways of `sandbox_faults`; what it did and what it says differ then, as elsewhere.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec
import structlog
from sqlalchemy import Connection, Engine, Row, text

from app.db.engine import each_alone
from app.db.statement import Statement
from app.domain.reconciling import Movement, MovementKind
from app.payments.provider import (
    Charge,
    ChargeState,
    StartedCharge,
    Unavailable,
    WebhookEvent,
    WebhookForged,
    WebhookUnreadable,
)
from app.payments.sandbox_faults import (
    Delivery,
    Outcome,
    SandboxFaults,
    deliveries,
    outcome,
    read_faults,
    refuses_refund,
)
from app.settings import Settings
from locker_protocol.clock import Clock
from locker_protocol.ids import RandomBytes, random_bytes, random_id

log = structlog.get_logger()

SIGNATURE_HEADER = "Sandbox-Signature"
WEBHOOK_PATH = "/webhooks/sandbox"
TOLERANCE = timedelta(minutes=5)
TIMEOUT_S = 5
STAMP_DIGITS = 12
TEXT_LENGTH = 200
BATCH = 50
CHANGED, REFUNDED = "charge.changed", "charge.refunded"

FAULTS = "(SELECT faults FROM sandbox_switch) AS faults"
# One charge a key: a repeat is told of the first. On disk with whatever is decided about it, which is what counts.
OPEN_CHARGE = Statement(f"""
    INSERT INTO sandbox_charge (ref, idempotency_key, amount_minor, currency, state, description, return_url, made_at)
    SELECT :ref, :key, :amount_minor, :currency, 'open', :description, :return_url, :now
    FROM set_config('synchronous_commit', 'off', true)
    ON CONFLICT (idempotency_key) DO UPDATE SET idempotency_key = excluded.idempotency_key
    RETURNING ref, amount_minor, currency, return_url, {FAULTS}
""")  # noqa: S608  no input in it
BY_REF = Statement(f"SELECT *, {FAULTS} FROM sandbox_charge WHERE ref = :ref")  # noqa: S608
LOCK = text(f"SELECT *, {FAULTS} FROM sandbox_charge WHERE ref = :ref FOR UPDATE")  # noqa: S608
REFUND_BY_KEY = text("SELECT ref, charge_ref, amount_minor FROM sandbox_refund WHERE idempotency_key = :key")
REFUND = text("UPDATE sandbox_charge SET refunded_minor = refunded_minor + :amount_minor WHERE ref = :charge_ref")
KEEP_REFUND = text("""
    INSERT INTO sandbox_refund (ref, charge_ref, idempotency_key, amount_minor, made_at)
    VALUES (:ref, :charge_ref, :key, :amount_minor, :now)
""")
DECIDE = Statement("UPDATE sandbox_charge SET state = :state, decided_at = :now WHERE ref = :ref AND state = 'open'")
REPORT = text("""
    SELECT 'charge' AS kind, ref, idempotency_key, amount_minor, currency, decided_at AS at
    FROM sandbox_charge WHERE state = 'captured' AND decided_at >= :since AND decided_at < :until
    UNION ALL SELECT 'refund', r.ref, r.idempotency_key, r.amount_minor, c.currency, r.made_at
    FROM sandbox_refund r JOIN sandbox_charge c ON c.ref = r.charge_ref
    WHERE r.made_at >= :since AND r.made_at < :until
    ORDER BY at, ref
""")
SWITCHES = text(f"SELECT {FAULTS}")
SWITCH = text("""
    INSERT INTO sandbox_switch (id, faults) VALUES (1, CAST(:faults AS jsonb))
    ON CONFLICT (id) DO UPDATE SET faults = excluded.faults
""")
QUEUE = text("""
    INSERT INTO sandbox_message (event_id, type, ref, forged, due_at) VALUES (:event_id, :type, :ref, :forged, :due_at)
""")
TAKE_DUE = text("""
    DELETE FROM sandbox_message WHERE id IN (
        SELECT id FROM sandbox_message WHERE due_at <= :now ORDER BY due_at, id LIMIT :batch FOR UPDATE SKIP LOCKED
    ) RETURNING id, event_id, type, ref, forged
""")

Post = Callable[[bytes, Mapping[str, str]], bool]


class _Answer:
    """Whether a call's answer is lost; decided where its faults are known."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self.lost = False

    def decide(self, faults: SandboxFaults) -> None:
        """Throw the dice. Raises Unavailable where nothing shall be done, inside the transaction that it undoes."""
        happens = outcome(faults, self._random)
        if happens is Outcome.NOT_DONE:
            raise Unavailable("no answer", permanent=False)
        self.lost = happens is Outcome.DONE_UNSAID


@dataclass(frozen=True, slots=True)
class HostedCharge:
    """What the hosted page shows."""

    ref: str
    state: ChargeState
    amount_minor: int
    currency: str
    description: str
    return_url: str


class SandboxProvider:
    """The provider, its hosted page's decisions and its messages."""

    name = "sandbox"

    def __init__(self, engine: Engine, clock: Clock, settings: Settings, *, random: RandomBytes = random_bytes) -> None:
        self._engine = engine
        self._clock = clock
        self._public_url = settings.public_url
        self._secret = settings.sandbox_secret.encode()
        self._faults = read_faults(settings.sandbox_faults)
        self._random = random

    # --- what our side asks

    def start(
        self, *, idempotency_key: str, amount_minor: int, currency: str, description: str, return_url: str
    ) -> StartedCharge:
        """Open a charge; the same key gives the same charge again. Raises Unavailable for another amount."""
        fresh = {
            "ref": f"sb_{random_id(self._random)}",
            "key": idempotency_key,
            "amount_minor": amount_minor,
            "currency": currency,
            "description": description,
            "return_url": return_url,
            "now": self._clock.now().civil,
        }
        with self._answering() as answer, self._engine.begin() as conn:
            charge = OPEN_CHARGE.one(conn, fresh)
            if (charge.amount_minor, charge.currency) != (amount_minor, currency):
                raise Unavailable("the key belongs to another amount", permanent=True)
            answer.decide(self._switched(charge.faults))
        return StartedCharge(charge.ref, self._page(charge.ref, return_url or charge.return_url))

    def look_up(self, ref: str) -> Charge:
        """A charge's current state. Raises Unavailable for one that does not exist."""
        with self._answering() as answer:
            row = self._find(ref)
            if row is None:
                raise Unavailable("no such charge", permanent=True)
            answer.decide(self._switched(row.faults))
        return Charge(row.ref, ChargeState(row.state), row.amount_minor, row.currency, row.refunded_minor)

    def refund(self, ref: str, *, amount_minor: int, idempotency_key: str) -> str:
        """Give money back; the same key refunds once. Raises Unavailable for more than was captured."""
        with self._answering() as answer, self._engine.begin() as conn:
            row = conn.execute(LOCK, {"ref": ref}).one_or_none()
            if row is None or row.state != ChargeState.CAPTURED.value:
                raise Unavailable("nothing was captured", permanent=True)
            faults = self._switched(row.faults)
            refund_ref = self._refunded_before(conn, ref, idempotency_key, amount_minor)
            if refund_ref is None:
                if refuses_refund(faults, self._random):
                    raise Unavailable("the bank does not answer", permanent=False)
                refund_ref = self._refund(conn, row, idempotency_key, amount_minor, faults)
            answer.decide(faults)
        return refund_ref

    def find_refund(self, ref: str, *, idempotency_key: str) -> str | None:
        """Name the refund that was asked for by this key, if it was done."""
        with self._answering() as answer, self._engine.begin() as conn:
            answer.decide(self._switched(conn.execute(SWITCHES).scalar_one()))
            row = conn.execute(REFUND_BY_KEY, {"key": idempotency_key}).one_or_none()
        return row.ref if row is not None and row.charge_ref == ref else None

    def report(self, *, since: datetime, until: datetime) -> list[Movement]:
        """List captures and refunds from `since` to before `until`."""
        with self._answering() as answer, self._engine.begin() as conn:
            answer.decide(self._switched(conn.execute(SWITCHES).scalar_one()))
            rows = conn.execute(REPORT, {"since": since, "until": until}).all()
        return [
            Movement(MovementKind(row.kind), row.ref, row.idempotency_key, row.amount_minor, row.currency, row.at)
            for row in rows
        ]

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """Verify the raw bytes and read them. Raises WebhookForged, WebhookUnreadable."""
        stamp, signature = self._signature_of(headers)
        if abs(self._clock.now().civil_ms // 1000 - stamp) > TOLERANCE.total_seconds():
            raise WebhookForged("too old")
        if not hmac.compare_digest(self._sign(stamp, body), signature):
            raise WebhookForged("the signature does not hold")
        message = _message(body)
        return WebhookEvent(message["event_id"], message["ref"])

    # --- what happens on the provider's own page

    def hosted_charge(self, ref: str) -> HostedCharge | None:
        """A charge as the hosted page shows it."""
        row = self._find(ref)
        if row is None:
            return None
        state = ChargeState(row.state)
        return HostedCharge(row.ref, state, row.amount_minor, row.currency, row.description, row.return_url)

    def decide(self, ref: str, *, paid: bool) -> bool:
        """The person paid or declined; False when that was decided before."""
        state = ChargeState.CAPTURED if paid else ChargeState.DECLINED
        with each_alone(self._engine) as conn:
            return DECIDE.run(conn, {"ref": ref, "state": state.value, "now": self._clock.now().civil}) == 1

    def webhook(
        self, ref: str, *, event_id: str | None = None, kind: str = CHANGED, forged: bool = False
    ) -> tuple[bytes, dict[str, str]]:
        """Write a message about a charge: its body and headers. A forged one is signed by somebody else."""
        event_id = event_id or f"evt_{random_id(self._random)}"
        body = json.dumps({"event_id": event_id, "ref": ref, "type": kind}).encode()
        stamp = self._clock.now().civil_ms // 1000
        signature = self._sign(stamp, body + b"forged" if forged else body)
        return body, {SIGNATURE_HEADER: f"t={stamp},v1={signature}", "Content-Type": "application/json"}

    def send_webhook(self, ref: str, *, post: Post | None = None) -> bool:
        """Tell the service of a charge; False when it took no copy. It polls, as with any provider whose word was lost.

        Copies that are late are kept for `deliver_due`.
        """
        event_id = f"evt_{random_id(self._random)}"
        with self._engine.begin() as conn:
            faults = self._switched(conn.execute(SWITCHES).scalar_one())
            planned = deliveries(faults, self._random)
            self._queue(conn, event_id, CHANGED, ref, [each for each in planned if each.after])
        at_once = [self.webhook(ref, event_id=event_id, forged=each.forged) for each in planned if not each.after]
        taken = [self._post(post, *message) for message in at_once]
        return any(taken)

    def deliver_due(self, *, post: Post | None = None) -> int:
        """Send the messages whose time has come, whether or not they are taken; returns how many."""
        with self._engine.begin() as conn:
            rows = conn.execute(TAKE_DUE, {"now": self._clock.now().civil, "batch": BATCH}).all()
        for row in sorted(rows, key=lambda row: int(row.id)):
            self._post(post, *self.webhook(row.ref, event_id=row.event_id, kind=row.type, forged=row.forged))
        return len(rows)

    def switch(self, faults: SandboxFaults) -> None:
        """Fail like this from now on, in every program that asks this provider."""
        with self._engine.begin() as conn:
            conn.execute(SWITCH, {"faults": msgspec.json.encode(faults).decode()})

    def switches(self) -> SandboxFaults:
        """How it fails now."""
        with self._engine.begin() as conn:
            return self._switched(conn.execute(SWITCHES).scalar_one())

    def _switched(self, kept: Mapping[str, Any] | None) -> SandboxFaults:
        return self._faults if kept is None else msgspec.convert(kept, SandboxFaults)

    @contextmanager
    def _answering(self) -> Iterator["_Answer"]:
        """Let a call's answer be lost, after it was done or with all that it did undone."""
        answer = _Answer(self._random)
        yield answer
        if answer.lost:
            raise Unavailable("no answer", permanent=False)

    def _refunded_before(self, conn: Connection, ref: str, key: str, amount_minor: int) -> str | None:
        before = conn.execute(REFUND_BY_KEY, {"key": key}).one_or_none()
        if before is None:
            return None
        if (before.charge_ref, before.amount_minor) != (ref, amount_minor):
            raise Unavailable("the key belongs to another refund", permanent=True)
        return str(before.ref)

    def _refund(self, conn: Connection, row: Row[Any], key: str, amount_minor: int, faults: SandboxFaults) -> str:
        if row.refunded_minor + amount_minor > row.amount_minor:
            raise Unavailable("more than was captured", permanent=True)
        values = {"charge_ref": row.ref, "amount_minor": amount_minor}
        refund_ref = f"sbr_{random_id(self._random)}"
        conn.execute(REFUND, values)
        conn.execute(KEEP_REFUND, {**values, "ref": refund_ref, "key": key, "now": self._clock.now().civil})
        event_id = f"evt_{random_id(self._random)}"
        self._queue(conn, event_id, REFUNDED, row.ref, deliveries(faults, self._random))
        return refund_ref

    def _queue(self, conn: Connection, event_id: str, kind: str, ref: str, planned: Sequence[Delivery]) -> None:
        now = self._clock.now().civil
        common = {"event_id": event_id, "type": kind, "ref": ref}
        if planned:
            conn.execute(QUEUE, [{**common, "forged": each.forged, "due_at": now + each.after} for each in planned])

    def _post(self, post: Post | None, body: bytes, headers: Mapping[str, str]) -> bool:
        return (post or self._send)(body, headers)

    def _send(self, body: bytes, headers: Mapping[str, str]) -> bool:
        request = Request(self._public_url + WEBHOOK_PATH, data=body, headers=dict(headers))  # noqa: S310  our own address
        try:
            with urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
                return True
        except (URLError, TimeoutError) as error:
            log.warning("sandbox_webhook_not_taken", reason=str(error))
            return False

    def _find(self, ref: str) -> Any | None:  # noqa: ANN401  a row
        with each_alone(self._engine) as conn:
            return BY_REF.row(conn, {"ref": ref})

    def _page(self, ref: str, return_url: str) -> str:
        """The hosted page speaks the language of the address it sends people back to."""
        language = "en" if urlsplit(return_url).path.startswith("/en/") else "zh-hans"
        return f"{self._public_url}/{language}/sandbox/pay/{ref}"

    def _sign(self, stamp: int, body: bytes) -> str:
        return hmac.new(self._secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()

    def _signature_of(self, headers: Mapping[str, str]) -> tuple[int, str]:
        parts = dict(part.partition("=")[::2] for part in headers.get(SIGNATURE_HEADER, "").split(","))
        stamp, signature = parts.get("t", ""), parts.get("v1", "")
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > STAMP_DIGITS or not signature.isascii():
            raise WebhookForged("no signature")
        return int(stamp), signature


def _message(body: bytes) -> dict[str, str]:
    """Read a message: flat, short texts without NUL, which PostgreSQL cannot keep."""
    try:
        message = msgspec.json.decode(body, type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WebhookUnreadable("not a flat JSON object of texts") from error
    if not message.get("event_id") or not message.get("ref"):
        raise WebhookUnreadable("event_id or ref is missing")
    if any("\0" in text or len(text) > TEXT_LENGTH for item in message.items() for text in item):
        raise WebhookUnreadable("a text is too long or holds NUL")
    return message
