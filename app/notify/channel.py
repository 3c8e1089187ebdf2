"""What a way of telling people must be able to do: mail, text message, or the demo's inbox page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A notice ready to go out. `contact` is a mail address or a phone number in E.164.

    `message_id` stays the same through all tries: a provider that knows it already need not send twice. `kind`,
    `language` and `facts` are for providers that take templates instead of texts.
    """

    contact: str
    subject: str
    body: str
    message_id: str = ""
    kind: str = ""
    language: str = "zh"
    facts: Mapping[str, str] = field(default_factory=dict)


NO_TEXTS = "no provider for text messages is set"


class Unavailable(Exception):
    """The message did not go out. `permanent`: trying again is of no use; the words are for the log."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Channel(Protocol):
    """Sends one message at a time. `keeps_text`: people read it in our database, so it stays there once sent."""

    keeps_text: bool

    def send(self, message: Message) -> None:
        """Hand the message over. Raises Unavailable."""
        ...


class DevInbox:
    """The demo's channel: the notification's row is the message, and the inbox page shows it."""

    keeps_text = True

    def send(self, message: Message) -> None:
        """Do nothing; it is where people look."""


class ByContact:
    """Mail to mail addresses, text messages to phones; where a channel is missing, operators see what was not told."""

    keeps_text = False

    def __init__(self, *, mail: Channel | None, text: Channel | None) -> None:
        self._mail, self._text = mail, text

    def send(self, message: Message) -> None:
        """Hand the message to the channel of its contact. Raises Unavailable."""
        channel = self._mail if "@" in message.contact else self._text
        if channel is None:
            raise Unavailable("no mail server is set" if "@" in message.contact else NO_TEXTS, permanent=True)
        channel.send(message)
