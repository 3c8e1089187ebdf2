"""Suppliers, deliveries and recalls on the real pages, the lot on the picker's page and on the product's."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text
from werkzeug.test import encode_multipart

from app.db import tables as t
from app.domain.basket import Substitution
from app.domain.roles import Role
from app.use_cases.supply.recall_orders import recall_orders
from tests.web.picking_world import line_of, order_with, packing_day, totes
from tests.web.shop_world import NOW
from tests.web.staff_world import Day
from tests.web.test_checkout import filled, form
from tests.web.test_staff_picking import a_photo, line_path, pick_all, scan, seal, wave

SIMILAR, REFUND = Substitution.SIMILAR, Substitution.REFUND
TABLE = (
    "product,lot,quantity,expires_on,grower,harvested_at,certificate\n"
    "pak-choi,OLD,2,2026-11-26,Shen,2026-11-22 04:40,HGZ-7\n"
    "pak-choi,FRESH,40,2026-11-28,Shen,,\n"
)
OPS = "/en/ops"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with packing_day(db, tmp_path) as made:
        yield made


@pytest.fixture
def operator(day: Day) -> Any:
    return day.client(Role.OPERATOR)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def everything(day: Day) -> dict[str, list[Any]]:
    with day.engine.begin() as conn:
        return {table.name: sorted(conn.execute(table.select()).all(), key=repr) for table in t.metadata.sorted_tables}


def lot_id(day: Day, code: str) -> str:
    with day.engine.begin() as conn:
        return str(conn.execute(select(t.lot.c.id).where(t.lot.c.code == code)).scalar_one())


def lots_of(day: Day, kind: Substitution, product: str) -> list[Any]:
    row = line_of(day, order_with(day, kind).id, product)
    with day.engine.begin() as conn:
        asked = (
            "SELECT code, quantity, by_hand FROM line_lot JOIN lot ON id = lot_id WHERE order_id = :o AND line_no = :n"
        )
        return list(conn.execute(text(asked + " ORDER BY code"), {"o": row.order_id, "n": row.line_no}).all())


def came(operator: Any, table: str = TABLE) -> Any:
    return operator.post(f"{OPS}/lots", data={"table": table})


def test_a_supplier_is_written_down_and_told_what_a_run_needs(day: Day, operator: Any) -> None:
    names = {"name_zh": "昆山", "name_en": "Kunshan", "contact": "138", "margin": "50", "active": "1"}
    page = operator.post(f"{OPS}/suppliers", data=names).headers["Location"]
    operator.post(f"{page}/products", data={"product": "pak-choi", "act": "add"})
    assert "Shanghai pak choi" in operator.get(page).text

    sheet = words(operator.get(f"{page}/runs/{day.run_no}").text)
    assert re.search(r"pak-choi 400 g bag 3 5", sheet)
    assert "these numbers may grow" in sheet
    table = operator.get(f"{page}/runs/{day.run_no}.csv")
    assert table.mimetype == "text/csv"
    assert table.text.lstrip("\ufeff").splitlines()[1].startswith("pak-choi,Shanghai pak choi,400 g bag,3,5")

    operator.post(f"{page}/products", data={"product": "pak-choi", "act": "remove"})
    assert "Nobody has ordered anything of theirs" in operator.get(f"{page}/runs/{day.run_no}").text


def test_a_cell_that_a_spreadsheet_would_calculate_is_made_harmless(day: Day, operator: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(insert(t.supplier).values(id="s", name_zh="S", name_en="S"))
        conn.execute(text("UPDATE product SET supplier_id = 's', name_en = '=1+1' WHERE id = 'pak-choi'"))
    assert "'=1+1" in operator.get(f"{OPS}/suppliers/s/runs/{day.run_no}.csv").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name_zh": "", "name_en": "x"}, "Fill this in"),
        ({"name_zh": "新", "name_en": "x", "margin": "a lot"}, "0 to 100 percent"),
        ({"name_zh": "昆山", "name_en": "x"}, "There is a supplier of that name already."),
    ],
)
def test_a_supplier_that_cannot_be_is_asked_for_again(
    day: Day, operator: Any, typed: dict[str, str], said: str
) -> None:
    with day.engine.begin() as conn:
        conn.execute(insert(t.supplier).values(id="s", name_zh="昆山", name_en="Kunshan"))
        conn.execute(insert(t.supplier).values(id="other", name_zh="寿光", name_en="Shouguang"))
    before = everything(day)
    for path in (f"{OPS}/suppliers", f"{OPS}/suppliers/other"):
        answer = operator.post(path, data=typed)
        assert answer.status_code in {409, 422}
        assert said in words(answer.text)
        assert 'value="x"' in answer.text
    assert everything(day) == before


def test_a_pasted_table_becomes_lots(day: Day, operator: Any) -> None:
    page = operator.get(came(operator).headers["Location"]).text
    assert "2 lots were taken over." in words(page)
    assert "good until 26 Nov 2026" in words(page)
    assert "OLD" in words(operator.get(f"{OPS}/lots?q=shen").text)


def test_a_file_saved_by_a_chinese_spreadsheet_becomes_lots(day: Day, operator: Any) -> None:
    table = "货号,批号,数量,到期日,产地\npak-choi,昆1,5,2026/11/27,昆山\n".encode("gb18030")
    boundary, body = encode_multipart({"file": file_of(table), "table": ""})
    operator.post(f"{OPS}/lots", data=body, content_type=f"multipart/form-data; boundary={boundary}")
    assert "昆1" in operator.get(f"{OPS}/lots").text


def file_of(data: bytes) -> Any:
    photo = a_photo(8)
    photo.stream.seek(0)
    photo.stream.truncate()
    photo.stream.write(data)
    photo.stream.seek(0)
    photo.filename = "came.csv"
    return photo


def test_a_table_with_a_mistake_comes_back_whole_with_the_line_and_column(day: Day, operator: Any) -> None:
    before = everything(day)
    answer = came(operator, TABLE + "pak-choi,<b>,many,2026-11-28\n")
    assert answer.status_code == 422
    assert "Line 4, quantity: this must be a whole number from 1 to 100000 (many)" in words(answer.text)
    assert "pak-choi,&lt;b&gt;,many" in answer.text
    assert everything(day) == before


def test_a_picker_is_told_which_lot_and_what_they_take_is_kept(day: Day, operator: Any) -> None:
    came(operator)
    picker = day.client(Role.PICKER)
    page = picker.get(f"{wave(day)}?product=pak-choi").text
    assert "Take lot OLD, good until 26 Nov 2026" in words(page)
    tote, other = (totes(day, order_with(day, kind).id)["chilled"].ref for kind in (SIMILAR, REFUND))

    chosen = scan(picker, day, "pak-choi", "FRESH", have="").headers["Location"]
    assert "Lot FRESH, by your choice" in words(picker.get(chosen).text)
    picker.post(wave(day), data={"product": "pak-choi", "have": "1", "lot": "FRESH", "code": other})
    scan(picker, day, "pak-choi", tote)

    assert lots_of(day, REFUND, "pak-choi") == [("FRESH", 1, True)]
    assert lots_of(day, SIMILAR, "pak-choi") == [("OLD", 2, False)]


def test_a_scanned_lot_that_is_held_back_is_refused_before_it_lies_in_a_bag(day: Day, operator: Any) -> None:
    came(operator)
    with day.engine.begin() as conn:
        conn.execute(text("UPDATE lot SET state = 'held' WHERE code = 'OLD'"))
    before = everything(day)
    refused = scan(day.client(Role.PICKER), day, "pak-choi", "OLD", have="")
    assert (refused.status_code, "Lot OLD is not for this" in refused.text) == (409, True)
    assert everything(day) == before


def test_a_picker_says_afterwards_of_which_lot_it_is(day: Day, operator: Any) -> None:
    came(operator)
    picker = day.client(Role.PICKER)
    scan(picker, day, "pak-choi", totes(day, order_with(day, SIMILAR).id)["chilled"].ref)
    path = line_path(day, SIMILAR, "pak-choi")
    assert "2 of lot OLD" in words(picker.get(path).text)

    picker.post(path, data={"act": "lot", "lot": "FRESH", "pieces": "1"})
    assert lots_of(day, SIMILAR, "pak-choi") == [("FRESH", 1, True), ("OLD", 1, False)]
    before = everything(day)
    refused = picker.post(path, data={"act": "lot", "lot": "FRESH", "pieces": "3"})
    assert (refused.status_code, "At most 2 of lot FRESH" in refused.text) == (409, True)
    assert everything(day) == before


def test_a_recall_asks_for_the_number_of_orders_and_shows_where_each_bag_is(day: Day, operator: Any) -> None:
    came(operator)
    picker = day.client(Role.PICKER)
    pick_all(picker, day, SIMILAR)
    order = order_with(day, SIMILAR)
    for tote in totes(day, order.id).values():
        seal(picker, tote.id)
    page = f"{OPS}/lots/{lot_id(day, 'OLD')}"
    shown = words(operator.get(page).text)
    assert "1 order has it. Type that number." in shown
    assert order.order_no in shown
    before = everything(day)
    for typed, said in (
        ({"orders": "7", "reason": "salmonella"}, "1 orders have this lot now"),
        ({"orders": "many", "reason": "salmonella"}, "1 orders have this lot now"),
        ({"orders": "1", "reason": ""}, "Say why"),
    ):
        refused = operator.post(f"{page}/recall", data=typed)
        assert refused.status_code in {409, 422}
        assert said in words(refused.text)
    assert everything(day) == before

    operator.post(f"{page}/recall", data={"orders": "1", "reason": "salmonella"})
    assert recall_orders(day.engine, now=NOW) == 1

    shown = words(operator.get(page).text)
    assert "salmonella" in shown
    assert "not handed out any more" in shown
    with day.engine.begin() as conn:
        assert conn.execute(text("SELECT state FROM customer_order WHERE id = :id"), {"id": order.id}).scalar() == (
            "expiring"
        )


def test_a_lot_is_held_back_and_given_back(day: Day, operator: Any) -> None:
    came(operator)
    page = f"{OPS}/lots/{lot_id(day, 'OLD')}"
    assert operator.post(f"{page}/hold", data={"hold-reason": "?"}).status_code == 422
    operator.post(f"{page}/hold", data={"hold-reason": "smells odd", "act": "hold"})
    assert "held back" in words(operator.get(page).text)
    assert "Take lot FRESH" in words(day.client(Role.PICKER).get(f"{wave(day)}?product=pak-choi").text)
    operator.post(f"{page}/hold", data={"hold-reason": "all is well", "act": "release"})
    assert "Hold back" in words(operator.get(page).text)


def test_the_product_page_shows_the_lot_of_the_day_with_its_photo(day: Day, operator: Any) -> None:
    resident = filled(day, day.client())
    assert "Lot Not provided" in words(resident.get("/en/products/pak-choi").text)
    came(operator)
    lot = lot_id(day, "OLD")
    for sent in (a_photo(), b"no picture"):
        photo = sent if not isinstance(sent, bytes) else file_of(sent)
        boundary, body = encode_multipart({"photo": photo})
        kind = f"multipart/form-data; boundary={boundary}"
        answer = operator.post(f"{OPS}/lots/{lot}/photo", data=body, content_type=kind)
        assert answer.status_code == (422 if isinstance(sent, bytes) else 303)

    page = resident.get("/en/products/pak-choi").text
    for said in ("Shen", "04:40 today", "Lot OLD", "Certificate HGZ-7", "Good until 26 Nov 2026"):
        assert said in words(page), said
    picture = re.search(r'src="([^"]*lots/[^"]*\.jpg)"', page)
    assert picture
    assert resident.get(picture[1]).mimetype == "image/jpeg"
    assert resident.get("/en/photos/lots/nothing.jpg").status_code == 404


def test_an_expired_lot_is_no_lot_of_the_day(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(
            insert(t.lot).values(
                id="l",
                product_id="pak-choi",
                code="GONE",
                origin_zh="",
                origin_en="",
                expires_on=(NOW - timedelta(days=1)).date(),
                received_at=datetime(2026, 11, 1, tzinfo=UTC),
                received=3,
            )
        )
    assert "GONE" not in filled(day, day.client()).get("/en/products/pak-choi").text


def test_the_basket_keeps_what_somebody_wants_where_something_is_short(day: Day) -> None:
    buyer = filled(day, day.client(Role.RESIDENT))
    assert chosen(buyer) == "refund"
    assert buyer.post("/en/basket", data=form(day, substitution="similar")).status_code == 303
    again = filled(day, day.client(Role.RESIDENT))
    assert chosen(again) == "similar"
    with day.engine.begin() as conn:
        me = select(t.person.c.substitution).where(t.person.c.id == day.people[Role.RESIDENT])
        assert conn.execute(me).scalar_one() == "similar"
        theirs = select(t.customer_order.c.substitution).where(t.customer_order.c.state == "paid").distinct()
        assert conn.execute(theirs).scalars().all() == ["similar"]


def chosen(buyer: Any) -> str:
    found = re.search(r'name="substitution" value="(\w+)" checked', buyer.get("/en/basket").text)
    assert found
    return found[1]
