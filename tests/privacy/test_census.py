"""docs/privacy.md speaks of every column that could hold something personal, and of the periods the worker keeps."""

from app.db.tables import metadata
from app.use_cases.people.forget_old import EVENTS_KEPT, RULES
from tests.privacy.document import can_hold_words, harmless, of_others, personal, rows


def test_every_column_that_can_hold_words_is_listed_once_with_how_it_is_erased() -> None:
    missing = can_hold_words() - set(personal()) - harmless() - of_others()
    assert missing == set(), (
        "list it in docs/privacy.md: in the first table if it may tell of a person, else in the last"
    )
    assert set(personal()) & harmless() == set()


def test_nothing_is_listed_that_is_not_there() -> None:
    there = {f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.c}
    assert (set(personal()) | harmless() | of_others()) - there == set()


def test_what_is_kept_for_how_long_is_written_down() -> None:
    written = {table: int(days) for table, days, _since, _why in rows("table | kept for days | since | why so long")}
    assert written == {rule.table: rule.kept.days for rule in RULES} | {"site_event": EVENTS_KEPT.days}


def test_what_books_and_audit_need_has_no_period() -> None:
    kept = {"audit", "change", "history", "ledger_entry", "customer_order", "order_line", "payment", "refund", "person"}
    assert kept & {rule.table for rule in RULES} == set()
