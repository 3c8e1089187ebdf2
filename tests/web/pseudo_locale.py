"""A language that nobody speaks, 40 % longer than English: what fits in it will fit in the next one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask

WEB = Path(__file__).resolve().parents[2] / "app/web"
LONGER = 0.4
GAPS = re.compile(r"%\(\w+\)s|%%|<[^>]*>")
# Words as long as German ones are; letters with marks, so that a picture shows at once what was not translated.
FILLING = ("šelàrund", "wöchentlich", "früh", "Übergabe", "nächstes", "für", "älter")


@contextmanager
def longer_english(app: Flask, folder: Path) -> Iterator[None]:
    """Let the application's English pages speak it for as long as the block lasts."""
    speaks = app.extensions["babel"]
    before = list(speaks.translation_directories)
    _write(folder)
    _speak(speaks, [str(folder)])
    try:
        yield
    finally:
        _speak(speaks, before)


def _speak(speaks: Any, folders: list[str]) -> None:
    speaks.translation_directories[:] = folders
    speaks.instance.domain_instance.cache.clear()


def longer(words: str) -> str:
    """The same words with 40 % more behind them; a single word becomes a longer word, which is harder."""
    most = round(len(GAPS.sub("", words)) * LONGER)
    if not most:
        return words
    if " " not in words.strip():
        return words + ("ëlångerung" * 3)[:most]
    filling = " ".join(islice(cycle(FILLING), most // 4 + 1))[:most].rstrip()
    return f"{words} {filling}"


def _write(folder: Path) -> None:
    file = folder / "en" / "LC_MESSAGES" / "messages.mo"
    file.parent.mkdir(parents=True, exist_ok=True)
    spoken = Catalog(locale="en")
    for known in sorted(WEB.glob("translations/*/zh_Hans/LC_MESSAGES/messages.po")):
        with known.open("rb") as source:
            for message in read_po(source, locale="zh_Hans"):
                if message.id:
                    ids = message.id
                    said = longer(ids) if isinstance(ids, str) else tuple(longer(one) for one in ids)
                    spoken.add(ids, said)
    with file.open("wb") as target:
        write_mo(target, spoken)
