"""From paid to the code: plans, packed bags, credentials, and what the site is told of each."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.db.engine import transaction
from app.domain.errors import IllegalMove, NotFound
from app.domain.order_state import OrderState
from app.domain.refunding import RefundCause
from app.use_cases.collecting.end_order import end_order
from app.use_cases.collecting.issue_credential import HANDLES, NoLiveCode, reissue_credential, revoke_credential
from app.use_cases.collecting.show_code import ShownCode, show_code
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.telling.tell_order import tell_order_ready
from locker_protocol.site_entries import IssueCredential, PlanOrder, RevokeCredential
from locker_protocol.token import read_token
from locker_protocol.typed_code import secret_matches, split_code
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, NOW, REMOVAL_FROM, SITE, Shop, at_once


def shown(shop: Shop, order: PlacedOrder, *, person: str | None = ALICE, now: object = LOAD_FROM) -> ShownCode:
    with transaction(shop.engine) as conn:
        return show_code(
            conn,
            order_id=order.order_id,
            person_id=person,
            now=now,  # type: ignore[arg-type]
            settings=shop.settings,
        )


def reissue(shop: Shop, order: PlacedOrder, *, person: str = ALICE) -> None:
    with transaction(shop.engine) as conn:
        reissue_credential(conn, order_id=order.order_id, person_id=person, now=LOAD_FROM, settings=shop.settings)


def load_all(shop: Shop, order: PlacedOrder) -> None:
    """As the site's events do."""
    shop.run_sql("UPDATE parcel SET state = 'loaded', door = planned_doors[1] WHERE order_id = :id", id=order.order_id)
    shop.run_sql("UPDATE customer_order SET state = 'ready' WHERE id = :id", id=order.order_id)


# --- the plan


def test_a_paid_order_has_a_door_a_parcel_with_alternatives(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1))

    chilled, frozen = sorted(shop.parcels(order), key=lambda parcel: str(parcel.zone))

    assert (chilled.state, frozen.state) == ("planned", "planned")
    assert len(chilled.planned_doors) == 4
    assert len(frozen.planned_doors) == 2
    assert not set(chilled.planned_doors) & set(frozen.planned_doors)


def test_the_site_is_told_the_plan(shop: Shop) -> None:
    order = shop.paid(("milk", 1))

    (entry,) = shop.entries()

    assert isinstance(entry, PlanOrder)
    (parcel,) = entry.parcels
    assert (parcel.order_id, parcel.ref, parcel.run_no) == (order.order_id, f"{order.order_no}0", shop.run_no)
    assert parcel.doors == shop.parcels(order)[0].planned_doors
    assert parcel.loadable_from == (LOAD_FROM - timedelta(hours=2)).timestamp() * 1000
    assert parcel.loadable_until == parcel.collect_until == REMOVAL_FROM.timestamp() * 1000


def test_two_orders_of_a_run_never_share_a_door(shop: Shop) -> None:
    orders = [shop.order(("milk", 1)) for _ in range(5)]
    refs = [shop.start(order) for order in orders]
    for ref in refs:
        shop.provider.decide(ref, paid=True)

    outcomes = at_once(*[lambda ref=ref: shop.settle(ref) for ref in refs])

    assert outcomes == [None] * 5
    doors = [shop.parcels(order)[0].planned_doors[0] for order in orders]
    assert sorted(doors) == [1, 2, 3, 4, 5]


def test_whoever_asked_for_a_low_door_gets_one(shop: Shop) -> None:
    shop.run_sql("UPDATE compartment SET sill_mm = 1500 WHERE door <> 3")

    order = shop.paid(("milk", 1), low_door=True)

    assert shop.parcels(order)[0].planned_doors[0] == 3


