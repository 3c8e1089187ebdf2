"""The life of a claim. Rule: the policy or a person answers it, once; only a refusal may be taken back."""

from enum import StrEnum

from app.domain.state_table import StateTable


class ClaimState(StrEnum):
    """Where a claim stands."""

    MADE = "made"  # only inside the transaction that writes it down
    WAITING = "waiting"  # for a person
    GRANTED = "granted"
    REFUSED = "refused"


class ClaimEvent(StrEnum):
    """What can happen to a claim."""

    GRANTED_BY_POLICY = "granted_by_policy"
    GRANTED_FIRST = "granted_first"  # before its household said anything: others claimed the same batch
    HELD = "held"
    GRANTED = "granted"
    REFUSED = "refused"


_S, _E = ClaimState, ClaimEvent

CLAIM_TABLE: StateTable[ClaimState, ClaimEvent] = {
    (_S.MADE, _E.GRANTED_BY_POLICY): _S.GRANTED,
    (_S.MADE, _E.GRANTED_FIRST): _S.GRANTED,
    (_S.MADE, _E.HELD): _S.WAITING,
    (_S.WAITING, _E.GRANTED): _S.GRANTED,
    (_S.WAITING, _E.REFUSED): _S.REFUSED,
    (_S.REFUSED, _E.GRANTED): _S.GRANTED,
}
FINAL_CLAIM_STATES = frozenset({ClaimState.GRANTED})
