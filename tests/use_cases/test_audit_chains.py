"""The audit's chains: a row for each unlock and each act that matters, and every way to change one unseen is found."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from app.audit import NoEarlierAudit, run_audit
from app.cli import cli
from app.db.audit_log import record_act
from app.db.engine import transaction
from app.domain.audit_record import PEOPLE, Act, of_people
from app.use_cases.audit.chains import broken_chains, heads
from locker_protocol.audit_chain import GENESIS, chained
from locker_protocol.codec import encode
from locker_protocol.site_entries import LogPosition
from locker_protocol.site_events import SiteEvent, UnlockGranted
from locker_protocol.uplink_messages import AuditHead, SiteStatus
from locker_protocol.vocabulary import Right, Via
from tests.link.world import GATEWAY, LOCKER, SITE, START, Service, add_site, one, rows, up_batch, wire_ms

CHAIN = f"{GATEWAY}:log-a"


def unlock(number: int, **more: Any) -> UnlockGranted:
    return UnlockGranted(f"g{number}", LOCKER, [1, 2], "p1", Right.STAFF, Via.REMOTE, f"reason {number}", **more)


def head_of(events: Sequence[SiteEvent | bytes]) -> AuditHead:
    """How the gateway's own chain ends after these."""
    digest = GENESIS
    for no, event in enumerate(events, start=1):
        digest = chained(digest, no, wire_ms(START), event if isinstance(event, bytes) else encode(event))
    return AuditHead(len(events), digest.hex())


def status(head: AuditHead, *, after_s: int = 0) -> SiteStatus:
    at = wire_ms(START) + after_s * 1000
    return SiteStatus("boot-a", at, None, LogPosition("log-a", 5), [], head)


@pytest.fixture
def told(db: Engine) -> Service:
    """Five unlocks in two batches, and the word of the gateway that its audit ends so."""
    service = Service(db)
    with db.begin() as conn:
        add_site(conn)
    unlocks = [unlock(number) for number in range(1, 6)]
    service.hear(up_batch(unlocks[:3]))
    service.hear(up_batch(unlocks[3:], first=4))
    service.hear(status(head_of(unlocks)))
    return service


@pytest.fixture
def acted(told: Service) -> Service:
    """The same, and five acts of people."""
    for number in range(5):
        act(told.engine, number)
    return told


def act(engine: Engine, number: int) -> None:
    with transaction(engine) as conn:
        change = of_people(
            at_ms=number, act=Act.CHANGED, actor="person:p1", why="dearer", facts={"sku": "milk", "after": number}
        )
        record_act(conn, change)


def act_and_fail(engine: Engine) -> None:
    with transaction(engine) as conn:
        record_act(conn, of_people(at_ms=1, act=Act.CHANGED, actor="person:p1"))
        raise ZeroDivisionError


def found(engine: Engine, **more: Any) -> list[str]:
    with transaction(engine) as conn:
        return list(broken_chains(conn, quiet_since=START + timedelta(minutes=1), **more))


def tamper(engine: Engine, *statements: str) -> None:
    """Do it as the database's owner, who can switch the trigger off."""
    with engine.begin() as conn:
        for table in ("audit", "audit_told"):
            conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER insert_only"))
        for statement in statements:
            conn.execute(text(statement))
        for table in ("audit", "audit_told"):
            conn.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER insert_only"))


def test_each_unlock_is_one_row_that_names_who_by_what_right_which_order_and_why(told: Service) -> None:
    grant = UnlockGranted("g6", LOCKER, [7], "p1", Right.HAND_OVER, Via.REMOTE, "no phone", "o1", confirmed_by="p2")
    told.hear(up_batch([grant], first=6))

    columns = 'SELECT no, seq, at_ms, act, actor, "right", second, order_id, why, site_id, doors FROM audit'
    assert rows(told.engine, f"{columns} WHERE chain = :chain ORDER BY no", chain=CHAIN)[5:] == [
        (6, 6, wire_ms(START), "unlocked", "p1", "hand_over", "p2", "o1", "no phone", SITE, [7])
    ]
    assert found(told.engine) == []


def test_both_sides_have_the_same_hash_of_the_same_row(told: Service) -> None:
    head = head_of([unlock(number) for number in range(1, 4)])

    assert one(told.engine, "SELECT encode(hash, 'hex') FROM audit WHERE no = 3") == head.hash


def test_an_event_told_twice_is_one_row(told: Service) -> None:
    told.hear(up_batch([unlock(4), unlock(5)], first=4))

    assert one(told.engine, "SELECT count(*) FROM audit") == 5
    assert found(told.engine) == []


