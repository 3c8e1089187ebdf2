"""What households claim in tests: orders that were collected, claims, and what came of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from app.db import tables as t
from app.db.engine import transaction
from app.domain.claims import ClaimKind, RefusalAnswer, Wish
from app.domain.hand_off import HandOff
from app.use_cases.audit.audit import audit
from app.use_cases.audit.rule import Moment
from app.use_cases.claims.answer_claim import grant_claim, refuse_claim
from app.use_cases.claims.correct_hand_off import correct_hand_off
from app.use_cases.claims.make_claim import Made, make_claim
from app.use_cases.claims.refund_batch import close_alarm, refund_batch
from app.use_cases.money.decide_refund import Decided
from app.use_cases.ordering.place_order import PlacedOrder
from tests.use_cases.cast import ALICE, LOAD_FROM, NOW, Shop
from tests.use_cases.evening import Evening

COLLECTED = LOAD_FROM + timedelta(hours=4)  # 18:00
SOON = COLLECTED + timedelta(minutes=10)
OPERATOR = "d" * 32
WHY = "looked at both photos"
PHOTO = b"a picture of a tomato"


@dataclass
class Claims:
    """The evening's shop after people have collected."""

    evening: Evening

    @property
    def shop(self) -> Shop:
        return self.evening.shop

    def collected(self, *wanted: tuple[str, int], person: str = ALICE, at: datetime = COLLECTED) -> PlacedOrder:
        """An order that was packed, loaded and collected; its doors are free again."""
        order = self.shop.packed(*(wanted or (("tomatoes", 1),)), person=person)
        self.evening.load(order)
        self.evening.collect(order, at=at)
        self.shop.run_sql("UPDATE compartment SET condition = 'free'")
        return order

    def claim(
        self,
        order: PlacedOrder,
        kind: ClaimKind = ClaimKind.SPOILED,
        *,
        line: int = 1,
        quantity: int = 1,
        jpeg: bytes | None = PHOTO,
        key: str = "key",
        words: str = "",
        now: datetime = SOON,
    ) -> Made:
        with transaction(self.shop.engine) as conn:
            return make_claim(
                conn,
                order_id=order.order_id,
                line_no=line,
                wish=Wish(kind, quantity, photo=jpeg is not None, words=words),
                jpeg=jpeg,
                key=key,
                actor=f"person:{ALICE}",
                now=now,
                settings=self.shop.settings,
            )

    def grant(self, made: Made, minor: int, *, why: str = WHY, now: datetime = SOON) -> Decided:
        with transaction(self.shop.engine) as conn:
            return grant_claim(
                conn, claim_id=made.claim_id, amount_minor=minor, reason=why, person_id=OPERATOR, now=now
            )

    def refuse(self, made: Made, answer: RefusalAnswer = RefusalAnswer.OTHER, *, why: str = WHY) -> None:
        with transaction(self.shop.engine) as conn:
            refuse_claim(conn, claim_id=made.claim_id, answer=answer, reason=why, person_id=OPERATOR, now=SOON)

    def blame(self, made: Made, hand_off: HandOff) -> bool:
        with transaction(self.shop.engine) as conn:
            return correct_hand_off(conn, claim_id=made.claim_id, hand_off=hand_off, person_id=OPERATOR, now=SOON)

    def refund_batch(self, alarm_id: str, shown: int, *, why: str = WHY, now: datetime = SOON) -> int:
        return refund_batch(self.shop.engine, alarm_id=alarm_id, shown=shown, reason=why, person_id=OPERATOR, now=now)

    def close(self, alarm_id: str, *, now: datetime = SOON) -> None:
        with transaction(self.shop.engine) as conn:
            close_alarm(conn, alarm_id=alarm_id, reason=WHY, person_id=OPERATOR, now=now)

    def row(self, made: Made) -> Any:
        (found,) = self.shop.rows("SELECT * FROM claim WHERE id = :id", id=made.claim_id)
        return found

    def told(self, kind: str) -> list[Any]:
        return list(
            self.shop.rows(
                "SELECT contact, subject, body FROM notification WHERE kind = :kind ORDER BY contact, id", kind=kind
            )
        )

    def balances(self) -> dict[str, int]:
        """What stands in each account, zero left out."""
        rows = self.shop.rows("SELECT account, sum(amount_minor)::bigint FROM ledger_entry GROUP BY account")
        return {account: amount for account, amount in rows if amount}

    def violations(self) -> list[str]:
        """What `caibox audit` finds of money."""
        with self.shop.engine.begin() as conn:
            findings = audit(conn, Moment(SOON))
        return [line for each in findings if each.invariant in {"I1", "I8", "I9", "I12"} for line in each.examples]


def open_claims(evening: Evening) -> Claims:
    """With an operator who answers."""
    with evening.shop.engine.begin() as conn:
        person = {"id": OPERATOR, "mail": "op@x.example", "language": "en", "role": "operator", "created_at": NOW}
        conn.execute(insert(t.person).values(person))
    return Claims(evening)
