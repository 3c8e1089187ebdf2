"""Documents that are drawn from code are current."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_state_diagrams_are_drawn_from_todays_tables() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "draw_states.py"))
    assert (ROOT / "docs" / "states.md").read_text() == script["draw"]()
