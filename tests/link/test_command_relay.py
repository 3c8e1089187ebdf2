"""The relay: dense numbers whatever commits when, a bounded window, and back to the last acknowledged entry."""

import random
import threading

import pytest
from sqlalchemy import Engine, insert, text

from app.db.tables import outbox
from app.link.command_relay import WINDOW, Flight, proceed
from app.link.down_log import MAX_BATCH_BYTES, Lag, cut
from locker_protocol.codec import MAX_MESSAGE_BYTES, encode
from locker_protocol.site_entries import CancelOrder, LogPosition
from locker_protocol.uplink_messages import DownBatch, EntriesApplied, EntryResult
from tests.link.world import GATEWAY, SHARD, START, Service, add_entry, add_site, one, rows, site_status


def log_of(service: Service) -> str:
    return str(one(service.engine, "SELECT down_log_id FROM gateway WHERE id = :id", id=GATEWAY))


@pytest.fixture
def joined(service: Service) -> Service:
    """The gateway has our log through its first entry, and is there."""
    service.hear(site_status(None))
    service.turn()
    service.hear(EntriesApplied(log_of(service), 1))
    service.wire.sent.clear()
    return service


def write(service: Service, count: int, *, prefix: str = "o") -> None:
    with service.engine.begin() as conn:
        for number in range(count):
            add_entry(conn, CancelOrder(f"{prefix}{number}"))


def test_a_committed_entry_gets_the_next_number_and_is_sent(joined: Service) -> None:
    write(joined, 2)
    joined.turn()
    assert joined.sent_seqs() == [2, 3]
    assert one(joined.engine, "SELECT down_seq FROM gateway") == 3


