"""A soak holds, replays to the byte, and tells what it did."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import cli
from simulation.chaos import FAULTS, Chaos
from simulation.command import soak
from simulation.soak import Report, describe, run_soak
from simulation.world import run_world


def quiet(_line: str) -> None:
    return None


@pytest.mark.timeout(900)  # a minute on two idle cores
def test_twenty_thousand_orders_violate_nothing_and_meet_every_fault() -> None:
    said: list[str] = []
    report = run_soak(20_000, 1_000, say=said.append)
    assert report.violations == 0, "\n".join(said)
    assert report.missing == []
    assert report.orders >= 19_000  # what nobody could place while the service was away is no order
    assert report.ended.keys() == {"collected", "refunded"}
    assert report.ended["collected"] > report.orders / 5


def test_where_nothing_goes_wrong_every_order_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chaos, "_draw", lambda *_: 0.0)
    for seed in range(3):
        outcome = run_world(seed, 30)
        assert (outcome.violation, outcome.states) == (None, {"collected": 30})


def test_the_same_seed_is_the_same_run_to_the_byte_and_another_is_not() -> None:
    once, again, other = run_world(7, 10), run_world(7, 10), run_world(8, 10)
    assert (once.digest, once.events, once.faults) == (again.digest, again.events, again.faults)
    assert once.digest != other.digest


def test_two_processes_that_hash_differently_see_the_same_run() -> None:
    say = "from simulation.world import run_world; print([run_world(seed, 30).digest for seed in (3, 4)])"
    digests = {
        subprocess.run(
            [sys.executable, "-c", say],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert digests == {f"{[run_world(seed, 30).digest for seed in (3, 4)]}\n"}


def test_how_many_processes_share_the_work_changes_nothing() -> None:
    alone, shared = run_soak(150, 5, processes=1, say=quiet), run_soak(150, 5, processes=2, say=quiet)
    assert (alone.digest, alone.faults, alone.ended) == (shared.digest, shared.faults, shared.ended)


def test_the_command_writes_its_report_and_ends_well(tmp_path: Path) -> None:
    done = CliRunner().invoke(soak, ["--orders", "60", "--seed", "3", "--json", str(tmp_path / "soak.json")])
    report = json.loads((tmp_path / "soak.json").read_text())
    assert done.exit_code == 0, done.output
    assert report["violations"] == 0
    assert {"orders", "events", "violations", "faults", "seconds"} <= report.keys()
    assert report["faults"].keys() >= FAULTS.keys()
    assert all(name in done.output for name in report["missing"])


def test_the_services_command_line_finds_the_soak() -> None:
    done = CliRunner().invoke(cli, ["soak", "--replay", "3"])
    assert done.exit_code == 0
    assert describe(run_world(3, 30)) in done.output


def test_a_violation_names_its_seed_its_time_what_led_to_it_and_how_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("firmware_sim.memory.COMMAND_RING", 0)
    found = next(each for seed in range(20) if (each := run_world(seed, 30)).violation)
    told = describe(found)
    assert f"seed {found.seed}: I6" in told
    assert " ms" in told
    assert "pulse" in told
    assert f"caibox soak --replay {found.seed}" in told
    assert len(found.trail) <= 50
    assert CliRunner().invoke(soak, ["--replay", str(found.seed)]).exit_code == 1


def test_a_long_run_in_which_a_fault_never_struck_does_not_hold() -> None:
    blank = Report(19_999, 1, 0, {}, 1.0, (1, 2), "", ["power_cut"], {}, [])
    assert blank.holds
    assert not Report(20_000, 1, 0, {}, 1.0, (1, 2), "", ["power_cut"], {}, []).holds
    assert not Report(20, 1, 1, {}, 1.0, (1, 2), "", [], {}, []).holds
