"""Every refusal has its sentence, in both languages."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from flask import Flask
from sqlalchemy import Engine

import app
from app.domain.basket import LiveGoods
from app.domain.errors import DomainError, IllegalMove
from app.domain.refunding import RefundCause
from app.web import words
from locker_protocol.site_events import SiteEvent
from locker_protocol.vocabulary import DoorCondition, Refusal, Right
from tests.web.staff_world import day_at


@pytest.fixture
def web(db: Engine, tmp_path: Path) -> Iterator[Flask]:
    with day_at(db, tmp_path) as day:
        yield day.app


def refusals() -> set[type[DomainError]]:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        importlib.import_module(module.name)
    found: set[type[DomainError]] = set()
    waiting = [DomainError]
    while waiting:
        children = waiting.pop().__subclasses__()
        found.update(children)
        waiting.extend(children)
    return {one for one in found if one.__module__.startswith("app.")}


def test_every_refusal_has_a_sentence() -> None:
    missing = {one.__qualname__ for one in refusals()} - {
        one.__qualname__ for one in refusals() if one.code in words.WORDS
    }
    assert missing == set()


def test_no_two_refusals_share_a_code() -> None:
    codes = [one.code for one in refusals()]
    assert len(codes) == len(set(codes))


def test_every_refusal_of_a_locker_has_a_sentence() -> None:
    assert set(words.REFUSALS) == set(Refusal)


@pytest.mark.parametrize("path", ["/zh-hans/shop", "/en/shop"])
def test_every_sentence_can_be_said(web: Flask, path: str) -> None:
    with web.test_request_context(path):
        web.preprocess_request()
        assert all(words.of_code(code) for code in words.WORDS)
        assert all(words.of_refusal(refusal.value) for refusal in Refusal)


def test_a_product_is_called_by_its_name_in_the_pages_language(web: Flask) -> None:
    refusal = LiveGoods(product="crab", name_zh="大闸蟹", name_en="Hairy crabs")
    with web.test_request_context("/zh-hans/shop"):
        web.preprocess_request()
        assert words.sentence(refusal).startswith("大闸蟹")
    with web.test_request_context("/en/shop"):
        web.preprocess_request()
        assert words.sentence(refusal).startswith("Hairy crabs")


def test_a_code_nobody_has_words_for_still_says_something(web: Flask) -> None:
    with web.test_request_context("/en/shop"):
        web.preprocess_request()
        assert words.of_code("from the future") == words.sentence(IllegalMove())


def test_operators_read_every_event_right_and_condition_in_words() -> None:
    page = (Path(words.__file__).parent / "templates/staff/ops_words.html").read_text()
    told = [event.__name__ for event in get_args(SiteEvent)]
    said = [*told, *Right, *DoorCondition]
    assert [word for word in said if f"'{word}': _(" not in page] == []


@pytest.mark.parametrize("cause", list(RefundCause))
def test_every_refund_says_what_it_is_for(web: Flask, cause: RefundCause) -> None:
    with web.test_request_context("/en/ops/refunds"):
        words_of: Any = web.jinja_env.get_template("staff/ops_money_words.html").module
        assert str(words_of.refund_cause(cause.value)).strip()
