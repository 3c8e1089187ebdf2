"""A short replay of everything people do, with a hostile payment provider; long ones are `--everything`."""

import json
from pathlib import Path

from app.replay.run import Wanted, run_replay
from benchmarks.baskets import write_baskets

DEEDS = (
    "similar", "refund_if_short", "edit_smaller", "edit_larger", "edit_never_paid", "edit_dropped",
    "cancelled_open", "cancelled_closed", "cancelled_packed", "cancelled_ready", "ordered_again", "read_receipts",
    "claim_missing", "claim_spoiled", "claim_short_weight", "claim_refused_at_once", "claims_answered",
    "bags_by_hand", "line_weighed", "line_short", "line_replaced", "lot_chosen",
    "lots_taken_over", "recalled_orders", "movements_compared", "events", "events_refused_first",
)  # fmt: skip


def test_all_that_people_do_happens_and_nothing_is_violated_and_nothing_is_left_open(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    baskets = write_baskets(tmp_path, 80)
    wanted = Wanted(baskets=baskets, orders=48, everything=True, often=8, seed=1, hands=16, json_path=out)

    code = run_replay(wanted, say=lambda _line: None)

    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["violated"] == []
    assert code == 0
    assert [deed for deed in DEEDS if not figures["deeds"].get(deed)] == []
    assert figures["paid"] == figures["collected"] + figures["refunded"]
