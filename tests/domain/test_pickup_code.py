"""Typed codes: derived and never stored, never trivial, each under a handle nobody else has."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pickup_code import (
    LONG_HANDLES,
    SHORT_HANDLES,
    NoHandleFree,
    choose_handle,
    credential_manifest,
    is_trivial,
    typed_secret,
)
from locker_protocol.ids import random_bytes
from locker_protocol.typed_code import secret_matches, show_code, split_code

EXPIRES = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)


@given(st.text(min_size=1, max_size=20), st.integers(1, 255))
def test_a_secret_is_six_digits_the_same_each_time_and_not_trivial(credential: str, generation: int) -> None:
    secret = typed_secret("key", credential_id=credential, generation=generation)

    assert secret == typed_secret("key", credential_id=credential, generation=generation)
    assert len(secret) == 6
    assert secret.isdigit()
    assert not is_trivial(secret)


def test_key_credential_and_generation_each_change_the_secret() -> None:
    secrets = {
        typed_secret(key, credential_id=credential, generation=generation)
        for key in ("a", "b")
        for credential in ("c", "d")
        for generation in (1, 2)
    }

    assert len(secrets) == 8


@pytest.mark.parametrize("digits", ["000000", "121212", "112211", "123456", "987654", "890123", "123123"])
def test_what_people_try_first_is_trivial(digits: str) -> None:
    assert is_trivial(digits)


@pytest.mark.parametrize("digits", ["482193", "123465", "120120"[:5] + "7"])
def test_other_digits_are_not(digits: str) -> None:
    assert not is_trivial(digits)


@given(st.sets(st.sampled_from(SHORT_HANDLES), max_size=98))
def test_a_handle_is_one_nobody_has(taken: set[int]) -> None:
    handle = choose_handle(taken, doors=49, random=random_bytes)

    assert handle in SHORT_HANDLES
    assert handle not in taken
    assert split_code(show_code(handle, "482193").replace(" ", "")) == (handle, "482193")


def test_a_large_site_has_three_digits() -> None:
    handle = choose_handle(set(), doors=51, random=random_bytes)

    assert handle in LONG_HANDLES
    assert split_code(show_code(handle, "482193").replace(" ", "")) == (handle, "482193")


def test_when_the_short_handles_are_used_up_long_ones_serve() -> None:
    assert choose_handle(set(SHORT_HANDLES), doors=49, random=random_bytes) in LONG_HANDLES


def test_when_all_are_used_up_it_says_so() -> None:
    with pytest.raises(NoHandleFree):
        choose_handle({*SHORT_HANDLES, *LONG_HANDLES}, doors=49, random=random_bytes)


def test_the_gateway_gets_a_hash_of_the_secret_and_the_same_one_each_time() -> None:
    facts = {"order_id": "o1", "credential_id": "c1", "handle": 7, "generation": 2, "expires_at": EXPIRES}

    manifest = credential_manifest("key", **facts, typed=True)  # type: ignore[arg-type]

    assert manifest == credential_manifest("key", **facts, typed=True)  # type: ignore[arg-type]
    assert manifest.secret_hash is not None
    assert manifest.secret_salt is not None
    secret = typed_secret("key", credential_id="c1", generation=2)
    assert secret_matches(
        secret, salt=bytes.fromhex(manifest.secret_salt), expected=bytes.fromhex(manifest.secret_hash)
    )
    assert manifest.expires_at == 1_795_498_200_000


def test_an_order_without_a_typed_code_has_no_hash() -> None:
    manifest = credential_manifest(
        "key", order_id="o1", credential_id="c1", handle=7, generation=1, expires_at=EXPIRES, typed=False
    )

    assert (manifest.secret_hash, manifest.secret_salt) == (None, None)
