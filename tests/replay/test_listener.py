"""The listening program believes signed messages only, keeps each event once, and says what was not told once."""

import asyncio
import json
from collections import Counter
from typing import Any

import aiohttp

from app.notify.webhook_message import SIGNATURE_HEADER, sign
from app.replay.listener import Listener, listening
from app.replay.residents import Placed

SECRET = "whsec_1"
ORDER = "0" * 32


def test_a_message_is_kept_once_however_often_it_comes() -> None:
    listener = heard([(message("move-1", "order.paid"), True)] * 3)
    assert list(listener.bodies) == ["move-1"]
    assert listener.violations == []


def test_a_message_nobody_signed_and_one_that_changed_are_told() -> None:
    forged = heard([(message("move-1", "order.paid"), False)])
    assert (forged.bodies, len(forged.violations)) == ({}, 1)
    changed = heard([(message("move-1", "order.paid"), True), (message("move-1", "order.refunded"), True)])
    assert changed.violations == ["event move-1 came again with other bytes"]


def test_what_was_refused_first_is_taken_when_it_comes_again() -> None:
    listener = Listener(1, Counter(), secret=SECRET)
    name = next(f"move-{number}" for number in range(1, 1_000) if listener._refuses(f"move-{number}"))
    again = heard([(message("move-0", "order.paid"), True), (message(name, "order.packed"), True)])
    assert list(again.bodies) == ["move-0", name]
    assert again.deeds["events_refused_first"] == 2  # the first of all, and the one that chance chose


def test_an_end_that_was_told_never_or_twice_is_a_violation() -> None:
    paid, ended = message("move-0", "order.paid"), message("move-2", "order.collected")
    once = heard([(paid, True), (ended, True)])
    never = heard([(paid, True)])
    twice = heard([(paid, True), (ended, True), (message("move-3", "order.collected"), True)])
    assert once.judge([collected()]) == []
    assert never.judge([collected()]) == [f"order.collected of {ORDER} was told 0 times"]
    assert twice.judge([collected()]) == [f"order.collected of {ORDER} was told 2 times"]


def collected() -> Placed:
    nobody: Any = None
    return Placed(ORDER, nobody, "osmanthus", {}, nobody, paid=True, state="collected")


def message(event_id: str, kind: str) -> bytes:
    return json.dumps({"id": event_id, "kind": kind, "data": {"order_id": ORDER}}).encode()


def heard(messages: list[tuple[bytes, bool]]) -> Listener:
    """What comes of messages, signed by us or by somebody else; what is refused is sent again, as the service does."""
    listener = Listener(1, Counter(), secret=SECRET)

    async def send() -> None:
        async with listening(listener) as url, aiohttp.ClientSession() as http:
            for body, ours in messages:
                signature = sign(body, secret=SECRET if ours else "other", at_s=1)
                status = 503
                while status == 503:
                    async with http.post(url, data=body, headers={SIGNATURE_HEADER: signature}) as answer:
                        status = answer.status

    asyncio.run(send())
    return listener
