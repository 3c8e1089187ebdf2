"""Civil milliseconds as the wire has them, to aware UTC datetimes as the tables have them, and back."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The wire allows 2^53 ms, the year 287396; a datetime ends with the year 9999.
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
LATEST_MS = (LATEST - EPOCH) // timedelta(milliseconds=1)


def from_wire(ms: int) -> datetime:
    """The time a message told; one beyond the year 9999 becomes its last day."""
    return EPOCH + timedelta(milliseconds=min(ms, LATEST_MS))


def to_wire(at: datetime) -> int:
    """The time a message tells."""
    return (at - EPOCH) // timedelta(milliseconds=1)
