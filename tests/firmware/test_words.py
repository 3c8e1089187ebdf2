"""Everything the virtual locker can say, it can say in both languages."""

import re
from pathlib import Path
from typing import get_args

import pytest

from firmware_sim import page
from firmware_sim.faults import KINDS
from firmware_sim.hardware import Hand
from firmware_sim.words import preferred, words
from locker_protocol.bus_messages import Show
from locker_protocol.vocabulary import Refusal, Zone

STATIC = Path(page.__file__).with_name("static")
SCREENS = ("opening", "done", "load", "loaded", "visit", "reopened", "check", "remove", "left_open")


def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    zh, en = words("zh"), words("en")
    assert zh.keys() == en.keys()
    for key in zh:
        assert set(re.findall(r"{\w+}", zh[key])) == set(re.findall(r"{\w+}", en[key])), key


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_says_what_happened_and_what_to_do(refusal: Refusal) -> None:
    for language in (words("zh"), words("en")):
        assert language[f"refusal.{refusal}"]
        assert language[f"refusal.{refusal}.do"]


def test_no_two_refusals_say_the_same() -> None:
    for language in (words("zh"), words("en")):
        assert len({language[f"refusal.{refusal}"] for refusal in Refusal}) == len(Refusal)


def test_every_screen_every_zone_and_every_hand_has_words() -> None:
    assert {*SCREENS, "refused"} == set(get_args(Show.__annotations__["screen"]))
    wanted = [f"display.{screen}{part}" for screen in SCREENS for part in ("", "_do")]
    wanted += [f"display.{screen}_many" for screen in ("opening", "reopened", "load", "loaded", "check", "remove")]
    wanted += [f"zone.{zone}" for zone in Zone]
    wanted += [f"hands.{hand}" for hand in get_args(Hand) if hand not in {"stick", "unstick"}]
    assert [key for key in wanted if key not in words("zh")] == []


def test_every_fault_has_its_name_its_group_and_its_unit_in_words() -> None:
    for kind in KINDS.values():
        wanted = [f"fault.{kind.name}", f"faults.group.{kind.group}"]
        wanted += [f"faults.unit.{kind.amount.unit}"] if kind.amount else []
        assert [key for key in wanted if key not in words("zh")] == []


def test_no_two_faults_have_the_same_name() -> None:
    for language in (words("zh"), words("en")):
        assert len({language[f"fault.{name}"] for name in KINDS}) == len(KINDS)


def test_every_problem_code_in_the_source_has_words() -> None:
    folder = Path(page.__file__).parent
    sources = [folder / f"{name}.py" for name in ("requests", "page", "hardware", "faults", "switching")]
    source = " ".join(path.read_text(encoding="utf-8") for path in sources)
    codes = set(re.findall(r'(?:ProblemError\(HTTPStatus\.\w+, |HandRefusedError\(|FaultError\()"(\w+)"', source))
    codes |= set(
        re.findall(r'"(already_\w+|stuck_open|not_open|full|empty|not_found|bad_method|too_large|bad_request)"', source)
    )
    assert len(codes) > 10
    assert [code for code in codes if f"problem.{code}" not in words("en")] == []


def test_every_word_the_page_asks_for_exists_and_none_is_idle() -> None:
    source = " ".join(path.read_text(encoding="utf-8") for path in STATIC.iterdir() if path.suffix in {".js", ".html"})
    asked = set(re.findall(r'data-word(?:-label)?="([\w.]+)"', source))
    asked |= set(re.findall(r'(?<![\w.])t\("([\w.]+)"', source)) | set(
        re.findall(r'"((?:scan|display)\.[\w.]+)"', source)
    )
    assert [key for key in asked if key not in words("en")] == []
    made = r"^(refusal|problem|zone|door|hands|display|keys|fault|faults)\."
    assert [key for key in words("en") if key not in asked and not re.match(made, key)] == []


@pytest.mark.parametrize(
    ("header", "language"), [("en-US,en;q=0.9", "en"), ("zh-CN,en", "zh"), ("", "zh"), ("fr", "zh")]
)
def test_chinese_is_spoken_unless_english_is_asked_for(header: str, language: str) -> None:
    assert preferred(header) == language