def test_numbers_are_dense_though_transactions_roll_back_and_relays_compete(joined: Service) -> None:
    rivals = [Service(joined.engine) for _ in range(3)]
    done = threading.Event()

    def business(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(40):
            with joined.engine.connect() as conn:
                add_entry(conn, CancelOrder(f"w{seed}-{number}"))
                if chance.random() < 0.3:
                    conn.rollback()
                else:
                    conn.commit()

    def relay(rival: Service) -> None:
        while not done.is_set():
            rival.turn()

    writers = [threading.Thread(target=business, args=(seed,)) for seed in range(4)]
    relays = [threading.Thread(target=relay, args=(rival,)) for rival in rivals]
    for thread in (*writers, *relays):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in relays:
        thread.join()
    joined.turn()

    committed = one(joined.engine, "SELECT count(*) FROM outbox WHERE convert_from(entry, 'UTF8') LIKE '%Cancel%'")
    seqs = [
        seq for (seq,) in rows(joined.engine, "SELECT seq FROM outbox WHERE log_id = :l ORDER BY seq", l=log_of(joined))
    ]
    assert 0 < committed < 160
    assert seqs == list(range(1, committed + 2))
    assert one(joined.engine, "SELECT down_seq FROM gateway") == committed + 1


def test_an_entry_committed_later_is_numbered_later_though_it_was_written_first(joined: Service) -> None:
    with joined.engine.connect() as slow:
        add_entry(slow, CancelOrder("slow"))
        write(joined, 1, prefix="quick")
        joined.turn()
        slow.commit()
    joined.turn()
    assert joined.sent_seqs() == [2, 3]
    order = rows(joined.engine, "SELECT convert_from(entry, 'UTF8') FROM outbox WHERE seq > 1 ORDER BY seq")
    assert "quick0" in order[0][0]
    assert "slow" in order[1][0]


def test_nothing_is_sent_twice_before_two_seconds_are_over(joined: Service) -> None:
    write(joined, 1)
    joined.turn()
    joined.clock.pass_ms(1_999)
    joined.turn()
    assert joined.sent_seqs() == [2]


def test_without_acknowledgement_everything_is_sent_again_after_two_seconds(joined: Service) -> None:
    write(joined, 3)
    joined.turn()
    joined.hear(EntriesApplied(log_of(joined), 2))
    joined.turn()
    joined.clock.pass_ms(2_000)
    joined.turn()
    assert joined.sent_seqs() == [2, 3, 4, 3, 4]


def test_an_acknowledgement_is_progress_and_grants_two_seconds_more(joined: Service) -> None:
    write(joined, 3)
    joined.turn()
    joined.clock.pass_ms(1_500)
    joined.hear(EntriesApplied(log_of(joined), 3))
    joined.turn()
    joined.clock.pass_ms(1_500)
    joined.turn()
    assert joined.sent_seqs() == [2, 3, 4]


def test_the_window_bounds_what_is_on_its_way(joined: Service) -> None:
    write(joined, WINDOW + 40)
    joined.turn()
    joined.turn()
    assert max(joined.sent_seqs()) == WINDOW + 1
    joined.hear(EntriesApplied(log_of(joined), 11))
    joined.turn()
    assert max(joined.sent_seqs()) == WINDOW + 11


def test_a_gateway_that_is_away_is_sent_nothing_and_all_of_it_when_it_is_back(joined: Service) -> None:
    with joined.engine.begin() as conn:
        conn.execute(text("UPDATE gateway SET online = false"))
    write(joined, 2)
    joined.turn()
    assert joined.sent_seqs() == []
    joined.hear(site_status(LogPosition(log_of(joined), 1)))
    joined.turn()
    assert joined.sent_seqs() == [2, 3]


def test_what_a_lost_connection_swallowed_is_sent_when_there_is_one_again(joined: Service) -> None:
    joined.wire.connected = False
    write(joined, 2)
    joined.turn()
    joined.wire.connected = True
    joined.turn()
    assert joined.sent_seqs() == [2, 3]


def test_a_faulty_entry_is_consumed_with_its_fault(joined: Service) -> None:
    write(joined, 2)
    joined.turn()
    joined.hear(EntriesApplied(log_of(joined), 3, [EntryResult(2, "invalid_field")]))
    assert rows(joined.engine, "SELECT seq, fault FROM outbox WHERE seq > 1 AND acked_at IS NOT NULL ORDER BY seq") == [
        (2, "invalid_field"),
        (3, None),
    ]


@pytest.mark.parametrize(("log_id", "seq"), [("another", 3), (None, 99), (None, 1)])
def test_an_acknowledgement_of_another_log_or_of_what_was_never_sent_changes_nothing(
    joined: Service, log_id: str | None, seq: int
) -> None:
    write(joined, 2)
    joined.turn()
    joined.hear(EntriesApplied(log_id or log_of(joined), seq))
    assert one(joined.engine, "SELECT down_acked_seq FROM gateway") == 1


def test_one_gateway_that_does_not_answer_holds_up_no_other(joined: Service) -> None:
    with joined.engine.begin() as conn:
        add_site(conn, site="site-b", gateway="gw-b", locker="locker-b", site_no=2)
        conn.execute(text("UPDATE gateway SET online = true, down_log_id = 'b', down_seq = 0 WHERE id = 'gw-b'"))
        add_entry(conn, CancelOrder("b"), gateway="gw-b")
    write(joined, WINDOW * 2)
    joined.turn()
    assert any(topic.endswith("/gw-b/down") for topic, _ in joined.wire.sent)


def test_batches_keep_to_64_entries_and_48_kib_and_one_large_entry_goes_alone(joined: Service) -> None:
    sizes = [100] * 100 + [30_000, 30_000, 60_000, 100]
    with joined.engine.begin() as conn:
        for size in sizes:
            conn.execute(insert(outbox).values(gateway_id=GATEWAY, made_at=START, entry=padded(size)))
    joined.turn()
    batches = joined.said(DownBatch)
    assert [len(batch.entries) for batch in batches] == [64, 36 + 1, 1, 1, 1]
    assert all(len(encode(batch)) < MAX_MESSAGE_BYTES for batch in batches)
    assert all(len(encode(batch)) < MAX_BATCH_BYTES + 4096 for batch in batches if len(batch.entries) > 1)


def padded(size: int) -> bytes:
    entry = b'{"type":"CancelOrder","order_id":"o","pad":"%s"}'
    return entry % (b"x" * (size - len(entry) + 2))


def test_no_entries_are_no_batch() -> None:
    assert list(cut([])) == []


def test_a_new_log_or_a_step_back_starts_over() -> None:
    flight = Flight("a", acked=5, through=9, since_ms=0)
    assert proceed(flight, Lag("g", "b", 3, 0), 10) == Flight("b", 0, 0, 10)
    assert proceed(flight, Lag("g", "a", 9, 2), 10) == Flight("a", 2, 2, 10)


def test_the_relay_of_one_shard_leaves_the_others_alone(db: Engine) -> None:
    with db.begin() as conn:
        add_site(conn)
        conn.execute(text("UPDATE gateway SET shard = 'other', online = true, down_log_id = 'x'"))
        add_entry(conn, CancelOrder("o"))
    service = Service(db)
    service.turn()
    assert service.wire.sent == []
    assert one(db, "SELECT count(*) FROM outbox WHERE seq IS NULL") == 1
    assert SHARD != "other"
