"""The fault file: what it may say, how it is refused, and that a running simulator follows it."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware_sim.device import LockerDevice
from firmware_sim.fault_file import FaultFile, FaultFileError, read_fault_file
from firmware_sim.fault_plan import Planned
from firmware_sim.fault_runner import FaultRunner, doors_of
from firmware_sim.faults import Fault
from firmware_sim.settings import SettingsError, settings_from
from locker_protocol.vocabulary import Zone

WithDevice = Callable[[Callable[[LockerDevice], Coroutine[None, None, None]]], None]
DOORS = {"T1": [1, 2, 3, 4]}
GOOD = """
seed = 42

[[fault]]          # door 2 jams shut at 30 s, for a minute
locker = "T1"
door = 2
name = "jams_shut"
at_s = 30
for_s = 60

[[fault]]          # one opening in 200 bounces for 400 ms
locker = "all"
door = "all"
name = "contact_bounces"
amount = 400
one_in = 200

[[fault]]
locker = "T1"
zone = "chilled"
probe = "air"
name = "probe_stuck"
every_s = 600
for_s = 30
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "faults.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_fault_file_is_read(tmp_path: Path) -> None:
    read = read_fault_file(written(tmp_path, GOOD), DOORS)
    assert read == FaultFile(
        (
            Planned("T1", 2, Fault("jams_shut", door=2), at_s=30, for_s=60, line=4),
            Planned("all", "all", Fault("contact_bounces", door=1, amount=400, one_in=200), line=11),
            Planned("T1", None, Fault("probe_stuck", zone=Zone.CHILLED, probe="air"), for_s=30, every_s=600, line=18),
        ),
        "42",
    )


def test_an_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    assert read_fault_file(written(tmp_path, ""), DOORS) == FaultFile()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[[fault]\nlocker = "T1"', 1, "this is not TOML"),
        ("seed = 1\nsped = 2", 2, "sped means nothing here"),
        ("\nfault = 3", 2, "faults are written under [[fault]]"),
        ("fault = [1]", 1, "faults are written under [[fault]]"),
        ('[[fault]]\nname = "network_cut"', 1, "missing required field `locker`"),
        ('[[fault]]\nlocker = "T9"\nname = "network_cut"', 2, "there is no locker T9"),
        ('[[fault]]\nlocker = "T1"\n\nname = "explodes"', 4, "Invalid enum value 'explodes'"),
        ('[[fault]]\nlocker = "T1"\nname = "network_cut"\ncolour = 1', 4, "unknown field `colour`"),
        ('[[fault]]\nlocker = "T1"\nname = "jams_shut"\ndoor = 9', 4, "locker T1 has no door 9"),
        ('[[fault]]\nlocker = "all"\nname = "jams_shut"\ndoor = 1', 4, "locker all has no door 1"),
        ('[[fault]]\nlocker = "T1"\nname = "jams_shut"', 1, "This fault sits elsewhere"),
        ('[[fault]]\nlocker = "T1"\nname = "network_cut"\ndoor = 1', 4, "This fault sits elsewhere"),
        ('[[fault]]\nlocker = "T1"\nname = "network_slow"\namount = 0', 4, "out of this fault's range"),
        ('[[fault]]\nlocker = "T1"\nname = "network_slow"\namount = nan', 4, "out of this fault's range"),
        ('[[fault]]\nlocker = "T1"\nname = "network_cut"\nat_s = -1', 4, "Expected `float` >= 0"),
        ('[[fault]]\nlocker = "T1"\nname = "network_cut"\nat_s = inf', 4, "Expected `float` <= "),
        ('[[fault]]\nlocker = "T1"\nname = "locks_dead"\nfor_s = 0.01', 4, "Expected `float` >= 0.05"),
        ('[[fault]]\nlocker = "T1"\nname = "watchdog_bites"\nfor_s = 3', 4, "cannot last"),
        ('[[fault]]\nlocker = "T1"\nname = "network_cut"\nevery_s = 3', 4, "needs for_s"),
        ('[[fault]]\nlocker = "T1"\nname = "network_cut"\n[[fault]]\nlocker = "T9"\nname = "network_cut"', 5, "T9"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    with pytest.raises(FaultFileError) as refused:
        read_fault_file(written(tmp_path, text), DOORS)
    sentence = str(refused.value)
    assert f"line {line}" in sentence
    assert said in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"#" * 1_100_000])
