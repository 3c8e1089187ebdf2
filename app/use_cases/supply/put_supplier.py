"""An operator writes down a supplier, changes one, or says which of our products they bring."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, insert, text, update

from app.db.tables import product, supplier
from app.domain.errors import NotFound
from app.domain.supplying import SupplierKnown, SupplierTerms, checked
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

LOAD = text("SELECT name_zh, name_en, margin_percent, active FROM supplier WHERE id = :id FOR UPDATE")
NAMESAKE = text("SELECT 1 FROM supplier WHERE name_zh = :name AND id <> :id")
ONE_AT_A_TIME = text("LOCK TABLE supplier IN SHARE ROW EXCLUSIVE MODE")
BRINGS = text("SELECT supplier_id FROM product WHERE id = :id FOR UPDATE")
# A contact is a person's: it is kept in one place only, so that it can be taken away.
FOLLOWED = ("name_zh", "name_en", "margin_percent", "active")


def add_supplier(
    conn: Connection, *, wanted: SupplierTerms, person_id: str, now: datetime, random: RandomBytes = random_bytes
) -> str:
    """Write a supplier down and return their id. Raises SupplierFieldWrong or SupplierKnown."""
    terms = checked(wanted)
    supplier_id = new_id(to_wire(now), random)
    _refuse_namesake(conn, supplier_id, terms)
    conn.execute(insert(supplier).values(id=supplier_id, **asdict(terms)))
    change = Change("supplier", supplier_id, "name_zh", None, terms.name_zh)
    record_changes(conn, [change], person_id=person_id, now=now)
    return supplier_id


def change_supplier(
    conn: Connection, *, supplier_id: str, wanted: SupplierTerms, person_id: str, now: datetime
) -> None:
    """Change what is kept of one. Raises NotFound, SupplierFieldWrong or SupplierKnown."""
    terms = checked(wanted)
    _refuse_namesake(conn, supplier_id, terms)
    before = conn.execute(LOAD, {"id": supplier_id}).one_or_none()
    if before is None:
        raise NotFound
    conn.execute(update(supplier).where(supplier.c.id == supplier_id).values(**asdict(terms)))
    changes = [
        Change("supplier", supplier_id, name, str(getattr(before, name)), str(getattr(terms, name)))
        for name in FOLLOWED
    ]
    record_changes(conn, changes, person_id=person_id, now=now)


def set_brings(
    conn: Connection, *, supplier_id: str, product_id: str, brings: bool, person_id: str, now: datetime
) -> None:
    """Say that a supplier brings a product, or no longer does. Raises NotFound."""
    before = conn.execute(BRINGS, {"id": product_id}).one_or_none()
    known = conn.execute(LOAD, {"id": supplier_id}).one_or_none()
    if before is None or known is None or (not brings and before.supplier_id != supplier_id):
        raise NotFound
    after = supplier_id if brings else None
    conn.execute(update(product).where(product.c.id == product_id).values(supplier_id=after))
    change = Change("product", product_id, "supplier_id", before.supplier_id, after)
    record_changes(conn, [change], person_id=person_id, now=now)


def _refuse_namesake(conn: Connection, supplier_id: str, terms: SupplierTerms) -> None:
    conn.execute(ONE_AT_A_TIME)
    if conn.execute(NAMESAKE, {"name": terms.name_zh, "id": supplier_id}).one_or_none():
        raise SupplierKnown(field="name_zh")
