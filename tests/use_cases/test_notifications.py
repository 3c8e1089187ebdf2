"""Notices: queued with what caused them, sent with bounded retries, never lost; mail through a real SMTP server."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from string import Formatter
from typing import ClassVar

import pytest

from app.notify.channel import Channel, DevInbox, Message, Unavailable
from app.notify.mail import MailChannel
from app.notify.texts import TEXTS, NoticeKind, write_notice
from app.use_cases.telling.queue_notification import queue_notification
from app.use_cases.telling.send_due import WAITS, send_due
from tests.use_cases.cast import NOW, Shop, at_once

MEI = "mei@x.example"


class Probe:
    """A channel that keeps what it was given, and fails as often as told."""

    keeps_text = False

    def __init__(self, *failures: Unavailable) -> None:
        self.sent: list[Message] = []
        self.failures = list(failures)

    def send(self, message: Message) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message)


def queue(shop: Shop, contact: str = MEI) -> str:
    with shop.engine.begin() as conn:
        return queue_notification(
            conn, contact=contact, kind=NoticeKind.SIGN_IN, language="en", facts={"code": "482193"}, now=NOW
        )


def send(shop: Shop, channel: Channel, *, now: datetime = NOW) -> int:
    return send_due(shop.engine, channel, now=now)


def later() -> Unavailable:
    return Unavailable("busy", permanent=False)


def test_what_is_due_goes_out_once(shop: Shop) -> None:
    queue(shop)
    channel = Probe()

    assert (send(shop, channel), send(shop, channel)) == (1, 0)

    (message,) = channel.sent
    assert message.contact == MEI
    assert "482193" in message.body


def test_workers_side_by_side_do_not_send_twice(shop: Shop) -> None:
    for _ in range(20):
        queue(shop)
    channel = Probe()

    at_once(*[lambda: send(shop, channel)] * 8)

    assert len(channel.sent) == 20


def test_the_text_is_forgotten_once_it_was_sent_for_it_holds_codes(shop: Shop) -> None:
    queue(shop)
    send(shop, Probe())

    assert shop.rows("SELECT subject, body FROM notification") == [("", "")]


def test_the_demos_inbox_keeps_it_for_people_to_read(shop: Shop) -> None:
    queue(shop)

    assert send(shop, DevInbox()) == 1
    assert "482193" in shop.one("SELECT body FROM notification")
    assert shop.one("SELECT sent_at FROM notification") == NOW


def test_a_failure_is_tried_again_after_a_growing_while_and_then_given_up(shop: Shop) -> None:
    queue(shop)
    channel = Probe(*[later() for _ in range(10)])
    now = NOW

    for wait in WAITS:
        assert send(shop, channel, now=now) == 0
        assert send(shop, channel, now=now + wait - timedelta(seconds=1)) == 0
        now += wait
    send(shop, channel, now=now)

    assert shop.rows("SELECT tries, failed FROM notification") == [(len(WAITS) + 1, "busy")]
    assert send(shop, channel, now=now + timedelta(days=9)) == 0


def test_a_passing_failure_loses_nothing(shop: Shop) -> None:
    queue(shop)
    channel = Probe(later())

    send(shop, channel)
    assert send(shop, channel, now=NOW + WAITS[0]) == 1


def test_a_permanent_failure_is_not_tried_again(shop: Shop) -> None:
    queue(shop)
    send(shop, Probe(Unavailable("no such address", permanent=True)))

    assert shop.one("SELECT failed FROM notification") == "no such address"
    assert send(shop, Probe(), now=NOW + timedelta(days=1)) == 0


def test_a_crash_while_sending_sends_again_later(shop: Shop) -> None:
    class Crashing(Probe):
        def send(self, message: Message) -> None:
            super().send(message)
            raise KeyboardInterrupt

    queue(shop)
    with pytest.raises(KeyboardInterrupt):
        send(shop, Crashing())

    assert send(shop, Probe(), now=NOW + WAITS[0]) == 1


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_notice_has_both_languages_with_the_same_gaps(kind: NoticeKind) -> None:
    def gaps(language: str) -> set[str | None]:
        text = TEXTS[kind, language].subject + TEXTS[kind, language].body
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert gaps("zh") == gaps("en")
    assert re.search("[一-鿿]", TEXTS[kind, "zh"].body)


def test_a_notice_with_a_gap_is_our_bug() -> None:
    with pytest.raises(KeyError):
        write_notice(NoticeKind.SIGN_IN, "en", {})


# --- mail


class Postman(socketserver.StreamRequestHandler):
    """As much of SMTP as one mail needs."""

    replies: ClassVar[dict[str, str]] = {}
    mails: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().decode():
            verb = line.split()[0].upper()
            self.say(self.replies.get(verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 fine")))
            if verb == "DATA" and "DATA" not in self.replies:
                self.mails.append(self.read_mail())
                self.say("250 taken")
            if verb == "QUIT":
                return

    def say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")

    def read_mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        return b"".join(lines)


@contextmanager
def post_office(**replies: str) -> Iterator[str]:
    """A mail server on this machine; its address."""
    Postman.replies, Postman.mails = replies, []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Postman) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}?from=shop@caibox.example"
        server.shutdown()


def test_a_mail_arrives_whole_in_chinese() -> None:
    with post_office() as url:
        MailChannel(url).send(Message(MEI, "订单可以取了", "开柜码 07 482 193"))

    mail = message_from_bytes(Postman.mails[0], policy=policy.default)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("shop@caibox.example", MEI, "订单可以取了")
    assert "开柜码 07 482 193" in mail.get_content()


@pytest.mark.parametrize(
    ("replies", "permanent"),
    [
        ({"RCPT": "550 nobody here"}, True),
        ({"RCPT": "451 later"}, False),
        ({"DATA": "554 refused"}, True),
        ({"MAIL": "421 closing"}, False),
    ],
)
def test_a_servers_no_is_final_or_for_now(replies: dict[str, str], permanent: bool) -> None:
    with post_office(**replies) as url, pytest.raises(Unavailable) as refusal:
        MailChannel(url).send(Message(MEI, "s", "b"))

    assert refusal.value.permanent is permanent


def test_a_server_that_is_away_is_tried_again() -> None:
    with pytest.raises(Unavailable) as refusal:
        MailChannel("smtp://127.0.0.1:1").send(Message(MEI, "s", "b"))

    assert not refusal.value.permanent


def test_mail_does_not_go_to_phones() -> None:
    with pytest.raises(Unavailable) as refusal:
        MailChannel("smtp://127.0.0.1:1").send(Message("+8613800138000", "s", "b"))

    assert refusal.value.permanent
