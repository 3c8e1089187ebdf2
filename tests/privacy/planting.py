"""Plants marks of one person in every column that may tell of her: docs/privacy.md's first table."""

from typing import Any

from sqlalchemy import text

from app.db.engine import transaction
from app.use_cases.keeping.report_trouble import report_trouble
from app.use_cases.people.change_name import change_name
from app.use_cases.people.request_sign_in import request_sign_in
from tests.privacy.canaries import MAIL, NAME, PHONE, PICTURE, WORDS
from tests.use_cases.cast import ALICE, BOB, NOW, SITE, Shop

# What no use case of today writes, or writes only after much else. `:words` names her.
STATEMENTS = """
INSERT INTO web_session VALUES ('x', :alice, :now, :now);
UPDATE notification SET subject = :words, body = :words, facts = jsonb_build_object('said', CAST(:words AS text))
    WHERE person_id = :alice;
INSERT INTO notification (id, person_id, contact, kind, language, subject, body, made_at, next_try_at)
    VALUES ('n1', :bob, 'bob@x.example', 'order_rescued', 'zh', '', :words, :now, :now);
UPDATE idempotent_request SET answer = jsonb_build_object('said', CAST(:words AS text)) WHERE person_id = :alice;
INSERT INTO answered_request VALUES (:alice, 'k', '', 200, :bytes, :now);
INSERT INTO photo (id, at, person_id, parcel_id, jpeg) SELECT 'p1', :now, :bob, min(id), :picture FROM parcel
    WHERE order_id = :order;
INSERT INTO refund (id, refund_no, order_id, payment_id, cause, cause_key, amount_minor, currency, decided_at,
    decided_by, next_try_at, done_at, reason)
    SELECT 'r1', 'R-1', :order, id, 'staff', 'x', 1, 'CNY', :now, 'clock', :now, :now, :words
    FROM payment WHERE order_id = :order;
UPDATE parcel SET discarded_for = :words WHERE order_id = :order;
INSERT INTO payment_webhook SELECT provider, 'evt', :now, provider_ref,
    jsonb_build_object('receipt_email', CAST(:words AS text)) FROM payment WHERE order_id = :order;
UPDATE trouble_report SET words = :words;
UPDATE person SET low_door = true WHERE id = :alice;
INSERT INTO person (id, guest, created_at) VALUES ('g1', true, :now);
INSERT INTO customer_order (id, order_no, person_id, site_id, run_no, window_id, state, currency, total_minor,
    placed_at, hold_until, guest_contact) SELECT 'o1', 'O1', 'g1', site_id, run_no, window_id, 'collected', currency,
    total_minor, :now, :now, :phone FROM customer_order WHERE id = :order;
INSERT INTO claim (id, order_id, line_no, key, state, kind, quantity, words, batches, worth_minor, currency, made_at,
    made_by, answered_at, answer, reason, hand_off) SELECT 'c1', order_id, line_no, 'k', 'refused', 'spoiled', 1,
    :words, '{}', 1, 'CNY', :now, 'person', :now, 'other', :words, 'unknown' FROM order_line WHERE order_id = :order
    LIMIT 1;
INSERT INTO claim_photo VALUES ('c1', :now, :picture, :bytes);
INSERT INTO claim_alarm (id, batch, site_id, product_id, kind, raised_at, orders, closed_at, closed_by, reason)
    SELECT 'a1', 'b', :site, id, 'spoiled', :now, 3, :now, 'person', :words FROM product LIMIT 1;
INSERT INTO alarm_answer (cause, site_id, at, person_id, reason) VALUES ('too_warm', :site, :now, :bob, :words);
INSERT INTO quarantine (id, parcel_id, order_id, site_id, locker_id, door, food_class, cause, since, found_at, due_at,
    state, decided_at, decided_by, reason, photo)
    SELECT 'q1', p.id, :order, :site, c.locker_id, c.door, 'chilled_tcs', 'too_warm', :now, :now, :now, 'condemned',
    :now, 'person', :words, :picture FROM compartment c, parcel p WHERE p.order_id = :order LIMIT 1;
INSERT INTO visit (id, site_id, person_id, began_at, note, ended_at) VALUES ('v1', :site, :bob, :now, :words, :now);
INSERT INTO rejected_message (received_at, topic, fault, reason, payload)
    VALUES (:now, 'x', 'malformed', 'x', :bytes), (:now, :words, 'malformed', 'x', ''), (:now, 'x', 'x', :words, '')
"""


def plant(shop: Shop, order_id: str) -> None:
    """By her own hands where a use case writes; else straight into the column."""
    naming = f"{WORDS} {NAME} {PHONE} {MAIL}"
    values: dict[str, Any] = {"order": order_id, "alice": ALICE, "bob": BOB, "site": SITE, "words": naming, "now": NOW}
    values |= {"phone": PHONE}
    values |= {"picture": PICTURE, "bytes": naming.encode()}
    shop.run_sql("UPDATE person SET phone = :phone, mail = :mail WHERE id = :id", phone=PHONE, mail=MAIL, id=ALICE)
    with transaction(shop.engine) as conn:
        change_name(conn, person_id=ALICE, name=NAME)
        request_sign_in(conn, contact=PHONE, language="zh", now=NOW)
        request_sign_in(conn, contact=MAIL, language="zh", now=NOW)
        report_trouble(conn, site_id=SITE, person_id=BOB, words=f"{NAME} was here", now=NOW)
        for statement in STATEMENTS.split(";"):
            wanted = text(statement)
            conn.execute(wanted, {name: values[name] for name in wanted.compile().params})
