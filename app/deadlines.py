"""What happens because time passed: holds end, food grows old, questions rest, payments are asked about, runs open,
what is old is thrown away; and, beside all that, notices go out.

Decides only how often each is looked at, in real time, while what is due is judged by the civil clock. Each does its
work in transactions of its own and may be done twice.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.db.engine import transaction
from app.factory import Parts
from app.link.busy import postponed
from app.notify.channel import ByContact, Channel, DevInbox
from app.notify.mail import MailChannel
from app.notify.sms import SmsChannel
from app.notify.sms_provider import read_sms_provider
from app.payments.sandbox import SandboxProvider
from app.settings import Settings, SettingsError
from app.use_cases.cold_chain.condemn_undecided import condemn_undecided
from app.use_cases.cold_chain.tell_alarms import tell_alarms
from app.use_cases.cold_chain.thin_minutes import thin_minutes
from app.use_cases.evening.call_off_run import ask_called_off
from app.use_cases.evening.close_offers import close_offers
from app.use_cases.evening.expire_orders import expire_orders
from app.use_cases.evening.offer_not_collected import offer_not_collected
from app.use_cases.keeping.discard_rescued import discard_overdue
from app.use_cases.money.issue_receipt import issue_receipts
from app.use_cases.money.poll_payments import poll_payments
from app.use_cases.money.reconcile import reconcile_due
from app.use_cases.money.send_refunds import send_refunds
from app.use_cases.ordering.drop_edit import drop_stale_edits
from app.use_cases.ordering.open_runs import open_runs
from app.use_cases.ordering.recount_blocked import recount_blocked
from app.use_cases.ordering.release_holds import release_holds
from app.use_cases.people.answer_once import forget_answers
from app.use_cases.people.forget_old import forget_old
from app.use_cases.planning.replan_broken import replan_broken
from app.use_cases.site.decide_opening import expire_openings
from app.use_cases.supply.recall_orders import recall_orders
from app.use_cases.telling.deliver_webhooks import forget_delivered
from app.use_cases.telling.send_due import send_due

log = structlog.get_logger()

LOOK_UP_S = 1.0
# A residents' week: what can be ordered for is always this far open.
DAYS_AHEAD = 7


@dataclass(slots=True)
class Duty:
    """One thing to look at, every so many milliseconds of real time. `work` returns how much there was to do."""

    name: str
    every_ms: int
    work: Callable[[], int]
    due_ms: int = 0


class Deadlines:
    """The duties of one worker, one after another; a slow one delays the others and nothing else."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._duties = [
            Duty("recall_orders", 1_000, self._recall_orders),
            Duty("release_holds", 1_000, self._release_holds),
            Duty("send_refunds", 1_000, self._send_refunds),
            Duty("drop_stale_edits", 5_000, self._drop_stale_edits),
            Duty("issue_receipts", 1_000, self._issue_receipts),
            Duty("condemn_undecided", 1_000, self._condemn_undecided),
            Duty("discard_overdue", 1_000, self._discard_overdue),
            Duty("expire_openings", 1_000, self._expire_openings),
            Duty("expire_orders", 1_000, self._expire_orders),
            Duty("close_offers", 1_000, self._close_offers),
            Duty("ask_called_off", 1_000, self._ask_called_off),
            Duty("offer_not_collected", 1_000, self._offer_not_collected),
            Duty("tell_alarms", 5_000, self._tell_alarms),
            Duty("replan_broken", 5_000, self._replan_broken),
            Duty("recount_blocked", 5_000, self._recount_blocked),
            Duty("poll_payments", 5_000, self._poll_payments),
            Duty("forget_delivered", 60_000, self._forget_delivered),
            Duty("forget_answers", 60_000, self._forget_answers),
            Duty("send_sandbox_messages", 1_000, self._send_sandbox_messages),
            Duty("reconcile", 60_000, self._reconcile),
            # A demo's day may take minutes; looking is cheap, and what exists is left alone.
            Duty("open_runs", 10_000, self._open_runs),
            Duty("forget_old", 600_000, self._forget_old),
            Duty("thin_minutes", 60_000, self._thin_minutes),
        ]

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        while not stop.wait(LOOK_UP_S):
            self.turn(self._parts.clock.now().monotonic_ms)

    def turn(self, now_ms: int) -> None:
        """Do every duty that is due."""
        for duty in self._duties:
            if now_ms >= duty.due_ms:
                duty.due_ms = now_ms + duty.every_ms
                with postponed(duty.name):
                    if done := duty.work():
                        log.info("duty_done", duty=duty.name, count=done)

    def _release_holds(self) -> int:
        with transaction(self._parts.engine) as conn:
            return release_holds(conn, now=self._parts.clock.now().civil)

    def _recall_orders(self) -> int:
        return recall_orders(self._parts.engine, now=self._parts.clock.now().civil)

    def _drop_stale_edits(self) -> int:
        with transaction(self._parts.engine) as conn:
            return drop_stale_edits(conn, now=self._parts.clock.now().civil)

    def _issue_receipts(self) -> int:
        return issue_receipts(self._parts.engine, now=self._parts.clock.now().civil)

    def _condemn_undecided(self) -> int:
        with transaction(self._parts.engine) as conn:
            return condemn_undecided(conn, now=self._parts.clock.now().civil)

    def _thin_minutes(self) -> int:
        with transaction(self._parts.engine) as conn:
            return thin_minutes(conn, now=self._parts.clock.now().civil)

    def _discard_overdue(self) -> int:
        with transaction(self._parts.engine) as conn:
            return discard_overdue(conn, now=self._parts.clock.now().civil)

    def _expire_openings(self) -> int:
        with transaction(self._parts.engine) as conn:
            return expire_openings(conn, now=self._parts.clock.now().civil)

    def _poll_payments(self) -> int:
        parts = self._parts
        return poll_payments(parts.engine, parts.provider, now=parts.clock.now().civil, settings=parts.settings)

    def _reconcile(self) -> int:
        parts = self._parts
        return reconcile_due(parts.engine, parts.provider, now=parts.clock.now().civil, settings=parts.settings)

    def _send_sandbox_messages(self) -> int:
        """The sandbox has no worker of its own: what it tells later goes out from here."""
        provider = self._parts.provider
        return provider.deliver_due() if isinstance(provider, SandboxProvider) else 0

    def _send_refunds(self) -> int:
        return send_refunds(self._parts.engine, self._parts.provider, now=self._parts.clock.now().civil)

    def _expire_orders(self) -> int:
        with transaction(self._parts.engine) as conn:
            return expire_orders(conn, now=self._parts.clock.now().civil, settings=self._parts.settings)

    def _close_offers(self) -> int:
        with transaction(self._parts.engine) as conn:
            return close_offers(conn, now=self._parts.clock.now().civil, settings=self._parts.settings)

    def _ask_called_off(self) -> int:
        now = self._parts.clock.now().civil
        with transaction(self._parts.engine) as conn:
            return ask_called_off(conn, actor="clock", now=now, settings=self._parts.settings)

    def _offer_not_collected(self) -> int:
        with transaction(self._parts.engine) as conn:
            return offer_not_collected(conn, now=self._parts.clock.now().civil, settings=self._parts.settings)

    def _tell_alarms(self) -> int:
        with transaction(self._parts.engine) as conn:
            return tell_alarms(conn, now=self._parts.clock.now().civil, settings=self._parts.settings)

    def _replan_broken(self) -> int:
        with transaction(self._parts.engine) as conn:
            return replan_broken(conn, now=self._parts.clock.now().civil)

    def _recount_blocked(self) -> int:
        with transaction(self._parts.engine) as conn:
            return recount_blocked(conn, now=self._parts.clock.now().civil)

    def _forget_delivered(self) -> int:
        with transaction(self._parts.engine) as conn:
            return forget_delivered(conn, now=self._parts.clock.now().civil)

    def _forget_answers(self) -> int:
        with transaction(self._parts.engine) as conn:
            return forget_answers(conn, now=self._parts.clock.now().civil)

    def _forget_old(self) -> int:
        return forget_old(self._parts.engine, now=self._parts.clock.now().civil)

    def _open_runs(self) -> int:
        with transaction(self._parts.engine) as conn:
            return open_runs(conn, now=self._parts.clock.now().civil, days_ahead=DAYS_AHEAD)


class Telling:
    """Sends notices, apart from the duties: a provider that does not answer holds up nothing but other notices."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._channel = channel_of(parts.settings)
        self.wake = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Send what is due until told to stop; `wake` makes it look at once."""
        while not stop.is_set():
            self.wake.clear()
            self.turn()
            self.wake.wait(LOOK_UP_S)

    def turn(self) -> None:
        """Send what is due now."""
        with postponed("send_due"):
            if sent := send_due(self._parts.engine, self._channel, now=self._parts.clock.now().civil):
                log.info("duty_done", duty="send_due", count=sent)


def channel_of(settings: Settings) -> Channel:
    """Mail and text messages as they are set; where neither is, the inbox page of the demo. Raises SettingsError."""
    mail = MailChannel(settings.smtp_url) if settings.smtp_url else None
    text = _text_channel(settings.sms_file, settings.sms_secret) if settings.sms_file else None
    return ByContact(mail=mail, text=text) if mail or text else DevInbox()


def _text_channel(file: Path, secret: str) -> SmsChannel:
    try:
        described = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"CAIBOX_SMS_FILE: {file} cannot be read.") from error
    return SmsChannel(read_sms_provider(described), secret=secret)