def test_what_lies_nowhere_yet_makes_room_and_its_site_and_owner_hear_of_it(shop: Shop) -> None:
    shop.run_sql("UPDATE compartment SET sill_mm = CASE size WHEN 'L' THEN 300 ELSE 1500 END WHERE zone = 'chilled'")
    wished = shop.paid(("milk", 1), low_door=True)
    shop.run_sql("UPDATE parcel SET confirmed_at = placed_at FROM customer_order o WHERE o.id = order_id")
    assert shop.parcels(wished)[0].planned_doors[0] == 5  # the only large one
    known = len(shop.entries())

    large = shop.paid(("milk", 18))

    assert shop.parcels(large)[0].planned_doors == [5]
    (moved,) = shop.parcels(wished)
    assert moved.planned_doors[0] in (1, 2, 3)
    assert (moved.state, moved.confirmed_at) == ("planned", None)
    told = shop.entries()[known:]
    assert all(isinstance(entry, PlanOrder) for entry in told)
    assert {entry.order_id: entry.parcels[0].doors for entry in told if isinstance(entry, PlanOrder)} == {
        wished.order_id: moved.planned_doors,
        large.order_id: [5],
    }
    assert shop.one("SELECT count(*) FROM history WHERE event = 'no_door_free'") == 0


def test_what_lies_behind_a_door_or_may_lie_there_makes_no_room(shop: Shop) -> None:
    shop.run_sql("UPDATE compartment SET sill_mm = CASE size WHEN 'L' THEN 300 ELSE 1500 END WHERE zone = 'chilled'")
    wished = shop.paid(("milk", 1), low_door=True)
    shop.run_sql("UPDATE parcel SET look_door = 5")
    before = shop.parcels(wished)

    large = shop.paid(("milk", 18))

    assert shop.parcels(large)[0].planned_doors == []
    assert shop.parcels(wished) == before


def test_without_a_free_door_the_order_stays_paid_and_its_history_says_so(shop: Shop) -> None:
    first, second = shop.order(("milk", 1)), shop.order(("milk", 1))
    shop.run_sql("UPDATE compartment SET condition = 'broken' WHERE zone = 'chilled' AND door <> 5")
    for order in (first, second):
        ref = shop.start(order)
        shop.provider.decide(ref, paid=True)
        shop.settle(ref)

    assert shop.parcels(first)[0].planned_doors == [5]
    assert (shop.state(second), shop.parcels(second)[0].planned_doors) == ("paid", [])
    assert shop.one("SELECT count(*) FROM history WHERE event = 'no_door_free'") == 1


def test_a_door_where_another_runs_parcel_lies_is_not_planned(shop: Shop) -> None:
    earlier = shop.packed(("milk", 1))
    load_all(shop, earlier)
    lies = shop.parcels(earlier)[0].planned_doors[0]
    shop.run_sql(
        "INSERT INTO load_run (site_id, kind, local_date, order_by, load_from, load_until, removal_from)"
        " SELECT site_id, 'next', local_date + 1, order_by + interval '12 h', load_from + interval '16 h',"
        " load_until + interval '16 h', removal_from + interval '12 h' FROM load_run WHERE run_no = :run",
        run=shop.run_no,
    )
    following = shop.one("SELECT run_no FROM load_run WHERE kind = 'next'")
    later = shop.order(("milk", 1))
    shop.run_sql("UPDATE customer_order SET run_no = :run WHERE id = :id", run=following, id=later.order_id)
    ref = shop.start(later)
    shop.provider.decide(ref, paid=True)
    shop.settle(ref)

    assert lies not in shop.parcels(later)[0].planned_doors


# --- packing


def test_the_last_bag_packs_the_order_and_makes_its_code(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1))
    first, last = shop.parcels(order)

    shop.pack(first.id)
    assert (shop.state(order), shop.one("SELECT count(*) FROM credential")) == ("paid", 0)
    shop.pack(last.id)

    assert (shop.state(order), shop.one("SELECT count(*) FROM credential")) == ("packed", 1)
    assert shop.one("SELECT min(packed_at) FROM parcel") == LOAD_FROM


