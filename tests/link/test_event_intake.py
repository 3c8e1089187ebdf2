"""The intake: each site event once and in order, whatever the link does; nothing unreadable stops it."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import NullPool, create_engine

from app.link import metrics
from app.link.mqtt_client import Message
from locker_protocol.bus_messages import DoorReading, ZoneReading
from locker_protocol.codec import encode
from locker_protocol.signing import Direction, seal
from locker_protocol.site_entries import LogPosition
from locker_protocol.site_events import AccessRefused, DoorWasOpened, DoorWasShut, SiteEvent
from locker_protocol.topics import uplink_topic
from locker_protocol.uplink_messages import CommandAnswered, ControllerStatus, GatewayBirth, GatewayDeath
from locker_protocol.vocabulary import Refusal, Via, Zone
from tests.link.world import (
    GATEWAY,
    GATEWAY_KEY,
    LOCKER,
    SHARD,
    START,
    Service,
    add_site,
    one,
    rows,
    sealed,
    site_status,
    up_batch,
    wire_ms,
)

UP = uplink_topic(SHARD, GATEWAY, "up")
REFUSED = AccessRefused(LOCKER, Via.SCANNER, Refusal.FORGED)


def events(count: int) -> list[SiteEvent]:
    return [AccessRefused(LOCKER, Via.KEYPAD, Refusal.WRONG_CODE, times=number) for number in range(1, count + 1)]


def stored(service: Service) -> list[tuple[str, int]]:
    return rows(service.engine, "SELECT log_id, seq FROM site_event ORDER BY log_id, seq")


def door_state(service: Service, door: int = 1) -> str:
    return str(one(service.engine, "SELECT door_state FROM compartment WHERE door = :door", door=door))


def rejected(service: Service) -> list[str]:
    return [fault for (fault,) in rows(service.engine, "SELECT fault FROM rejected_message ORDER BY id")]


def still_takes_events(service: Service) -> bool:
    service.hear(up_batch([REFUSED], log_id="probe", first=1))
    return ("probe", 1) in stored(service)


# --- exactly once, in order -------------------------------------------------------------------------------------------


def test_a_batch_is_stored_in_order_and_acknowledged_after_the_commit(service: Service) -> None:
    service.hear(up_batch(events(3)))
    assert stored(service) == [("log-a", 1), ("log-a", 2), ("log-a", 3)]
    assert service.acknowledged() == [("log-a", 3)]
    assert one(service.engine, "SELECT up_seq FROM gateway") == 3


def test_a_repeated_batch_changes_nothing_and_is_acknowledged_again(service: Service) -> None:
    service.hear(up_batch(events(3)))
    service.hear(up_batch(events(3)))
    assert len(stored(service)) == 3
    assert service.acknowledged() == [("log-a", 3), ("log-a", 3)]


def test_of_an_overlapping_batch_only_the_new_is_applied(service: Service) -> None:
    service.hear(up_batch(events(3)))
    service.hear(up_batch(events(5)[1:], first=2))
    assert stored(service)[-1] == ("log-a", 5)
    assert len(stored(service)) == 5


def test_a_batch_from_the_future_is_not_applied_and_tells_where_we_are(service: Service) -> None:
    service.hear(up_batch(events(2)))
    service.hear(up_batch(events(9)[6:], first=7))
    assert len(stored(service)) == 2
    assert service.acknowledged()[-1] == ("log-a", 2)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 6)), min_size=1, max_size=12))
def test_whatever_order_batches_come_in_each_event_is_applied_once(
    service: Service, cuts: list[tuple[int, int]]
) -> None:
    log_id = f"log-{hash(tuple(cuts)) & 0xFFFFFFFF:x}"
    whole = events(18)
    for first, count in [*cuts, (1, 18)]:
        service.hear(up_batch(whole[first - 1 : first - 1 + count], log_id=log_id, first=first))
    found = rows(
        service.engine, "SELECT seq, (body->>'times')::int FROM site_event WHERE log_id = :l ORDER BY seq", l=log_id
    )
    assert found == [(number, number) for number in range(1, 19)]


def test_an_unknown_log_begins_at_one_and_the_old_one_is_kept(service: Service) -> None:
    service.hear(up_batch(events(2)))
    service.hear(up_batch(events(1), log_id="log-b"))
    assert stored(service) == [("log-a", 1), ("log-a", 2), ("log-b", 1)]


def test_an_unknown_log_that_begins_later_is_asked_for_from_its_start(service: Service) -> None:
    service.hear(up_batch(events(3)[2:], log_id="log-b", first=3))
    assert stored(service) == []
    assert service.acknowledged() == [("log-b", 0)]


def test_a_log_that_comes_back_goes_on_where_it_was_left(service: Service) -> None:
    service.hear(up_batch(events(2)))
    service.hear(up_batch(events(1), log_id="log-b"))
    service.hear(up_batch(events(3)))
    assert [each for each in stored(service) if each[0] == "log-a"] == [("log-a", 1), ("log-a", 2), ("log-a", 3)]


def test_an_unreadable_event_is_consumed_with_its_fault_and_the_next_applies(service: Service) -> None:
    bad: list[SiteEvent | bytes] = [
        b'{"type":"FromTheFuture","x":1}',
        b'{"type":"DoorWasOpened","controller":"locker-test","door":"one"}',
        b"[1,2]",
        b'{"type":"AccessRefused","controller":null,"via":"scanner","refusal":"forged","actor":"a\\u0000"}',
        DoorWasOpened(LOCKER, 1),
    ]
    service.hear(up_batch(bad))
    faults = [fault for (fault,) in rows(service.engine, "SELECT fault FROM site_event ORDER BY seq")]
    assert faults == ["unknown_type", "invalid_field", "invalid_field", "invalid_field", None]
    assert door_state(service) == "open"
    assert service.acknowledged() == [("log-a", 5)]


def test_text_that_the_database_cannot_store_is_consumed_and_kept_readable(service: Service) -> None:
    reason = b'{"type":"ControllerCameUp","controller":"c","boot_id":"b","boot_reason":"\\u0000","firmware":"1"}'
    service.hear(up_batch([reason]))
    assert rows(service.engine, "SELECT type, fault FROM site_event") == [("ControllerCameUp", "invalid_field")]


# --- what the site says is now ----------------------------------------------------------------------------------------


def controller(
    state: str = "shut", *, online: bool = True, air_c: float | None = 3.04, name: str = LOCKER
) -> ControllerStatus:
    doors = [DoorReading(1, "open" if state == "open" else "shut"), DoorReading(2, "shut")]
    return ControllerStatus(name, online, wire_ms(START), doors, [ZoneReading(Zone.CHILLED, air_c, None)])


def test_a_status_tells_lockers_doors_and_temperatures(service: Service) -> None:
    service.hear(site_status(None, controllers=[controller("open")]))
    assert rows(service.engine, "SELECT online, heard_at FROM locker") == [(True, START)]
    assert (door_state(service, 1), door_state(service, 2), door_state(service, 3)) == ("open", "shut", "unknown")
    assert rows(service.engine, "SELECT zone, air_c, product_c FROM zone_reading") == [("chilled", 3.04, None)]


def test_a_locker_that_went_silent_has_doors_nobody_knows(service: Service) -> None:
    service.hear(site_status(None, controllers=[controller()]))
    service.hear(site_status(None, controllers=[controller(online=False)]))
    assert rows(service.engine, "SELECT online FROM locker") == [(False,)]
    assert (door_state(service, 1), door_state(service, 2)) == ("unknown", "unknown")


def test_a_status_of_somebody_elses_locker_changes_nothing(service: Service) -> None:
    with service.engine.begin() as conn:
        add_site(conn, site="site-b", gateway="gw-b", locker="locker-b", site_no=2)
    service.hear(site_status(None, controllers=[controller("open", name="locker-b")]))
    assert rows(service.engine, "SELECT DISTINCT door_state FROM compartment") == [("unknown",)]
    assert one(service.engine, "SELECT count(*) FROM zone_reading") == 0


def test_a_clock_that_is_ahead_is_known_by_what_it_says_until_it_says_otherwise(service: Service) -> None:
    service.hear(site_status(None, at=wire_ms(START) + 86_400_000))
    assert one(service.engine, "SELECT ahead_s FROM gateway") == 86_400
    service.hear(site_status(None, at=wire_ms(START) - 600_000))
    assert one(service.engine, "SELECT ahead_s FROM gateway") == 0
    service.hear(site_status(None, at=2**53 - 1))
    assert one(service.engine, "SELECT ahead_s > 1000000000 FROM gateway")


def test_an_overtaken_event_does_not_undo_a_newer_status(service: Service) -> None:
    service.clock.pass_ms(60_000)
    service.hear(site_status(None, at=wire_ms(START) + 30_000, controllers=[controller("open")]))
    service.hear(up_batch([DoorWasShut(LOCKER, 1)]))  # of START
    assert door_state(service) == "open"


def test_a_late_status_does_not_undo_a_newer_event(service: Service) -> None:
    service.clock.pass_ms(60_000)
    service.hear(up_batch([DoorWasOpened(LOCKER, 1)]))
    service.hear(site_status(None, at=wire_ms(START) - 5_000, controllers=[controller("shut")]))
    assert door_state(service) == "open"


def test_a_time_in_the_far_future_is_no_reason_to_stop(service: Service) -> None:
    service.hear(site_status(None, at=2**53 - 1, controllers=[controller("open")]))
    assert door_state(service) == "open"
    assert rows(service.engine, "SELECT door_changed_at FROM compartment WHERE door = 1") == [(START,)]


# --- birth and death --------------------------------------------------------------------------------------------------


def born(service: Service, boot: str, *, retained: bool = False) -> None:
    birth = GatewayBirth(boot, wire_ms(START), "0.1", None, LogPosition("log-a", 0))
    service.hear(birth, retained=retained)


def test_a_death_makes_everything_behind_the_gateway_unknown(service: Service) -> None:
    born(service, "boot-a")
    service.hear(site_status(None, controllers=[controller("open")]))
    service.hear(GatewayDeath("boot-a"))
    assert rows(service.engine, "SELECT online FROM gateway UNION ALL SELECT online FROM locker") == [
        (False,),
        (False,),
    ]
    assert door_state(service) == "unknown"


def test_a_death_of_an_older_boot_is_ignored(service: Service) -> None:
    born(service, "boot-a")
    born(service, "boot-b")
    service.hear(site_status(None, boot_id="boot-b", controllers=[controller("open")]))
    service.hear(GatewayDeath("boot-a"))
    assert one(service.engine, "SELECT online FROM gateway") is True
    assert door_state(service) == "open"


def test_a_gateway_unheard_for_fifteen_seconds_is_away_even_without_a_will(service: Service) -> None:
    service.hear(site_status(None, controllers=[controller("open")]))
    service.clock.pass_ms(14_900)
    service.intake.notice_silence()
    assert one(service.engine, "SELECT online FROM gateway") is True
    service.clock.pass_ms(200)
    service.intake.notice_silence()
    assert one(service.engine, "SELECT online FROM gateway") is False
    assert door_state(service) == "unknown"


def test_a_worker_that_starts_finds_out_who_went_while_there_was_none(service: Service) -> None:
    service.hear(site_status(None))
    successor = service.new_intake()
    service.clock.pass_ms(15_000)
    successor.notice_silence()
    assert one(service.engine, "SELECT online FROM gateway") is False


def test_a_kept_birth_begins_the_first_log_and_never_another(service: Service) -> None:
    born(service, "boot-a", retained=True)
    log_id = one(service.engine, "SELECT down_log_id FROM gateway")
    assert log_id is not None
    service.clock.pass_ms(60_000)
    born(service, "boot-a", retained=True)
    assert one(service.engine, "SELECT down_log_id FROM gateway") == log_id
    born(service, "boot-a")
    assert one(service.engine, "SELECT down_log_id FROM gateway") != log_id


# --- what cannot be taken ---------------------------------------------------------------------------------------------


def test_bytes_that_are_no_frame_are_rejected_and_stored(service: Service) -> None:
    for payload in (b"", b"\n", b"hello", b"1.1.\n{}", b"1.x.AAAA\n{}", b"\xff" * 40, b"2.1.AAAA\n{}"):
        service.intake.handle(Message(UP, payload))
    assert set(rejected(service)) <= {"bad_frame", "bad_signature"}
    assert len(rejected(service)) == 7
    assert still_takes_events(service)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=300), signed=st.booleans())
def test_no_bytes_whatsoever_stop_the_loop(service: Service, payload: bytes, signed: bool) -> None:
    frame = seal(payload, direction=Direction.UP, gateway=GATEWAY, key_id=1, key=GATEWAY_KEY) if signed else payload
    service.intake.handle(Message(UP, frame))
    service.intake.handle(Message(UP.replace("/up", "/presence"), frame))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KNOWN = {
    "UpBatch": ["log_id", "events"],
    "EntriesApplied": ["log_id", "seq", "refused"],
    "CommandAnswered": ["command_id", "door", "refusal"],
    "SiteStatus": ["boot_id", "at", "down", "up", "controllers"],
    "GatewayBirth": ["boot_id", "at", "software", "down", "up"],
    "GatewayDeath": ["boot_id"],
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(KNOWN)), data=st.data())
def test_no_signed_json_of_the_wrong_kinds_stops_the_loop(service: Service, kind: str, data: st.DataObject) -> None:
    good = {"log_id": "l", "boot_id": "b", "command_id": "c", "at": 5, "seq": 1, "software": "1", "controllers": []}
    good |= {"up": {"log_id": "l", "seq": 1}, "down": None, "events": [], "refused": [], "door": 1, "refusal": None}
    body = {"type": kind} | {name: good[name] for name in KNOWN[kind]}
    spoiled = data.draw(st.sampled_from(KNOWN[kind]))
    body[spoiled] = data.draw(JSON)
    frame = seal(json.dumps(body).encode(), direction=Direction.UP, gateway=GATEWAY, key_id=1, key=GATEWAY_KEY)
    topic = UP.replace("/up", "/presence") if kind.startswith("Gateway") else UP
    service.intake.handle(Message(topic, frame))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=st.dictionaries(st.sampled_from(["type", "door", "controller", "order_id", "refusal", "x"]), JSON))
def test_no_event_of_the_wrong_kinds_stops_the_log(service: Service, event: dict[str, object]) -> None:
    last = one(service.engine, "SELECT up_seq FROM gateway")
    service.hear(up_batch([json.dumps(event).encode()], first=last + 1))
    assert one(service.engine, "SELECT up_seq FROM gateway") == last + 1


def test_a_stranger_is_rejected_under_its_own_name(service: Service) -> None:
    service.hear(up_batch([REFUSED]), gateway="nobody")
    assert rejected(service) == ["unknown_sender"]
    assert stored(service) == []


def test_a_gateway_of_another_shard_is_a_stranger(service: Service) -> None:
    service.intake.handle(Message(f"caibox/v1/other/{GATEWAY}/up", sealed(up_batch([REFUSED]))))
    assert rejected(service) == ["bad_topic"]


@pytest.mark.parametrize("topic", ["", "caibox", UP + "/x", UP.replace("up", "down"), "caibox/v1/s0/a b/up", "?"])
def test_a_topic_of_another_shape_is_rejected(service: Service, topic: str) -> None:
    service.intake.handle(Message(topic, sealed(up_batch([REFUSED]))))
    assert rejected(service) == ["bad_topic"]


def test_a_signature_of_another_key_another_gateway_or_another_direction_is_refused(service: Service) -> None:
    body = encode(up_batch([REFUSED]))
    other = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    frames = [
        seal(body, direction=Direction.UP, gateway=GATEWAY, key_id=1, key=other),
        seal(body, direction=Direction.UP, gateway="gw-b", key_id=1, key=GATEWAY_KEY),
        seal(body, direction=Direction.DOWN, gateway=GATEWAY, key_id=1, key=GATEWAY_KEY),
        seal(body, direction=Direction.UP, gateway=GATEWAY, key_id=2, key=GATEWAY_KEY),
        seal(body, direction=Direction.UP, gateway=GATEWAY, key_id=1, key=GATEWAY_KEY) + b" ",
    ]
    for frame in frames:
        service.intake.handle(Message(UP, frame))
    assert rejected(service) == ["bad_signature"] * 3 + ["unknown_key", "bad_signature"]
    assert stored(service) == []


def test_300_kib_are_rejected_unread_and_2_kib_of_them_kept(service: Service) -> None:
    service.intake.handle(Message(UP, sealed(up_batch([REFUSED])) + b"x" * 300 * 1024))
    assert rejected(service) == ["too_large"]
    assert one(service.engine, "SELECT length(payload) FROM rejected_message") == 2_048


def test_a_presence_on_the_up_topic_is_an_unknown_type(service: Service) -> None:
    service.intake.handle(Message(UP, sealed(GatewayDeath("boot-a"))))
    assert rejected(service) == ["unknown_type"]


def test_a_flood_is_counted_and_60_of_it_stored_a_minute(service: Service) -> None:
    before = metrics.REJECTED.labels(fault="bad_frame")._value.get()
    for _ in range(200):
        service.intake.handle(Message(UP, b"junk"))
    assert len(rejected(service)) == 60
    assert metrics.REJECTED.labels(fault="bad_frame")._value.get() - before == 200
    service.clock.pass_ms(60_000)
    service.intake.handle(Message(UP, b"junk"))
    assert len(rejected(service)) == 61


def test_a_flood_from_many_made_up_gateways_is_bounded_as_well(service: Service) -> None:
    for number in range(700):
        service.intake.handle(Message(uplink_topic(SHARD, f"fake-{number}", "up"), b"junk"))
    assert len(rejected(service)) == 600
    assert still_takes_events(service)


def test_a_topic_the_database_cannot_store_is_stored_all_the_same(service: Service) -> None:
    service.intake.handle(Message("a\x00b\ud800", b"junk"))
    assert rejected(service) == ["bad_topic"]


def test_an_answer_to_a_command_nobody_gave_changes_nothing(service: Service) -> None:
    service.hear(CommandAnswered("c0ffee", doors=[1]))
    assert one(service.engine, "SELECT count(*) FROM remote_command") == 0
    assert rejected(service) == []


def test_a_new_gateway_is_heard_within_a_second_of_its_installation(service: Service) -> None:
    service.hear(up_batch([REFUSED]), gateway="gw-b")
    with service.engine.begin() as conn:
        add_site(conn, site="site-b", gateway="gw-b", locker="locker-b", site_no=2)
    service.clock.pass_ms(1_000)
    service.hear(up_batch([REFUSED]), gateway="gw-b")
    assert rows(service.engine, "SELECT gateway_id FROM site_event") == [("gw-b",)]


def test_a_busy_database_postpones_a_message_and_the_repeat_is_taken(service: Service) -> None:
    with service.engine.begin() as conn:
        conn.exec_driver_sql("SELECT FROM gateway FOR UPDATE")
        impatient(service)
        service.hear(up_batch([REFUSED]))
        assert service.acknowledged() == []
    service.hear(up_batch([REFUSED]))
    assert service.acknowledged() == [("log-a", 1)]


def impatient(service: Service) -> None:
    """Let the intake wait for locks no longer than a moment."""
    url = service.engine.url.render_as_string(hide_password=False)
    service.intake._engine = create_engine(url, poolclass=NullPool, connect_args={"options": "-c lock_timeout=100"})
