"""Both languages are complete: no string of a template or of Python is missing, fuzzy, or loses a gap in Chinese."""

import re
from functools import cache
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

WEB = Path(__file__).resolve().parents[2] / "app/web"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2)}
GAP = re.compile(r"%\((\w+)\)s")


@cache
def written() -> dict[str, str]:
    """Every message id, and where it is."""
    found: dict[str, str] = {}
    for file, line, message, *_ in extract_from_dir(WEB, METHODS, keywords=KEYWORDS):
        found[message if isinstance(message, str) else message[0]] = f"{file}:{line}"
    return found


@cache
def translated() -> dict[str, Message]:
    found: dict[str, Message] = {}
    for file in sorted(WEB.glob("translations/*/zh_Hans/LC_MESSAGES/messages.po")):
        with file.open("rb") as source:
            catalogue = read_po(source, locale="zh_Hans")
        found |= {_key(message): message for message in catalogue if message.id}
    return found


def _key(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def _gaps(ids: object) -> set[str]:
    """Of a plural, the gaps of both forms: `There is a problem` has none, `There are %(num)s problems` has one."""
    forms = ids if isinstance(ids, (tuple, list)) else (ids,)
    return {gap for form in forms for gap in GAP.findall(str(form))}


def _words(message: Message) -> str:
    said = message.string
    return str(said if said is None or isinstance(said, str) else said[0])


def test_no_string_is_missing_in_chinese() -> None:
    assert {key: where for key, where in written().items() if key not in translated()} == {}


def test_no_translation_is_empty_or_fuzzy() -> None:
    assert [key for key, message in translated().items() if message.fuzzy or not _words(message)] == []


def test_no_translation_loses_or_invents_a_gap() -> None:
    wrong = [key for key, one in translated().items() if _gaps(one.id) != set(GAP.findall(_words(one)))]
    assert wrong == []


def test_no_translation_has_a_broken_gap() -> None:
    """`%(ago)的` instead of `%(ago)s的` fails only when somebody sees the page."""
    broken = re.compile(r"%\(\w+\)(?!s)")
    assert [key for key, message in translated().items() if broken.search(_words(message))] == []


def test_every_catalogue_knows_that_chinese_has_one_plural() -> None:
    for file in WEB.glob("translations/*/zh_Hans/LC_MESSAGES/messages.po"):
        assert "nplurals=1" in file.read_text(encoding="utf-8"), file
