"""How many text messages each notice is billed as, with facts as long as they come on an ordinary evening."""

from collections.abc import Mapping

import pytest

from app.notify.segments import cut_to, segments, spelt_plainly
from app.notify.texts import NoticeKind, write_notice

LINK = "https://caibox.example/zh-hans/c/" + "x" * 64
SHARED = {"code": "07 482 193", "order_no": "7K3F9Q2M", "total": "¥128.60", "amount": "¥12.80", "refund_no": "R-10482"}
FACTS: Mapping[str, Mapping[str, str]] = {
    "zh": SHARED
    | {
        "site": "桂花苑",
        "window": "11月24日 16:30–18:30",
        "until": "11月25日 13:30",
        "doors": "北大厅 3、7 号门；二号门 30 号门",
        "link": LINK,
        "why": "有东西缺货",
        "changes": "本地上海青少 1 份（没有到货）；樱桃番茄换成普通番茄 1 份",
        "back": "共退 ¥12.80，按原路退回，1–3 个工作日到账。",
        "keeper": "李阿姨",
        "where": "桂花苑 24 号门",
        "words": "门推不上，锁舌弹不出来",
        "minutes": "45",
        "door": "12",
        "item": "樱桃番茄",
        "orders": "4",
        "names": "樱桃番茄",
        "lot": "1122-A",
        "what": "已取走的请扔掉，不用退回。",
        "sites": "3",
        "lockers": "12",
    },
    "en": SHARED
    | {
        "site": "Osmanthus Court",
        "window": "Tue 24 Nov 16:30–18:30",
        "until": "Wed 25 Nov 13:30",
        "doors": "North lobby, doors 3, 7; Gate 2, door 30",
        "link": LINK.replace("zh-hans", "en"),
        "why": "something was short",
        "changes": "Shanghai greens: 1 missing (not delivered to us); Cherry tomatoes: 1 replaced by Tomatoes",
        "back": " ¥12.80 goes back the way you paid, in 1–3 working days.",
        "keeper": "Auntie Li",
        "where": "Osmanthus Court, door 24",
        "words": "the door does not shut, its latch is stuck",
        "minutes": "45",
        "door": "12",
        "item": "cherry tomatoes",
        "orders": "4",
        "names": "cherry tomatoes",
        "lot": "1122-A",
        "what": " Throw away what you collected; nothing is to be sent back.",
        "sites": "3",
        "lockers": "12",
    },
}
K = NoticeKind
# Chinese, English. Whoever makes a text longer sees here what it costs; those with a link are what links cost.
TAKES: Mapping[NoticeKind, tuple[int, int]] = {
    K.SIGN_IN: (1, 1),
    K.PAID: (2, 1),
    K.PAID_LINK: (3, 2),
    K.PACKED: (2, 2),
    K.NOTHING_PACKED: (2, 2),
    K.READY: (3, 2),
    K.COLLECTED: (1, 1),
    K.REFUNDED: (1, 1),
    K.RESCUED: (2, 2),
    K.TROUBLE: (1, 1),
    K.LATE: (1, 1),
    K.LATE_CHOICE: (3, 2),
    K.IN_TIME: (1, 1),
    K.CALLED_OFF: (3, 2),
    K.NOT_LOADED: (3, 2),
    K.NOT_COLLECTED: (3, 2),
    K.MOVED: (1, 1),
    K.EDITED: (2, 2),
    K.RECALLED: (2, 2),
    K.KEPT_SHUT: (2, 1),
    K.KEPT_SHUT_NO_MORE: (1, 1),
    K.CLAIM_GRANTED: (1, 1),
    K.CLAIM_FIRST: (1, 1),
    K.CLAIM_REFUSED: (1, 1),
    K.CLAIM_ALARM: (2, 2),
    K.COLD_ALARM: (3, 2),
}


def takes(kind: NoticeKind, language: str) -> int:
    return segments(spelt_plainly(write_notice(kind, language, FACTS[language]).body))


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_each_notice_takes_as_many_messages_as_it_is_known_to(kind: NoticeKind) -> None:
    assert (takes(kind, "zh"), takes(kind, "en")) == TAKES[kind]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_one_needs_at_the_locker_fits_the_first_message_and_the_link_comes_last(language: str) -> None:
    text = write_notice(NoticeKind.READY, language, FACTS[language]).body
    before = text[: text.index("https://")]
    assert segments(spelt_plainly(before)) == 1
    assert FACTS[language]["code"] in text[:30]
    assert text.endswith(FACTS[language]["link"])


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_english_stays_in_the_small_alphabet(kind: NoticeKind) -> None:
    text = spelt_plainly(write_notice(kind, "en", FACTS["en"]).body)
    assert segments(text) == -(-len(text) // 153) or len(text) <= 160


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 159 + "€", 2),  # an escape and a letter
        ("菜" * 70, 1),
        ("菜" * 71, 2),
        ("菜" * 134, 2),
        ("菜" * 135, 3),
        ("a" * 69 + "–", 1),
        ("a" * 70 + "–", 2),
        ("🥬" * 35, 1),  # two units each
        ("🥬" * 36, 2),
    ],
)
def test_messages_are_counted_as_networks_do(text: str, count: int) -> None:
    assert segments(text) == count


def test_a_dash_alone_does_not_double_the_price() -> None:
    assert spelt_plainly("16:30\u2060–\u206018:30 it’s") == "16:30-18:30 it's"
    assert spelt_plainly("16:30–18:30 取") == "16:30–18:30 取"


@pytest.mark.parametrize("text", ["菜" * 500, "a" * 1000, "🥬" * 120], ids=["zh", "en", "emoji"])
def test_a_text_that_is_cut_fits_and_says_so(text: str) -> None:
    cut = cut_to(text, 3)
    assert segments(cut) == 3
    assert cut.endswith(("…", "..."))
    assert cut_to(text[:30], 3) == text[:30]
