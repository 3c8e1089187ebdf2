"""A gateway whose store we do not know gets a snapshot: all it needs, once, with nothing lost in between."""

import threading
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from app.domain.pickup_code import typed_secret
from app.use_cases.site import begin_down_log as module
from app.use_cases.site.begin_down_log import begin_down_log
from app.use_cases.site.site_snapshot import SNAPSHOT_BYTES, build_snapshot
from locker_protocol.codec import MAX_MESSAGE_BYTES, encode
from locker_protocol.site_entries import (
    BelieveLoaded,
    CancelOrder,
    Entry,
    IssueCredential,
    LogPosition,
    PlanOrder,
    SiteSnapshot,
)
from locker_protocol.typed_code import secret_matches
from locker_protocol.uplink_messages import DownBatch, EntriesApplied, GatewayBirth
from locker_protocol.vocabulary import DoorCondition, DoorTrouble
from tests.link.world import (
    GATEWAY,
    SITE,
    START,
    Service,
    add_credential,
    add_entry,
    add_order,
    add_site,
    one,
    rows,
    site_status,
    wire_ms,
)

Run = tuple[int, int]


def snapshot_of(service: Service) -> SiteSnapshot:
    with service.engine.begin() as conn:
        first = build_snapshot(conn, site_id=SITE, now=service.clock.civil, settings=service.settings)[0]
    assert isinstance(first, SiteSnapshot)
    return first


def sent_entries(service: Service) -> list[Entry]:
    batches: list[DownBatch] = service.said(DownBatch)
    return [msgspec.json.decode(entry.entry, type=Entry) for batch in batches for entry in batch.entries]


def settle(service: Service) -> None:
    """Let the relay send everything, as a gateway that acknowledges at once would."""
    for _ in range(20):
        service.turn()
        log_id, last = rows(service.engine, "SELECT down_log_id, down_seq FROM gateway WHERE id = :g", g=GATEWAY)[0]
        service.hear(EntriesApplied(log_id, last))


def test_it_has_doors_keys_parcels_codes_and_where_things_lie(service: Service, run: Run) -> None:
    with service.engine.begin() as conn:
        add_order(conn, "o1", run=run, parcels=["loaded", "packed"])
        credential = add_credential(conn, "o1", typed=True)
        conn.execute(text("UPDATE parcel SET opened_at = :at WHERE id = 'o1-p1'"), {"at": START})
    snapshot = snapshot_of(service)
    assert [door.door for door in snapshot.doors] == [1, 2, 3, 4]
    assert [key.key_id for key in snapshot.keys] == [1]
    assert {parcel.parcel_id for parcel in snapshot.parcels} == {"o1-p1", "o1-p2"}
    assert [(each.parcel_id, each.door, each.state) for each in snapshot.loaded] == [("o1-p1", 1, "opened")]
    told = snapshot.credentials[0]
    secret = typed_secret(service.settings.secret_key, credential_id=credential, generation=1)
    expected, salt = bytes.fromhex(told.secret_hash or ""), bytes.fromhex(told.secret_salt or "")
    assert secret_matches(secret, salt=salt, expected=expected)


@pytest.mark.parametrize("state", ["awaiting_payment", "released", "refunded", "collected"])
def test_orders_that_are_not_to_be_collected_are_not_in_it(service: Service, run: Run, state: str) -> None:
    with service.engine.begin() as conn:
        add_order(conn, "o1", run=run, state=state, parcels=["packed"])
        add_credential(conn, "o1")
    snapshot = snapshot_of(service)
    assert (snapshot.parcels, snapshot.credentials) == ([], [])


def test_past_its_removal_only_what_still_lies_there_is_in_it(service: Service, run: Run) -> None:
    with service.engine.begin() as conn:
        add_order(conn, "o1", run=run, parcels=["loaded", "packed", "collected"])
    service.clock.civil = START + timedelta(hours=20)
    assert [parcel.parcel_id for parcel in snapshot_of(service).parcels] == ["o1-p1"]


def test_ended_codes_are_not_in_it(service: Service, run: Run) -> None:
    with service.engine.begin() as conn:
        add_order(conn, "o1", run=run)
        add_credential(conn, "o1")
        conn.execute(text("UPDATE credential SET ended_at = now()"))
    assert snapshot_of(service).credentials == []


# --- beginning a log --------------------------------------------------------------------------------------------------


def test_a_new_store_gets_a_snapshot_as_entry_one(service: Service, run: Run) -> None:
    with service.engine.begin() as conn:
        add_order(conn, "o1", run=run)
    service.hear(GatewayBirth("boot-a", wire_ms(START), "0.1", None, LogPosition("log-a", 0)))
    service.turn()
    batch = service.said(DownBatch)[0]
    assert [entry.seq for entry in batch.entries] == [1]
    assert isinstance(sent_entries(service)[0], SiteSnapshot)


