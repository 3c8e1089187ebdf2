"""Suppliers and what they bring: written down, asked for, taken over whole or not at all."""

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from app.db.engine import transaction
from app.db.pages import supply as pages
from app.domain.basket import Substitution
from app.domain.errors import NotFound
from app.domain.lot_lines import LinesWrong, Wrong
from app.domain.picking import SubstituteNotWanted
from app.domain.supplying import SupplierFieldWrong, SupplierKnown, SupplierTerms
from app.use_cases.people.choose_substitution import choose_substitution
from app.use_cases.supply.import_lots import import_lots
from app.use_cases.supply.keep_lot_photo import keep_lot_photo
from app.use_cases.supply.put_supplier import add_supplier, change_supplier, set_brings
from tests.use_cases.cast import ALICE, BOB, NOW, PICKER, Shop, at_once
from tests.use_cases.supply_world import add_lot
from tests.use_cases.test_picking import do, replace, seal

KUNSHAN = SupplierTerms("昆山", "Kunshan", "Shen 138", 10, active=True)
TABLE = "product,lot,quantity,expires_on\nmilk,M-1,40,2026-11-30\npak-choi,K-1,20,2026-11-26\n"


def supplier(shop: Shop, **brings: bool) -> str:
    found = do(shop, add_supplier, wanted=KUNSHAN, now=NOW)
    for product_id in brings:
        do(shop, set_brings, supplier_id=found, product_id=product_id, brings=True)
    return str(found)


def take_over(shop: Shop, table: str) -> int:
    return int(do(shop, import_lots, table=table, now=NOW))


def needs(shop: Shop, supplier_id: str) -> Any:
    with transaction(shop.engine) as conn:
        found = pages.run_needs(conn, supplier_id=supplier_id, run_no=shop.run_no, now=NOW)
    assert found is not None
    return [(need.product.id, need.ordered, need.wanted) for need in found.needs]


def test_a_supplier_is_asked_for_what_was_paid_and_a_margin(shop: Shop) -> None:
    theirs = supplier(shop, milk=True, tomatoes=True)
    shop.paid(("milk", 2), ("pork", 1))
    shop.packed(("milk", 1), ("tomatoes", 3), person=BOB)
    shop.order(("milk", 5))

    assert needs(shop, theirs) == [("milk", 3, 4), ("tomatoes", 3, 4)]


def test_a_supplier_is_changed_and_who_did_it_is_kept_but_never_the_contact(shop: Shop) -> None:
    theirs = supplier(shop)
    do(shop, change_supplier, supplier_id=theirs, wanted=SupplierTerms("昆山", "Kunshan", "Lu 139", 5, active=False))

    assert shop.rows("SELECT contact, margin_percent, active FROM supplier") == [("Lu 139", 5, False)]
    changes = shop.rows("SELECT field, before, after, person_id FROM change ORDER BY id")
    assert changes[1:] == [("margin_percent", "10", "5", PICKER), ("active", "True", "False", PICKER)]
    assert "139" not in str(shop.rows("SELECT * FROM change")) + str(shop.rows("SELECT body FROM audit"))


def test_what_cannot_be_kept_of_a_supplier_changes_nothing(shop: Shop) -> None:
    theirs = supplier(shop, milk=True)
    before = shop.everything()

    for refusal, use_case, asked in (
        (SupplierKnown, add_supplier, {"wanted": KUNSHAN}),
        (SupplierFieldWrong, add_supplier, {"wanted": SupplierTerms("", "", "", 0, active=True)}),
        (
            NotFound,
            change_supplier,
            {"supplier_id": "nobody", "wanted": SupplierTerms("新", "New", "", 0, active=True)},
        ),
        (NotFound, set_brings, {"supplier_id": theirs, "product_id": "nothing", "brings": True}),
        (NotFound, set_brings, {"supplier_id": "nobody", "product_id": "milk", "brings": True}),
        (NotFound, set_brings, {"supplier_id": theirs, "product_id": "pork", "brings": False}),
    ):
        with pytest.raises(refusal):
            do(shop, use_case, **asked)
    assert shop.everything() == before


