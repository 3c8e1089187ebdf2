"""What a way of telling people must be able to do: mail, text message, or the demo's inbox page."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A notice ready to go out. `contact` is a mail address or a phone number in E.164."""

    contact: str
    subject: str
    body: str


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
