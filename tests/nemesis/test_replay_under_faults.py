"""A short replay through ten faults of all kinds on the whole stack; several hundred are `caibox replay --faults`."""

import json
from pathlib import Path

from app.nemesis.plan import Kind
from app.replay.run import Wanted, run_replay
from benchmarks.baskets import write_baskets

FAULTS = 10


def test_every_order_ends_and_every_opening_is_explained_although_ten_things_go_wrong(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    wanted = Wanted(baskets=write_baskets(tmp_path, 80), orders=16, faults=FAULTS, pace=4, seed=37, json_path=out)

    code = run_replay(wanted, say=lambda _line: None)

    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["violated"] == []
    assert code == 0
    assert sum(figures["faults"].values()) == FAULTS
    assert set(figures["faults"]) == {kind.value for kind in Kind}
    assert figures["paid"] == figures["collected"] + figures["refunded"]
