"""Opening a door from afar: sent once whoever dies when, never late, and an end for every command."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, text

from app.db.tables import remote_command
from app.link.remote_commands import RemoteCommands
from locker_protocol.uplink_messages import CommandAnswered, LoadParcel, OpenDoors, OpenForOwner
from locker_protocol.vocabulary import DoorFault, Refusal, Right
from tests.link.world import (
    GATEWAY,
    SHARD,
    START,
    Service,
    add_credential,
    add_order,
    add_person,
    add_run,
    add_site,
    one,
    rows,
    wire_ms,
)


def ask(service: Service, command: str = "c1", **values: object) -> None:
    row: dict[str, object] = {
        "id": command,
        "gateway_id": GATEWAY,
        "kind": "open",
        "doors": [3],
        "right": "staff",
        "person_id": "person-a",
    }
    row |= {"reason": "stuck", "asked_at": START, "not_after": START + timedelta(seconds=10)} | values
    with service.engine.begin() as conn:
        conn.execute(insert(remote_command).values(**row))


def outcome(service: Service, command: str = "c1") -> tuple[object, ...]:
    query = "SELECT sent_at IS NOT NULL, answered_doors[1], refusal FROM remote_command WHERE id = :id"
    return tuple(rows(service.engine, query, id=command)[0])


def commands_said(service: Service) -> list[str]:
    return [each.command_id for each in service.said() if isinstance(each, OpenDoors | LoadParcel)]


def test_a_command_is_sent_once_and_its_answer_stored(service: Service) -> None:
    ask(service)
    service.commands.turn()
    service.commands.turn()
    assert service.said(OpenDoors) == [OpenDoors("c1", [3], Right.STAFF, "person-a", "stuck", wire_ms(START) + 10_000)]
    service.hear(CommandAnswered("c1", doors=[3]))
    assert outcome(service) == (True, 3, None)


def test_a_label_is_sent_as_it_was_read(service: Service) -> None:
    ask(service, kind="load", doors=[], label="P1-1-2-ABCDEFGH")
    service.commands.turn()
    assert service.said(LoadParcel) == [LoadParcel("c1", "P1-1-2-ABCDEFGH", "person-a", wire_ms(START) + 10_000)]


def test_a_driver_goes_by_the_name_that_their_rotating_code_has_at_a_locker(service: Service) -> None:
    with service.engine.begin() as conn:
        conn.execute(text("UPDATE person SET staff_no = 3 WHERE id = 'person-a'"))
    ask(service, kind="load", doors=[], label="P1-1-2-ABCDEFGH", instead_of=8, fault="no_fit")
    service.commands.turn()
    (said,) = service.said(LoadParcel)
    assert isinstance(said, LoadParcel)
    assert (said.actor, said.instead_of, said.fault) == ("staff-3", 8, DoorFault.NO_FIT)


def test_a_refusal_is_stored_in_its_own_word(service: Service) -> None:
    ask(service)
    service.commands.turn()
    service.hear(CommandAnswered("c1", refusal=Refusal.NO_FREE_DOOR))
    assert outcome(service) == (True, None, "no_free_door")


def test_a_worker_killed_between_marking_and_sending_sends_nothing_and_neither_does_the_next(service: Service) -> None:
    ask(service)
    service.commands._take(service.clock.now().civil)  # marked, committed; then it dies
    successor = RemoteCommands(engine=service.engine, shard=SHARD, uplink=service.uplink, clock=service.clock)
    successor.turn()
    assert commands_said(service) == []
    service.clock.pass_ms(12_000)
    successor.turn()
    assert commands_said(service) == []
    assert outcome(service) == (True, None, "locker_silent")


def test_two_workers_at_once_send_it_once(service: Service) -> None:
    for number in range(20):
        ask(service, f"c{number}")
    other = RemoteCommands(engine=service.engine, shard=SHARD, uplink=service.uplink, clock=service.clock)
    with service.engine.begin() as conn:
        conn.exec_driver_sql("SELECT 1 FROM remote_command WHERE id IN ('c1', 'c2') FOR UPDATE")
        service.commands.turn()
    other.turn()
    assert sorted(commands_said(service)) == sorted(f"c{number}" for number in range(20))


def test_a_command_that_could_not_be_sent_in_time_is_too_late_and_never_leaves(service: Service) -> None:
    ask(service)
    service.wire.connected = False
    service.commands.turn()
    service.clock.pass_ms(10_001)
    service.wire.connected = True
    service.commands.turn()
    assert commands_said(service) == []
    assert outcome(service) == (False, None, "too_late")


def test_a_command_waits_for_a_connection_while_there_is_time(service: Service) -> None:
    ask(service)
    service.wire.connected = False
    service.commands.turn()
    service.wire.connected = True
    service.clock.pass_ms(3_000)
    service.commands.turn()
    assert commands_said(service) == ["c1"]


def test_without_an_answer_the_locker_is_silent_after_twelve_seconds(service: Service) -> None:
    ask(service)
    service.commands.turn()
    service.clock.pass_ms(11_900)
    service.commands.turn()
    assert outcome(service) == (True, None, None)
    service.clock.pass_ms(100)
    service.commands.turn()
    assert outcome(service) == (True, None, "locker_silent")


def test_an_answer_after_we_gave_up_is_still_the_truth_about_the_door(service: Service) -> None:
    ask(service)
    service.commands.turn()
    service.clock.pass_ms(12_000)
    service.commands.turn()
    service.hear(CommandAnswered("c1", doors=[3]))
    assert outcome(service) == (True, 3, None)


def test_the_first_answer_stands(service: Service) -> None:
    ask(service)
    service.commands.turn()
    service.hear(CommandAnswered("c1", doors=[3]))
    service.hear(CommandAnswered("c1", refusal=Refusal.UNKNOWN))
    assert outcome(service) == (True, 3, None)


def test_another_gateway_cannot_answer(service: Service) -> None:
    with service.engine.begin() as conn:
        add_site(conn, site="site-b", gateway="gw-b", locker="locker-b", site_no=2)
    ask(service)
    service.commands.turn()
    service.hear(CommandAnswered("c1", doors=[3]), gateway="gw-b")
    assert outcome(service) == (True, None, None)


@pytest.mark.parametrize("sent", [False, True])
def test_a_command_of_another_shard_is_left_alone(service: Service, sent: bool) -> None:
    with service.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE gateway SET shard = 'other'")
    ask(service, sent_at=START if sent else None)
    service.commands.turn()
    service.clock.pass_ms(60_000)
    service.commands.turn()
    assert one(service.engine, "SELECT answered_at FROM remote_command") is None


def test_what_waits_for_a_second_person_is_not_sent_however_long(service: Service) -> None:
    ask(service, hold_state="waiting", hold_until=START + timedelta(minutes=5))
    service.commands.turn()
    service.clock.pass_ms(400_000)
    service.commands.turn()
    assert commands_said(service) == []
    assert outcome(service) == (False, None, None)


@pytest.mark.parametrize("state", ["declined", "expired"])
def test_what_nobody_confirmed_is_never_sent(service: Service, state: str) -> None:
    with service.engine.begin() as conn:
        add_person(conn, "person-b")
    second = "person-b" if state == "declined" else None
    ask(service, hold_state=state, hold_until=START, second_id=second)
    service.commands.turn()
    assert commands_said(service) == []


def test_what_was_confirmed_is_sent_with_both_names(service: Service) -> None:
    with service.engine.begin() as conn:
        add_person(conn, "person-b")
    ask(service, hold_state="confirmed", hold_until=START + timedelta(minutes=5), second_id="person-b")
    service.commands.turn()
    (said,) = service.said(OpenDoors)
    assert (said.actor, said.confirmed_by) == ("person-a", "person-b")
    service.clock.pass_ms(10_001)
    service.commands.turn()
    assert commands_said(service) == ["c1"]


def test_a_code_shown_on_a_page_is_named_with_its_generation_and_its_orders_page_hears_the_answer(
    service: Service,
) -> None:
    with service.engine.begin() as conn:
        order_id = "order-1"
        add_order(conn, order_id, run=add_run(conn), state="ready", parcels=("loaded",))
        code = add_credential(conn, order_id)
    ask(service, kind="collect", doors=[], right=None, order_id=order_id, credential_id=code)
    service.commands.turn()
    service.commands.turn()
    assert service.said(OpenForOwner) == [OpenForOwner("c1", order_id, code, 1, wire_ms(START) + 10_000)]
    service.hear(CommandAnswered("c1", doors=[3]))
    assert outcome(service) == (True, 3, None)
