"""Asking a site to open a door: with a reason, or with the right label at the right time and place."""

from datetime import datetime, timedelta

import pytest

from app.db.engine import transaction
from app.domain.errors import DomainError, NotFound
from app.domain.loading import (
    LabelCancelled,
    LabelLoaded,
    LabelMalformed,
    LabelNotPacked,
    LabelOtherRun,
    LabelOtherSite,
    LabelUnknown,
)
from app.use_cases.site.ask_site import ReasonNeeded, load_parcel, open_doors
from locker_protocol.vocabulary import Right
from tests.use_cases.cast import LOAD_FROM, OTHER_SITE, PICKER, SITE, Shop


def scan(shop: Shop, label: str, *, site_id: str = SITE, now: datetime = LOAD_FROM) -> str:
    with transaction(shop.engine) as conn:
        return load_parcel(conn, site_id=site_id, label_text=label, person_id=PICKER, now=now)


def ask(shop: Shop, *, door: int = 3, reason: str = "the keeper asked for it", site_id: str = SITE) -> str:
    with transaction(shop.engine) as conn:
        return open_doors(
            conn,
            site_id=site_id,
            doors=[door],
            right=Right.STAFF,
            person_id=PICKER,
            reason=reason,
            now=LOAD_FROM,
        )


def refused(shop: Shop, refusal: type[DomainError], label: str, **place: object) -> DomainError:
    before = shop.everything()
    with pytest.raises(refusal) as caught:
        scan(shop, label, **place)  # type: ignore[arg-type]
    assert shop.everything() == before
    return caught.value


def test_a_packed_parcel_may_be_loaded(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref

    command_id = scan(shop, f"p1-1-{shop.run_no}-{ref.lower()}")

    (row,) = shop.rows("SELECT * FROM remote_command")
    assert (row.id, row.kind, row.gateway_id, row.person_id) == (command_id, "load", SITE, PICKER)
    assert row.label == f"P1-1-{shop.run_no}-{ref}"
    assert row.not_after == LOAD_FROM + timedelta(seconds=10)


def test_a_typed_reference_serves_as_well(shop: Shop) -> None:
    ref = shop.parcels(shop.packed())[0].ref

    scan(shop, f" {ref[:4].lower()} {ref[4:]}")

    assert shop.one("SELECT label FROM remote_command") == f"P1-1-{shop.run_no}-{ref}"


def test_every_wrong_label_is_refused_in_its_own_words(shop: Shop) -> None:
    packed, planned, loaded, unpaid = shop.packed(), shop.paid(), shop.packed(), shop.order()
    shop.run_sql("UPDATE parcel SET state = 'loaded', door = 4 WHERE order_id = :id", id=loaded.order_id)
    ref = shop.parcels(packed)[0].ref

    refused(shop, LabelMalformed, "hello")
    refused(shop, LabelUnknown, "ZZZZZZZZ")
    refused(shop, LabelUnknown, shop.parcels(unpaid)[0].ref)
    refused(shop, LabelNotPacked, shop.parcels(planned)[0].ref)
    refused(shop, LabelOtherSite, ref, site_id=OTHER_SITE)
    early = refused(shop, LabelOtherRun, ref, now=LOAD_FROM - timedelta(hours=3))
    assert early.facts["load_from"] == LOAD_FROM.isoformat()
    assert refused(shop, LabelLoaded, shop.parcels(loaded)[0].ref).facts == {"door": 4}


def test_a_refunded_orders_bag_goes_back(shop: Shop) -> None:
    order = shop.packed()
    shop.run_sql("UPDATE customer_order SET state = 'refunded' WHERE id = :id", id=order.order_id)

    refused(shop, LabelCancelled, shop.parcels(order)[0].ref)


def test_an_operator_opens_a_door_for_a_reason(shop: Shop) -> None:
    command_id = ask(shop, reason="  door   jammed ")

    (row,) = shop.rows("SELECT * FROM remote_command")
    assert (row.id, row.kind, row.doors, row.reason) == (command_id, "open", [3], "door jammed")


@pytest.mark.parametrize("reason", ["", "why", "x" * 201, "  a  "])
def test_without_a_reason_nothing_is_asked(shop: Shop, reason: str) -> None:
    before = shop.everything()

    with pytest.raises(ReasonNeeded):
        ask(shop, reason=reason)

    assert shop.everything() == before


def test_a_door_that_is_not_there_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound):
        ask(shop, door=77)
    with pytest.raises(NotFound):
        ask(shop, site_id="nowhere")
    shop.run_sql("DELETE FROM gateway WHERE id = :site", site=OTHER_SITE)
    with pytest.raises(NotFound):
        ask(shop, site_id=OTHER_SITE)
