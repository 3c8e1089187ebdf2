"""Tells an order's owner how it stands: paid, in the locker (with doors and typed code), collected, refunded."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from babel import Locale
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol
from sqlalchemy import Connection, Row, text

from app.domain.choice_link import make_choice_link
from app.domain.collect_link import make_collect_link
from app.domain.picking import ShortReason
from app.domain.pickup_code import typed_secret
from app.domain.refunding import RefundCause
from app.notify.texts import BACK, CHANGES, REFUND_REASONS, SHORT_REASONS, Change, NoticeKind
from app.settings import Settings
from app.use_cases.telling.queue_notification import notification_row, queue_notification
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.typed_code import show_code

ENGLISH, CHINESE = Locale.parse("en"), Locale.parse("zh_Hans")
PREFIXES = {"zh": "zh-hans", "en": "en"}

# What every notice about an order may say; `:order_id` is asked for.
ORDER_FACTS = """
    SELECT o.order_no, o.total_minor, o.currency, o.person_id, p.language, p.guest,
        coalesce(p.phone, p.mail, o.guest_contact) AS contact,
        s.name_zh, s.name_en, s.timezone, w.opens_at, w.closes_at, r.removal_from,
        k.id AS credential_id, k.handle, k.generation, k.expires_at,
        (
            SELECT array_agg(DISTINCT l.name_zh || '|' || l.name_en || '|' || x.door) FROM parcel x
            JOIN compartment c ON c.site_id = o.site_id AND c.door = x.door JOIN locker l ON l.id = c.locker_id
            WHERE x.order_id = o.id AND x.state = 'loaded'
        ) AS places
    FROM customer_order o
    JOIN person p ON p.id = o.person_id
    JOIN site s ON s.id = o.site_id
    JOIN pickup_window w ON w.id = o.window_id
    JOIN load_run r ON r.run_no = o.run_no
    LEFT JOIN credential k ON k.order_id = o.id AND k.ended_at IS NULL
    WHERE o.id = :order_id
"""
LOAD = text(ORDER_FACTS)

PACKED = text("""
    SELECT l.quantity, l.picked_quantity, l.short_reason, l.substitute_quantity, l.weight_g,
        d.name_zh, d.name_en, b.name_zh AS substitute_zh, b.name_en AS substitute_en, m.causes, m.back_minor
    FROM order_line l
    JOIN product d ON d.id = l.product_id
    LEFT JOIN product b ON b.id = l.substitute_id
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(r.cause), '{}') AS causes, coalesce(sum(x.amount_minor), 0)::bigint AS back_minor
        FROM refund_line x JOIN refund r ON r.id = x.refund_id
        WHERE x.order_id = l.order_id AND x.line_no = l.line_no AND r.cause IN ('short', 'substitute', 'weight')
    ) m
    WHERE l.order_id = :order_id ORDER BY l.line_no
""")


def tell_order(
    conn: Connection, *, order_id: str, kind: NoticeKind, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Queue a notice that needs no code: paid, collected, refunded."""
    order = load_order(conn, order_id=order_id)
    queue_for(conn, order, order_id, kind, _facts(order), now, random)


def load_order(conn: Connection, *, order_id: str) -> Row[Any]:
    """An order as notices need it: its number, its owner's language and contact, its site, window and live code."""
    return conn.execute(LOAD, {"order_id": order_id}).one()


def paid_notice(
    order: Row[Any], *, order_id: str, now: datetime, settings: Settings, random: RandomBytes
) -> dict[str, Any]:
    """The row of the notice that an order is paid; `order` holds ORDER_FACTS. The caller writes it and announces it.

    A guest's has the link that opens the order. Empty when its owner erased their account: nobody is left to be told.
    """
    if order.contact is None:
        return {}
    row = notification_row(
        contact=order.contact,
        kind=NoticeKind.PAID_LINK if order.guest else NoticeKind.PAID,
        language=order.language,
        facts={
            **_facts(order),
            **({"link": order_link(order, order_id=order_id, settings=settings)} if order.guest else {}),
        },
        now=now,
        random=random,
    )
    return {**row, "person_id": order.person_id, "order_id": order_id}


