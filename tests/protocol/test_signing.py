"""The sealed frame of the uplink."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from locker_protocol.errors import ProtocolError, ProtocolFault
from locker_protocol.signing import Direction, seal, unseal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {1: KEY.public_key()}
BODY = b'{"type":"EventsApplied","log_id":"a","seq":1}'


def sealed(body: bytes = BODY) -> bytes:
    return seal(body, direction=Direction.DOWN, gateway="osmanthus", key_id=1, key=KEY)


def test_a_sealed_body_comes_back_byte_for_byte() -> None:
    assert unseal(sealed(), direction=Direction.DOWN, gateway="osmanthus", keys=KEYS) == BODY


@pytest.mark.parametrize(("direction", "gateway"), [(Direction.UP, "osmanthus"), (Direction.DOWN, "sunny")])
def test_a_frame_holds_for_one_direction_and_one_gateway_only(direction: Direction, gateway: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        unseal(sealed(), direction=direction, gateway=gateway, keys=KEYS)
    assert refused.value.fault is ProtocolFault.BAD_SIGNATURE


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(ProtocolError) as refused:
        unseal(sealed().replace(b'"seq":1', b'"seq":2'), direction=Direction.DOWN, gateway="osmanthus", keys=KEYS)
    assert refused.value.fault is ProtocolFault.BAD_SIGNATURE


def test_an_unknown_key_is_named_as_such() -> None:
    with pytest.raises(ProtocolError) as refused:
        unseal(sealed(), direction=Direction.DOWN, gateway="osmanthus", keys={})
    assert refused.value.fault is ProtocolFault.UNKNOWN_KEY


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_and_never_break_the_reader(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        unseal(frame, direction=Direction.DOWN, gateway="osmanthus", keys=KEYS)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_frame_of_the_right_outline_is_refused_too(middle: bytes, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        unseal(b"1.1." + middle + b"\n" + body, direction=Direction.DOWN, gateway="osmanthus", keys=KEYS)
