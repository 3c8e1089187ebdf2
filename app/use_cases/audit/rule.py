"""What a rule of the audit is: the moment it is asked at, and queries whose rows are sentences about what is wrong."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.use_cases.audit.chains import Kept
from app.use_cases.people.forget_old import EVENTS_KEPT

# How long two ends may disagree before it counts; and how long a paid order may stand after its run was cleared.
QUIET = timedelta(seconds=60)
STUCK_AFTER = timedelta(hours=24)
HOLD_OVERDUE_AFTER = timedelta(hours=1)
SKEW = timedelta(seconds=300)  # locker_protocol.token.SKEW_S
BESIDE = timedelta(hours=1)  # by then a grant is over, and its doors were opened or not


@dataclass(frozen=True, slots=True)
class Moment:
    """When the audit is made, civil, and how much civil time is a minute's quiet (more where a demo's clock runs)."""

    now: datetime
    quiet: timedelta = QUIET
    kept: Mapping[str, Kept] = field(default_factory=dict)  # how the audit's chains ended once, noted elsewhere

    def values(self) -> dict[str, datetime]:
        """The limits, as queries name them."""
        return {
            "quiet_since": self.now - self.quiet,
            "stuck_since": self.now - STUCK_AFTER,
            "overdue_since": self.now - HOLD_OVERDUE_AFTER,
            "events_since": self.now - EVENTS_KEPT,
        }


Rule = Callable[[Connection, Moment], Iterator[str]]


def each(conn: Connection, *queries: str, moment: Moment) -> Iterator[str]:
    limits = {**moment.values(), "skew": SKEW, "beside": BESIDE}
    for query in queries:
        named = {name: value for name, value in limits.items() if f":{name}" in query}
        yield from conn.execute(text(query), named).scalars()
