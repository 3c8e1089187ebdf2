"""What is old goes in small batches; what an invariant needs stays, and a hole in what is left still shows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from app.db import tables as t
from app.use_cases.audit.audit import audit
from app.use_cases.audit.rule import Moment
from app.use_cases.people import forget_old as module
from app.use_cases.people.forget_old import EVENTS_KEPT, RULES, Rule, forget_old
from tests.use_cases.cast import ALICE, NOW, PICKER, SITE, Shop, open_shop

# One row of each, written at `:at`; `{n}` makes it another one.
ROWS: Mapping[str, str] = {
    "sign_in_code": "('{n}', 'a@x.example', 'en', '', '', :at, :at)",
    "web_session": "('{n}', '" + ALICE + "', :at, :at)",
    "idempotent_request": "('" + ALICE + "', '{n}', '', '{{}}', :at)",
    "notification": "(id, contact, kind, language, subject, body, made_at, next_try_at, sent_at)"
    " VALUES ('{n}', 'a@x.example', 'x', 'en', '', '', :at, :at, :at)",
    "photo": "(id, at, person_id, visit_id, jpeg) VALUES ('{n}', :at, '" + PICKER + "', 'v1', '')",
    "rejected_message": "(received_at, topic, fault, reason, payload) VALUES (:at, 'x', 'x', 'x', '')",
    "keeper_look": "('{n}', :at, '" + PICKER + "', '" + SITE + "')",
    "trouble_report": "(at, site_id, person_id, words) VALUES (:at, '" + SITE + "', '" + PICKER + "', 'x')",
    "visit_record": "(id, visit_id, person_id, kind, seq, digest, device_at, done_at, received_at)"
    " VALUES ('{n}', 'v1', '" + PICKER + "', 'scan', 1, '', :at, :at, :at)",
    "alarm_answer": "(cause, at, site_id, person_id) VALUES ('sensor', :at, '" + SITE + "', '" + PICKER + "')",
    "outbox": "(gateway_id, made_at, entry, acked_at) VALUES ('" + SITE + "', :at, '', :at)",
    "payment_webhook": "('sandbox', '{n}', :at, 'x', '{{}}', :at)",
    "sandbox_charge": "('{n}', '{n}', 1, 'CNY', 'open', '', '', 0, :at)",
}
# What stays although it is old, because something still needs it.
NEEDED: Mapping[str, str] = {
    "notification": "UPDATE notification SET sent_at = NULL",
    "outbox": "UPDATE outbox SET acked_at = NULL",
    "payment_webhook": "UPDATE payment_webhook SET applied_at = NULL",
    "sandbox_charge": "UPDATE sandbox_charge SET state = 'captured'",
}


@pytest.fixture
def shop(db: Engine) -> Shop:
    made = open_shop(db)
    made.run_sql(
        "INSERT INTO visit (id, site_id, person_id, began_at, ended_at) VALUES ('v1', :site, :who, :now, :now)",
        site=SITE,
        who=PICKER,
        now=NOW,
    )
    return made


def write(shop: Shop, table: str, at: datetime, n: str = "1") -> None:
    row = ROWS[table].format(n=n)
    shop.run_sql(f"INSERT INTO {table} {row if 'VALUES' in row else 'VALUES ' + row}", at=at)


def count(shop: Shop, table: str) -> int:
    found: int = shop.one(f"SELECT count(*) FROM {table}")  # noqa: S608  a name of ours
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.table)
def test_what_is_older_than_its_period_goes_and_the_rest_stays(shop: Shop, rule: Rule) -> None:
    write(shop, rule.table, NOW - rule.kept - timedelta(seconds=1), n="old")
    write(shop, rule.table, NOW - rule.kept, n="new")

    assert forget_old(shop.engine, now=NOW) == 1
    assert count(shop, rule.table) == 1
    assert forget_old(shop.engine, now=NOW) == 0


@pytest.mark.parametrize("table", NEEDED)
def test_what_is_old_and_still_needed_stays(shop: Shop, table: str) -> None:
    write(shop, table, NOW - timedelta(days=1000))
    shop.run_sql(NEEDED[table])

    assert forget_old(shop.engine, now=NOW) == 0
    assert count(shop, table) == 1


def test_an_entry_a_gateway_refused_stays_for_the_audit_to_show(shop: Shop) -> None:
    write(shop, "outbox", NOW - timedelta(days=1000))
    shop.run_sql("UPDATE outbox SET fault = 'malformed'")
    forget_old(shop.engine, now=NOW)
    assert count(shop, "outbox") == 1


def test_a_backlog_goes_batch_by_batch_and_over_several_turns(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    monkeypatch.setattr(module, "BATCHES_A_TURN", 2)
    for n in range(8):
        write(shop, "rejected_message", NOW - timedelta(days=31), n=str(n))

    assert [forget_old(shop.engine, now=NOW) for _ in range(3)] == [6, 2, 0]


def test_a_row_somebody_holds_is_left_for_the_next_turn(shop: Shop) -> None:
    write(shop, "outbox", NOW - timedelta(days=31))
    with shop.engine.begin() as holder:
        holder.exec_driver_sql("SELECT FROM outbox FOR UPDATE")
        assert forget_old(shop.engine, now=NOW) == 0
    assert forget_old(shop.engine, now=NOW) == 1


# --- a site's log


def tell(
    shop: Shop, seq: int, *, applied_at: datetime, kind: str = "DoorWasShut", log: str = "log", **body: Any
) -> None:
    with shop.engine.begin() as conn:
        row = {"gateway_id": SITE, "log_id": log, "seq": seq, "at": applied_at, "applied_at": applied_at, "type": kind}
        conn.execute(insert(t.site_event).values(**row, body=body))


def set_position(shop: Shop, seq: int) -> None:
    shop.run_sql("UPDATE gateway SET up_log_id = 'log', up_seq = :seq WHERE id = :site", seq=seq, site=SITE)


def kept(shop: Shop) -> list[int]:
    return [row.seq for row in shop.rows("SELECT seq FROM site_event ORDER BY seq")]


def broken(shop: Shop) -> dict[str, list[str]]:
    with shop.engine.connect() as conn:
        return {each.invariant: each.examples for each in audit(conn, Moment(now=NOW)) if each.violations}


OLD = NOW - EVENTS_KEPT - timedelta(days=1)


def test_a_sites_log_is_cut_at_its_beginning_and_the_audit_still_holds(shop: Shop) -> None:
    for seq in (1, 2, 3):
        tell(shop, seq, applied_at=OLD)
    for seq in (4, 5):
        tell(shop, seq, applied_at=NOW)
    set_position(shop, 5)

    assert forget_old(shop.engine, now=NOW) == 3
    assert kept(shop) == [4, 5]
    assert shop.rows("SELECT through_seq, last_at FROM pruned_log") == [(3, OLD)]
    assert broken(shop) == {}


def test_an_old_event_behind_a_newer_one_stays_so_that_there_is_no_hole(shop: Shop) -> None:
    tell(shop, 1, applied_at=OLD)
    tell(shop, 2, applied_at=NOW)
    tell(shop, 3, applied_at=OLD)
    tell(shop, 4, applied_at=NOW)
    set_position(shop, 4)
    forget_old(shop.engine, now=NOW)
    assert kept(shop) == [2, 3, 4]
    assert broken(shop) == {}


def test_the_last_event_stays_for_it_says_how_far_the_log_was_applied(shop: Shop) -> None:
    tell(shop, 1, applied_at=OLD)
    tell(shop, 2, applied_at=OLD)
    set_position(shop, 2)
    forget_old(shop.engine, now=NOW)
    assert kept(shop) == [2]
    assert broken(shop) == {}
    assert forget_old(shop.engine, now=NOW) == 0


def test_a_long_log_is_cut_batch_by_batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    for seq in range(1, 8):
        tell(shop, seq, applied_at=OLD)
    set_position(shop, 7)
    assert forget_old(shop.engine, now=NOW) == 6
    assert shop.one("SELECT through_seq FROM pruned_log") == 6
    assert broken(shop) == {}


@pytest.mark.parametrize("lost", [3, 4])
def test_an_event_that_is_lost_from_what_is_kept_still_shows(shop: Shop, lost: int) -> None:
    for seq in (1, 2):
        tell(shop, seq, applied_at=OLD)
    for seq in (3, 4, 5):
        tell(shop, seq, applied_at=NOW)
    set_position(shop, 5)
    forget_old(shop.engine, now=NOW)
    shop.run_sql("DELETE FROM site_event WHERE seq = :lost", lost=lost)
    assert set(broken(shop)) == {"I7"}


def test_an_opening_just_after_the_cut_does_not_miss_its_record(shop: Shop) -> None:
    granted: dict[str, Any] = {"grant_id": "g", "doors": [3], "actor": "x", "right": "staff"}
    tell(shop, 1, applied_at=OLD, kind="UnlockGranted", **granted)
    tell(shop, 2, applied_at=OLD + timedelta(days=1, seconds=5), kind="DoorWasOpened", door=3, grant_id="g")
    shop.run_sql("UPDATE site_event SET at = :at WHERE seq = 1", at=OLD + timedelta(days=1))
    set_position(shop, 2)
    forget_old(shop.engine, now=NOW)
    assert kept(shop) == [2]
    assert broken(shop) == {}


def test_parcels_whose_events_were_thrown_away_are_not_missed(shop: Shop) -> None:
    order = shop.paid(("milk", 1))
    shop.run_sql("UPDATE customer_order SET placed_at = :old, state = 'collected'", old=OLD - timedelta(days=1))
    (parcel,) = shop.parcels(order)
    shop.run_sql(
        "INSERT INTO history (at, order_id, subject, subject_id, from_state, event, to_state, actor)"
        " VALUES (:at, :o, 'parcel', :p, 'packed', 'loaded', 'loaded', 'gateway:osmanthus')",
        at=OLD,
        o=order.order_id,
        p=parcel.id,
    )
    tell(shop, 1, applied_at=OLD, kind="ParcelLoaded", parcel_id=parcel.id)
    tell(shop, 2, applied_at=NOW)
    set_position(shop, 2)
    before = broken(shop)
    assert "I7" not in before
    forget_old(shop.engine, now=NOW)
    assert "I7" not in broken(shop)
