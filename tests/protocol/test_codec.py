"""Bytes to messages: whatever comes, the answer is a message or a ProtocolError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locker_protocol.bus_messages import Command, DoorOpened, Events, Report, Unlock, number_event
from locker_protocol.codec import MAX_MESSAGE_BYTES, decode, encode
from locker_protocol.errors import ProtocolError, ProtocolFault


def fault_of(payload: bytes) -> ProtocolFault:
    with pytest.raises(ProtocolError) as refused:
        decode(payload, Command)
    return refused.value.fault


def test_a_message_comes_back_as_it_went() -> None:
    sent = Events("b1", 5, "s1", [number_event(1, 20, DoorOpened(7, "c1"))])
    assert decode(encode(sent), Report) == sent


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (b"", ProtocolFault.NOT_JSON),
        (b"\xff\xfe", ProtocolFault.NOT_JSON),
        (b"{", ProtocolFault.NOT_JSON),
        (b"[]", ProtocolFault.INVALID_FIELD),
        (b"{}", ProtocolFault.INVALID_FIELD),
        (b'{"type":"Explode"}', ProtocolFault.UNKNOWN_TYPE),
        (b'{"type":"Unlock"}', ProtocolFault.INVALID_FIELD),
        (b'{"type":"Unlock","command_id":"c","door":"7","boot_id":"b","beat":1}', ProtocolFault.INVALID_FIELD),
        (b'{"type":"Unlock","command_id":"c","door":0,"boot_id":"b","beat":1}', ProtocolFault.INVALID_FIELD),
        (b'{"type":"Unlock","command_id":"../c","door":1,"boot_id":"b","beat":1}', ProtocolFault.INVALID_FIELD),
        (b'{"type":"Unlock","command_id":"c\\n","door":1,"boot_id":"b","beat":1}', ProtocolFault.INVALID_FIELD),
        (b" " * (MAX_MESSAGE_BYTES + 1), ProtocolFault.TOO_LARGE),
        (b'{"type":"Unlock","x":' + b"[" * 30_000, ProtocolFault.NOT_JSON),
        (b'{"type":"Unlock","x":' + b'{"a":' * 9_000, ProtocolFault.NOT_JSON),
    ],
)
def test_a_bad_message_is_refused_with_its_fault(payload: bytes, fault: ProtocolFault) -> None:
    assert fault_of(payload) is fault


def test_a_field_nobody_knows_is_a_newer_senders_and_ignored() -> None:
    payload = b'{"type":"Unlock","command_id":"c","door":1,"boot_id":"b","beat":1,"colour":"red"}'
    assert decode(payload, Command) == Unlock("c", 1, "b", 1)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_and_never_break_the_reader(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(payload, Command)