def test_what_was_pending_is_in_the_snapshot_and_not_sent_again(service: Service, run: Run) -> None:
    with service.engine.begin() as conn:
        add_order(conn, "o1", run=run)
        add_entry(conn, CancelOrder("o1"))
    service.hear(site_status(None))
    settle(service)
    assert [type(entry) for entry in sent_entries(service)] == [SiteSnapshot]
    assert rows(service.engine, "SELECT fault FROM outbox WHERE seq IS NULL") == [("in_snapshot",)]


def test_a_confirmed_snapshot_confirms_the_plans_in_it(service: Service, run: Run) -> None:
    with service.engine.begin() as conn:
        add_order(conn, "o1", run=run)
    service.hear(site_status(None))
    assert one(service.engine, "SELECT confirmed_at FROM parcel") is None
    settle(service)
    assert one(service.engine, "SELECT confirmed_at FROM parcel") == START


@pytest.mark.parametrize(("log_id", "seq"), [("unknown", 1), (None, 99), ("unknown", 0)])
def test_a_foreign_log_or_a_position_beyond_ours_begins_a_new_one(
    service: Service, log_id: str | None, seq: int
) -> None:
    service.hear(site_status(None))
    settle(service)
    old = one(service.engine, "SELECT down_log_id FROM gateway")
    service.clock.pass_ms(60_000)
    service.hear(site_status(LogPosition(log_id or old, seq)))
    assert one(service.engine, "SELECT down_log_id FROM gateway") != old
    assert rows(service.engine, "SELECT down_seq, down_acked_seq FROM gateway") == [(1, 0)]


def test_an_older_position_that_we_know_is_sent_from_there(service: Service) -> None:
    service.hear(site_status(None))
    with service.engine.begin() as conn:
        for number in range(3):
            add_entry(conn, CancelOrder(f"o{number}"))
    settle(service)
    service.wire.sent.clear()
    log_id = one(service.engine, "SELECT down_log_id FROM gateway")
    service.hear(site_status(LogPosition(log_id, 2)))
    service.turn()
    assert service.sent_seqs() == [3, 4]
    assert one(service.engine, "SELECT down_log_id FROM gateway") == log_id


def test_statuses_from_before_the_snapshot_arrived_begin_no_second_log(service: Service) -> None:
    service.hear(site_status(None))
    log_id = one(service.engine, "SELECT down_log_id FROM gateway")
    service.turn()
    service.clock.pass_ms(5_000)
    service.hear(site_status(None))
    service.turn()
    assert one(service.engine, "SELECT down_log_id FROM gateway") == log_id
    assert service.sent_seqs() == [1, 1]


def test_a_snapshot_the_gateway_never_takes_is_made_anew_after_ten_seconds(service: Service) -> None:
    service.hear(site_status(None))
    log_id = one(service.engine, "SELECT down_log_id FROM gateway")
    service.clock.pass_ms(10_000)
    service.hear(site_status(None))
    assert one(service.engine, "SELECT down_log_id FROM gateway") != log_id


def test_nothing_is_lost_or_doubled_between_a_snapshot_and_orders_planned_at_that_moment(
    service: Service, run: Run
) -> None:
    stop = threading.Event()
    planned: list[str] = []

    def plan() -> None:
        while not stop.is_set():
            order = f"o{len(planned)}"
            with service.engine.begin() as conn:
                (parcel,) = add_order(conn, order, run=run, state="paid", parcels=["planned"])
                add_entry(conn, msgspec.json.decode(plan_of(order, parcel), type=PlanOrder))
            planned.append(order)

    writer = threading.Thread(target=plan)
    writer.start()
    for _ in range(6):
        while_planned = len(planned) + 5
        while len(planned) < while_planned:
            pass
        begin_down_log(service.engine, gateway_id=GATEWAY, now=START, settings=service.settings)
        service.turn()
    stop.set()
    writer.join()
    service.turn()

    last_log = one(service.engine, "SELECT down_log_id FROM gateway")
    raw = rows(service.engine, "SELECT entry FROM outbox WHERE log_id = :l ORDER BY seq", l=last_log)
    entries = [msgspec.json.decode(bytes(entry), type=Entry) for (entry,) in raw]
    told = [parcel.order_id for entry in entries for parcel in getattr(entry, "parcels", [])]
    assert sorted(told) == sorted(planned)


def plan_of(order: str, parcel: str) -> bytes:
    manifest = {"parcel_id": parcel, "ref": parcel, "order_id": order, "run_no": 1, "zone": "chilled", "size": "M"}
    manifest |= {"volume_ml": 1, "longest_mm": 1, "doors": [1]}
    manifest |= {"loadable_from": 0, "loadable_until": 1, "collect_until": 1}
    return msgspec.json.encode({"type": "PlanOrder", "order_id": order, "parcels": [manifest]})


def test_a_gateway_row_that_moves_meanwhile_makes_it_try_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = metrics_of_retries(monkeypatch)
    with service.engine.connect() as rival:
        rival.execute(text("UPDATE gateway SET heard_at = clock_timestamp()"))
        threading.Timer(0.3, rival.commit).start()
        begin_down_log(service.engine, gateway_id=GATEWAY, now=START, settings=service.settings)
    assert refused == ["40001"]
    assert one(service.engine, "SELECT down_seq FROM gateway") == 1


