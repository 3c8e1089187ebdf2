"""What `caibox reconcile` does around `use_cases.money.reconcile`: reads the environment, prints what differs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from app.db.engine import transaction
from app.db.pages import differences as pages
from app.factory import Parts, make_parts
from app.payments.provider import Unavailable
from app.settings import settings_from
from app.use_cases.money.reconcile import UNDER_WAY, reconcile

DAY = timedelta(days=1)


def run_reconcile(environment: Mapping[str, str], day: datetime | None, *, say: Callable[[str], object]) -> int:
    """Compare a day in UTC, or the last 24 hours; 0 when nothing is open, 1 when something is, 2 without a report.

    Raises SettingsError.
    """
    parts = make_parts(settings_from(environment))
    try:
        return _run(parts, day, say)
    finally:
        parts.engine.dispose()


def _run(parts: Parts, day: datetime | None, say: Callable[[str], object]) -> int:
    now = parts.clock.now().civil
    since = day.replace(tzinfo=UTC) if day else now - DAY
    until = min(since + DAY, now - UNDER_WAY)
    if until <= since:
        say("That day has not begun; nothing was compared.")
        return 2
    try:
        done = reconcile(parts.engine, parts.provider, since=since, until=until, now=now, settings=parts.settings)
    except Unavailable as error:
        say(f"The provider gives no report: {error}. Nothing was compared.")
        return 2
    say(
        f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC: {done.movements} movements at {parts.provider.name},"
        f" {done.found} differences found, {done.healed} healed"
    )
    with transaction(parts.engine) as conn:
        waiting = pages.differences(conn, state="found")
    for each in waiting:
        say(f"  {each.kind} {each.movement} {each.subject} ours {each.ours_minor} theirs {each.theirs_minor}")
    return 1 if waiting else 0
