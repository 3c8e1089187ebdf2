"""Which language a page speaks: its address says so, `/zh-hans/…` or `/en/…`. Catalogues: English is the message id."""

from typing import Any

from flask import Flask, abort, current_app, g, request
from flask_babel import Babel

LANGUAGES = {"zh-hans": "zh", "en": "en"}
CATALOGUES = "translations/shop;translations/staff"


def register(app: Flask) -> None:
    """Read the language from the address and put it into every address made."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = CATALOGUES
    Babel(app, locale_selector=locale, timezone_selector=lambda: "UTC")
    app.url_value_preprocessor(_take_language)
    app.url_defaults(_give_language)


def locale() -> str:
    """The locale Babel uses on this request."""
    return "zh_Hans" if short() == "zh" else "en"


def short() -> str:
    """`zh` or `en`, as columns and notifications have it."""
    return LANGUAGES[prefix()]


def prefix() -> str:
    """`zh-hans` or `en`, as addresses have it; from the address, else from what the browser prefers."""
    found: str | None = g.get("lang_code")
    if found:
        return found
    preferred = request.accept_languages.best_match(["zh", "zh-hans", "zh-cn", "en"], default="zh")
    return "en" if preferred == "en" else "zh-hans"


def _take_language(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    code = (values or {}).pop("lang_code", None)
    if code is not None and code not in LANGUAGES:
        abort(404)
    g.lang_code = code


def _give_language(endpoint: str, values: dict[str, Any]) -> None:
    if "lang_code" not in values and current_app.url_map.is_endpoint_expecting(endpoint, "lang_code"):
        values["lang_code"] = prefix()