def test_what_is_no_text_or_far_too_long_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(FaultFileError, match="cannot be read"):
        read_fault_file(written(tmp_path, raw), DOORS)


def test_a_simulator_does_not_start_with_a_wrong_file(lockers_file: Path, tmp_path: Path) -> None:
    environment = {
        "SIM_BUS_URL": "mqtt://user:p%40ss@127.0.0.1:1884",
        "SIM_LOCKERS": str(lockers_file),
        "SIM_HTTP_PORT": "0",
        "SIM_DATA": "data",
        "SIM_FAULTS": str(written(tmp_path, GOOD)),
    }
    settings = settings_from(environment)
    assert settings.faults is not None
    assert settings.bus.password == "p@ss"
    written(tmp_path, '[[fault]]\nlocker = "NOPE"\nname = "network_cut"')
    with pytest.raises(SettingsError, match="line 2: there is no locker NOPE"):
        settings_from(environment)


def test_a_running_simulator_follows_its_file_and_keeps_what_it_had_when_it_is_wrong(
    with_device: WithDevice, tmp_path: Path
) -> None:
    async def scenario(device: LockerDevice) -> None:
        path = written(tmp_path, '[[fault]]\nlocker = "T1"\ndoor = 1\nname = "jams_shut"')
        runner = FaultRunner({"T1": device}, path, read_fault_file(path, doors_of({"T1": device})))
        runner.look()
        assert names(device) == ["jams_shut"]

        written(tmp_path, "this is not TOML")
        runner.look()
        assert names(device) == ["jams_shut"]
        assert is_wrong(runner)

        written(tmp_path, '[[fault]]\nlocker = "T1"\nname = "locks_dead"')
        runner.look()
        assert names(device) == ["locks_dead"]
        assert not is_wrong(runner)

        path.unlink()
        runner.look()
        assert names(device) == ["locks_dead"]
        assert is_wrong(runner)

    with_device(scenario)


def test_what_a_hand_switched_on_stays_when_the_file_changes(with_device: WithDevice, tmp_path: Path) -> None:
    async def scenario(device: LockerDevice) -> None:
        path = written(tmp_path, '[[fault]]\nlocker = "T1"\ndoor = 1\nname = "jams_shut"')
        runner = FaultRunner({"T1": device}, path, read_fault_file(path, doors_of({"T1": device})))
        runner.look()
        device.switches.switch(Fault("scanner_dead"))
        written(tmp_path, "")
        runner.look()
        assert names(device) == ["scanner_dead"]

    with_device(scenario)


def test_what_cannot_be_just_now_is_passed_over_and_the_rest_happens(with_device: WithDevice, tmp_path: Path) -> None:
    async def scenario(device: LockerDevice) -> None:
        text = '[[fault]]\nlocker = "T1"\ndoor = 1\nname = "pried_open"\n' * 2
        path = written(tmp_path, text + '[[fault]]\nlocker = "T1"\ndoor = 2\nname = "jams_shut"')
        FaultRunner({"T1": device}, path, read_fault_file(path, doors_of({"T1": device}))).look()
        assert device.cabinet.doors[1].position == "open"
        assert names(device) == ["jams_shut"]

    with_device(scenario)


def test_a_fault_of_the_file_goes_when_its_time_is_over(with_device: WithDevice, tmp_path: Path) -> None:
    async def scenario(device: LockerDevice) -> None:
        path = written(tmp_path, '[[fault]]\nlocker = "T1"\ndoor = 1\nname = "jams_shut"\nfor_s = 0.05')
        runner = FaultRunner({"T1": device}, path, read_fault_file(path, doors_of({"T1": device})))
        runner.look()
        assert names(device) == ["jams_shut"]
        await asyncio.sleep(0.06)
        runner.look()
        assert names(device) == []

    with_device(scenario)


def is_wrong(runner: FaultRunner) -> bool:
    return bool(runner.problem)


def names(device: LockerDevice) -> list[str]:
    """What is on, besides the network these tests do without."""
    return [fault.name for fault in device.board if fault.name != "network_cut"]
