"""Tax is taken out of a code's sum once, rounded half up, and a refund is its mirror."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.receipts import ReceiptLine, TaxRate, tax_rows, tax_within

NINE = TaxRate(tax_code="vat-9", rate_bp=900, name_zh="9%", name_en="9 %")


def line(gross: int, code: str = "vat-9") -> ReceiptLine:
    return ReceiptLine(
        product_id="x", name_zh="x", name_en="x", quantity=1, price_minor=gross, gross_minor=gross, tax_code=code
    )


@pytest.mark.parametrize(("gross", "rate", "tax"), [(1090, 900, 90), (1380, 900, 114), (1, 1300, 0), (113, 1300, 13)])
def test_the_tax_within_a_price(gross: int, rate: int, tax: int) -> None:
    assert tax_within(gross, rate) == tax


@given(st.integers(0, 10**9), st.integers(0, 10_000))
def test_what_goes_back_is_the_mirror_and_the_tax_is_nearest(gross: int, rate: int) -> None:
    tax = tax_within(gross, rate)
    assert tax_within(-gross, rate) == -tax
    assert abs(tax * (10_000 + rate) - gross * rate) * 2 <= 10_000 + rate


def test_rows_come_by_code_and_add_up() -> None:
    rows = tax_rows([line(545), line(545), line(300, "vat-exempt")], {"vat-9": NINE})
    assert [(row.tax_code, row.net_minor, row.tax_minor, row.gross_minor) for row in rows] == [
        ("vat-9", 1000, 90, 1090),
        ("vat-exempt", 300, 0, 300),
    ]