def test_two_pickers_with_the_last_two_bags_make_one_code(shop: Shop) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1))

    outcomes = at_once(*[lambda parcel=parcel: shop.pack(parcel.id) for parcel in shop.parcels(order)])

    assert outcomes == [None, None]
    assert (shop.state(order), shop.one("SELECT count(*) FROM credential")) == ("packed", 1)


def test_a_bag_is_packed_once_and_only_when_paid(shop: Shop) -> None:
    packed, unpaid = shop.packed(), shop.order()
    before = shop.everything()

    with pytest.raises(IllegalMove):
        shop.pack(shop.parcels(packed)[0].id)
    with pytest.raises(IllegalMove):
        shop.pack(shop.parcels(unpaid)[0].id)
    with pytest.raises(NotFound):
        shop.pack("nothing")

    assert shop.everything() == before


# --- the code


def test_the_owner_sees_a_code_the_gateway_can_verify(shop: Shop) -> None:
    order = shop.packed()

    code = shown(shop, order)

    entry = shop.entries()[-1]
    assert isinstance(entry, IssueCredential)
    manifest = entry.credential
    token = read_token(code.qr_text, {1: shop.settings.signing_key.public_key()})
    assert (token.site_no, token.handle, token.generation) == (1, manifest.handle, 1)
    assert token.credential_id.hex() == manifest.credential_id
    assert token.expires_s * 1000 == manifest.expires_at == REMOVAL_FROM.timestamp() * 1000
    assert code.typed_code is not None
    split = split_code(code.typed_code.replace(" ", ""))
    assert split is not None
    assert split[0] == manifest.handle
    assert manifest.secret_salt is not None
    assert manifest.secret_hash is not None
    salt, expected = bytes.fromhex(manifest.secret_salt), bytes.fromhex(manifest.secret_hash)
    assert secret_matches(split[1], salt=salt, expected=expected)


def test_nothing_in_the_database_tells_the_typed_secret(shop: Shop) -> None:
    order = shop.packed()
    typed = shown(shop, order).typed_code
    assert typed is not None

    secret = split_code(typed.replace(" ", ""))[1]  # type: ignore[index]
    shop.run_sql("DELETE FROM outbox")

    assert secret not in repr(shop.rows("SELECT * FROM credential"))


def test_a_handle_is_nobody_elses_until_its_code_and_what_clocks_may_differ_are_over(shop: Shop) -> None:
    order = shop.packed()
    reissue(shop, order)
    (first, expires_at), _ = shop.rows("SELECT handle, expires_at FROM credential ORDER BY generation")

    with shop.engine.begin() as conn:
        asked = {"site_id": SITE, "lately": expires_at - timedelta(seconds=1)}
        assert first in conn.execute(HANDLES, asked).scalars().all()
        assert first not in conn.execute(HANDLES, asked | {"lately": expires_at}).scalars().all()


def test_others_see_no_code_and_before_packing_there_is_none(shop: Shop) -> None:
    order = shop.packed()

    with pytest.raises(NotFound):
        shown(shop, order, person=BOB)
    with pytest.raises(NoLiveCode):
        shown(shop, shop.paid())
    assert shown(shop, order, person=None) == shown(shop, order)


def test_a_new_code_ends_the_old_one(shop: Shop) -> None:
    order = shop.packed()
    old = shown(shop, order)

    reissue(shop, order)

    new = shown(shop, order)
    assert new.typed_code != old.typed_code
    assert new.handle != old.handle
    entry = shop.entries()[-1]
    assert isinstance(entry, IssueCredential)
    assert entry.credential.generation == 2
    assert shop.rows("SELECT generation FROM credential WHERE ended_at IS NULL") == [(2,)]


def test_only_the_owner_of_a_live_code_gets_a_new_one(shop: Shop) -> None:
    packed, paid = shop.packed(), shop.paid()
    before = shop.everything()

    with pytest.raises(NotFound):
        reissue(shop, packed, person=BOB)
    with pytest.raises(NoLiveCode):
        reissue(shop, paid)

    assert shop.everything() == before


