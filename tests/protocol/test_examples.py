"""The golden examples: one a message, and what a controller or gateway in another language is checked against."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import locker_protocol
from locker_protocol import bus_messages, site_entries, site_events, uplink_messages
from locker_protocol.codec import decode, encode

EXAMPLES = Path(locker_protocol.__file__).parent / "examples"
UNIONS: dict[str, tuple[Any, ...]] = {
    "bus": (
        bus_messages.Report,
        bus_messages.ControllerPresence,
        bus_messages.Command,
        bus_messages.ControllerEvent,
    ),
    "uplink": (
        uplink_messages.Down,
        uplink_messages.Up,
        uplink_messages.Presence,
        site_entries.Entry,
        site_events.SiteEvent,
    ),
}
MESSAGES = [(link, message) for link, unions in UNIONS.items() for union in unions for message in get_args(union)]


@pytest.mark.parametrize(("link", "message"), MESSAGES)
def test_every_message_has_an_example_that_reads_and_writes_the_same(link: str, message: type[msgspec.Struct]) -> None:
    text = (EXAMPLES / link / f"{message.__name__}.json").read_bytes()
    assert json.loads(encode(decode(text, message))) == json.loads(text)


@pytest.mark.parametrize("link", sorted(UNIONS))
def test_no_example_is_left_of_a_message_that_is_gone(link: str) -> None:
    names = {message.__name__ for at, message in MESSAGES if at == link}
    assert {path.stem for path in (EXAMPLES / link).iterdir()} == names
