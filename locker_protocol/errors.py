"""What a receiver says of a message it cannot take. Every wire code is one member of `ProtocolFault`."""

from enum import StrEnum


class ProtocolFault(StrEnum):
    """Stable codes of `docs/asyncapi.yaml`; a code never changes its meaning."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_FIELD = "invalid_field"
    BAD_FRAME = "bad_frame"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    BAD_TOPIC = "bad_topic"
    UNKNOWN_SENDER = "unknown_sender"
    EXPIRED = "expired"


class ProtocolError(Exception):
    """The other side broke the contract. Carries the code that is stored and counted."""

    def __init__(self, fault: ProtocolFault, reason: str) -> None:
        super().__init__(f"{fault}: {reason}")
        self.fault = fault
        self.reason = reason
