"""A person's account is erased: who they are goes everywhere at once, what the books must keep stays without a name.

Decides nothing about whether it may be done (`domain.erasing`). Each table's part stands below with its statement, and
docs/privacy.md says why for each column; a test plants marks in all of them and looks for them afterwards. The audit
holds ids only: with this row's name, phone and mail address gone, its id is a number that leads to nobody.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from app.db.audit_log import record_act
from app.db.pages import my_data
from app.domain.audit_record import Act, of_people
from app.domain.erasing import refuse_erasing
from app.domain.errors import NotFound
from app.domain.personal_words import SHORTEST_NAME
from app.domain.roles import Role
from app.use_cases.site.wire_time import to_wire

# First of all, and for update: whoever places an order at this moment waits for us, or we for them.
LOCK = text("""
    SELECT id, role, phone, mail, display_name FROM person WHERE id = :person AND erased_at IS NULL FOR UPDATE
""")
MONEY_UNDER_WAY = text("""
    SELECT r.refund_no FROM refund r JOIN customer_order o ON o.id = r.order_id
    WHERE o.person_id = :person AND r.done_at IS NULL ORDER BY r.id
""")

CLAIMS_WAITING = text("""
    SELECT o.order_no FROM claim c JOIN customer_order o ON o.id = c.order_id
    WHERE o.person_id = :person AND c.state = 'waiting' ORDER BY c.id
""")

# In this order. `words` are what would tell who it was: phone, mail address, name.
ERASES = (
    text("DELETE FROM web_session WHERE person_id = :person"),
    text("DELETE FROM sign_in_code WHERE contact = ANY (CAST(:contacts AS text[]))"),
    text("DELETE FROM notification WHERE person_id = :person"),
    text("DELETE FROM notification WHERE person_id IS NULL AND contact = ANY (CAST(:contacts AS text[]))"),
    # A keeper's name stands in what was told to those whose food they kept; a resident's, in what a keeper reported.
    text("""
        DELETE FROM notification n USING unnest(CAST(:words AS text[])) AS said
        WHERE strpos(n.subject || ' ' || n.body || ' ' || n.facts::text, said) > 0
    """),
    text("DELETE FROM idempotent_request WHERE person_id = :person"),
    text("DELETE FROM answered_request WHERE person_id = :person"),
    text("""
        DELETE FROM photo p USING parcel x, customer_order o
        WHERE x.id = p.parcel_id AND o.id = x.order_id AND o.person_id = :person
    """),
    text("""
        DELETE FROM rejected_message m USING unnest(CAST(:words AS text[])) AS said
        WHERE position(convert_to(said, 'UTF8') IN m.payload) > 0 OR strpos(m.topic || ' ' || m.reason, said) > 0
    """),
    text("""
        DELETE FROM claim_photo p USING claim c, customer_order o
        WHERE c.id = p.claim_id AND o.id = c.order_id AND o.person_id = :person
    """),
    text("""
        UPDATE claim c SET words = '', reason = NULL FROM customer_order o
        WHERE o.id = c.order_id AND o.person_id = :person
    """),
    text("""
        UPDATE claim_alarm a SET reason = '' FROM unnest(CAST(:words AS text[])) AS said
        WHERE a.reason IS NOT NULL AND strpos(a.reason, said) > 0
    """),
    text("UPDATE customer_order SET low_door = false WHERE person_id = :person AND low_door"),
    text("UPDATE customer_order SET guest_contact = NULL WHERE person_id = :person AND guest_contact IS NOT NULL"),
    # What was ordered with their number without signing in: they showed that the number is theirs. The order goes on.
    text(
        "DELETE FROM notification WHERE contact = ANY (CAST(:contacts AS text[])) AND order_id IN ("
        " SELECT id FROM customer_order WHERE guest_contact = ANY (CAST(:contacts AS text[])))"
    ),
    text("UPDATE customer_order SET guest_contact = NULL WHERE guest_contact = ANY (CAST(:contacts AS text[]))"),
    text("""
        UPDATE refund r SET reason = NULL FROM customer_order o
        WHERE o.id = r.order_id AND o.person_id = :person AND r.reason IS NOT NULL
    """),
    text("""
        UPDATE payment_webhook w SET body = '{}' FROM payment p, customer_order o
        WHERE o.person_id = :person AND p.order_id = o.id AND w.provider = p.provider
            AND w.provider_ref = p.provider_ref
    """),
    text("""
        UPDATE parcel x SET discarded_for = '' FROM unnest(CAST(:words AS text[])) AS said
        WHERE x.discarded_for IS NOT NULL AND strpos(x.discarded_for, said) > 0
    """),
    text("""
        UPDATE quarantine q SET photo = '' FROM customer_order o
        WHERE o.id = q.order_id AND o.person_id = :person AND q.photo IS NOT NULL
    """),
    text("""
        UPDATE quarantine q SET reason = '' FROM unnest(CAST(:words AS text[])) AS said
        WHERE q.reason IS NOT NULL AND strpos(q.reason, said) > 0
    """),
    text("""
        UPDATE alarm_answer a SET reason = '' FROM unnest(CAST(:words AS text[])) AS said
        WHERE strpos(a.reason, said) > 0
    """),
    text("""
        UPDATE trouble_report t SET words = '' FROM unnest(CAST(:words AS text[])) AS said
        WHERE strpos(t.words, said) > 0
    """),
    text("UPDATE visit v SET note = '' FROM unnest(CAST(:words AS text[])) AS said WHERE strpos(v.note, said) > 0"),
    text("""
        UPDATE person
        SET phone = NULL, mail = NULL, display_name = '', site_id = NULL, language = 'zh',
            substitution = DEFAULT, low_door = DEFAULT, guest = DEFAULT, erased_at = :now
        WHERE id = :person
    """),
)


def erase_account(conn: Connection, *, person_id: str, now: datetime) -> None:
    """Erase. Raises NotFound, StaffAccount, OrderUnderWay, MoneyUnderWay or ClaimWaiting, and changes nothing then."""
    who = conn.execute(LOCK, {"person": person_id}).one_or_none()
    if who is None:
        raise NotFound
    refuse_erasing(
        Role(who.role),
        my_data.under_way(conn, person_id=person_id),
        refunds=_named(conn, MONEY_UNDER_WAY, person_id),
        claims=_named(conn, CLAIMS_WAITING, person_id),
    )
    contacts = [each for each in (who.phone, who.mail) if each]
    values = {"person": person_id, "contacts": contacts, "words": [*contacts, *_name(who)], "now": now}
    for statement in ERASES:
        conn.execute(statement, {name: values[name] for name in statement.compile().params})
    actor = f"person:{person_id}"
    record_act(conn, of_people(at_ms=to_wire(now), act=Act.ACCOUNT_ERASED, actor=actor))


def _named(conn: Connection, query: TextClause, person_id: str) -> list[str]:
    return list(conn.execute(query, {"person": person_id}).scalars())


def _name(who: Row[Any]) -> list[str]:
    """The name, unless it is so short that it stands in every other word."""
    return [who.display_name] if len(who.display_name) >= SHORTEST_NAME else []