def test_a_withdrawn_code_is_gone_and_the_site_is_told(shop: Shop) -> None:
    order = shop.packed()
    with transaction(shop.engine) as conn:
        revoke_credential(conn, order_id=order.order_id, now=LOAD_FROM)

    assert shop.entries()[-1] == RevokeCredential(order_id=order.order_id, generation=1)
    with pytest.raises(NoLiveCode):
        shown(shop, order)
    with pytest.raises(NoLiveCode), transaction(shop.engine) as conn:
        revoke_credential(conn, order_id=order.order_id, now=LOAD_FROM)
    with pytest.raises(NotFound), transaction(shop.engine) as conn:
        revoke_credential(conn, order_id="nothing", now=LOAD_FROM)


def test_orders_packed_at_once_have_different_handles(shop: Shop) -> None:
    orders = [shop.paid(("milk", 1)) for _ in range(5)]

    at_once(*[lambda order=order: shop.pack(shop.parcels(order)[0].id) for order in orders])

    handles = [row.handle for row in shop.rows("SELECT handle FROM credential")]
    assert len(set(handles)) == len(handles) == 5


# --- the end


def test_the_ready_notice_says_where_the_code_and_until_when(shop: Shop) -> None:
    order = shop.packed(("milk", 1), ("dumplings", 1))
    load_all(shop, order)
    with transaction(shop.engine) as conn:
        tell_order_ready(conn, order_id=order.order_id, settings=shop.settings, now=LOAD_FROM)

    body = shop.one("SELECT body FROM notification WHERE kind = 'order_ready'")
    doors = ", ".join(str(parcel.door) for parcel in sorted(shop.parcels(order), key=lambda row: row.door))
    assert f"Osmanthus, doors {doors}" in body
    assert str(shown(shop, order).typed_code) in body
    assert "by Wed 25 Nov 13:30" in body
    assert "/en/c/" in body


def test_the_ready_notice_speaks_chinese_too(shop: Shop) -> None:
    order = shop.packed(("milk", 1), person=BOB)
    load_all(shop, order)
    with transaction(shop.engine) as conn:
        tell_order_ready(conn, order_id=order.order_id, settings=shop.settings, now=LOAD_FROM)

    body = shop.one("SELECT body FROM notification WHERE kind = 'order_ready'")
    assert "号门" in body
    assert "11月25日 13:30" in body
    assert "/zh-hans/c/" in body


def test_a_collected_order_is_earned_ended_and_thanked_for(shop: Shop) -> None:
    order = shop.packed(("milk", 1))
    load_all(shop, order)
    with transaction(shop.engine) as conn:
        conn.execute(text("UPDATE parcel SET state = 'collected'"))
        end_order(
            conn,
            order_id=order.order_id,
            state=OrderState.READY,
            cause=RefundCause.NOT_COLLECTED,
            actor="gateway:osmanthus",
            now=LOAD_FROM,
        )

    assert shop.state(order) == "collected"
    balances = shop.rows("SELECT account, sum(amount_minor)::int FROM ledger_entry GROUP BY 1 ORDER BY 1")
    assert balances == [("customer_held", 0), ("provider_clearing", 1380), ("sales", -1380)]
    assert shop.one("SELECT count(*) FROM credential WHERE ended_at IS NULL") == 0
    assert shop.one("SELECT count(*) FROM notification WHERE kind = 'order_collected'") == 1
    assert shown(shop, order, now=LOAD_FROM + timedelta(minutes=14)).handle
    with pytest.raises(NoLiveCode):
        shown(shop, order, now=LOAD_FROM + timedelta(minutes=15))


def test_an_order_that_is_not_paid_cannot_be_ended(shop: Shop) -> None:
    order = shop.order()
    before = shop.everything()
    unpaid, cause = OrderState.AWAITING_PAYMENT, RefundCause.NOT_COLLECTED

    with pytest.raises(IllegalMove), transaction(shop.engine) as conn:
        end_order(conn, order_id=order.order_id, state=unpaid, cause=cause, actor="x", now=NOW)

    assert shop.everything() == before
