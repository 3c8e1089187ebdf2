"""What `caibox audit` does around `use_cases.audit`: reads the environment, prints a line an invariant, writes JSON."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import text

from app.db.engine import make_engine, transaction
from app.settings import settings_from
from app.use_cases.audit.audit import Finding, as_json, audit
from app.use_cases.audit.chains import Kept, heads
from app.use_cases.audit.rule import QUIET, Moment
from locker_protocol.clock import clock_from, read_anchor


class NoEarlierAudit(Exception):
    """The file is none that `--json` wrote; one sentence."""


def run_audit(
    environment: Mapping[str, str], json_path: Path | None, *, since: Path | None = None, say: Callable[[str], object]
) -> int:
    """Audit the database of this environment; 0 when nothing is broken, else 1.

    `since` is what `--json` wrote earlier: the audit's chains must go on from there. Raises SettingsError,
    NoEarlierAudit.
    """
    kept = _heads_in(since) if since else {}
    settings = settings_from(environment)
    rate = read_anchor(settings.clock_file).rate if settings.clock_file else 1.0
    moment = Moment(clock_from(environment).now().civil, QUIET * max(1.0, rate), kept)
    engine = make_engine(settings.database_url, pool_size=1)
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as conn:
        conn.execute(text("SET LOCAL statement_timeout = '10min'"))  # years of events take longer than a page may
        findings = audit(conn, moment)
        ends = heads(conn)
    engine.dispose()
    for finding in findings:
        _print(finding, say)
    if json_path is not None:
        json_path.write_text(json.dumps(as_json(findings, ends), indent=1) + "\n", encoding="utf-8")
    return 1 if any(finding.violations for finding in findings) else 0


def _heads_in(path: Path) -> dict[str, Kept]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["audit_heads"]
        return {str(chain): (int(head["row"]), str(head["hash"])) for chain, head in told.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise NoEarlierAudit(f"{path} is not what an earlier audit wrote with --json ({error}).") from error


def _print(finding: Finding, say: Callable[[str], object]) -> None:
    sentence = finding.name.replace("_", " ")
    say(f"{finding.invariant:<4}{'ok' if not finding.violations else f'{finding.violations} broken':<12}{sentence}")
    for example in finding.examples:
        say(f"      {example}")