@pytest.mark.parametrize(
    "raw", [b'{"type":"UnlockGranted","doors":"all"}', encode(unlock(6)).replace(b"reason 6", b"\\u0000")]
)
def test_an_unlock_this_version_cannot_read_keeps_its_place_in_the_chain(told: Service, raw: bytes) -> None:
    told.hear(up_batch([raw], first=6))
    told.hear(up_batch([unlock(7)], first=7))
    told.hear(status(head_of([*(unlock(number) for number in range(1, 6)), raw, unlock(7)]), after_s=1))

    assert rows(told.engine, "SELECT actor FROM audit ORDER BY no")[-2:] == [("?",), ("p1",)]
    assert found(told.engine) == []


def test_a_newer_gateways_unlock_with_more_to_say_is_sound(told: Service) -> None:
    raw = encode(unlock(6)).replace(b'{"type"', b'{"colour":"red","type"')
    told.hear(up_batch([raw], first=6))

    assert one(told.engine, "SELECT actor FROM audit WHERE no = 6") == "p1"
    assert found(told.engine) == []


def test_an_act_is_written_with_what_it_belongs_to_or_not_at_all(acted: Service) -> None:
    before = one(acted.engine, "SELECT count(*) FROM audit")
    with pytest.raises(ZeroDivisionError):
        act_and_fail(acted.engine)
    act(acted.engine, 9)  # on the same pooled connection

    assert one(acted.engine, "SELECT count(*) FROM audit") == before + 1
    assert found(acted.engine) == []


def test_acts_at_the_same_time_are_one_chain(acted: Service) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: act(acted.engine, number), range(40)))

    assert one(acted.engine, "SELECT max(no) FROM audit WHERE chain = 'people'") == 45
    assert found(acted.engine) == []


@pytest.mark.parametrize("statement", ["UPDATE audit SET why = 'x'", "DELETE FROM audit", "DELETE FROM audit_told"])
def test_the_database_refuses_to_change_it(acted: Service, statement: str) -> None:
    with pytest.raises(DBAPIError, match="insert-only"), acted.engine.begin() as conn:
        conn.execute(text(statement))

    assert found(acted.engine) == []


SWAP = "UPDATE audit SET no = CASE no WHEN 2 THEN 30 ELSE 20 END WHERE chain = '{0}' AND no IN (2, 3)"
BACK = "UPDATE audit SET no = CASE no WHEN 30 THEN 3 ELSE 2 END WHERE chain = '{0}' AND no IN (20, 30)"
SHORTEN = "UPDATE audit_head h SET no = 3, hash = a.hash FROM audit a WHERE a.chain = h.chain AND a.no = 3"
CLOSED_UP = [
    "DELETE FROM audit WHERE chain = '{0}' AND no = 2",
    *(f"UPDATE audit SET no = no - 1 WHERE chain = '{{0}}' AND no = {no}" for no in (3, 4, 5)),  # noqa: S608  our own
]


@pytest.mark.parametrize("chain", [CHAIN, PEOPLE])
@pytest.mark.parametrize(
    ("statements", "row"),
    [
        *[([f"UPDATE audit SET {edit} WHERE chain = '{{0}}' AND no = 2"], 2) for edit in (  # noqa: S608  our own words
            "act = 'x'", "actor = 'x'", '"right" = \'x\'', "second = 'x'", "site_id = 'x'", "doors = '{{9}}'",
            "order_id = 'x'", "why = 'x'", "at_ms = at_ms + 1", "body = body || '\\x20'", "body = 'x'", "hash = 'x'",
        )],
        (["DELETE FROM audit WHERE chain = '{0}' AND no = 2"], 2),
        (["DELETE FROM audit WHERE chain = '{0}' AND no = 1"], 1),
        (["DELETE FROM audit WHERE chain = '{0}' AND no = 5"], 5),
        (["DELETE FROM audit WHERE chain = '{0}'"], 1),
        (CLOSED_UP, 2),
        ([SWAP, BACK], 2),
    ],
)  # fmt: skip
def test_any_edit_deletion_or_reorder_names_the_first_bad_row(
    acted: Service, chain: str, statements: list[str], row: int
) -> None:
    tamper(acted.engine, *(statement.format(chain) for statement in statements))

    assert found(acted.engine)[0] == f"row {row} of {chain} was edited, moved or removed"


