"""A short replay on the whole stack: baskets ordered, paid, loaded, collected or taken out again, many hands at once.

Long ones, and ones on real baskets, are `caibox replay`.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.demo.stack import Stack
from app.replay.run import Wanted, run_replay
from benchmarks.baskets import write_baskets


def test_twenty_orders_all_end_and_nothing_is_violated(stack: Stack, tmp_path: Path) -> None:
    code, figures = replay(Wanted(baskets=write_baskets(tmp_path, 40), orders=20, url=stack.urls["web"]), tmp_path)

    assert figures["violated"] == []
    assert code == 0
    assert figures["orders"] == 20
    assert figures["paid"] == figures["collected"] + figures["refunded"]
    assert figures["orders"] == figures["paid"] + figures["released"]


def test_forty_orders_end_as_if_nothing_had_happened_although_three_processes_die(tmp_path: Path) -> None:
    wanted = Wanted(baskets=write_baskets(tmp_path, 80), orders=40, kills=3, seed=3)
    code, figures = replay(wanted, tmp_path)

    assert figures["violated"] == []
    assert code == 0
    assert sum(figures["kills"].values()) == 3
    assert figures["paid"] == figures["collected"] + figures["refunded"]


def replay(wanted: Wanted, folder: Path) -> tuple[int, dict[str, Any]]:
    out = folder / "figures.json"
    said: list[str] = []
    code = run_replay(replace(wanted, json_path=out), say=said.append)
    assert out.exists(), said
    figures: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return code, figures
