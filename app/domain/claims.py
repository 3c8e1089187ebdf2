"""Something was wrong with what came: what a claim is worth, who may make it, and whether a person must decide it.

Decides from values alone. Never more than was charged for the line and neither went back nor is claimed already; never
by itself beyond the site's policy. What the photo shows, a person judges.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import DomainError

MOST_CLAIMS_OF_ORDER = 20
LONGEST_WORDS = 200


class ClaimKind(StrEnum):
    """What is wrong."""

    SPOILED = "spoiled"
    MISSING = "missing"
    WRONG_ITEM = "wrong_item"
    DAMAGED = "damaged"
    SHORT_WEIGHT = "short_weight"
    WARM = "warm"


NEEDS_PHOTO = frozenset({ClaimKind.SPOILED, ClaimKind.DAMAGED})


class WhyHeld(StrEnum):
    """Why a person decides."""

    OVER_AMOUNT = "over_amount"
    OVER_TIMES = "over_times"
    PHOTO_KNOWN = "photo_known"  # the same picture came with another claim
    BY_WEIGHT = "by_weight"  # how much is missing of it, nobody but a person can say


class RefusalAnswer(StrEnum):
    """What a household is told when a claim is refused, in both languages."""

    PHOTO_SHOWS_NOTHING = "photo_shows_nothing"
    PACKED_COMPLETE = "packed_complete"
    LEFT_TOO_LONG = "left_too_long"
    ALREADY_BACK = "already_back"
    OTHER = "other"


class ClaimKindUnknown(DomainError):
    """Nothing was chosen, or something that is not offered. Fact: `field`."""

    code = "claim_kind_unknown"
    status = 422


class ClaimLineUnknown(DomainError):
    """No line was chosen, or one that is not in the order. Fact: `field`."""

    code = "claim_line_unknown"
    status = 422


class ClaimQuantityAbsurd(DomainError):
    """Fewer than one, or more than came. Facts: `field`, `most`."""

    code = "claim_quantity_absurd"
    status = 422


class ClaimPhotoNeeded(DomainError):
    """What is spoiled or damaged is believed by its photo. Fact: `field`."""

    code = "claim_photo_needed"
    status = 422


class ClaimWordsTooLong(DomainError):
    """Facts: `field`, `most`."""

    code = "claim_words_too_long"
    status = 422


class ClaimAnswerUnknown(DomainError):
    """No answer was chosen, or one that is not offered. Fact: `field`."""

    code = "claim_answer_unknown"
    status = 422


class NotCollectedYet(DomainError):
    """The line's bag was not collected: there is another way for what does not come."""

    code = "claim_not_collected"


class ClaimTooLate(DomainError):
    """The time for claims is over. Fact: `hours` it lasts."""

    code = "claim_too_late"


class NothingLeftToClaim(DomainError):
    """All of the line went back or is claimed already."""

    code = "claim_nothing_left"


class TooManyClaims(DomainError):
    """Fact: `most` of an order."""

    code = "claim_too_many"
    status = 429


class ClaimPolicyAbsurd(DomainError):
    """A number of the policy is out of its bounds. Facts: `field`, `least`, `most`."""

    code = "claim_policy_absurd"
    status = 422


class AlarmOver(DomainError):
    """The alarm was closed already."""

    code = "claim_alarm_over"


class BatchChanged(DomainError):
    """Not as many households as the page showed. Facts: `shown`, `orders` there are now."""

    code = "claim_batch_changed"


@dataclass(frozen=True, slots=True)
class ClaimPolicy:
    """A site's rules, its own data. The amounts are trade knowledge (K): research on daily operation, "claims"."""

    claim_within_h: int = 48  # of the collection
    automatic_most_minor: int = 2000
    automatic_times: int = 2
    automatic_days: int = 30
    alarm_claims: int = 3
    alarm_within_h: int = 2