def test_an_end_cut_off_with_its_head_shows_against_what_the_gateway_told(told: Service) -> None:
    tamper(told.engine, "DELETE FROM audit WHERE no > 3", SHORTEN)

    sentences = found(told.engine)

    assert f"gateway {GATEWAY} told of 5 rows, and we have 3" in sentences
    assert f"event log-a:4 of {GATEWAY} is not what its audit row says" in sentences


def test_a_chain_written_anew_shows_against_what_the_gateway_told(told: Service) -> None:
    forged, digest = [unlock(number) for number in range(1, 5)] + [unlock(9)], head_of([unlock(n) for n in range(1, 5)])
    body, new = encode(forged[4]), chained(bytes.fromhex(digest.hash), 5, wire_ms(START), encode(forged[4]))
    tamper(
        told.engine,
        f"UPDATE audit SET why = 'reason 9', body = '\\x{body.hex()}', hash = '\\x{new.hex()}' WHERE no = 5",  # noqa: S608
        f"UPDATE audit_head SET hash = '\\x{new.hex()}'",  # noqa: S608
    )

    assert found(told.engine)[0] == f"row 5 of {CHAIN} was told as {head_of([unlock(n) for n in range(1, 6)]).hash}"


def test_a_site_that_told_of_more_rows_before_has_lost_some(told: Service) -> None:
    told.hear(status(head_of([unlock(n) for n in range(1, 4)]), after_s=5))

    assert found(told.engine) == [f"gateway {GATEWAY} told of 5 rows and later of 3"]


def test_a_site_that_wrote_its_audit_anew_shows_against_our_copy(told: Service) -> None:
    forged = head_of([unlock(7) for _ in range(5)])
    told.hear(status(forged, after_s=5))

    assert found(told.engine) == [f"row 5 of {CHAIN} was told as {forged.hash}"]


def test_an_older_word_that_comes_again_accuses_nobody(told: Service) -> None:
    told.hear(status(head_of([unlock(1)]), after_s=-60))

    assert found(told.engine) == []
    assert one(told.engine, "SELECT count(*) FROM audit_told") == 1


def test_what_a_gateway_told_just_now_may_still_be_on_its_way(told: Service) -> None:
    told.clock.pass_ms(90_000)
    told.hear(status(head_of([unlock(n) for n in range(1, 7)]), after_s=90))

    assert found(told.engine) == []
    with transaction(told.engine) as conn:
        later = list(broken_chains(conn, quiet_since=START + timedelta(minutes=5)))
    assert later == [f"gateway {GATEWAY} told of 6 rows, and we have 5"]


def test_an_event_that_was_edited_is_not_what_its_audit_row_says(told: Service) -> None:
    tamper(told.engine, 'UPDATE site_event SET body = body || \'{"actor": "p2"}\' WHERE seq = 2')

    assert found(told.engine) == [f"event log-a:2 of {GATEWAY} is not what its audit row says"]


def test_people_s_acts_cut_off_with_their_head_show_against_a_head_noted_elsewhere(acted: Service) -> None:
    with transaction(acted.engine) as conn:
        kept = heads(conn)
    assert found(acted.engine, kept=kept) == []

    tamper(acted.engine, "DELETE FROM audit WHERE chain = 'people' AND no > 3", f"{SHORTEN} AND h.chain = 'people'")

    assert found(acted.engine) == []
    assert found(acted.engine, kept=kept) == ["row 5 of people is not the one that was noted"]


def test_a_long_chain_is_read_in_batches(acted: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.use_cases.audit.chains.BATCH", 2)
    assert found(acted.engine) == []
    tamper(acted.engine, "DELETE FROM audit WHERE chain = 'people' AND no = 4")
    assert found(acted.engine) == ["row 4 of people was edited, moved or removed"]


def test_a_gateways_new_store_begins_a_chain_of_its_own(told: Service) -> None:
    told.hear(up_batch([unlock(1)], log_id="log-b"))
    told.hear(msgspec.structs.replace(status(head_of([unlock(1)]), after_s=9), up=LogPosition("log-b", 1)))

    assert one(told.engine, "SELECT count(*) FROM audit_head") == 2
    assert found(told.engine) == []


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"audit_heads": {"people": {}}}'])
def test_an_earlier_audit_that_cannot_be_read_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    earlier = tmp_path / "earlier.json"
    if content is not None:
        earlier.write_text(content)
    with pytest.raises(NoEarlierAudit, match="earlier audit"):
        run_audit({}, None, since=earlier, say=print)

    told = CliRunner().invoke(cli, ["audit", "--since", str(earlier)])
    assert told.exit_code == 2
    assert "is not what an earlier audit wrote" in " ".join(told.output.split())
