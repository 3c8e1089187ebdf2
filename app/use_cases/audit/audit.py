"""`caibox audit`: the invariants of docs/invariants.md as SQL on a live system.

Each is one named function; none changes a row.

An invariant's function returns what breaks it, as sentences with ids, never names. Those that need the physical truth
(I5, most of I13) are the simulation's and the web tests'.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from app.use_cases.audit.chains import Kept
from app.use_cases.audit.cold import (
    a_door_that_is_kept_shut_opens_for_staff_only,
    nothing_is_handed_over_that_is_kept_shut,
)
from app.use_cases.audit.money import (
    a_granted_claim_is_refunded_once_and_its_cost_is_booked,
    receipts_are_numbered_without_a_gap_and_add_up,
    refunds_never_exceed_captures,
    the_ledger_balances,
)
from app.use_cases.audit.orders import (
    a_door_never_holds_two_parcels,
    a_paid_order_ends_once_and_none_is_stuck,
    an_order_costs_what_its_lines_say,
    lots_are_what_their_lines_took,
    no_parcel_is_loaded_twice,
    what_is_held_is_counted_and_nothing_else,
)
from app.use_cases.audit.others import (
    a_guest_is_nobody_else,
    every_move_is_told_to_who_asks,
    nothing_tells_of_who_was_erased,
)
from app.use_cases.audit.rule import Moment, Rule
from app.use_cases.audit.sites import (
    a_command_acts_at_most_once,
    every_site_event_is_applied_once_and_in_order,
    no_door_is_granted_to_a_code_of_elsewhere_or_past_its_end,
    no_door_opens_for_a_grant_that_was_not_written_before,
    site_and_service_agree,
    the_audit_chains_are_whole,
)

SHOWN = 20

INVARIANTS: tuple[tuple[str, Rule], ...] = (
    ("I1", a_paid_order_ends_once_and_none_is_stuck),
    ("I2", a_door_never_holds_two_parcels),
    ("I3", no_door_opens_for_a_grant_that_was_not_written_before),
    ("I4", no_door_is_granted_to_a_code_of_elsewhere_or_past_its_end),
    ("I6", a_command_acts_at_most_once),
    ("I7", every_site_event_is_applied_once_and_in_order),
    ("I8", the_ledger_balances),
    ("I9", refunds_never_exceed_captures),
    ("I9", a_granted_claim_is_refunded_once_and_its_cost_is_booked),
    ("I10", nothing_is_handed_over_that_is_kept_shut),
    ("I11", a_door_that_is_kept_shut_opens_for_staff_only),
    ("I12", the_audit_chains_are_whole),
    ("I13", a_guest_is_nobody_else),
    ("I14", site_and_service_agree),
    ("I15", no_parcel_is_loaded_twice),
    ("I18", an_order_costs_what_its_lines_say),
    ("I19", what_is_held_is_counted_and_nothing_else),
    ("I20", receipts_are_numbered_without_a_gap_and_add_up),
    ("I21", every_move_is_told_to_who_asks),
    ("I22", lots_are_what_their_lines_took),
    ("I23", nothing_tells_of_who_was_erased),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: how many times it is broken, and the first few."""

    invariant: str
    name: str
    violations: int
    examples: list[str]


def audit(conn: Connection, moment: Moment) -> list[Finding]:
    """Check every invariant."""
    return [_check(conn, moment, number, rule) for number, rule in INVARIANTS]


def as_json(findings: list[Finding], heads: Mapping[str, Kept]) -> dict[str, Any]:
    """What `--json` writes: what was found, and how each chain of the audit ends now."""
    return {
        "violations": sum(each.violations for each in findings),
        "invariants": [asdict(each) for each in findings],
        "audit_heads": {chain: {"row": no, "hash": digest} for chain, (no, digest) in heads.items()},
    }


def _check(conn: Connection, moment: Moment, number: str, rule: Rule) -> Finding:
    found = list(rule(conn, moment))
    return Finding(number, rule.__name__, len(found), found[:SHOWN])
