"""`python -m locker_gateway.verify_audit STORE`: is the audit of a stopped gateway's store whole?

Says one sentence, which names the first row that was edited, moved or removed. Decides nothing else and changes
nothing. What was cut off the end together with the store's own note of it shows against a head the gateway told the
service before: `--told NO HASH`, as `caibox audit --json` lists them.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from locker_gateway.store import StoreFailed, kept_audit
from locker_protocol.audit_chain import Head, Row, first_break


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the audit is whole; 1: it is not; 2: it cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m locker_gateway.verify_audit", description=__doc__)
    parser.add_argument("store", type=Path, help="the gateway's gateway.sqlite; the gateway must be stopped")
    parser.add_argument("--told", nargs=2, metavar=("NO", "HASH"), type=str, help="a head the service was told")
    given = parser.parse_args(arguments)
    try:
        told = _head(given.told) if given.told else None
        sentence = verify(given.store, told)
    except (StoreFailed, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{sentence or 'The audit is whole.'}\n")
    return 1 if sentence else 0


def verify(path: Path, told: Head | None = None) -> str | None:
    """Say what is wrong with the audit in this store; `None`: nothing. Raises StoreFailed."""
    if not path.is_file():
        raise StoreFailed(f"There is no store at {path}.")
    seen: dict[int, bytes] = {}
    with kept_audit(path) as (rows, head):
        broken = first_break(_watched(rows, told, seen), head)
    if broken is not None:
        return f"Row {broken} of the audit was edited, moved or removed."
    if told is not None and told[0] > 0 and seen.get(told[0]) != told[1]:
        return f"Row {told[0]} of the audit is not the one the service was told of: it was rewritten or cut off."
    return None


def _watched(rows: Iterator[Row], told: Head | None, seen: dict[int, bytes]) -> Iterator[Row]:
    for row in rows:
        if told is not None and row[0] == told[0]:
            seen[row[0]] = row[3]
        yield row


def _head(words: Sequence[str]) -> Head:
    number, digest = words
    try:
        return int(number), bytes.fromhex(digest)
    except ValueError as error:
        raise ValueError(f"{number} {digest} is no row's number and hash.") from error


if __name__ == "__main__":
    sys.exit(main())
