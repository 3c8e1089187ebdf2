"""Both languages are complete: no string of a template or of Python is missing, fuzzy, or loses a gap in Chinese.

Words come from the catalogues only, also those a script shows; dates and money are written in one place, by Babel.
"""

import ast
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


def test_every_plural_has_both_english_forms() -> None:
    plurals = [one.id for one in translated().values() if isinstance(one.id, (list, tuple))]
    assert len(plurals) > 20
    assert [ids for ids in plurals if len(ids) != 2] == []


def test_no_string_counts_without_a_plural() -> None:
    """`1 item(s)` and a bare `%(count)s orders` are how plurals are forgotten."""
    forgotten = re.compile(r"\w\(s\)|%\((?:num|count|n)\)s (?:things|orders|items|bags|doors|days|hours|minutes)\b")
    single = [key for key, one in translated().items() if isinstance(one.id, str)]
    assert [key for key in single if forgotten.search(key)] == []


SCRIPTS = sorted((WEB / "static").glob("*.js"))
COMMENT = re.compile(r"/\*.*?\*/|(?m:^\s*//.*$|\s//\s.*$)", re.DOTALL)
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`([^`]*)`')
# Two words in a row are for people, unless they are a selector, classes, or made of gaps.
WORDS = re.compile(r"[A-Za-z]{2,}[,.!?]? [A-Za-z]{2,}")
NO_WORDS = re.compile(r"^use strict$|^[\w-]+(?: [a-z-]+)*$|[.#\[>:*=$]|, (?:button|a|input|select)\b")


def said_by_script(source: str) -> list[str]:
    found = ["".join(parts) for parts in LITERAL.findall(COMMENT.sub("", source))]
    han = re.compile("[\u3400-\u9fff]")
    return [one for one in found if han.search(one) or (WORDS.search(one) and not NO_WORDS.search(one))]


def test_what_a_script_says_comes_from_the_server() -> None:
    assert {file.name: said for file in SCRIPTS if (said := said_by_script(file.read_text(encoding="utf-8")))} == {}


def test_that_search_finds_words_in_a_script() -> None:
    assert said_by_script('line.textContent = "Could not reach us, sorry";') == ["Could not reach us, sorry"]
    assert said_by_script("say(`菜箱`)") == ["菜箱"]
    assert said_by_script('find(".notice, .summary"); one.className = "notice stop"; // what a person reads') == []


# `%Y-%m` is for machines: what a form's field takes, and names of files.
FOR_MACHINES = {"%Y-%m", "%Y-%m-%d"}
WRITES_DATES = "page.py"  # hours of a day: `16:30` in both languages


def dates_written_by_hand(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    formats = [
        part.value
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr)
        for part in node.format_spec.values
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and "%" in part.value
    ]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "strftime"]
    return [one for one in formats if one not in FOR_MACHINES] + ["strftime"] * len(calls)


def test_dates_are_written_by_babel() -> None:
    views = [file for file in sorted(WEB.rglob("*.py")) if file.name != WRITES_DATES]
    assert {file.name: found for file in views if (found := dates_written_by_hand(file))} == {}
    templates = sorted((WEB / "templates").rglob("*.html"))
    assert [file.name for file in templates if "strftime" in file.read_text(encoding="utf-8")] == []


def test_money_is_written_by_babel() -> None:
    """A sign of money, or minor units divided by hand, is an amount that knows no currency."""
    by_hand = re.compile(r"[¥￥$€]\s*(?:\{\{|%\()|_minor\s*/\s*100|_minor\)?\s*\|\s*round")
    files = [*WEB.rglob("*.html"), *WEB.rglob("*.py")]
    assert [file.name for file in files if by_hand.search(file.read_text(encoding="utf-8"))] == []