DEFAULT_POLICY = ClaimPolicy()
POLICY_BOUNDS: Mapping[str, tuple[int, int]] = {
    "claim_within_h": (1, 336),
    "automatic_most_minor": (0, 1_000_000),
    "automatic_times": (0, 100),
    "automatic_days": (1, 365),
    "alarm_claims": (2, 100),
    "alarm_within_h": (1, 168),
}


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A line of a paid order as it came, money in minor units.

    `came` pieces were packed, replacements among them; `corrected_minor` went back for what was short, replaced or
    weighed, `refunded_minor` in all, and `claimed_minor` waits with claims that nobody has answered.
    """

    line_no: int
    charged_minor: int
    came: int
    corrected_minor: int
    refunded_minor: int
    claimed_minor: int
    collected_at: datetime | None

    @property
    def left_minor(self) -> int:
        """What may still be claimed."""
        return self.charged_minor - self.refunded_minor - self.claimed_minor

    def worth_minor(self, quantity: int) -> int:
        """What so many pieces cost the household, at most what is left; half a minor unit goes to the household."""
        paid = self.charged_minor - self.corrected_minor
        return min(-(-paid * quantity // self.came), self.left_minor)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a household says."""

    kind: ClaimKind
    quantity: int
    photo: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What a household's claims were before this one."""

    automatic: int  # granted by policy, within the policy's days
    photo_known: bool


def refuse_wrong_claim(line: ClaimLine, wish: Wish, policy: ClaimPolicy, *, claims: int, now: datetime) -> None:
    """Refuse what makes no sense or comes too late; `claims` were made for the order before."""
    if line.collected_at is None:
        raise NotCollectedYet
    if now > line.collected_at + timedelta(hours=policy.claim_within_h):
        raise ClaimTooLate(hours=policy.claim_within_h)
    if claims >= MOST_CLAIMS_OF_ORDER:
        raise TooManyClaims(most=MOST_CLAIMS_OF_ORDER)
    if line.came == 0 or line.left_minor <= 0:
        raise NothingLeftToClaim
    if not 1 <= wish.quantity <= line.came:
        raise ClaimQuantityAbsurd(field="quantity", most=line.came)
    if wish.kind in NEEDS_PHOTO and not wish.photo:
        raise ClaimPhotoNeeded(field="photo")
    if len(wish.words) > LONGEST_WORDS:
        raise ClaimWordsTooLong(field="words", most=LONGEST_WORDS)


def why_held(kind: ClaimKind, worth_minor: int, past: Past, policy: ClaimPolicy) -> WhyHeld | None:
    """Why a person must decide; `None`: the policy grants it at once."""
    if kind is ClaimKind.SHORT_WEIGHT:
        return WhyHeld.BY_WEIGHT
    if past.photo_known:
        return WhyHeld.PHOTO_KNOWN
    if worth_minor > policy.automatic_most_minor:
        return WhyHeld.OVER_AMOUNT
    if past.automatic >= policy.automatic_times:
        return WhyHeld.OVER_TIMES
    return None


def batches_of(lots: Iterable[str], *, run_no: int, product_id: str) -> list[str]:
    """What a line has in common with other households': its lots, or, where none are kept, its product in its run."""
    found = sorted({f"lot:{lot}" for lot in lots})
    return found or [f"run:{run_no}:{product_id}"]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch's name read back: a lot, or a product in a run."""

    lot_id: str | None = None
    run_no: int | None = None
    product_id: str | None = None


def read_batch(batch: str) -> Batch:
    """What `batches_of` named."""
    kind, _, rest = batch.partition(":")
    if kind == "lot":
        return Batch(lot_id=rest)
    run_no, _, product_id = rest.partition(":")
    return Batch(run_no=int(run_no), product_id=product_id)


def alarms(orders: Collection[str], policy: ClaimPolicy) -> bool:
    """Whether so many different orders claiming one batch, within the policy's hours, are an alarm."""
    return len(set(orders)) >= policy.alarm_claims


def checked_policy(numbers: Mapping[str, int]) -> ClaimPolicy:
    """A policy of these numbers. Raises ClaimPolicyAbsurd."""
    for field, (least, most) in POLICY_BOUNDS.items():
        if not least <= numbers[field] <= most:
            raise ClaimPolicyAbsurd(field=field, least=least, most=most)
    return ClaimPolicy(**{field: numbers[field] for field in POLICY_BOUNDS})
