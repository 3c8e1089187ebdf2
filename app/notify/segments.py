"""How many text messages a text is billed as. Networks cut at 140 bytes: 160 letters of the GSM alphabet, or 70 others.

A text of several carries 6 bytes in each to put them together again: 153 and 67 (3GPP TS 23.040 §9.2.3.24.1; the
alphabet is TS 23.038 §6.2.1). Decides as well how an English text is spelt so that it stays in the small alphabet.
"""

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_TWICE = frozenset("^{}\\[~]|€")  # after an escape, so they count twice
SINGLE, PART = {"gsm": 160, "ucs2": 70}, {"gsm": 153, "ucs2": 67}
PLAINER = str.maketrans(
    {"–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "\u2060": "", "\xa0": " "}
)


def spelt_plainly(text: str) -> str:
    """Dashes and quotation marks as the small alphabet has them, if that is all that keeps a text out of it."""
    plain = text.translate(PLAINER)
    return plain if _is_gsm(plain) else text


def segments(text: str) -> int:
    """How many messages it is billed as; 0 for an empty text."""
    kind = "gsm" if _is_gsm(text) else "ucs2"
    length = _length(text)
    if length <= SINGLE[kind]:
        return 1 if text else 0
    return -(-length // PART[kind])


def cut_to(text: str, most: int) -> str:
    """The text, or as much of its beginning as fits `most` messages, with an ellipsis."""
    if segments(text) <= most:
        return text
    end = "..." if _is_gsm(text) else "…"
    while segments(text + end) > most:
        text = text[:-1]
    return text + end


def _is_gsm(text: str) -> bool:
    return set(text) <= GSM | GSM_TWICE


def _length(text: str) -> int:
    if _is_gsm(text):
        return len(text) + sum(letter in GSM_TWICE for letter in text)
    return len(text.encode("utf-16-le")) // 2
