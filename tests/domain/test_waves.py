"""Waves and the walk: what fits a cart, what stays together, and in which order shelves are passed."""

from datetime import UTC, datetime, timedelta

from app.domain.waves import MOST_TOTES, ShelfPlace, WaitingTote, start_by, walk, waves

OPENS = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def totes(order: str, count: int, *, hours: int = 0, lines: int = 5) -> list[WaitingTote]:
    return [
        WaitingTote(
            parcel_id=f"{order}-{number}",
            order_no=order,
            ref=f"{order}{number}",
            opens_at=OPENS + timedelta(hours=hours),
            lines=lines,
        )
        for number in range(count)
    ]


def place(product: str, category: int, position: int, *, frozen: bool = False, fragile: bool = False) -> ShelfPlace:
    return ShelfPlace(product_id=product, category_position=category, position=position, frozen=frozen, fragile=fragile)


def test_a_cart_holds_nine_totes_and_an_order_stays_together() -> None:
    found = waves([*totes("C", 4), *totes("A", 4), *totes("B", 4)])
    assert [[tote.order_no for tote in wave] for wave in found] == [["A"] * 4 + ["B"] * 4, ["C"] * 4]


def test_the_early_window_is_packed_first() -> None:
    found = waves([*totes("A", 1, hours=2), *totes("B", 1)])
    assert [tote.order_no for tote in found[0]] == ["B", "A"]


def test_an_order_larger_than_a_cart_is_split_over_carts() -> None:
    found = waves([*totes("A", 20), *totes("B", 1)])
    assert [len(wave) for wave in found] == [MOST_TOTES, MOST_TOTES, 3]


def test_no_totes_make_no_wave() -> None:
    assert waves([]) == ()


def test_waves_do_not_depend_on_how_they_were_read() -> None:
    everything = [*totes("A", 3), *totes("B", 8), *totes("C", 1)]
    assert waves(everything) == waves(list(reversed(everything)))


def test_the_walk_follows_the_shop_then_what_is_easily_crushed_and_frozen_goods_last() -> None:
    found = walk(
        [
            place("dumplings", 6, 1, frozen=True),
            place("strawberries", 3, 1, fragile=True),
            place("rice", 7, 0),
            place("milk", 4, 2),
            place("eggs", 4, 0, fragile=True),
            place("milk", 4, 2),
        ]
    )
    assert found == ("milk", "rice", "strawberries", "eggs", "dumplings")


def test_a_wave_is_begun_early_enough_for_itself_and_all_after_it() -> None:
    first, second = start_by(waves([*totes("A", 9, lines=10), *totes("B", 1, lines=10)]), load_from=OPENS)
    assert second == OPENS - timedelta(hours=1, minutes=2)
    assert first == second - timedelta(minutes=18)
