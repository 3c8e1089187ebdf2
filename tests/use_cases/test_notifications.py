"""Notices: queued with what caused them, sent with bounded retries, never lost; mail through a real SMTP server."""

import re
from datetime import datetime, timedelta
from string import Formatter

import pytest

from app.domain.sign_in_code import CODE_LIVES
from app.notify.channel import Channel, DevInbox, Message, Unavailable
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
    shop.run_sql("UPDATE notification SET kind = 'order_paid'")  # a code would be over before
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


def test_a_sign_in_code_that_is_over_is_not_sent_any_more(shop: Shop) -> None:
    queue(shop)
    channel = Probe()

    assert send(shop, channel, now=NOW + CODE_LIVES) == 0
    assert channel.sent == []
    assert shop.one("SELECT failed FROM notification") == "too late: the code was over"


def test_every_try_of_a_notice_has_the_same_id_kind_and_facts(shop: Shop) -> None:
    notice_id = queue(shop)
    channel = Probe(later())
    send(shop, channel)
    send(shop, channel, now=NOW + WAITS[0])

    (message,) = channel.sent
    assert (message.message_id, message.kind, message.language) == (notice_id, "sign_in", "en")
    assert message.facts == {"code": "482193"}
    assert shop.one("SELECT facts FROM notification") == {}


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
