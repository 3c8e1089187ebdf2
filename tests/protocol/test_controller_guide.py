"""The guide for builders of controllers says what the locker's display says, and leaves no message of the bus out."""

import json
from typing import get_args

import pytest

from locker_protocol import bus_messages
from tests.protocol.contract_document import ROOT, follow

GUIDE = (ROOT / "docs/controller-guide.md").read_text(encoding="utf-8")
OWN_SCREENS = ("idle", "offline")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_screen_stands_in_the_guide_in_the_displays_own_words(language: str) -> None:
    words = json.loads((ROOT / f"firmware_sim/words/{language}.json").read_text(encoding="utf-8"))
    screens = [each for each in follow("#/components/schemas/Screen")["enum"] if each != "refused"]
    for screen in (*screens, *OWN_SCREENS):
        assert words[f"display.{screen}"].format(doors=7) in GUIDE
    for screen in (*screens, "offline"):
        if screen != "done":  # thanks need no to-do
            assert words[f"display.{screen}_do"] in GUIDE


def test_every_message_of_the_bus_is_explained() -> None:
    unions = (bus_messages.Command, bus_messages.Report, bus_messages.ControllerPresence, bus_messages.ControllerEvent)
    for message in (each for union in unions for each in get_args(union)):
        assert f"`{message.__name__}" in GUIDE