def test_two_operators_write_the_same_supplier_down_once(shop: Shop) -> None:
    done = at_once(*[lambda: supplier(shop)] * 2)
    assert [type(each) for each in done if not isinstance(each, str)] == [SupplierKnown]
    assert shop.one("SELECT count(*) FROM supplier") == 1


def test_a_delivery_becomes_lots_of_its_supplier(shop: Shop) -> None:
    theirs = supplier(shop, milk=True)
    assert take_over(shop, TABLE) == 2
    assert shop.rows(
        "SELECT product_id, code, received, supplier_id, origin_zh, state FROM lot ORDER BY code DESC"
    ) == [
        ("milk", "M-1", 40, theirs, "milk", "open"),
        ("pak-choi", "K-1", 20, None, "pak-choi", "open"),
    ]


def test_a_delivery_with_one_mistake_is_not_half_taken_over(shop: Shop) -> None:
    add_lot(shop, "milk", "M-1")
    before = shop.everything()

    with pytest.raises(LinesWrong) as refused:
        take_over(shop, TABLE + "unicorn,U,1,2026-11-30\ntomatoes,T,none,2026-11-30\n")

    assert [(fault.line, fault.column, fault.wrong) for fault in refused.value.faults] == [
        (2, "lot", Wrong.KNOWN),
        (4, "product", Wrong.NO_SUCH_PRODUCT),
        (5, "quantity", Wrong.NO_COUNT),
    ]
    assert refused.value.facts == {"wrong": 3, "all": 4}
    assert shop.everything() == before


def test_the_same_delivery_sent_twice_at_once_is_taken_over_once(shop: Shop) -> None:
    done = at_once(*[lambda: take_over(shop, TABLE)] * 2)
    assert [each for each in done if isinstance(each, int)] == [2]
    assert shop.one("SELECT count(*) FROM lot") == 2


def test_a_new_photo_of_the_day_takes_the_place_of_the_old_one(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    for jpeg in (b"first", b"second"):
        do(shop, keep_lot_photo, lot_id=lot, jpeg=jpeg)
    assert [bytes(row.jpeg) for row in shop.rows("SELECT jpeg FROM lot_photo")] == [b"second"]
    before = shop.everything()
    with pytest.raises(NotFound):
        do(shop, keep_lot_photo, lot_id="nothing", jpeg=b"")
    assert shop.everything() == before


def test_a_persons_choice_holds_for_all_their_orders_that_are_not_packed(shop: Shop) -> None:
    sealed, waiting, others = shop.packed(), shop.paid(("milk", 1)), shop.paid(("milk", 1), person=BOB)

    with transaction(shop.engine) as conn:
        choose_substitution(conn, person_id=ALICE, wanted=Substitution.SIMILAR)

    chosen = dict(shop.rows("SELECT id, substitution FROM customer_order"))
    assert [chosen[order.order_id] for order in (sealed, waiting, others)] == ["refund", "similar", "refund"]
    replace(shop, waiting, "milk", "pak-choi")
    seal(shop, waiting)
    before = shop.everything()
    with pytest.raises(SubstituteNotWanted):
        replace(shop, others, "milk", "pak-choi")
    assert shop.everything() == before


@pytest.mark.parametrize(("unit", "per"), [("1 市斤", "kg"), ("斤", "kg"), ("1 kg", "斤")])
def test_nothing_is_sold_by_the_jin(shop: Shop, unit: str, per: str) -> None:
    with pytest.raises(IntegrityError):
        shop.run_sql("UPDATE product SET unit_zh = :unit, unit_price_per = :per", unit=unit, per=per)
    shop.run_sql("UPDATE product SET unit_zh = '1 公斤', unit_price_per = 'kg'")
