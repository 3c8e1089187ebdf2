"""`python -m firmware_sim fault`, against a running simulator, and the fault file it follows."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from firmware_sim.faults import KINDS
from tests.firmware.conftest import HasUrl, small_locker
from tests.firmware.simulator import Simulator, running_simulator


@pytest.fixture(scope="module")
def fault_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fault file of the running simulator."""
    path = tmp_path_factory.mktemp("faults") / "faults.toml"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def started(mosquitto_broker: HasUrl, fault_file: Path) -> Iterator[Simulator]:
    """One simulator for all of these tests."""
    lockers = fault_file.with_name("lockers.json")
    lockers.write_bytes(msgspec.json.encode([small_locker()]))
    bus = mosquitto_broker.url("controllers")
    with running_simulator(bus, lockers, fault_file.with_name("memory"), SIM_FAULTS=str(fault_file)) as simulator:
        yield simulator


@pytest.fixture
def running(started: Simulator) -> Simulator:
    """The simulator with nothing wrong."""
    started.do("faults/clear", all=True)
    return started


def fault(*arguments: str, url: str = "http://127.0.0.1:1") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "firmware_sim", "fault", *arguments]
    return subprocess.run(
        command, env={"SIM_URL": url}, capture_output=True, text=True, check=False, timeout=30, encoding="utf-8"
    )


def on(simulator: Simulator) -> list[str]:
    return [each["name"] for each in simulator.state()["faults"]]


def test_a_fault_is_switched_listed_and_cleared_by_command(running: Simulator) -> None:
    assert fault("T1", url=running.url).stdout == "nothing is wrong here\n"
    assert fault("T1", "door", "2", "jams_shut", url=running.url).stdout == "jams_shut  door 2\n"
    slow = fault("T1", "network_lossy", "--one-in", "50", url=running.url)
    assert slow.stdout == "jams_shut  door 2\nnetwork_lossy  one in 50\n"
    probe = fault("T1", "probe", "chilled", "air", "probe_drifts", "--amount", "-2", url=running.url)
    assert probe.stdout.splitlines()[-1] == "probe_drifts  zone chilled  probe air  -2 K/h"
    assert fault("T1", url=running.url).stdout == probe.stdout
    off = fault("T1", "door", "2", "jams_shut", "off", url=running.url)
    assert "jams_shut" not in off.stdout
    assert fault("T1", "clear", url=running.url).stdout == "nothing is wrong here\n"
    assert on(running) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("T9", "network_cut"), "There is no such locker."),
        (("T1", "explodes"), "There is no fault explodes."),
        (("T1", "door", "nine", "jams_shut"), "“nine” is no door number."),
        (("T1", "door", "9", "jams_shut"), "This locker has no such door."),
        (("T1", "door", "jams_shut"), "“door jams_shut” cannot be read."),
        (("T1", "jams_shut"), "This fault sits elsewhere; see “field”. (door)"),
        (("T1", "zone", "lukewarm", "probes_swapped"), "One field is not right; see “field”. (zone)"),
        (("T1", "network_slow", "--amount", "-1"), "That number is out of this fault's range. (amount)"),
        (("T1", "network_slow", "--amount", "nan"), "A number must be finite."),
        (("T1", "watchdog_bites", "off"), "It happens in a moment"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_changes(
    running: Simulator, arguments: tuple[str, ...], said: str
) -> None:
    done = fault(*arguments, url=running.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert "Traceback" not in done.stderr
    assert on(running) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://127.0.0.1:1", "does not answer"), ("ftp://x", "is no address"), ("", "Where is the simulator?")],
)
def test_without_a_simulator_it_says_so(url: str, said: str) -> None:
    done = fault("T1", "network_cut", url=url)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_alone_it_lists_every_fault_with_what_it_means() -> None:
    done = fault()
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()] == list(KINDS)


def test_the_running_program_follows_its_file_and_outlives_a_wrong_one(running: Simulator, fault_file: Path) -> None:
    fault_file.write_text('[[fault]]\nlocker = "T1"\ndoor = 3\nname = "jams_shut"\n')
    running.until(lambda state: [each["name"] for each in state["faults"]] == ["jams_shut"])
    fault_file.write_text('[[fault]]\nlocker = "T1"\ndoor = 33\nname = "jams_shut"\n')
    told = running.until_told(lambda told: told["problem"] is not None)
    assert told["problem"].endswith("line 3: locker T1 has no door 33.")
    assert on(running) == ["jams_shut"]
    fault_file.write_text("")
    running.until(lambda state: state["faults"] == [])
