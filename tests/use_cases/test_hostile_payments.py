"""The long run: hundreds of payments against a provider at its worst, and bugs put in on purpose that it must show."""

import msgspec
import pytest
from sqlalchemy import Connection, Engine

from app.payments.sandbox import SandboxProvider
from benchmarks import hostile_payments
from locker_protocol.clock import Clock
from locker_protocol.ids import RandomBytes


@pytest.mark.timeout(1200)
def test_five_hundred_payments_at_a_hostile_provider_leave_both_sides_books_equal(db: Engine) -> None:
    figures = hostile_payments.run(db, payments=500, seed=2)

    assert figures["violations"] == {}
    assert figures["ledger_difference_minor"] == 0
    happened = ("messages_again", "messages_forged", "starts_without_answer", "late_payments_taken_again", "refunds")
    assert {name: figures[name] for name in happened if not figures[name]} == {}


class Forgetful(SandboxProvider):
    """Gives back at each call, whatever the key."""

    calls = 0

    def _refunded_before(self, conn: Connection, ref: str, key: str, amount_minor: int) -> str | None:  # noqa: ARG002
        return None

    def refund(self, ref: str, *, amount_minor: int, idempotency_key: str) -> str:
        self.calls += 1
        key = f"{idempotency_key}.{self.calls}"
        return super().refund(ref, amount_minor=amount_minor, idempotency_key=key)


@pytest.mark.timeout(600)
def test_a_provider_that_gives_back_twice_is_found(db: Engine) -> None:
    def forgetful(engine: Engine, clock: Clock, settings: object, dice: RandomBytes) -> SandboxProvider:
        return Forgetful(engine, clock, settings, random=dice)  # type: ignore[arg-type]

    # Every second answer is lost, so some refund surely is asked for twice.
    faults = msgspec.structs.replace(hostile_payments.FAULTS, unknown=0.5)
    figures = hostile_payments.run(db, payments=60, seed=3, provider_of=forgetful, faults=faults)

    assert "a difference that waits for a person" in figures["violations"]
    assert "the books' balance is not the provider's" in figures["violations"]
