"""What every page may use in its template: money, dates and ages in words, pictures, icons, the language switch.

Decides how figures look to people, never which figures. Times are shown in the site's zone, on a 24-hour clock.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol
from flask import Flask, current_app, g, request, session, url_for
from flask_babel import gettext, ngettext
from markupsafe import Markup
from sqlalchemy import Row

from app.domain.roles import STAFF
from app.web.language import LANGUAGES, locale, short
from app.web.parts import civil_now, civil_rate, parts, visitor

HOUR_MINUTES, DAY_MINUTES = 60, 24 * 60
STATIC = Path(__file__).parent / "static"
# A dash between word joiners, so that no line ends within `16:30–18:30`.
DASH = "\u2060–\u2060"
HTML_LANGUAGES: Mapping[str, str] = {"zh": "zh-Hans", "en": "en"}


def register(app: Flask) -> None:
    """Give templates these functions, as filters and names."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters: tuple[Callable[..., str], ...] = (
        money,
        unit_price,
        local,
        hhmm,
        day,
        moment,
        calendar_day,
        short_day,
        date_and_time,
        span,
        ago,
        left,
        celsius,
        degrees,
        whole_degrees,
    )
    for one in filters:
        app.add_template_filter(one)
    names: tuple[Callable[..., object], ...] = (asset, icon, picture, other_language)
    for name in names:
        app.add_template_global(name)
    app.context_processor(_every_page)


def _every_page() -> dict[str, Any]:
    person = visitor()
    return {
        "visitor": person,
        "is_staff": person is not None and person.role in STAFF,
        "language": short(),
        "html_language": HTML_LANGUAGES[short()],
        "large": session.get("large", False),
        "demo": parts().settings.demo,
        "locker_pages": parts().settings.locker_pages,
        "has_page": lambda endpoint: endpoint in current_app.view_functions,
    }


def money(minor: int, currency: str) -> str:
    """Write minor units as money: `¥3.90`."""
    return _money(minor, currency, locale())


@lru_cache(maxsize=4096)  # a page of the shop writes a hundred amounts, and the same ones for everybody
def _money(minor: int, currency: str, language: str) -> str:
    amount = Decimal(minor).scaleb(-get_currency_precision(currency))
    written = str(format_currency(amount, currency, locale=language))
    # A site has one currency, so `CN¥` would tell an English reader nothing that `¥` does not.
    return written.replace(get_currency_symbol(currency, locale=language), get_currency_symbol(currency, "zh_Hans"))


def unit_price(product: Row[Any], currency: str) -> str:
    """Write the price by a legal unit of trade (元/500g, never 元/斤); empty for sets."""
    if product.unit_price_minor is None or product.unit_price_per in {None, "none"}:
        return ""
    unit = {"500g": "500 g", "kg": "kg", "L": "L", "each": gettext("each")}.get(product.unit_price_per)
    return f"{money(product.unit_price_minor, currency)} / {unit or product.unit_price_per}"


def local(row: Row[Any] | Mapping[str, Any], field: str = "name") -> str:
    """Take `name_zh` or `name_en` of a row."""
    name = f"{field}_{short()}"
    return str(row[name] if isinstance(row, Mapping) else getattr(row, name))


