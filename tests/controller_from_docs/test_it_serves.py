"""The list that ends docs/controller-guide.md, on a controller written from it: real gateway, real brokers."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo.brokers import Broker
from locker_protocol.site_events import (
    AccessRefused,
    DoorStayedShut,
    DoorWasOpened,
    DoorWasShut,
    LoadUnsure,
    ParcelCollected,
    ParcelLoaded,
    UnlockGranted,
)
from locker_protocol.vocabulary import Refusal, Via
from tests.controller_from_docs.rig import CONTROLLER, DOORS, TOPIC, Plug, Rig, Wire, standing_rig
from tests.link.gateway_rig import GATEWAY, running_gateway, until
from tests.link.test_gateway_on_brokers import code

on_one_broker = pytest.mark.parametrize("broker", ["nats"], indirect=True)


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    with standing_rig(broker, tmp_path) as rig:
        yield rig


def test_an_order_is_loaded_by_label_and_collected_by_one_scan(rig: Rig) -> None:
    rig.power_on()
    rig.load()
    rig.locker.scan(code(1))
    until(lambda: rig.opened(1) and rig.opened(2), what="both doors open together")
    assert len(rig.service.told(UnlockGranted)) == 3
    until(lambda: '"opening" 1 2' in rig.locker.screens, what="the display says so")
    rig.locker.move(2, is_open=False)
    rig.locker.move(1, is_open=False)
    until(lambda: len(rig.service.told(ParcelCollected)) == 2, what="both are collected")
    assert rig.service.told(ParcelCollected) == [
        ParcelCollected("p2", "o1", CONTROLLER, 2),
        ParcelCollected("p1", "o1", CONTROLLER, 1),
    ]
    until(lambda: '"done" 1 2' in rig.locker.screens, what="it thanks")
    assert rig.locker.pulses == [1, 2, 1, 2]


def test_a_command_that_comes_twice_pulses_once(rig: Rig) -> None:
    rig.power_on()
    command_id = rig.unlock(3)
    rig.until_outcomes(command_id, "pulsed")
    rig.unlock(3, command_id=command_id)
    rig.until_outcomes(command_id, "pulsed", "pulsed")
    assert rig.locker.pulses == [3]


@pytest.mark.parametrize(
    ("step", "pulses", "outcomes"),
    [
        ("arrived", 0, ["stale"]),
        ("stored", 0, ["pulsed"]),
        ("energised", 1, ["pulsed"]),
        ("done_stored", 1, ["pulsed", "pulsed"]),
        ("opened", 1, ["pulsed", "pulsed"]),
        ("opened_stored", 1, ["pulsed", "pulsed"]),
    ],
)
def test_power_lost_between_any_two_steps_never_pulses_twice(
    rig: Rig, step: str, pulses: int, outcomes: list[str]
) -> None:
    rig.power_on(fails=step)
    command = rig.fresh(3)
    command_id = str(command["command_id"])
    rig.send(command)
    rig.locker.wait_dark()
    assert len(rig.locker.pulses) == pulses

    rig.power_on()
    rig.send(command)
    rig.until_outcomes(command_id, *outcomes)
    assert len(rig.locker.pulses) == pulses
    opened = [each["event"] for each in rig.reports.events() if each["event"]["type"] == "DoorOpened"]
    assert opened == [{"type": "DoorOpened", "door": 3, "command_id": command_id}] * pulses


def test_a_door_forced_after_a_power_loss_is_not_put_down_to_the_command_before_it(rig: Rig) -> None:
    rig.power_on(fails="stored")
    rig.unlock(3)
    rig.locker.wait_dark()
    rig.power_on()
    rig.locker.move(3, is_open=True)
    until(lambda: rig.opened(3), what="the opening is told")
    assert rig.reports.events()[-1]["event"] == {"type": "DoorOpened", "door": 3, "command_id": None}


@pytest.mark.parametrize("step", ["energised", "opened_stored"])
def test_a_parcel_is_collected_though_power_went_while_its_door_opened(rig: Rig, step: str) -> None:
    rig.power_on()
    rig.load_one(1, "ABCD2345")
    rig.locker.power_off()
    rig.power_on(fails=step)
    rig.locker.scan(code(1))
    rig.locker.wait_dark()
    rig.power_on()
    until(lambda: rig.opened(1), what="the opening is told")
    rig.locker.move(1, is_open=False)
    until(lambda: rig.service.told(ParcelCollected), what="it is collected")
    assert rig.locker.pulses == [1, 1]


@on_one_broker
@pytest.mark.parametrize("step", ["arrived", "stored"])
def test_a_code_is_good_again_when_power_went_before_the_lock_moved(rig: Rig, step: str) -> None:
    rig.power_on()
    rig.load_one(1, "ABCD2345")
    rig.locker.power_off()
    rig.power_on(fails=step)
    rig.locker.scan(code(1))
    rig.locker.wait_dark()
    rig.power_on()
    until(lambda: rig.service.told(DoorStayedShut), what="the door is given up", seconds=30)
    assert rig.locker.pulses == [1]
    rig.locker.scan(code(1))
    until(lambda: rig.opened(1), what="the second scan opens it")


def test_a_door_shut_in_the_dark_is_told_as_an_event_of_the_new_boot_and_ends_the_collection(rig: Rig) -> None:
    rig.power_on()
    rig.load_one(1, "ABCD2345")
    rig.locker.scan(code(1))
    until(lambda: len(rig.service.told(DoorWasOpened)) == 2, what="it is open")
    rig.locker.power_off()
    rig.locker.move(1, is_open=False)
    rig.power_on()
    until(lambda: rig.service.told(ParcelCollected), what="it is collected")
    last = rig.reports.events()[-1]
    assert (last["event"], last["earlier_boot"]) == ({"type": "DoorShut", "door": 1}, False)


def test_a_parcel_put_in_when_power_went_is_asked_for_again(rig: Rig) -> None:
    rig.power_on(fails="opened_stored")
    rig.ask_to_load(1, "ABCD2345")
    rig.locker.wait_dark()
    rig.locker.move(1, is_open=False)
    rig.power_on()
    until(lambda: rig.service.told(LoadUnsure), what="the doubt")
    assert rig.service.told(ParcelLoaded) == []


@pytest.mark.parametrize("changes", [{"boot_id": "another"}, {"beat": 1_000_000}])
def test_a_command_of_another_boot_or_of_a_beat_to_come_is_stale_for_ever(rig: Rig, changes: dict[str, object]) -> None:
    rig.power_on()
    command_id = rig.unlock(3, **changes)
    rig.until_outcomes(command_id, "stale")
    rig.unlock(3, command_id=command_id)
    rig.until_outcomes(command_id, "stale", "stale")
    assert rig.locker.pulses == []


@on_one_broker
def test_a_command_that_waited_nine_seconds_is_stale(rig: Rig) -> None:
    rig.power_on()
    until(
        lambda: rig.reports.of("Beat")[-1:] and rig.reports.of("Beat")[-1]["beat"] >= 9, what="it is nine seconds old"
    )
    held_back = rig.reports.of("Beat")[-1]["beat"] - 9
    rig.until_outcomes(rig.unlock(3, beat=held_back), "stale")
    assert rig.locker.pulses == []
    rig.until_outcomes(rig.unlock(3), "pulsed")


def test_what_happened_while_the_gateway_was_away_arrives_once_and_opens_nothing(rig: Rig) -> None:
    rig.power_on()
    rig.load_one(1, "ABCD2345")
    told = len(rig.service.events)
    assert rig.gateway.stop() == 0
    rig.locker.scan(code(1))
    rig.locker.move(5, is_open=True)
    until(lambda: rig.opened(5), what="it is recorded")
    rig.locker.move(5, is_open=False)
    until(lambda: rig.reports.events()[-1]["event"] == {"type": "DoorShut", "door": 5}, what="and this")
    rig.locker.power_off()
    rig.locker.power_on()
    with running_gateway(rig.broker.url(GATEWAY), rig.folder / "gateway", GATEWAY_CONTROLLERS=CONTROLLER):
        until(lambda: len(rig.service.told(DoorWasShut)) == 2, what="the last of it is told")
        kinds = (AccessRefused, DoorWasOpened, DoorWasShut)
        assert [event for event in rig.service.events[told:] if isinstance(event, kinds)] == [
            AccessRefused(CONTROLLER, Via.SCANNER, Refusal.TOO_LATE),
            DoorWasOpened(CONTROLLER, 5),
            DoorWasShut(CONTROLLER, 5),
        ]
    assert rig.locker.pulses == [1]


def test_a_pulled_network_plug_brings_the_will_and_then_a_birth_of_the_same_boot(
    broker: Broker, tmp_path: Path
) -> None:
    plug = Plug(broker.url("controllers"))
    with standing_rig(broker, tmp_path, bus_url=plug.url) as rig:
        rig.power_on()
        boot_id = rig.reports.of("ControllerBirth")[-1]["boot_id"]
        plug.pull()
        until(lambda: rig.reports.of("ControllerDeath"), what="the will")
        born = len(rig.reports.of("ControllerBirth"))
        plug.put_back()
        until(lambda: len(rig.reports.of("ControllerBirth")) >= born + 2, what="it is born, and once more")
        assert {each["boot_id"] for each in rig.reports.of("ControllerBirth")[born:]} == {boot_id}
        late = Wire(broker.url(GATEWAY), "presence")
        until(lambda: late.heard, what="what the broker kept")
        assert late.heard[0].body["type"] == "ControllerBirth"
        late.close()
        until(lambda: rig.reports.of("Samples"), what="all its samples again", seconds=40)
        told = rig.reports.of("Samples")[-1]
        assert told["first_no"] == 1
        assert told["age_ms"] <= 10_000
    plug.close()


def test_a_scan_that_waited_in_a_stalled_connection_opens_nothing_and_the_next_one_opens(
    broker: Broker, tmp_path: Path
) -> None:
    plug = Plug(broker.url("controllers"))
    with standing_rig(broker, tmp_path, bus_url=plug.url) as rig:
        rig.power_on()
        rig.load()
        pulses = list(rig.locker.pulses)
        plug.hold()
        rig.locker.scan(code(1))
        time.sleep(12)
        given = len(rig.commands.of("Echo"))
        plug.let_go()
        until(lambda: rig.service.told(AccessRefused), what="the scan is refused")
        assert rig.service.told(AccessRefused) == [
            AccessRefused(CONTROLLER, Via.SCANNER, Refusal.TOO_LATE),
        ]
        assert rig.locker.pulses == pulses
        until(lambda: newest_given_back(rig) in given_since(rig, given), what="a beat gives a new number back")
        rig.locker.scan(code(1))
        until(lambda: rig.opened(1) and rig.opened(2), what="both doors open together")
        assert rig.locker.pulses == [*pulses, 1, 2]
    plug.close()


def newest_given_back(rig: Rig) -> int | None:
    echo: int | None = rig.reports.of("Beat")[-1]["echo"]
    return echo


def given_since(rig: Rig, number: int) -> list[int]:
    return [each["echo"] for each in rig.commands.of("Echo")[number:]]


def test_a_command_the_broker_kept_is_never_obeyed(broker: Broker, tmp_path: Path) -> None:
    plug = Plug(broker.url("controllers"))
    with standing_rig(broker, tmp_path, bus_url=plug.url) as rig:
        rig.power_on()
        plug.pull()
        until(lambda: rig.reports.of("ControllerDeath"), what="the will")
        rig.send(rig.fresh(3) | {"command_id": "kept"}, retain=True)
        born = len(rig.reports.of("ControllerBirth"))
        plug.put_back()
        until(lambda: len(rig.reports.of("ControllerBirth")) > born, what="it is back")
        command_id = rig.unlock(4)
        rig.until_outcomes(command_id, "pulsed")
        rig.reports.publish(TOPIC + "command", b"", retain=True)
        assert rig.reports.outcomes("kept") == []
        assert rig.locker.pulses == [4]
    plug.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"door": "3"},
        {"door": 0},
        {"door": True},
        {"beat": -1},
        {"boot_id": "no id"},
        {"type": "Explode"},
        {"beat": None},
    ],
)
def test_a_broken_command_is_dropped_and_the_next_is_obeyed(rig: Rig, changes: dict[str, object]) -> None:
    rig.power_on()
    rig.unlock(3, command_id="broken", **changes)
    rig.until_outcomes(rig.unlock(4), "pulsed")
    assert rig.reports.outcomes("broken") == []
    until(lambda: rig.locker.pulses == [4], what="the locks yield")


def test_a_field_of_a_newer_gateway_is_ignored(rig: Rig) -> None:
    rig.power_on()
    rig.until_outcomes(rig.unlock(3, colour="red"), "pulsed")


def test_a_door_it_does_not_have_and_locks_without_supply_are_told_and_nothing_moves(rig: Rig) -> None:
    rig.power_on()
    rig.until_outcomes(rig.unlock(99), "unknown_door")
    rig.locker.pin("supply off")
    rig.locker.scan("pins are read in their order")
    until(lambda: "CodeScanned" in str(rig.reports.events()), what="the controller has read its pins")
    rig.until_outcomes(rig.unlock(3), "disabled")
    assert rig.locker.pulses == []


def test_eight_doors_asked_for_together_all_open_in_their_order(rig: Rig) -> None:
    rig.power_on()
    asked = [rig.unlock(door) for door in reversed(DOORS)]
    for command_id in asked:
        rig.until_outcomes(command_id, "pulsed")
    until(lambda: rig.locker.pulses == list(reversed(DOORS)), what="the locks yield")


def test_control_characters_and_a_seventeenth_digit_are_not_handed_on(rig: Rig) -> None:
    rig.power_on()
    rig.locker.scan("\x1bL1\x00A\x9bB\r\n")
    for digit in "12345678901234567":
        rig.locker.pin(f"key {digit}")
    rig.locker.pin("key enter")
    rig.locker.pin("key enter")
    until(lambda: len(rig.reports.events()) >= 2, what="both are told")
    assert [each["event"] for each in rig.reports.events()] == [
        {"type": "CodeScanned", "text": "L1AB"},
        {"type": "KeysEntered", "digits": "1234567890123456"},
    ]


@on_one_broker
def test_a_probe_without_a_value_says_so_and_the_others_go_on(rig: Rig) -> None:
    rig.locker.power_on()
    rig.locker.pin("probe chilled 2.5 3.0625")
    rig.locker.pin("probe frozen none -19.5")
    expected = [
        {"zone": "chilled", "air_c": 2.5, "product_c": 3.0625},
        {"zone": "frozen", "air_c": None, "product_c": -19.5},
    ]
    until(lambda: any(each["zones"] == expected for each in rig.reports.of("Beat")), what="the sample", seconds=30)
