"""What people are told, in both languages. Short enough for a text message; no name, no address of a home."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.claims import RefusalAnswer
from app.domain.picking import ShortReason
from app.domain.recalling import RecallStep
from app.domain.refunding import RefundCause
from locker_protocol.vocabulary import ColdCause


class NoticeKind(StrEnum):
    """Why somebody is told something."""

    SIGN_IN = "sign_in"
    PAID = "order_paid"
    PACKED = "order_packed"
    NOTHING_PACKED = "order_nothing_packed"
    READY = "order_ready"
    COLLECTED = "order_collected"
    REFUNDED = "order_refunded"
    CLAIM_GRANTED = "claim_granted"
    CLAIM_FIRST = "claim_granted_first"
    CLAIM_REFUSED = "claim_refused"
    CLAIM_ALARM = "claim_alarm"
    COLD_ALARM = "cold_alarm"
    RESCUED = "order_rescued"
    TROUBLE = "trouble"
    LATE = "van_late"
    LATE_CHOICE = "van_late_choice"
    IN_TIME = "van_in_time"
    CALLED_OFF = "van_called_off"
    NOT_LOADED = "order_not_loaded"
    NOT_COLLECTED = "order_not_collected"
    MOVED = "order_moved"
    RECALLED = "lot_recalled"
    KEPT_SHUT = "order_kept_shut"
    KEPT_SHUT_NO_MORE = "order_kept_shut_no_more"
    EDITED = "order_edited"


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
    (NoticeKind.PACKED, "zh"): Notice("订单 {order_no} 已打包", "【菜箱】订单 {order_no} 已打包。{changes}。{back}"),
    (NoticeKind.PACKED, "en"): Notice(
        "Order {order_no} is packed", "Caibox: order {order_no} is packed. {changes}.{back}"
    ),
    (NoticeKind.NOTHING_PACKED, "zh"): Notice(
        "订单 {order_no} 缺货，已退款", "【菜箱】很抱歉，订单 {order_no} 的东西都没有到货。{changes}。{back}"
    ),
    (NoticeKind.NOTHING_PACKED, "en"): Notice(
        "Order {order_no} could not be packed",
        "Caibox: we are sorry, nothing of order {order_no} could be packed. {changes}.{back}",
    ),
    (NoticeKind.READY, "zh"): Notice(
        "订单 {order_no} 可以取了",
        # The code first, so that a phone's lock screen shows it; the text before the link is one message.
        "【菜箱】取件码 {code}：{site}{doors}，{until} 前取。扫码或一键开门：{link}",
    ),
    (NoticeKind.READY, "en"): Notice(
        "Order {order_no} is ready",
        "Caibox: code {code}, {site}: {doors}, by {until}. Order {order_no}. QR, or open by one tap: {link}",
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
        "订单 {order_no} 退款 {amount}",
        "【菜箱】订单 {order_no} 退您 {amount}：{why}。按原路退回，1–3 个工作日到账。编号 {refund_no}。",
    ),
    (NoticeKind.REFUNDED, "en"): Notice(
        "Order {order_no}: {amount} refunded",
        "Caibox: {amount} of order {order_no} goes back the way you paid: {why}."
        " It takes 1–3 working days. Ref {refund_no}.",
    ),
    (NoticeKind.CLAIM_GRANTED, "zh"): Notice(
        "{item}：退您 {amount}",
        "【菜箱】抱歉，{item}让您失望了。退您 {amount}，按原路退回，1–3 个工作日到账。编号 {refund_no}。",
    ),
    (NoticeKind.CLAIM_GRANTED, "en"): Notice(
        "{item}: {amount} goes back",
        "Caibox: sorry about the {item}. {amount} goes back the way you paid, in 1–3 working days. Ref {refund_no}.",
    ),
    (NoticeKind.CLAIM_FIRST, "zh"): Notice(
        "{item}：先退您 {amount}",
        "【菜箱】有邻居反映这批{item}不好，先退您 {amount}，您不用做什么。编号 {refund_no}。",
    ),
    (NoticeKind.CLAIM_FIRST, "en"): Notice(
        "{item}: {amount} goes back",
        "Caibox: neighbours told us this {item} was not good. {amount} goes back to you; nothing to do."
        " Ref {refund_no}.",
    ),
    (NoticeKind.CLAIM_REFUSED, "zh"): Notice(
        "{item}：这次不能退", "【菜箱】订单 {order_no} 的{item}这次不能退：{why}。"
    ),
    (NoticeKind.CLAIM_REFUSED, "en"): Notice(
        "{item}: no refund this time", "Caibox: we cannot refund the {item} of order {order_no}: {why}."
    ),
    (NoticeKind.CLAIM_ALARM, "zh"): Notice(
        "{item}：{orders} 户反映", "【菜箱】{site}：{orders} 户反映同一批{item}。{link}"
    ),
    (NoticeKind.CLAIM_ALARM, "en"): Notice(
        "{item}: {orders} households claim", "Caibox, {site}: {orders} households claim the same {item}. {link}"
    ),
    (NoticeKind.COLD_ALARM, "zh"): Notice(
        "{what}：{orders} 个订单", "【菜箱】{what}：{site}等 {sites} 个小区、{lockers} 个柜、{orders} 个订单。{link}"
    ),
    (NoticeKind.COLD_ALARM, "en"): Notice(
        "{what}: {orders} orders", "Caibox: {what}. {site}; sites {sites}, lockers {lockers}, orders {orders}. {link}"
    ),
    (NoticeKind.RESCUED, "zh"): Notice(
        "订单 {order_no} 的菜在柜长那里",
        "【菜箱】{site}的柜子出了问题。订单 {order_no} 的菜由{keeper}放进保冷袋，请在 {until} 前找{keeper}领取，"
        "报订单号和姓名。柜门上有电话。",
    ),
    (NoticeKind.RESCUED, "en"): Notice(
        "Order {order_no}: your food is with {keeper}",
        "Caibox: the locker at {site} has a fault. Your food of order {order_no} is with {keeper} in a cold bag,"
        " until {until}. Say the order number and your name. The number to call is on the locker.",
    ),
    (NoticeKind.TROUBLE, "zh"): Notice("柜长报修：{where}", "【菜箱】{where}：{words}"),
    (NoticeKind.TROUBLE, "en"): Notice("A keeper reports: {where}", "Caibox, {where}: {words}"),
    (NoticeKind.LATE, "zh"): Notice(
        "送菜车晚约 {minutes} 分钟", "【菜箱】车晚约 {minutes} 分钟，预计 {until} 到。您不用做什么。订单 {order_no}。"
    ),
    (NoticeKind.LATE, "en"): Notice(
        "The van is about {minutes} min late",
        "Caibox: the van is about {minutes} min late: {until}. Nothing to do. Order {order_no}.",
    ),
    (NoticeKind.LATE_CHOICE, "zh"): Notice(
        "送菜车晚约 {minutes} 分钟，请选择",
        "【菜箱】车晚约 {minutes} 分钟，预计 {until} 到。可以等，也可改期或退款：{link}",
    ),
    (NoticeKind.LATE_CHOICE, "en"): Notice(
        "The van is about {minutes} min late: your choice",
        "Caibox: the van is about {minutes} min late: {until}. Wait, or choose another way: {link}",
    ),
    (NoticeKind.IN_TIME, "zh"): Notice("送菜车能准时到", "【菜箱】车能准时到了：{window} 照常取菜。订单 {order_no}。"),
    (NoticeKind.IN_TIME, "en"): Notice(
        "The van comes in time after all",
        "Caibox: the van comes in time after all: collect {window}. Order {order_no}.",
    ),
    (NoticeKind.CALLED_OFF, "zh"): Notice(
        "送菜车来不了，请选择", "【菜箱】抱歉，这趟车来不了。改期或退款，请在 {until} 前选：{link}"
    ),
    (NoticeKind.CALLED_OFF, "en"): Notice(
        "Your van cannot come: your choice",
        "Caibox: sorry, your van cannot come. Choose another way or your money by {until}: {link}",
    ),
    (NoticeKind.NOT_LOADED, "zh"): Notice(
        "订单 {order_no} 没能放进柜子，请选择", "【菜箱】抱歉，您有菜没能放进柜子。请在 {until} 前选怎么办：{link}"
    ),
    (NoticeKind.NOT_LOADED, "en"): Notice(
        "Order {order_no} did not get into the locker: your choice",
        "Caibox: sorry, not all of your food got into the locker. Choose what we do by {until}: {link}",
    ),
    (NoticeKind.NOT_COLLECTED, "zh"): Notice(
        "您的菜还在柜里", "【菜箱】您的菜还在柜里，{until} 前都能取。来不了？请人代取或退款：{link}"
    ),
    (NoticeKind.NOT_COLLECTED, "en"): Notice(
        "Your food is still in the locker",
        "Caibox: your food is still in the locker, good until {until}."
        " Cannot come? Hand it over or give it back: {link}",
    ),
    (NoticeKind.MOVED, "zh"): Notice(
        "订单 {order_no} 改期", "【菜箱】订单 {order_no} 改为 {window}，{site}。放进柜子后发您取件码。"
    ),
    (NoticeKind.MOVED, "en"): Notice(
        "Order {order_no} has a new time",
        "Caibox: order {order_no} now comes {window}, {site}. We send your code once it is in the locker.",
    ),
    (NoticeKind.RECALLED, "zh"): Notice(
        "请勿食用：{names}被召回", "【菜箱】请勿食用！订单 {order_no} 的{names}（批号 {lot}）被召回。{what}{back}"
    ),
    (NoticeKind.RECALLED, "en"): Notice(
        "Do not eat: {names} recalled",
        "Caibox: do not eat it! {names} (lot {lot}) of order {order_no} is recalled.{what}{back}",
    ),
    (NoticeKind.KEPT_SHUT, "zh"): Notice(
        "订单 {order_no}：{door} 号门先不开",
        "【菜箱】为了食品安全，{door} 号门先不开：{why}。我们在 {until} 前去看，再告诉您；不能吃的，一律退款。"
        "订单 {order_no}。",
    ),
    (NoticeKind.KEPT_SHUT, "en"): Notice(
        "Order {order_no}: door {door} stays shut for now",
        "Caibox: door {door} stays shut for food safety: {why}. We look by {until} and tell you; what cannot be eaten"
        " is refunded. Order {order_no}.",
    ),
    (NoticeKind.KEPT_SHUT_NO_MORE, "zh"): Notice(
        "订单 {order_no}：{door} 号门可以开了",
        "【菜箱】{door} 号门里的菜没有问题，可以取了，用原来的取件码。订单 {order_no}。",
    ),
    (NoticeKind.KEPT_SHUT_NO_MORE, "en"): Notice(
        "Order {order_no}: door {door} opens again",
        "Caibox: what is behind door {door} is good. Collect it with the same code. Order {order_no}.",
    ),
    (NoticeKind.EDITED, "zh"): Notice(
        "订单 {order_no} 已按您的要求改好",
        "【菜箱】订单 {order_no} 已改好，现在共 {total}。取货：{site}，{window}。{back}",
    ),
    (NoticeKind.EDITED, "en"): Notice(
        "Order {order_no} is changed",
        "Caibox: order {order_no} is changed and now comes to {total}. Collect at {site}, {window}.{back}",
    ),
}

# What a recall did with an order, added to its notice.
RECALL_STEPS: Mapping[tuple[RecallStep, str], str] = {
    (RecallStep.WARN, "zh"): "已取走的请扔掉，不用退回。",
    (RecallStep.WARN, "en"): " Throw away what you collected; nothing is to be sent back.",
    (RecallStep.WITHDRAW, "zh"): "柜里的不再开门，余下的钱随后退。",
    (RecallStep.WITHDRAW, "en"): " What lies in the locker stays shut; the rest of your money follows.",
}
RECALL_BACK = {
    "zh": "现退您 {amount}，按原路退回，1–3 个工作日到账。编号 {refund_no}。",
    "en": " {amount} goes back now, the way you paid, in 1–3 working days. Ref {refund_no}.",
}

REFUND_REASONS: Mapping[tuple[RefundCause, str], str] = {
    (RefundCause.SHORT, "zh"): "有东西缺货",
    (RefundCause.SHORT, "en"): "something was short",
    (RefundCause.SUBSTITUTE, "zh"): "替换的商品更便宜",
    (RefundCause.SUBSTITUTE, "en"): "what we packed instead costs less",
    (RefundCause.WEIGHT, "zh"): "实际称重更轻",
    (RefundCause.WEIGHT, "en"): "it weighed less than you were charged for",
    (RefundCause.NOT_COLLECTED, "zh"): "没有取走，已过保鲜时间",
    (RefundCause.NOT_COLLECTED, "en"): "it was not collected while it was fresh",
    (RefundCause.GIVEN_UP, "zh"): "按您的要求取消",
    (RefundCause.GIVEN_UP, "en"): "you asked us to cancel it",
    (RefundCause.NOT_BROUGHT, "zh"): "我们没能送到",
    (RefundCause.NOT_BROUGHT, "en"): "we could not bring it",
    (RefundCause.NOT_OPENED, "zh"): "柜门没有打开",
    (RefundCause.NOT_OPENED, "en"): "its door did not open",
    (RefundCause.LATE_PAYMENT, "zh"): "付款来晚了，位置已经没有了",
    (RefundCause.LATE_PAYMENT, "en"): "the payment came after its place was given away",
    (RefundCause.SECOND_PAYMENT, "zh"): "这单付了两次",
    (RefundCause.SECOND_PAYMENT, "en"): "it was paid twice",
    (RefundCause.RECALLED, "zh"): "有食品被召回",
    (RefundCause.RECALLED, "en"): "some of the food is recalled",
    (RefundCause.EDITED, "zh"): "您改了订单",
    (RefundCause.EDITED, "en"): "you changed the order",
    (RefundCause.EDIT_GONE, "zh"): "您要的改动已经做不到了，订单没有变",
    (RefundCause.EDIT_GONE, "en"): "your change was not possible any more; the order stays as it was",
    (RefundCause.CLAIM, "zh"): "您反映的问题",
    (RefundCause.CLAIM, "en"): "what you told us was wrong",
    (RefundCause.COLD_CHAIN, "zh"): "柜里没有冷好，不能再吃了",
    (RefundCause.COLD_CHAIN, "en"): "it was not kept cold and must not be eaten",
    (RefundCause.STAFF, "zh"): "我们决定退给您",
    (RefundCause.STAFF, "en"): "we decided to give it back",
}


class DoorMatter(StrEnum):
    """What somebody who collects met at a door."""

    JAMMED = "jammed"
    WRONG_BAG = "wrong_bag"


# For those who can come.
DOOR_WORDS: Mapping[tuple[DoorMatter, str], str] = {
    (DoorMatter.JAMMED, "zh"): "门打不开，订单 {order_no} 的菜还在里面，住户可能就在柜前。请马上过去。",
    (
        DoorMatter.JAMMED,
        "en",
    ): "the door does not open with food of order {order_no} behind it; its owner may stand there. Go now.",
    (DoorMatter.WRONG_BAG, "zh"): "里面不是订单 {order_no} 的菜。门已关着不再开，请去看是谁的。",
    (DoorMatter.WRONG_BAG, "en"): "what lies there is not of order {order_no}. It stays shut; look whose it is.",
}

# Why food is kept shut, in words for whoever ordered it.
COLD_CAUSES: Mapping[tuple[ColdCause, str], str] = {
    (ColdCause.TOO_WARM, "zh"): "柜里太暖了",
    (ColdCause.TOO_WARM, "en"): "it was too warm in there",
    (ColdCause.TOO_COLD, "zh"): "柜里太冷了",
    (ColdCause.TOO_COLD, "en"): "it was too cold in there",
    (ColdCause.UNKNOWN, "zh"): "有一阵没有量到温度",
    (ColdCause.UNKNOWN, "en"): "for a while nobody measured how cold it was",
    (ColdCause.UNDECIDED, "zh"): "没有人及时查看",
    (ColdCause.UNDECIDED, "en"): "nobody looked at it in time",
}

CLAIM_ANSWERS: Mapping[tuple[RefusalAnswer, str], str] = {
    (RefusalAnswer.PHOTO_SHOWS_NOTHING, "zh"): "照片上看不出问题",
    (RefusalAnswer.PHOTO_SHOWS_NOTHING, "en"): "the photo does not show what is wrong",
    (RefusalAnswer.PACKED_COMPLETE, "zh"): "打包照片上东西齐全",
    (RefusalAnswer.PACKED_COMPLETE, "en"): "the photo from packing shows it complete",
    (RefusalAnswer.LEFT_TOO_LONG, "zh"): "取走后放得太久",
    (RefusalAnswer.LEFT_TOO_LONG, "en"): "it was kept too long after it was collected",
    (RefusalAnswer.ALREADY_BACK, "zh"): "这笔钱已经退过了",
    (RefusalAnswer.ALREADY_BACK, "en"): "its money went back already",
    (RefusalAnswer.OTHER, "zh"): "我们查过，没有发现问题；有疑问请打柜机上的电话",
    (RefusalAnswer.OTHER, "en"): "we looked and found nothing wrong; to ask, call the number on the locker",
}

SHORT_REASONS: Mapping[tuple[ShortReason, str], str] = {
    (ShortReason.NOT_DELIVERED, "zh"): "没有到货",
    (ShortReason.NOT_DELIVERED, "en"): "not delivered to us",
    (ShortReason.SPOILED, "zh"): "不新鲜了",
    (ShortReason.SPOILED, "en"): "no longer fresh",
    (ShortReason.DAMAGED, "zh"): "破损了",
    (ShortReason.DAMAGED, "en"): "damaged",
    (ShortReason.OTHER, "zh"): "这次没有",
    (ShortReason.OTHER, "en"): "not to be had",
}


class Change(StrEnum):
    """How what was packed differs from a line that was ordered."""

    SHORT = "short"
    REPLACED = "replaced"
    WEIGHED = "weighed"
    ESTIMATED = "estimated"


CHANGES: Mapping[tuple[Change, str], str] = {
    (Change.SHORT, "zh"): "{name}少 {count} 份（{reason}）",
    (Change.SHORT, "en"): "{name}: {count} missing ({reason})",
    (Change.REPLACED, "zh"): "{name}换成{substitute} {count} 份",
    (Change.REPLACED, "en"): "{name}: {count} replaced by {substitute}",
    (Change.WEIGHED, "zh"): "{name}实称 {grams} g",
    (Change.WEIGHED, "en"): "{name}: weighed {grams} g",
    (Change.ESTIMATED, "zh"): "{name}按估重收款",
    (Change.ESTIMATED, "en"): "{name}: charged at its estimate",
}
BACK = {
    "zh": "共退 {amount}，按原路退回，1–3 个工作日到账。",
    "en": " {amount} goes back the way you paid, in 1–3 working days.",
}


def write_notice(kind: NoticeKind, language: str, facts: Mapping[str, str]) -> Notice:
    """Fill a text's gaps. A missing fact is our bug."""
    words = TEXTS[kind, language]
    return Notice(words.subject.format_map(facts), words.body.format_map(facts))