def hhmm(at: datetime, zone: str) -> str:
    """Write the time of day: `16:30`."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def day(at: datetime, zone: str) -> str:
    """Write the day as people say it: today, tomorrow, or its date."""
    local_day = at.astimezone(ZoneInfo(zone)).date()
    days = (local_day - civil_now().astimezone(ZoneInfo(zone)).date()).days
    if days in {-1, 0, 1}:
        return str({-1: gettext("yesterday"), 0: gettext("today"), 1: gettext("tomorrow")}[days])
    pattern = "M月d日 EEE" if short() == "zh" else "EEE d MMM"
    return str(format_date(local_day, pattern, locale=locale()))


def moment(at: datetime, zone: str) -> str:
    """Write time and day as the language orders them: `16:30 tomorrow`."""
    return str(gettext("%(time)s %(day)s", time=hhmm(at, zone), day=day(at, zone)))


def calendar_day(on: date) -> str:
    """Write a date with its year: `30 Nov 2026`."""
    return str(format_date(on, "yyyy年M月d日" if short() == "zh" else "d MMM yyyy", locale=locale()))


def short_day(on: date) -> str:
    """Write a date where there is little room, as on a label: `11-23`."""
    return str(format_date(on, "MM-dd", locale=locale()))


def date_and_time(at: datetime, zone: str) -> str:
    """Write a date that stays right for ever: `23 Nov 2026, 10:00`."""
    return str(format_datetime(at.astimezone(ZoneInfo(zone)), "medium", locale=locale()))


def span(opens: datetime, closes: datetime, zone: str) -> str:
    """Write a window: `tomorrow 16:30–18:30`."""
    return f"{day(opens, zone)} {hhmm(opens, zone)}{DASH}{hhmm(closes, zone)}"


def ago(at: datetime) -> str:
    """Write an age in words: `14 min ago`."""
    age = max(civil_now() - at, timedelta())
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return str(gettext("just now"))
    if minutes < 100:
        return str(ngettext("%(num)s min ago", "%(num)s min ago", minutes))
    if minutes < 48 * 60:
        return str(ngettext("%(num)s hour ago", "%(num)s hours ago", minutes // 60))
    return str(ngettext("%(num)s day ago", "%(num)s days ago", minutes // (24 * 60)))


def left(until: datetime) -> Markup:
    """Write how long is left in words: `4 h 12 min left`; empty for a day or more. A script counts on."""
    minutes = max(0, int((until - civil_now()).total_seconds() // 60))
    facts = {
        "left-s": str(max(0, int((until - civil_now()).total_seconds()))),
        "rate": str(civil_rate()),
        "hours": gettext("%(hours)s h %(minutes)s min left", hours="{h}", minutes="{m}"),
        "minutes": gettext("%(minutes)s min left", minutes="{m}"),
        "over": gettext("closed just now; reload the page"),
    }
    if minutes >= DAY_MINUTES:
        return Markup()
    said = (facts["hours"] if minutes >= HOUR_MINUTES else facts["minutes"]).format(
        h=minutes // HOUR_MINUTES, m=minutes % HOUR_MINUTES
    )
    return Markup('<span class="left" {}>{}</span>').format(
        Markup(" ").join(Markup('data-{}="{}"').format(name, value) for name, value in facts.items()), said
    )


def celsius(degrees: float) -> str:
    """Write a temperature: `3.4 °C`, with a true minus."""
    return f"{degrees:.1f} °C".replace("-", "−")


def degrees(value: float) -> str:
    """Write the lower end of a range, whose upper end says °C: `1.2`."""
    return f"{value:.1f}".replace("-", "−")


def whole_degrees(value: float) -> str:
    """Write a limit beside its line: `4 °C`; half degrees stay."""
    return f"{value:g} °C".replace("-", "−")


def asset(filename: str) -> str:
    """Address one of our static files so that browsers may keep it for ever: it changes with the file."""
    return url_for("static", filename=filename, v=_version(filename))


def picture(stem: str) -> str:
    """Address a product's picture."""
    return asset(f"vendor/emoji/{stem}.webp")


@cache
def _version(filename: str) -> str:
    file = STATIC / filename
    return f"{file.stat().st_mtime_ns // 1_000_000:x}" if file.is_file() else "0"


@cache
def icon(name: str) -> Markup:
    """Draw one of Lucide's icons in the colour of the text around it. It decorates; words stand beside it."""
    file = STATIC / "vendor/lucide" / f"{name}.svg"
    if not file.is_file():
        return Markup()
    drawing = file.read_text(encoding="utf-8").partition("<svg")[2]
    return Markup('<svg aria-hidden="true" focusable="false"' + drawing.strip())  # noqa: S704 - a file of ours


def other_language() -> dict[str, str]:
    """Where this same page speaks the other language: its address, code and name."""
    code = next(code for code in LANGUAGES if LANGUAGES[code] != short())
    shown = request.endpoint is not None and "lang_code" in getattr(request.url_rule, "arguments", ())
    if shown:
        values: dict[str, Any] = {**(request.view_args or {}), **request.args.to_dict(), "lang_code": code}
        url = url_for(str(request.endpoint), **values)
    else:
        url = f"/{code}/" + (request.path.split("/", 2)[2] if g.get("lang_code") else "")
    return {"url": url, "code": HTML_LANGUAGES[LANGUAGES[code]], "name": {"zh-hans": "中文", "en": "English"}[code]}