def metrics_of_retries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What made it try again, as it happens."""
    seen: list[str] = []
    real = module.must_begin_again

    def noted(error: OperationalError) -> bool:
        seen.append(str(getattr(error.orig, "sqlstate", None)))
        return real(error)

    monkeypatch.setattr(module, "must_begin_again", noted)
    return seen


def test_another_trouble_than_a_rival_is_not_tried_again(service: Service) -> None:
    url = service.engine.url.render_as_string(hide_password=False)
    impatient = create_engine(url, poolclass=NullPool, connect_args={"options": "-c lock_timeout=50"})
    with service.engine.connect() as rival:
        rival.execute(text("UPDATE gateway SET heard_at = clock_timestamp()"))
        with pytest.raises(OperationalError):
            begin_down_log(impatient, gateway_id=GATEWAY, now=START, settings=service.settings)
    assert one(service.engine, "SELECT down_log_id FROM gateway") is None


# --- size -------------------------------------------------------------------------------------------------------------


def test_a_crowded_site_is_told_in_several_entries_each_below_64_kib(service: Service, run: Run) -> None:
    orders = [f"{'o' * 20}{number:03}" for number in range(200)]
    lying = orders[196:]
    with service.engine.begin() as conn:
        for number, order in enumerate(orders):
            add_order(conn, order, run=run, parcels=["loaded" if order in lying else "packed"])
            add_credential(conn, order, handle=number)
        conn.execute(text("UPDATE parcel SET door = 1 + right(order_id, 1)::int - 5 WHERE state = 'loaded'"))
    service.hear(site_status(None))
    settle(service)
    entries = sent_entries(service)
    first = entries[0]
    assert isinstance(first, SiteSnapshot)
    assert len(encode(first)) <= SNAPSHOT_BYTES < MAX_MESSAGE_BYTES
    assert all(len(payload) < MAX_MESSAGE_BYTES for _, payload in service.wire.sent)
    assert {parcel.order_id for parcel in first.parcels} >= set(lying)
    assert len(first.loaded) == 4
    rest = entries[1:]
    assert {type(entry) for entry in rest} == {PlanOrder, IssueCredential}
    told = [parcel.order_id for entry in (first, *rest) for parcel in getattr(entry, "parcels", [])]
    codes = [each.order_id for each in first.credentials]
    codes += [entry.credential.order_id for entry in rest if isinstance(entry, IssueCredential)]
    assert sorted(told) == sorted(codes) == orders


def big_site(service: Service, run: Run, doors: int) -> list[Entry]:
    """The first entries for a site of so many doors, each with a parcel behind it."""
    with service.engine.begin() as conn:
        add_site(conn, site="big", gateway="gw-big", locker="l" * 32, site_no=2, doors=doors)
        for number in range(doors):
            add_order(conn, f"{number:032}", run=run, state="ready", parcels=["loaded"])
            add_credential(conn, f"{number:032}", handle=number)
        conn.execute(text("UPDATE customer_order SET site_id = 'big'"))
        conn.execute(text("UPDATE credential SET site_id = 'big'"))
        conn.execute(text("UPDATE parcel SET door = right(order_id, 3)::int + 1, ref = right(id, 8)"))
        return build_snapshot(conn, site_id="big", now=START, settings=service.settings)


def test_a_hundred_doors_fit_whole_with_every_one_taken(service: Service, run: Run) -> None:
    first = big_site(service, run, 100)[0]
    assert isinstance(first, SiteSnapshot)
    assert (len(first.doors), len(first.loaded)) == (100, 100)
    assert len(encode(first)) < MAX_MESSAGE_BYTES
    assert len(first.parcels) == 100


def test_of_a_larger_site_what_does_not_fit_follows_and_its_doors_are_not_loaded_before(
    service: Service, run: Run
) -> None:
    first, *rest = big_site(service, run, 250)
    assert isinstance(first, SiteSnapshot)
    assert max(len(encode(entry)) for entry in (first, *rest)) < MAX_MESSAGE_BYTES
    later = {each.door for entry in rest if isinstance(entry, BelieveLoaded) for each in entry.loaded}
    assert {each.door for each in first.loaded} | later == set(range(1, 251))
    assert later
    assert {spec.door for spec in first.doors if spec.condition is DoorCondition.TO_CHECK} == later
    planned = {parcel.parcel_id for entry in (first, *rest) for parcel in getattr(entry, "parcels", [])}
    assert len(planned) == 250


def test_a_new_store_hears_which_doors_are_broken_to_be_checked_or_in_trouble(service: Service) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("UPDATE compartment SET condition = 'broken' WHERE door = 2"))
        conn.execute(text("UPDATE compartment SET trouble = 'miswired', trouble_at = now() WHERE door = 3"))
    doors = snapshot_of(service).doors
    assert [door.condition.value for door in doors] == ["free", "broken", "free", "free"]
    assert [door.trouble for door in doors] == [None, None, DoorTrouble.MISWIRED, None]