def order_link(order: Row[Any], *, order_id: str, settings: Settings) -> str:
    """The address that opens an order without signing in; `order` says its owner's language and when it is over."""
    link = make_collect_link(settings.secret_key, order_id=order_id, ends_at=order.removal_from)
    return f"{settings.public_url}/{PREFIXES[order.language]}/o/{link}"


class Amount(Protocol):
    """What goes back, and its number."""

    @property
    def refund_no(self) -> str: ...

    @property
    def amount_minor(self) -> int: ...


def tell_refund(
    conn: Connection,
    *,
    order_id: str,
    decided: Amount,
    cause: RefundCause,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Queue the notice that money goes back, how much and why."""
    order = load_order(conn, order_id=order_id)
    facts = {
        **_facts(order),
        "amount": money_words(decided.amount_minor, order.currency),
        "refund_no": decided.refund_no,
        "why": REFUND_REASONS[cause, order.language],
    }
    queue_for(conn, order, order_id, NoticeKind.REFUNDED, facts, now, random)


def tell_edited(
    conn: Connection, *, order_id: str, back_minor: int, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Queue the notice that an order was changed as its owner wished, and what goes back for it."""
    order = conn.execute(LOAD, {"order_id": order_id}).one()
    back = BACK[order.language].format(amount=money_words(back_minor, order.currency)) if back_minor else ""
    queue_for(conn, order, order_id, NoticeKind.EDITED, {**_facts(order), "back": back}, now, random)


def tell_rescued(
    conn: Connection,
    *,
    order_id: str,
    keeper: str,
    until: datetime,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Queue the notice that a keeper has the food, and until when; `keeper` is a display name, or empty."""
    order = load_order(conn, order_id=order_id)
    nameless = {"zh": "柜长", "en": "the keeper"}[order.language]
    facts = {**_facts(order), "keeper": keeper or nameless, "until": _moment(until, order)}
    queue_for(conn, order, order_id, NoticeKind.RESCUED, facts, now, random)


def tell_packing(
    conn: Connection, *, order_id: str, nothing_left: bool, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Queue the one notice of what was short, replaced or weighed; none when all was packed as it was ordered."""
    order = load_order(conn, order_id=order_id)
    lines = conn.execute(PACKED, {"order_id": order_id}).all()
    changes = [words for line in lines for words in _changes(line, order.language)]
    if not changes:
        return
    back = sum(line.back_minor for line in lines)
    facts = {
        **_facts(order),
        "changes": ("；" if order.language == "zh" else "; ").join(changes),
        "back": BACK[order.language].format(amount=money_words(back, order.currency)) if back else "",
    }
    kind = NoticeKind.NOTHING_PACKED if nothing_left else NoticeKind.PACKED
    queue_for(conn, order, order_id, kind, facts, now, random)


def _changes(line: Row[Any], language: str) -> list[str]:
    replaced, zh = line.substitute_quantity or 0, language == "zh"
    facts = {"name": line.name_zh if zh else line.name_en, "grams": line.weight_g}
    found: list[str] = []
    if missing := line.quantity - line.picked_quantity - replaced:
        reason = SHORT_REASONS[ShortReason(line.short_reason), language]
        found.append(CHANGES[Change.SHORT, language].format(**facts, count=missing, reason=reason))
    if replaced:
        name = line.substitute_zh if zh else line.substitute_en
        found.append(CHANGES[Change.REPLACED, language].format(**facts, count=replaced, substitute=name))
    if RefundCause.WEIGHT in line.causes:
        found.append(CHANGES[Change.WEIGHED if line.weight_g else Change.ESTIMATED, language].format(**facts))
    return found


def tell_choice(
    conn: Connection,
    *,
    order_id: str,
    kind: NoticeKind,
    until: datetime,
    now: datetime,
    settings: Settings,
    offer_id: str | None = None,
    minutes: int = 0,
    random: RandomBytes = random_bytes,
) -> None:
    """Queue a notice that something is not as promised, with the link to the offer if there is one."""
    order = load_order(conn, order_id=order_id)
    facts = {**_facts(order), "until": moment_words(until, order, now), "minutes": str(minutes)}
    if offer_id is not None:
        link = make_choice_link(settings.secret_key, offer_id=offer_id, ends_at=order.removal_from)
        facts["link"] = f"{settings.public_url}/{PREFIXES[order.language]}/choice/{link}"
    queue_for(conn, order, order_id, kind, facts, now, random)


def tell_order_ready(
    conn: Connection, *, order_id: str, settings: Settings, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Queue the notice that all parcels lie in the locker: where, the typed code, until when, the page with the QR."""
    order = load_order(conn, order_id=order_id)
    assert order.credential_id is not None, "an order is ready only after its code was made"
    secret = typed_secret(settings.secret_key, credential_id=order.credential_id, generation=order.generation)
    link = make_collect_link(settings.secret_key, order_id=order_id, ends_at=order.removal_from)
    facts = {
        **_facts(order),
        "doors": _doors(order),
        "code": show_code(order.handle, secret),
        "until": _moment(order.expires_at, order),
        "link": f"{settings.public_url}/{PREFIXES[order.language]}/c/{link}",
    }
    queue_for(conn, order, order_id, NoticeKind.READY, facts, now, random)


def queue_for(
    conn: Connection,
    order: Row[Any],
    order_id: str,
    kind: NoticeKind,
    facts: dict[str, str],
    now: datetime,
    random: RandomBytes,
) -> None:
    """Queue a notice for the owner of an order that `load_order` gave."""
    if order.contact is None:  # their account was erased: nobody is left to be told
        return
    queue_notification(
        conn,
        contact=order.contact,
        kind=kind,
        language=order.language,
        facts=facts,
        person_id=order.person_id,
        order_id=order_id,
        now=now,
        random=random,
    )


def _facts(order: Row[Any]) -> dict[str, str]:
    ends = order.closes_at.astimezone(ZoneInfo(order.timezone))
    return {
        "order_no": order.order_no,
        "total": money_words(order.total_minor, order.currency),
        "site": order.name_zh if order.language == "zh" else order.name_en,
        "window": f"{_moment(order.opens_at, order)}–{ends:%H:%M}",
    }


def money_words(minor: int, currency: str) -> str:
    """Write minor units as money, the same in both languages: `¥3.90`."""
    digits, foreign, local = _currency(currency)
    written = str(format_currency(Decimal(minor).scaleb(-digits), currency, locale=ENGLISH))
    return written.replace(foreign, local)


@cache
def _currency(currency: str) -> tuple[int, str, str]:
    """How many digits follow its point, and its sign abroad and at home.

    A site has one currency, so `CN¥` would tell an English reader nothing that `¥` does not.
    """
    foreign, local = (str(get_currency_symbol(currency, locale=locale)) for locale in (ENGLISH, CHINESE))
    return get_currency_precision(currency), foreign, local


def _doors(order: Row[Any]) -> str:
    """North lobby 3, 7; Gate 2 30."""
    by_locker: dict[str, list[int]] = {}
    for place in order.places or ():
        name_zh, name_en, door = place.split("|")
        by_locker.setdefault(name_zh if order.language == "zh" else name_en, []).append(int(door))
    words = [(name, sorted(doors)) for name, doors in sorted(by_locker.items(), key=lambda item: min(item[1]))]
    if order.language == "zh":
        return "；".join(f"{name} {'、'.join(map(str, doors))} 号门" for name, doors in words)
    return "; ".join(
        f"{name}, {'doors' if doors[1:] else 'door'} {', '.join(map(str, doors))}" for name, doors in words
    )


def moment_words(at: datetime, order: Row[Any], now: datetime) -> str:
    """The hour alone where it is today's."""
    zone = ZoneInfo(order.timezone)
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else _moment(at, order)


def _moment(at: datetime, order: Row[Any]) -> str:
    local = at.astimezone(ZoneInfo(order.timezone))
    return (
        f"{local.month}月{local.day}日 {local:%H:%M}"
        if order.language == "zh"
        else f"{local:%a} {local.day} {local:%b %H:%M}"
    )
