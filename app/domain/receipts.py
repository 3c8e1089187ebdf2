"""What stands on a receipt: lines, and for each tax code its net, tax and gross.

Prices include the tax. It is taken out of each code's sum, not of each line, and rounded half up once; what goes back
is the mirror of what was sold. A code without a rate is not taxed. Rates are data of a site: its accountant decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WHOLE_BP = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """One product; `quantity` and `price_minor` are none where only an amount goes back."""

    product_id: str
    name_zh: str
    name_en: str
    quantity: int | None
    price_minor: int | None
    gross_minor: int
    tax_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRate:
    """Of one tax code at a site, in hundredths of a percent."""

    tax_code: str
    rate_bp: int
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRow:
    """What all lines of one tax code come to, in minor units."""

    tax_code: str
    rate_bp: int
    name_zh: str
    name_en: str
    net_minor: int
    tax_minor: int
    gross_minor: int


def tax_rows(lines: Iterable[ReceiptLine], rates: Mapping[str, TaxRate]) -> Sequence[TaxRow]:
    """Sum lines by tax code, in the order of the codes."""
    gross: dict[str, int] = {}
    for line in lines:
        gross[line.tax_code] = gross.get(line.tax_code, 0) + line.gross_minor
    return [_row(rates.get(code) or untaxed(code), gross[code]) for code in sorted(gross)]


def tax_within(gross_minor: int, rate_bp: int) -> int:
    """The tax that a price includes, rounded half up by its size."""
    size = (2 * abs(gross_minor) * rate_bp + WHOLE_BP + rate_bp) // (2 * (WHOLE_BP + rate_bp))
    return size if gross_minor >= 0 else -size


def untaxed(code: str) -> TaxRate:
    """What holds where a site has no rate for a code."""
    return TaxRate(tax_code=code, rate_bp=0, name_zh="不计税", name_en="not taxed")


def _row(rate: TaxRate, gross_minor: int) -> TaxRow:
    tax = tax_within(gross_minor, rate.rate_bp)
    return TaxRow(
        tax_code=rate.tax_code,
        rate_bp=rate.rate_bp,
        name_zh=rate.name_zh,
        name_en=rate.name_en,
        net_minor=gross_minor - tax,
        tax_minor=tax,
        gross_minor=gross_minor,
    )
