"""The program as it is started, against real brokers: what a gateway hears and may ask of it."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from locker_protocol.bus_messages import (
    CodeScanned,
    ControllerBirth,
    ControllerDeath,
    DoorOpened,
    DoorShut,
    KeysEntered,
    Show,
    Unlock,
    UnlockDone,
)
from locker_protocol.codec import encode
from tests.firmware.bus_probe import BusProbe
from tests.firmware.simulator import Simulator


def test_a_scan_is_heard_and_an_unlock_opens_the_door(simulator: Simulator, gateway: BusProbe) -> None:
    simulator.do("scan", text="L1HELLO")
    gateway.wait_for(CodeScanned("L1HELLO"))
    gateway.unlock("c1", 2)
    gateway.wait_for(UnlockDone("c1", 2, "pulsed"), DoorOpened(2, "c1"))
    simulator.do("doors/2", action="put")
    simulator.do("doors/2", action="shut")
    gateway.wait_for(DoorShut(2))

    state = simulator.state()
    assert [(door["door"], door["state"], door["bags"]) for door in state["doors"]][1] == (2, "shut", 1)
    assert state["scan_to_unlock_ms"] < 1_000
    assert state["pulses"] == 1


def test_the_same_command_twice_pulses_once(simulator: Simulator, gateway: BusProbe) -> None:
    for _ in range(2):
        gateway.unlock("c1", 2)
    gateway.wait(lambda: gateway.received.count(UnlockDone("c1", 2, "pulsed")) == 2)
    assert simulator.state()["pulses"] == 1


def test_typed_digits_are_heard(simulator: Simulator, gateway: BusProbe) -> None:
    simulator.do("keys", digits="07 482 193")
    gateway.wait_for(KeysEntered("07482193"))


def test_a_jammed_door_says_pulsed_and_never_opened(simulator: Simulator, gateway: BusProbe) -> None:
    simulator.do("doors/2", action="jam")
    gateway.unlock("c1", 2)
    gateway.wait_for(UnlockDone("c1", 2, "pulsed"))
    assert simulator.state()["doors"][1]["state"] == "jammed"
    assert DoorOpened(2, "c1") not in gateway.received


def test_events_of_a_cut_network_arrive_when_it_is_mended(simulator: Simulator, gateway: BusProbe) -> None:
    boot_id = simulator.state()["boot_id"]
    simulator.do("network", on=False)
    gateway.wait(lambda: ControllerDeath(boot_id) in gateway.presence)
    heard = len(gateway.presence)
    simulator.do("scan", text="A")
    simulator.do("doors/1", action="open_by_force")
    time.sleep(0.3)
    assert gateway.received == []
    assert not simulator.state()["linked"]

    simulator.do("network", on=True)
    gateway.wait_for(CodeScanned("A"), DoorOpened(1))
    assert gateway.birth(heard).boot_id == boot_id


def test_a_pulled_plug_is_a_death_a_new_boot_and_doors_as_they_were_left(
    simulator: Simulator, gateway: BusProbe
) -> None:
    before = gateway.last_word()
    simulator.do("power", on=False)
    gateway.wait(lambda: ControllerDeath(before.boot_id) in gateway.presence)
    heard = len(gateway.presence)
    simulator.do("doors/3", action="open_by_force")
    simulator.do("scan", text="IN THE DARK")
    simulator.do("power", on=True)

    gateway.wait_for(DoorOpened(3))
    assert CodeScanned("IN THE DARK") not in gateway.received
    after = gateway.birth(heard)
    assert after.boot_id != before.boot_id
    assert after.store_id == before.store_id

    gateway.command(Unlock("late", 2, before.boot_id, before.beat))
    gateway.wait_for(UnlockDone("late", 2, "stale"))
    assert simulator.state()["doors"][1]["state"] == "shut"


def test_over_a_slow_network_that_loses_and_repeats_every_event_arrives_once_and_in_order(
    simulator: Simulator, gateway: BusProbe
) -> None:
    for fault in ({"name": "network_slow", "amount": 120}, {"name": "network_lossy"}, {"name": "network_repeats"}):
        simulator.do("faults", **fault)
    codes = [f"L1{number:03d}" for number in range(40)]
    for code in codes:
        simulator.do("scan", text=code)
    gateway.wait(lambda: len(gateway.received) == len(codes), seconds=60)
    assert gateway.received == [CodeScanned(code) for code in codes]


def test_through_a_storm_of_reconnections_nothing_is_lost_and_the_boot_stays_the_same(
    simulator: Simulator, gateway: BusProbe
) -> None:
    boot_id = simulator.state()["boot_id"]
    simulator.do("faults", name="network_storms", amount=0.3)
    gateway.wait(lambda: gateway.presence.count(ControllerDeath(boot_id)) >= 2, seconds=30)
    codes = [f"L1{number:03d}" for number in range(10)]
    for code in codes:
        simulator.do("scan", text=code)
    simulator.do("faults", name="network_storms", on=False)
    gateway.wait(lambda: len(gateway.received) == len(codes), seconds=30)
    assert gateway.received == [CodeScanned(code) for code in codes]
    assert simulator.state()["boot_id"] == boot_id


def test_a_command_that_the_network_brings_twice_pulses_once(simulator: Simulator, gateway: BusProbe) -> None:
    simulator.do("faults", name="network_repeats", one_in=1)
    gateway.unlock("c1", 2)
    gateway.wait(lambda: gateway.received.count(UnlockDone("c1", 2, "pulsed")) == 2)
    assert simulator.state()["pulses"] == 1


def test_a_watchdog_reset_is_told_as_one(simulator: Simulator, gateway: BusProbe) -> None:
    before = gateway.birth()
    heard = len(gateway.presence)
    simulator.do("faults", name="watchdog_bites")
    after = gateway.wait(
        lambda: [
            each
            for each in gateway.presence[heard:]
            if isinstance(each, ControllerBirth) and each.boot_id != before.boot_id
        ]
    )[0]
    assert (after.boot_reason, after.store_id) == ("watchdog", before.store_id)


def test_a_retained_command_is_never_obeyed(simulator: Simulator, gateway: BusProbe) -> None:
    last = gateway.last_word()
    simulator.do("network", on=False)
    gateway.wait(lambda: ControllerDeath(last.boot_id) in gateway.presence)
    heard = len(gateway.presence)
    gateway.send_raw(encode(Unlock("queued", 2, last.boot_id, last.beat + 1)))
    gateway.send_raw(encode(Unlock("retained", 2, last.boot_id, last.beat + 1)), retain=True)
    simulator.do("network", on=True)
    gateway.birth(heard)
    gateway.unlock("c1", 1)
    gateway.wait_for(UnlockDone("c1", 1, "pulsed"))
    gateway.send_raw(b"", retain=True)

    assert [event.command_id for event in gateway.received if isinstance(event, UnlockDone)] == ["c1"]


@pytest.mark.parametrize("payload", [b"", b"\xff", b"{}", b'{"type":"Nonsense"}', b"[" * 1000])
def test_what_is_no_command_is_counted_and_the_loop_goes_on(
    simulator: Simulator, gateway: BusProbe, payload: bytes
) -> None:
    gateway.send_raw(payload)
    gateway.unlock("c1", 2)
    gateway.wait_for(UnlockDone("c1", 2, "pulsed"))
    assert simulator.state()["rejected"] == 1


def test_what_the_gateway_shows_is_on_the_display(simulator: Simulator, gateway: BusProbe) -> None:
    gateway.command(Show("opening", [2]))
    state = simulator.until(lambda state: state["show"] is not None)
    assert state["show"]["doors"] == [2]
    assert [door["lit"] for door in state["doors"]] == [False, True, False, False]


def test_sigterm_ends_it_cleanly_and_the_broker_tells_of_the_death(simulator: Simulator, gateway: BusProbe) -> None:
    boot_id = simulator.state()["boot_id"]
    simulator.process.send_signal(signal.SIGTERM)
    assert simulator.process.wait(10) == 0
    gateway.wait(lambda: ControllerDeath(boot_id) in gateway.presence)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SIM_HTTP_PORT", "taken", "Nothing can be served at 127.0.0.1:"),
        ("SIM_HTTP_PORT", "many", "SIM_HTTP_PORT must be a port number"),
        ("SIM_BUS_URL", "http://somewhere", "SIM_BUS_URL must look like"),
        ("SIM_BUS_URL", "mqtt://host:99999", "SIM_BUS_URL has a port that is no port."),
        ("SIM_LOCKERS", "/nowhere.json", "SIM_LOCKERS, /nowhere.json, cannot be read"),
        ("SIM_DATA", "/dev/null/x", "SIM_DATA, /dev/null/x, cannot be made"),
        ("SIM_FAULTS", "/nowhere.json", "SIM_FAULTS, /nowhere.json, cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence_and_no_traceback(
    name: str, value: str, said: str, lockers_file: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {
            "SIM_BUS_URL": "mqtt://user:password@127.0.0.1:1",
            "SIM_LOCKERS": str(lockers_file),
            "SIM_HTTP_PORT": "0",
            "SIM_DATA": str(tmp_path),
            name: value.replace("taken", str(taken.getsockname()[1])),
        }
        command = [sys.executable, "-m", "firmware_sim"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 2
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("missing", ["SIM_BUS_URL", "SIM_LOCKERS", "SIM_HTTP_PORT", "SIM_DATA"])
def test_it_refuses_to_start_in_one_sentence(missing: str, lockers_file: Path, tmp_path: Path) -> None:
    environment = {
        "SIM_BUS_URL": "mqtt://user:password@127.0.0.1:1",
        "SIM_LOCKERS": str(lockers_file),
        "SIM_HTTP_PORT": "0",
        "SIM_DATA": str(tmp_path),
    }
    del environment[missing]
    command = [sys.executable, "-m", "firmware_sim"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == f"{missing} is not set; firmware_sim cannot start without it.\n"
