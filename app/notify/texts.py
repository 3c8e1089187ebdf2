"""What people are told, in both languages. Short enough for a text message; no name, no address of a home."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class NoticeKind(StrEnum):
    """Why somebody is told something."""

    SIGN_IN = "sign_in"
    PAID = "order_paid"
    READY = "order_ready"
    COLLECTED = "order_collected"
    REFUNDED = "order_refunded"


@dataclass(frozen=True, slots=True)
class Notice:
    """A subject for channels that have one, and the text."""

    subject: str
    body: str


TEXTS: Mapping[tuple[NoticeKind, str], Notice] = {
    (NoticeKind.SIGN_IN, "zh"): Notice(
        "菜箱登录验证码 {code}", "【菜箱】您的登录验证码是 {code}，10 分钟内有效。请勿告诉他人；我们不会向您索要。"
    ),
    (NoticeKind.SIGN_IN, "en"): Notice(
        "Caibox sign-in code {code}",
        "Caibox: your sign-in code is {code}, good for 10 minutes. Tell nobody; we never ask for it.",
    ),
    (NoticeKind.PAID, "zh"): Notice(
        "订单 {order_no} 已付款",
        "【菜箱】订单 {order_no} 已付款 {total}。取货：{site}，{window}。菜放进柜子后，我们会把取件码发给您。",
    ),
    (NoticeKind.PAID, "en"): Notice(
        "Order {order_no} is paid",
        "Caibox: order {order_no} is paid, {total}. Collect at {site}, {window}."
        " We send your code once it is in the locker.",
    ),
    (NoticeKind.READY, "zh"): Notice(
        "订单 {order_no} 可以取了",
        "【菜箱】订单 {order_no} 已在{site}：{doors}。取件码 {code}，请在 {until} 前取走。二维码：{link}",
    ),
    (NoticeKind.READY, "en"): Notice(
        "Order {order_no} is ready",
        "Caibox: order {order_no} is at {site}: {doors}. Type {code} at the locker, by {until}. QR code: {link}",
    ),
    (NoticeKind.COLLECTED, "zh"): Notice(
        "订单 {order_no} 已取走，谢谢",
        "【菜箱】订单 {order_no} 已取走，谢谢！忘了东西？15 分钟内用同一个码还能再开一次柜门。",
    ),
    (NoticeKind.COLLECTED, "en"): Notice(
        "Order {order_no} is collected, thank you",
        "Caibox: order {order_no} is collected, thank you! Forgot something?"
        " For 15 minutes the same code opens the same doors again.",
    ),
    (NoticeKind.REFUNDED, "zh"): Notice(
        "订单 {order_no} 已退款", "【菜箱】订单 {order_no} 的付款来晚了，位置已经没有了。{total} 已按原路退回。"
    ),
    (NoticeKind.REFUNDED, "en"): Notice(
        "Order {order_no} is refunded",
        "Caibox: the payment for order {order_no} came after its place was given away."
        " {total} is on its way back the way you paid.",
    ),
}


def write_notice(kind: NoticeKind, language: str, facts: Mapping[str, str]) -> Notice:
    """Fill a text's gaps. A missing fact is our bug."""
    words = TEXTS[kind, language]
    return Notice(words.subject.format_map(facts), words.body.format_map(facts))
