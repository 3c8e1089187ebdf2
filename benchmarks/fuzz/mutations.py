"""Makes nonsense of good examples: one seed, always the same nonsense.

Decides how a message is spoilt, never what should come of it.
"""

from collections.abc import Callable, Sequence
from random import Random

from benchmarks.fuzz.documents import spoil

MOST_BYTES = 70_000
MOST_CHANGES = 4
# What breaks readers: numbers past every width, words that are no numbers, halves of characters, blanks, deep nesting.
PIECES: Sequence[bytes] = (
    b"",
    b"0",
    b"-1",
    b"65536",
    b"4294967296",
    b"9223372036854775808",
    b"1e999",
    b"1" * 5_000,
    b"NaN",
    b"Infinity",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b'""',
    b"[" * 2_000,
    b'{"a":' * 2_000,
    b"\x00",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\xc3",
    "\u0661\u0662\u0663".encode(),  # digits, but not ours
    "\u2028\u202e\ufeff".encode(),
    b"../../etc/passwd",
    b"' OR 1=1 --",
    b"%00%ff",
    b"\r\n",
    b" " * 300,
)

Change = Callable[[Random, bytearray, Sequence[bytes]], None]


def mutate(random: Random, examples: Sequence[bytes]) -> bytes:
    """Spoil one of the examples; it stays below `MOST_BYTES`. Every other JSON document stays one."""
    example = random.choice(examples)
    document = spoil(random, example) if random.random() < 0.5 else None
    if document is not None:
        return document[:MOST_BYTES]
    spoilt = bytearray(example)
    for _ in range(random.randint(1, MOST_CHANGES)):
        random.choice(CHANGES)(random, spoilt, examples)
    return bytes(spoilt[:MOST_BYTES])


def _span(random: Random, text: bytearray) -> slice:
    begin = random.randint(0, len(text))
    return slice(begin, min(len(text), begin + random.choice((1, 2, 4, 8, 32, 256))))


def _flip_a_bit(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    if text:
        text[random.randrange(len(text))] ^= 1 << random.randrange(8)


def _change_a_byte(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    if text:
        text[random.randrange(len(text))] = random.randrange(256)


def _leave_out(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    del text[_span(random, text)]


def _repeat(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    span = _span(random, text)
    text[span] = bytes(text[span]) * random.choice((2, 3, 50))


def _cut_off(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    del text[random.randint(0, len(text)) :]


def _put_in(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    text[_span(random, text)] = random.choice(PIECES)


def _put_in_noise(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    place = random.randint(0, len(text))
    text[place:place] = random.randbytes(random.choice((1, 3, 20)))


def _change_a_value(random: Random, text: bytearray, _examples: Sequence[bytes]) -> None:
    """Put something else between a colon and the next comma, so that much of it stays JSON."""
    begin = text.find(b":", random.randint(0, len(text)))
    end = text.find(b",", begin)
    if 0 <= begin < end:
        text[begin + 1 : end] = random.choice(PIECES)


def _graft(random: Random, text: bytearray, examples: Sequence[bytes]) -> None:
    """Go on with another example's end."""
    other = random.choice(examples)
    text[random.randint(0, len(text)) :] = other[random.randint(0, len(other)) :]


CHANGES: Sequence[Change] = (
    _flip_a_bit,
    _change_a_byte,
    _leave_out,
    _repeat,
    _cut_off,
    _put_in,
    _put_in_noise,
    _change_a_value,
    _change_a_value,
    _graft,
)
