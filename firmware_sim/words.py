"""The sentences of the virtual locker, in Chinese and English; `words/*.json` hold the same keys."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["zh", "en"]
FOLDER = Path(__file__).with_name("words")


@cache
def words(language: Language) -> Mapping[str, str]:
    """All sentences of one language."""
    loaded: Mapping[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return loaded


def preferred(accept_language: str) -> Language:
    """The language a browser asks for; Chinese unless English comes first."""
    first = accept_language.split(",", maxsplit=1)[0].strip().lower()
    return "en" if first.startswith("en") else "zh"
