"""The audit finds nothing wrong with a sound day, and every kind of damage done to it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from app.cli import cli
from app.use_cases.audit.audit import INVARIANTS, audit
from app.use_cases.audit.rule import Moment
from locker_protocol.site_events import DoorWasOpened, DoorWasShut, ParcelCollected, ParcelLoaded, UnlockGranted
from locker_protocol.uplink_messages import EntriesApplied
from locker_protocol.vocabulary import Right, Via
from tests.link.world import (
    GATEWAY,
    LOCKER,
    START,
    Service,
    add_credential,
    add_order,
    add_payment,
    add_person,
    add_run,
    add_site,
    one,
    site_status,
    up_batch,
)


@pytest.fixture
def day(db: Engine) -> Service:
    """One order collected, one loaded, one still to be packed; all of it told by the site and paid."""
    service = Service(db)
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
        run = add_run(conn)
        for number, (order, state) in enumerate([("o1", "packed"), ("o2", "packed"), ("o3", "paid")]):
            add_order(conn, order, run=run, state=state, parcels=["packed" if state == "packed" else "planned"])
            add_payment(conn, order)
            if state == "packed":
                add_credential(conn, order, handle=number + 1)
    service.hear(site_status(None))
    service.turn()
    service.hear(EntriesApplied(one(db, "SELECT down_log_id FROM gateway"), 1))
    code = one(db, "SELECT id FROM credential WHERE order_id = 'o1'")
    grant = UnlockGranted(
        "g1", LOCKER, [1], "o1", Right.COLLECT, Via.SCANNER, order_id="o1", credential_id=code, generation=1
    )
    service.hear(
        up_batch(
            [
                ParcelLoaded("o1-p1", "o1", LOCKER, 1, "driver"),
                ParcelLoaded("o2-p1", "o2", LOCKER, 2, "driver"),
                grant,
                DoorWasOpened(LOCKER, 1, "g1", "o1"),
                DoorWasShut(LOCKER, 1, "o1"),
                ParcelCollected("o1-p1", "o1", LOCKER, 1),
            ]
        )
    )
    return service


def broken(service: Service, *, after: timedelta = timedelta(minutes=5)) -> dict[str, list[str]]:
    with service.engine.begin() as conn:
        findings = audit(conn, Moment(START + after))
    return {each.invariant: sorted(each.examples) for each in findings if each.violations}


def damage(service: Service, *statements: str) -> None:
    with service.engine.begin() as conn:
        for statement in statements:
            conn.execute(text(statement))


def booked(order: str, kind: str, debit: str, credit: str, amount: int) -> str:
    columns = "(transaction_id, at, kind, order_id, account, amount_minor, currency)"
    lines = [f"('t', now(), '{kind}', '{order}', '{a}', {n}, 'CNY')" for a, n in ((debit, amount), (credit, -amount))]
    return f"INSERT INTO ledger_entry {columns} VALUES {', '.join(lines)}"  # noqa: S608  made-up rows


REFUND = (
    "INSERT INTO refund (id, refund_no, order_id, payment_id, cause, cause_key, amount_minor, currency, decided_at,"
    " decided_by, next_try_at) VALUES "
)
DONE = "UPDATE refund SET done_at = now()"
WHOLE = REFUND + "('r1', 'R-1', 'o3', 'pay-o3', 'late_payment', 'x', 1000, 'CNY', now(), 'p', now())"
BOOKED = booked("o3", "refund", "customer_held", "refunds", 1_000).replace("'t'", "'refund-r1'")
LEDGER = "INSERT INTO ledger_entry (transaction_id, at, kind, order_id, account, amount_minor, currency) VALUES "
EVENT = "INSERT INTO site_event (gateway_id, log_id, seq, at, applied_at, type, order_id, body, fault) VALUES "
MOVE = "INSERT INTO history (at, order_id, subject, subject_id, from_state, event, to_state, actor) VALUES "

AUDIT_OPEN, AUDIT_SHUT = (f"ALTER TABLE audit {word} TRIGGER insert_only" for word in ("DISABLE", "ENABLE"))
LOADED_AGAIN = '{"parcel_id": "o2-p1"}'

# The bag that was collected had been kept shut for an hour.
SHUT = (
    "INSERT INTO quarantine (id, parcel_id, order_id, site_id, locker_id, door, food_class, cause, since, found_at,"
    " due_at) SELECT 'q1', p.id, p.order_id, c.site_id, c.locker_id, c.door, 'frozen', 'too_warm', at, at, at"
    " FROM parcel p JOIN compartment c ON c.door = p.door,"
    " LATERAL (SELECT p.collected_at - interval '1 hour' AS at) t WHERE p.id = 'o1-p1'"
)

DOORS = (
    "INSERT INTO run_capacity (run_no, zone, size_or_larger, total, taken)"
    " SELECT run_no, 'chilled', 'S', 9, 2 FROM load_run"
)

EXPIRED_BEFORE = START - timedelta(minutes=6)

ASKS = "INSERT INTO webhook_endpoint (id, url, kinds, salt, made_at, made_by) VALUES "
SHELF = "INSERT INTO category (id, position, name_zh, name_en) VALUES ('all', 0, '', '')"
MILK = (
    "INSERT INTO product (id, category_id, position, name_zh, name_en, unit_zh, unit_en, origin_zh, origin_en, picture,"
    " search, price_minor, tax_code, food_class, zone, tolerates, life_h, volume_ml, longest_mm, weight_g, flags,"
    " stock_a_run) VALUES ('milk', 'all', 0, '', '', '', '', '', '', '', '', 1, '', '', 'cool', '{}', 9, 9, 9, 9,"
    " '{}', 9)"
)
PICKED = (
    "INSERT INTO order_line (order_id, line_no, product_id, parcel_id, quantity, price_minor, line_minor,"
    " picked_quantity, picked_at) VALUES ('o2', 1, 'milk', 'o2-p1', 1, 1, 1, 1, now())"
)
GOODS = [SHELF, MILK, PICKED]
LOT = (
    "INSERT INTO lot (id, product_id, code, state, origin_zh, origin_en, expires_on, received_at, received, taken)"
    " VALUES ('lot', 'milk', 'A', 'recalled', '', '', now(), now(), 9, {taken})"
)
LINE_LOT = "INSERT INTO line_lot (order_id, line_no, lot_id, quantity) VALUES ('o2', 1, 'lot', {taken})"
RECALL = (
    "INSERT INTO lot_recall (lot_id, begun_at, person_id, reason, orders, ended_at)"
    " SELECT 'lot', now(), id, 'smells', 1, '2020-01-01' FROM person LIMIT 1"
)

DAMAGE = [
    ("I1", [MOVE + "(now(), 'o1', 'order', 'o1', 'ready', 'all_collected', 'collected', 'clock')"]),
    ("I1", ["UPDATE customer_order SET state = 'packed' WHERE id = 'o1'"]),
    ("I2", ["UPDATE parcel SET door = 2, state = 'loaded' WHERE id = 'o3-p1'"]),
    ("I3", ["UPDATE site_event SET body = body || '{\"grant_id\": \"g2\"}' WHERE type = 'UnlockGranted'"]),
    ("I3", ["UPDATE site_event SET body = body || '{\"doors\": [3]}' WHERE type = 'UnlockGranted'"]),
    ("I4", ["UPDATE site_event SET body = body || '{\"generation\": 2}' WHERE type = 'UnlockGranted'"]),
    ("I4", ["UPDATE credential SET id = 'another' WHERE order_id = 'o1'"]),
    ("I4", [f"UPDATE credential SET expires_at = '{EXPIRED_BEFORE}' WHERE order_id = 'o1'"]),  # noqa: S608
    ("I6", ["UPDATE site_event SET body = body || '{\"command_id\": \"c9\"}' WHERE type = 'UnlockGranted'"]),
    ("I7", ["DELETE FROM site_event WHERE type = 'DoorWasShut'"]),
    ("I7", ["UPDATE gateway SET up_seq = 7"]),
    ("I7", [MOVE + f"(now(), 'o2', 'parcel', 'o2-p1', 'packed', 'loaded', 'loaded', 'gateway:{GATEWAY}')"]),
    ("I8", [booked("o3", "sale", "customer_held", "sales", 2_000)]),
    ("I8", [booked("o1", "x", "sales", "customer_held", 5)]),
    ("I8", ["UPDATE payment SET state = 'open' WHERE order_id = 'o3'"]),
    ("I8", ["UPDATE payment SET amount_minor = 1001 WHERE order_id = 'o3'"]),
    ("I8", ["UPDATE customer_order SET state = 'released' WHERE id = 'o3'"]),
    ("I8", ["UPDATE customer_order SET currency = 'USD' WHERE id = 'o3'"]),
    ("I9", [WHOLE, "UPDATE refund SET amount_minor = 1001"]),
    ("I9", [WHOLE, "UPDATE payment SET refund_minor = 999 WHERE id = 'pay-o3'"]),
    ("I9", [WHOLE, "UPDATE refund SET done_at = now(), provider_ref = NULL", BOOKED]),
    ("I9", [REFUND + "('r1', 'R-1', 'o3', 'pay-o3', 'staff', 'x', 9, 'CNY', now(), 'p', now())", DONE]),
    ("I9", [booked("o3", "refund", "customer_held", "refunds", 2_000)]),
    ("I9", [REFUND + "('r1', 'R-1', 'o3', 'pay-o3', 'claim', 'claim:x', 9, 'CNY', now(), 'p', now())"]),
    ("I9", [booked("o1", "claim_cost", "claims_supplier", "sales", 5)]),
    ("I12", [AUDIT_OPEN, "UPDATE audit SET actor = 'o2'", AUDIT_SHUT]),
    ("I13", ["UPDATE customer_order SET guest_contact = '+8613800000042' WHERE id = 'o1'"]),
    ("I14", [EVENT + f"('{GATEWAY}', 'log-a', 7, now(), now(), 'ParcelLoaded', NULL, '{{}}', 'illegal_move')"]),
    ("I14", ["UPDATE outbox SET fault = 'invalid_field'"]),
    ("I14", ["UPDATE outbox SET acked_at = NULL"]),
    ("I21", [ASKS + "('w1', 'https://example.org/', '{parcel.loaded}', '', '2026-01-01', 'person-a')"]),
    ("I22", [*GOODS, LOT.format(taken=1)]),
    ("I22", [*GOODS, LOT.format(taken=2), LINE_LOT.format(taken=2)]),
    ("I22", [*GOODS, LOT.format(taken=1), LINE_LOT.format(taken=1), RECALL]),
    ("I10", [SHUT, "DELETE FROM site_event WHERE type = 'UnlockGranted'"]),
    ("I11", [SHUT, "UPDATE parcel SET state = 'loaded' WHERE id = 'o1-p1'"]),
    ("I15", [EVENT + f"('{GATEWAY}', 'log-a', 7, now(), now(), 'ParcelLoaded', NULL, '{LOADED_AGAIN}', NULL)"]),
    ("I18", ["UPDATE customer_order SET total_minor = total_minor + 1"]),
    ("I19", ["UPDATE pickup_window SET orders_taken = 1"]),
    ("I20", ["INSERT INTO receipt_counter SELECT id, 1 FROM site LIMIT 1"]),
    (
        "I23",  # o1 is still under way
        ["UPDATE person SET phone = NULL, mail = NULL, display_name = '', site_id = NULL, erased_at = now()"],
    ),
    ("I19", ["UPDATE pickup_window SET orders_taken = orders_taken - 1"]),  # a place promised twice
    ("I19", ["UPDATE customer_order SET state = 'released' WHERE id = 'o3'"]),  # and a hold that was left
    ("I19", [DOORS]),
]


def test_a_sound_day_has_no_findings(day: Service) -> None:
    assert broken(day) == {}


@pytest.mark.parametrize(("invariant", "statements"), DAMAGE)
def test_damage_is_found_under_its_invariant(day: Service, invariant: str, statements: list[str]) -> None:
    damage(day, *statements)
    assert invariant in broken(day)


def test_a_transaction_that_does_not_sum_to_zero_is_found_should_the_database_ever_let_it_in(day: Service) -> None:
    damage(day, "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_sums_to_zero")
    try:
        damage(day, LEDGER + "('t', now(), 'x', 'o3', 'refunds', 5, 'CNY')")
    finally:
        damage(day, "ALTER TABLE ledger_entry ENABLE TRIGGER ledger_sums_to_zero")
    assert broken(day)["I8"] == ["transaction t sums to 5"]


def test_orders_that_stand_for_a_day_after_their_run_are_stuck(day: Service) -> None:
    assert "I1" not in broken(day, after=timedelta(hours=43))
    found = broken(day, after=timedelta(hours=45))["I1"]
    assert found == ["order o2 is still ready long after its run", "order o3 is still paid long after its run"]


def test_every_kind_of_damage_is_tried_on_every_invariant() -> None:
    assert {invariant for invariant, _ in DAMAGE} == {number for number, _ in INVARIANTS}


def test_the_command_prints_a_line_an_invariant_writes_json_and_exits_by_what_it_found(
    day: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        "DATABASE_URL": day.settings.database_url,
        "CAIBOX_UPLINK_URL": "mqtt://127.0.0.1:1",
        "CAIBOX_SECRET_KEY": "not a secret",
        "CAIBOX_SIGNING_KEYS": "1:" + "c3M" * 14 + "c=",
        "CAIBOX_SANDBOX_SECRET": "not a secret",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with day.engine.begin() as conn:  # the command reads the real clock
        conn.execute(text("UPDATE load_run SET removal_from = now() + interval '1 day', load_until = now()"))
    sound = CliRunner().invoke(cli, ["audit", "--json", str(tmp_path / "audit.json")])
    assert (sound.exit_code, len(sound.output.splitlines())) == (0, len(INVARIANTS))
    assert json.loads((tmp_path / "audit.json").read_text())["violations"] == 0
    damage(day, "UPDATE gateway SET up_seq = 7")
    assert CliRunner().invoke(cli, ["audit"]).exit_code == 1
