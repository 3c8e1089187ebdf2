"""Documents that are drawn from code are current."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_state_diagrams_are_drawn_from_todays_tables() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "draw_states.py"))
    assert (ROOT / "docs" / "states.md").read_text() == script["draw"]()


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    name = re.compile(r"\b(?:DATABASE_URL|(?:CAIBOX|GATEWAY|SIM)_[A-Z]+(?:_[A-Z]+)*)\b")
    readers = [*ROOT.glob("*/settings.py"), ROOT / "app/demo/seed.py", ROOT / "locker_protocol/clock.py"]
    read = {found for reader in readers for found in re.findall(rf'"({name.pattern})"', reader.read_text())}
    assert set(name.findall((ROOT / "docs" / "settings.md").read_text())) == read
