"""The QR code: what is signed can be read, what was touched cannot."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from locker_protocol.token import RIGHT_COLLECT, Token, TokenError, read_token, sign_token
from locker_protocol.vocabulary import Refusal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {1: KEY.public_key()}
TOKEN = Token(1, 7, b"credtial", 42, 3, RIGHT_COLLECT, 1_800_000_000)

# Anybody who writes a reader can check it against this text; Ed25519 signs deterministically.
VECTOR = (
    "L1W50000700XPC  CBWEAEC.004H0FPDUOQ000RPP+R2CCUSE3W2PUW9.GPXXE$XR/S2YL"
    "VB20KIEK:UST4/X7N2PN5F*6KD6U%*QIM383650J2X0/48ZVG:%F5-S3OGEVFVB0"
)


def test_a_code_is_134_characters_of_the_qr_alphabet() -> None:
    text = sign_token(TOKEN, KEY)
    assert len(text) == 134
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def test_the_test_vector_holds() -> None:
    assert sign_token(TOKEN, KEY) == VECTOR


def test_a_signed_code_is_read_back() -> None:
    assert read_token(sign_token(TOKEN, KEY), KEYS) == TOKEN


@given(position=st.integers(2, 133), letter=st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"))
def test_a_code_with_one_other_letter_is_refused(position: int, letter: str) -> None:
    text = sign_token(TOKEN, KEY)
    touched = text[:position] + letter + text[position + 1 :]
    if touched == text:
        return
    with pytest.raises(TokenError):
        read_token(touched, KEYS)


@given(st.text(max_size=200))
def test_any_text_is_refused_and_never_breaks_the_reader(text: str) -> None:
    with pytest.raises(TokenError) as refused:
        read_token(text, KEYS)
    assert refused.value.refusal is Refusal.MALFORMED


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", min_size=132, max_size=132))
def test_a_text_of_the_right_shape_is_refused_too(body: str) -> None:
    with pytest.raises(TokenError):
        read_token("L1" + body, KEYS)


def test_a_code_of_a_key_nobody_told_us_is_forged() -> None:
    with pytest.raises(TokenError) as refused:
        read_token(sign_token(TOKEN, KEY), {2: KEY.public_key()})
    assert refused.value.refusal is Refusal.FORGED


def test_a_code_signed_by_another_is_forged() -> None:
    with pytest.raises(TokenError) as refused:
        read_token(sign_token(TOKEN, Ed25519PrivateKey.generate()), KEYS)
    assert refused.value.refusal is Refusal.FORGED
