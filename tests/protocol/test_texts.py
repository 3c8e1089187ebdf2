"""Topics, labels and typed codes: written one way, read back, everything else refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locker_protocol.errors import ProtocolError
from locker_protocol.label import Label, read_label, write_label
from locker_protocol.topics import bus_topic, parse_bus_topic, parse_uplink_topic, uplink_topic
from locker_protocol.typed_code import hash_secret, secret_matches, show_code, split_code


def test_topics_are_read_back() -> None:
    up = parse_uplink_topic(uplink_topic("s0", "osmanthus", "up"))
    assert (up.shard, up.gateway, up.kind) == ("s0", "osmanthus", "up")
    report = parse_bus_topic(bus_topic("osmanthus", "G1", "report"))
    assert (report.gateway, report.controller, report.kind) == ("osmanthus", "G1", "report")


@pytest.mark.parametrize(
    "topic",
    ["", "caibox/v1/s0/gw", "caibox/v2/s0/gw/up", "caibox/v1/s0/g/w/up", "caibox/v1/s0/+/up", "caibox/v1/s0/gw/x"],
)
def test_any_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(ProtocolError):
        parse_uplink_topic(topic)
    with pytest.raises(ProtocolError):
        parse_bus_topic(topic)


def test_a_label_is_read_back_forgiving_case_and_blanks() -> None:
    label = Label(1, 37, "K7Q2M9XD")
    assert read_label(write_label(label)) == label
    assert read_label(" p1-1-37-k7q2m9xd\n") == label


@given(st.text(max_size=40))
def test_any_other_text_is_no_label(text: str) -> None:
    assert read_label("P2" + text) is None


def test_a_typed_code_splits_into_handle_and_secret() -> None:
    assert split_code("07482193") == (7, "482193")
    assert split_code("107482193") == (107, "482193")
    assert show_code(7, "482193") == "07 482 193"


@pytest.mark.parametrize("digits", ["", "1234567", "1234567890", "0748219x", "０７４８２１９３"])
def test_anything_else_has_no_handle(digits: str) -> None:
    assert split_code(digits) is None


def test_a_secret_matches_its_own_hash_and_no_other() -> None:
    salt = b"0123456789abcdef"
    expected = hash_secret("482193", salt)
    assert secret_matches("482193", salt=salt, expected=expected)
    assert not secret_matches("482194", salt=salt, expected=expected)
    assert not secret_matches("482193", salt=b"another salt....", expected=expected)
