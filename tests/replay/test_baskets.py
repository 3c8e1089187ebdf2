"""Real files are read row by row: what cannot be believed is told with its number, a bad file is one sentence."""

import gzip
from pathlib import Path

import pytest

from app.replay.baskets import COLUMNS, Basket, BasketLine, FileUnreadableError, Malformed, read_baskets

HEADER = ",".join(COLUMNS)
GOOD = "7001,1,2,2017-01-01T11:53:26,1001,2,5.38"
KNOWN = {"1001", "1002"}


def test_lines_of_a_basket_are_put_together(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER, GOOD, GOOD.replace("1001", "1002"), GOOD.replace("7001", "7002"))
    first = (BasketLine("7001", "1001", 2), BasketLine("7001", "1002", 2))

    assert read(file) == ([Basket("7001", first), Basket("7002", (BasketLine("7002", "1001", 2),))], [])


def test_a_gzipped_file_reads_the_same(tmp_path: Path) -> None:
    plain = write(tmp_path, HEADER, GOOD)
    packed = tmp_path / "baskets.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert read(packed) == read(plain)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7001,1,2,2017-01-01T11:53:26,1001,2", "it has 6 fields, not 7"),
        (GOOD + ",more", "it has 8 fields, not 7"),
        (GOOD.replace("7001", "x"), "basket_id is 'x', not a number"),
        (GOOD.replace("7001", "７00１"), "basket_id is '\\uff1700\\uff11', not a number"),
        (GOOD.replace("2017-01-01T11:53:26", "yesterday"), "transaction_timestamp is 'yesterday', not a date and time"),
        (GOOD.replace(",2,5.38", ",0,5.38"), "quantity is '0', not a whole number from 1 to 10000"),
        (GOOD.replace(",2,5.38", ",1.5,5.38"), "quantity is '1.5', not a whole number from 1 to 10000"),
        (GOOD.replace(",2,5.38", ",-1,5.38"), "quantity is '-1', not a whole number from 1 to 10000"),
        (GOOD.replace("5.38", "free"), "sales_value is 'free', not an amount"),
        (GOOD.replace("1001", "9999"), "product_id 9999 is not among the products"),
        ("\x00" * 50, "it has 1 fields, not 7"),
        ("7" * 1_000_000, "it has 1 fields, not 7"),
        (f'"{GOOD}', "it has 1 fields, not 7"),
    ],
)
def test_a_row_that_cannot_be_believed_is_told_and_the_others_are_read(tmp_path: Path, row: str, reason: str) -> None:
    file = write(tmp_path, HEADER, GOOD, row, GOOD.replace("7001", "7002"))

    baskets, malformed = read(file)

    assert [basket.basket_id for basket in baskets] == ["7001", "7002"]
    assert malformed == [Malformed(3, reason)]


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    refused(tmp_path / "none.csv", "There is no file")


def test_an_empty_file_is_a_sentence(tmp_path: Path) -> None:
    refused(write(tmp_path), "is empty")


def test_a_file_without_its_header_is_a_sentence(tmp_path: Path) -> None:
    refused(write(tmp_path, GOOD), "does not begin with the columns")


def test_a_folder_is_a_sentence(tmp_path: Path) -> None:
    refused(tmp_path, "cannot be read")


def test_a_torn_file_is_refused_before_its_first_basket(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join([HEADER, *[GOOD] * 5000]).encode())
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(whole[: len(whole) // 2])

    refused(torn, "is torn")


def test_what_only_calls_itself_gzip_is_a_sentence(tmp_path: Path) -> None:
    named = tmp_path / "named.csv.gz"
    named.write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8")

    refused(named, "cannot be read")


def write(folder: Path, *rows: str) -> Path:
    file = folder / "baskets.csv"
    file.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return file


def read(file: Path) -> tuple[list[Basket], list[Malformed]]:
    malformed: list[Malformed] = []
    return list(read_baskets(file, KNOWN, malformed.append)), malformed


def refused(file: Path, words: str) -> None:
    with pytest.raises(FileUnreadableError, match=words):
        read(file)
