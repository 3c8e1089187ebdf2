"""A delivery's table: what its lines mean, and every mistake named by line and column."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.domain.lot_lines import MOST_LINES, Fault, LinesWrong, LotLine, Wrong, read_lot_lines
from app.domain.supplying import SupplierFieldWrong, SupplierTerms, checked, needed

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
HEAD = "product,lot,quantity,expires_on,origin,grower,harvested_at,certificate\n"


def read(table: str) -> tuple[list[LotLine], list[Fault]]:
    return read_lot_lines(table, zone=ZONE, now=NOW)


def wrong(line: str) -> list[tuple[str, Wrong]]:
    lines, faults = read(f"{HEAD}pak-choi,A,1,2026-11-30\n{line}")
    assert [(each.product_id, each.line) for each in lines][:1] == [("pak-choi", 2)]
    assert {fault.line for fault in faults} <= {3}
    return [(fault.column, fault.wrong) for fault in faults]


def test_a_line_says_all_that_is_known_of_a_lot() -> None:
    lines, faults = read(f"{HEAD}pak-choi,K-1123,80,2026-11-27,江苏昆山,周庄合作社,2026-11-23 05:30,HGZ-77\n")
    assert faults == []
    assert lines == [
        LotLine(
            line=2,
            product_id="pak-choi",
            code="K-1123",
            received=80,
            origin_zh="江苏昆山",
            origin_en="江苏昆山",
            grower="周庄合作社",
            harvested_at=datetime(2026, 11, 23, 5, 30, tzinfo=ZONE),
            certificate="HGZ-77",
            expires_on=date(2026, 11, 27),
        )
    ]


@pytest.mark.parametrize(
    "table",
    [
        "\ufeffproduct,lot,quantity,expires_on\nmilk,A,3,2026-11-30\n",
        "货号\t批号\t数量\t到期日\nmilk\tA\t3\t2026/11/30\n",
        "Product;Lot;Quantity;Expires_on\r\nmilk;A;3;2026.11.30\r\n\r\n",
        'lot,product,quantity,weather,expires_on\n" A ",milk,3,fine,2026-11-30',
    ],
)
def test_a_table_may_come_from_a_spreadsheet_in_either_language(table: str) -> None:
    lines, faults = read(table)
    assert faults == []
    assert [(one.product_id, one.code, one.received, one.expires_on) for one in lines] == [
        ("milk", "A", 3, date(2026, 11, 30))
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (",A,1,2026-11-30", [("product", Wrong.EMPTY)]),
        ("milk,,1,2026-11-30", [("lot", Wrong.EMPTY)]),
        ("milk", [("lot", Wrong.EMPTY), ("quantity", Wrong.EMPTY), ("expires_on", Wrong.EMPTY)]),
        (f"milk,{'x' * 41},1,2026-11-30", [("lot", Wrong.TOO_LONG)]),
        ("milk,A\x07,1,2026-11-30", [("lot", Wrong.TOO_LONG)]),
        ("milk,A,0,2026-11-30", [("quantity", Wrong.NO_COUNT)]),
        ("milk,A,-3,2026-11-30", [("quantity", Wrong.NO_COUNT)]),
        ("milk,A,1.5,2026-11-30", [("quantity", Wrong.NO_COUNT)]),
        ("milk,A,٣,2026-11-30", [("quantity", Wrong.NO_COUNT)]),
        ("milk,A,9999999,2026-11-30", [("quantity", Wrong.NO_COUNT)]),
        ("milk,A,1,30/11/2026", [("expires_on", Wrong.NO_DATE)]),
        ("milk,A,1,2026-02-30", [("expires_on", Wrong.NO_DATE)]),
        ("milk,A,1,2026-11-22", [("expires_on", Wrong.OVER)]),
        ("milk,A,1,2026-11-30,,,2026-11-23 10:01", [("harvested_at", Wrong.NOT_YET)]),
        ("milk,A,1,2026-11-30,,,dawn", [("harvested_at", Wrong.NO_DATE)]),
        ("milk,A,x,soon", [("quantity", Wrong.NO_COUNT), ("expires_on", Wrong.NO_DATE)]),
        ("pak-choi,A,1,2026-11-30", [("lot", Wrong.TWICE)]),
        ("milk,A,1,2026-11-23", []),
    ],
)
def test_every_mistake_of_a_line_is_named(line: str, expected: list[tuple[str, Wrong]]) -> None:
    assert wrong(line) == expected


@pytest.mark.parametrize(
    ("table", "faults"),
    [
        ("", {"product", "lot", "quantity", "expires_on"}),
        ("product,quantity\nmilk,3", {"lot", "expires_on"}),
        (HEAD, {"lot"}),
        (HEAD + "milk,A,1,2026-11-30\n" * (MOST_LINES + 1), {"lot"}),
    ],
)
def test_what_is_no_table_is_refused_as_a_whole(table: str, faults: set[str]) -> None:
    with pytest.raises(LinesWrong) as refused:
        read(table)
    assert {fault.column for fault in refused.value.faults} == faults


def test_a_margin_is_rounded_up_to_whole_pieces() -> None:
    assert [needed(10, margin_percent=percent) for percent in (0, 1, 10, 100)] == [10, 11, 11, 20]
    assert needed(0, margin_percent=50) == 0


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name_zh", {"name_zh": " "}),
        ("name_en", {"name_en": "x" * 81}),
        ("contact", {"contact": "x\ny"}),
        ("margin", {"margin_percent": 101}),
    ],
)
def test_what_is_no_supplier_is_refused(field: str, changes: dict[str, object]) -> None:
    good = {"name_zh": "昆山", "name_en": "Kunshan", "contact": "", "margin_percent": 5, "active": True}
    with pytest.raises(SupplierFieldWrong) as refused:
        checked(SupplierTerms(**{**good, **changes}))  # type: ignore[arg-type]
    assert refused.value.facts["field"] == field
