"""The same order again: what can be had goes into the basket, and every difference is named."""

from app.domain.reordering import Before, Changed, Difference, Offered, again

KIND = ("greens", "chilled")
KINDS = {"spinach": KIND}


def offer(product_id: str, price: int = 450, left: int = 9, kind: tuple[str, str] = KIND) -> Offered:
    return Offered(product_id, price, left, kind)


def test_what_is_as_it_was_is_not_mentioned() -> None:
    offered = {"spinach": offer("spinach")}
    assert again([Before("spinach", 2, 450)], offered, KINDS, similar=False) == ({"spinach": 2}, [])


def test_fewer_dearer_and_cheaper_are_named() -> None:
    before = [Before("spinach", 2, 450)]
    _, dearer = again(before, {"spinach": offer("spinach", 500)}, KINDS, similar=False)
    _, cheaper = again(before, {"spinach": offer("spinach", 400)}, KINDS, similar=False)
    basket, fewer = again(before, {"spinach": offer("spinach", left=1)}, KINDS, similar=False)
    assert dearer == [Changed("spinach", Difference.DEARER, 450, 500)]
    assert cheaper == [Changed("spinach", Difference.CHEAPER, 450, 400)]
    assert (basket, fewer) == ({"spinach": 1}, [Changed("spinach", Difference.FEWER, 2, 1)])


def test_what_is_gone_is_left_out_for_who_wants_the_money() -> None:
    offered = {"spinach": offer("spinach", left=0), "pak-choi": offer("pak-choi", 390)}
    assert again([Before("spinach", 2, 450)], offered, KINDS, similar=False) == (
        {},
        [Changed("spinach", Difference.GONE, 2, 0)],
    )


def test_it_is_replaced_by_the_nearest_of_its_kind_that_is_no_dearer() -> None:
    offered = {
        "pak-choi": offer("pak-choi", 390),
        "coriander": offer("coriander", 290),
        "basil": offer("basil", 451),
        "shrimp": offer("shrimp", 449, kind=("frozen", "frozen")),
    }
    basket, changes = again([Before("spinach", 2, 450)], offered, KINDS, similar=True)
    assert basket == {"pak-choi": 2}
    assert changes == [Changed("spinach", Difference.REPLACED, 2, 2, "pak-choi")]


def test_nothing_stands_in_twice() -> None:
    before = [Before("pak-choi", 1, 390), Before("spinach", 2, 450)]
    kinds = {"spinach": KIND, "pak-choi": KIND}
    basket, changes = again(before, {"pak-choi": offer("pak-choi", 390)}, kinds, similar=True)
    assert basket == {"pak-choi": 1}
    assert changes == [Changed("spinach", Difference.GONE, 2, 0)]
