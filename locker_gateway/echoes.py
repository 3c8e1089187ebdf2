"""Echoes: proof that a report is new, without comparing clocks.

Each controller is told a number now and then, and its reports give back the last one it heard. Such a report was sent
after that number was, so nothing it tells happened longer ago than that, and the age it tells of it. A connection that
stalled hands over what waited in it as if it were new; its echo is as old as the stall.

Numbers begin at random in each process: one of another process, or of another controller, proves nothing.
"""

from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import Echo, Report
from locker_protocol.ids import RandomBytes

ECHO_EVERY_MS = 1_000
# At one a second these reach back further than anything shown stays fresh.
ECHOES_KEPT = 32
_FIRST_BYTES = 6


def begin(site: Site, random: RandomBytes) -> None:
    """Choose where this process's numbers begin: below 2^48, so that all of them stay numbers in JSON."""
    site.echo_no = int.from_bytes(random(_FIRST_BYTES))


def ask(turn: Turn, controller: str) -> None:
    """Tell a controller the next number."""
    turn.site.echo_no += 1
    asked = turn.site.seen[controller].asked_ms
    asked[turn.site.echo_no] = turn.ms
    if len(asked) > ECHOES_KEPT:
        del asked[next(iter(asked))]
    turn.command(controller, Echo(turn.site.echo_no), qos=0)


def ask_all(turn: Turn) -> None:
    """The bus is there: whoever is on it knows no number of this connection, perhaps none of this process."""
    for controller in turn.site.seen:
        ask(turn, controller)


def ask_when_due(turn: Turn, controller: str) -> None:
    """Answer a report, at most once a second."""
    asked = turn.site.seen[controller].asked_ms
    if not asked or turn.ms - next(reversed(asked.values())) >= ECHO_EVERY_MS:
        ask(turn, controller)


def longest_on_its_way_ms(turn: Turn, controller: str, report: Report) -> int | None:
    """How long ago the report was sent at most; `None`: nobody can know."""
    asked_ms = turn.site.seen[controller].asked_ms.get(report.echo or 0)
    return None if asked_ms is None else turn.ms - asked_ms
