"""What may be kept of a supplier, and how much is asked of them for a run: what people ordered and a margin."""

from dataclasses import dataclass

from app.domain.errors import DomainError

LONGEST_NAME, LONGEST_CONTACT, MOST_MARGIN = 80, 120, 100


class SupplierFieldWrong(DomainError):
    """A name that is missing or too long, or no such contact. Facts: `field`, `most` (characters)."""

    code = "supplier_field_wrong"
    status = 422


class SupplierKnown(DomainError):
    """Another supplier has that name. Fact: `field`."""

    code = "supplier_known"


@dataclass(frozen=True, slots=True)
class SupplierTerms:
    """What is kept of a supplier; the margin in percent of what was ordered."""

    name_zh: str
    name_en: str
    contact: str
    margin_percent: int
    active: bool


def checked(terms: SupplierTerms) -> SupplierTerms:
    """Give terms back without blanks around their words. Raises SupplierFieldWrong."""
    for field, words, most in (
        ("name_zh", terms.name_zh, LONGEST_NAME),
        ("name_en", terms.name_en, LONGEST_NAME),
        ("contact", terms.contact, LONGEST_CONTACT),
    ):
        said = words.strip()
        if len(said) > most or not said.isprintable() or (not said and field != "contact"):
            raise SupplierFieldWrong(field=field, most=most)
    if not 0 <= terms.margin_percent <= MOST_MARGIN:
        raise SupplierFieldWrong(field="margin", most=MOST_MARGIN)
    return SupplierTerms(
        terms.name_zh.strip(), terms.name_en.strip(), terms.contact.strip(), terms.margin_percent, terms.active
    )


def needed(ordered: int, *, margin_percent: int) -> int:
    """Pieces to ask for: the margin is rounded up, since half a cabbage helps nobody."""
    return -(-ordered * (100 + margin_percent) // 100)
