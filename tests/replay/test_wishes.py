"""A basket becomes as many orders as the shop and the lockers ask for; nothing is dropped without being told."""

from collections import Counter
from pathlib import Path

import pytest

from app.domain.basket import MOST_LINES, MOST_OF_ONE
from app.replay.baskets import Basket, BasketLine, FileUnreadableError, Malformed
from app.replay.goods import COLUMNS, Goods, goods_of, load_kinds, read_goods
from app.replay.wishes import LARGEST_PIECE_ML, MOST_ML, Wish, wishes_of
from locker_protocol.vocabulary import Zone

MILK, ICE, BANANAS = "1", "2", "3"


def test_a_small_basket_is_one_order() -> None:
    wishes, left_out = wishes_of(basket((MILK, 2), (BANANAS, 1), (MILK, 1)), goods())

    assert wishes == [Wish("77", {"fluid-milk-products-ch": 3, "tropical-fruit-am": 1})]
    assert left_out == []


@pytest.mark.parametrize("pieces", [1, 3, 40, 99, 100, 1000])
def test_all_pieces_are_ordered_however_many_orders_they_need(pieces: int) -> None:
    wishes, left_out = wishes_of(basket((MILK, pieces), (ICE, pieces)), goods())

    total = sum((Counter(wish.pieces) for wish in wishes), Counter[str]())
    assert total == {"fluid-milk-products-ch": pieces, "frzn-ice-fr": pieces}
    assert left_out == []
    assert len({wish.name for wish in wishes}) == len(wishes)


@pytest.mark.parametrize("pieces", [40, 1000])
def test_no_order_is_larger_than_the_shop_takes_or_a_share_of_the_doors(pieces: int) -> None:
    articles = goods().articles
    wishes, _ = wishes_of(basket((MILK, pieces), (ICE, pieces)), goods())

    for wish in wishes:
        assert len(wish.pieces) <= MOST_LINES
        assert max(wish.pieces.values()) <= MOST_OF_ONE
        for zone, most_ml in MOST_ML.items():
            own = [(sku, count) for sku, count in wish.pieces.items() if articles[sku].kind.zone is zone]
            assert sum(count * articles[sku].kind.volume_ml for sku, count in own) <= most_ml


def test_every_kind_fits_a_door() -> None:
    kinds = load_kinds()

    for kind in [*kinds.by_category.values(), *kinds.rest.values()]:
        assert kind.volume_ml <= LARGEST_PIECE_ML[kind.zone]
        assert kind.longest_mm <= (420 if kind.zone is Zone.FROZEN else 450)
        assert kind.zone.value not in kind.tolerates


def test_tomatoes_and_tropical_fruit_stand_cool_whatever_the_chain_says() -> None:
    kinds = load_kinds()

    assert kinds.of("TOMATOES", "ambient").zone is Zone.COOL
    assert kinds.of("TROPICAL FRUIT", "ambient").zone is Zone.COOL


def test_a_category_nobody_knows_is_kept_as_its_zone_asks() -> None:
    assert load_kinds().of("SOMETHING NEW", "frozen").zone is Zone.FROZEN


def test_a_product_that_cannot_be_believed_is_told_and_skipped() -> None:
    told: list[Malformed] = []
    made = goods_of([(2, row("1")), (3, row("x")), (4, row("5", zone="warm")), (5, row("6", price="-"))], told.append)

    assert set(made.sku_of) == {"1"}
    assert [each.row for each in told] == [3, 4, 5]


def test_products_without_a_row_are_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")

    with pytest.raises(FileUnreadableError, match="holds no product"):
        read_goods(file, lambda _malformed: None)


def goods() -> Goods:
    rows = [row(MILK), row(ICE, "FRZN ICE", "frozen"), row(BANANAS, "TROPICAL FRUIT", "ambient")]
    return goods_of(enumerate(rows, start=2), lambda _malformed: None)


def row(
    product: str, category: str = "FLUID MILK PRODUCTS", zone: str = "chilled", *, price: str = "1.00"
) -> list[str]:
    return [product, "GROCERY", category, "", "", zone, price, "1"]


def basket(*lines: tuple[str, int]) -> Basket:
    return Basket("77", tuple(BasketLine("77", product, count) for product, count in lines))
