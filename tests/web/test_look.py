"""The look keeps its promises: contrast, sizes in bytes, nothing inline, nothing from elsewhere."""

import gzip
import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "app/web"
CSS = (WEB / "static/caibox.css").read_text(encoding="utf-8")
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))

# Text on each ground it stands on, 4.5 : 1; lines and focus 3 : 1 (WCAG 2.2, 1.4.3 and 1.4.11).
HUES = ("leaf", "persimmon", "frost", "amber", "tomato", "stone")
TEXT = [
    *((ink, ground) for ink in ("ink", "ink2", *HUES) for ground in ("paper", "card")),
    *((hue, f"{hue}-soft") for hue in HUES),
    *(("ink", f"{hue}-soft") for hue in HUES),
    ("on-leaf", "leaf"),
    ("on-tomato", "tomato"),
    ("on-night", "night"),
    *(("ink2", f"enamel-{zone}") for zone in ("frozen", "chilled", "cool", "ambient")),
]
# The words of a driver's loop are read at arm's length, in the sun: 7 : 1 on their own ground.
LOOP = [("ink", f"{hue}-soft") for hue in ("leaf", "persimmon", "frost", "amber", "tomato")]
STAFF_CSS = (WEB / "static/staff.css").read_text(encoding="utf-8")
LINES = [(line, ground) for line in ("line", "focus") for ground in ("paper", "card")]


def tokens(dark: bool) -> dict[str, str]:
    light, _, rest = CSS.partition("@media screen and (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", light.partition(":root")[2]))
    if dark:
        found |= dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", rest.partition("/* ---")[0]))
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_on_what_they_stand_on(dark: bool) -> None:
    found = tokens(dark)
    weak = {(a, b): contrast(found[a], found[b]) for a, b in TEXT if contrast(found[a], found[b]) < 4.5}
    assert weak == {}


@pytest.mark.parametrize("dark", [False, True])
def test_lines_and_the_focus_can_be_seen(dark: bool) -> None:
    found = tokens(dark)
    weak = {(a, b): contrast(found[a], found[b]) for a, b in LINES if contrast(found[a], found[b]) < 3}
    assert weak == {}


@pytest.mark.parametrize("dark", [False, True])
def test_the_words_of_a_drivers_loop_can_be_read_in_the_sun(dark: bool) -> None:
    found = tokens(dark)
    assert {(a, b): contrast(found[a], found[b]) for a, b in LOOP if contrast(found[a], found[b]) < 7} == {}
    assert not re.search(r"^\.word\.\w+ \.word-(?:big|door)[^{]*\{ color", STAFF_CSS, re.MULTILINE), "words stay in ink"


def test_dark_changes_every_colour_and_no_other_token() -> None:
    light, dark = tokens(dark=False), tokens(dark=True)
    assert light.keys() == dark.keys()
    same = {name for name in light if light[name] == dark[name]}
    assert same == set()


def test_larger_text_is_large() -> None:
    """18 pt are 24 px; nothing on a page is smaller, lines are 1.3 and more, fingers have 60 px (MIIT's rules)."""
    large = CSS.partition("html.large {")[2].partition("}")[0]
    assert 16 * float(re.findall(r"font-size: ([\d.]+)%", large)[0]) / 100 >= 24
    sizes = dict(re.findall(r"--(small|t[1-6]): ([\d.]+)rem", large))
    assert sizes.keys() >= {"small", "t2", "t3", "t4", "t5", "t6"}
    assert all(float(size) >= 1 for size in sizes.values())
    assert re.findall(r"--(target|press): (\d+)px", large) == [("target", "60"), ("press", "60")]


def test_nothing_moves_for_long_and_nothing_for_whom_it_hurts() -> None:
    for sheet in (CSS, STAFF_CSS):
        calm = re.sub(r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}", "", sheet, flags=re.DOTALL)
        assert not re.search(r"transition:|animation:", calm)
        assert all(int(ms) <= 200 for ms in re.findall(r"(\d+)ms", sheet))
        assert "infinite" not in sheet


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.stem)
def test_a_template_has_nothing_inline_and_nothing_from_elsewhere(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\bsrc=)|javascript:", text)
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)


def test_own_style_and_scripts_are_small() -> None:
    assert len(gzip.compress(CSS.encode())) <= 15_000
    page = [WEB / "static" / name for name in ("vendor/htmx.min.js", "live.js", "page.js")]
    assert sum(len(gzip.compress(file.read_bytes())) for file in page) <= 30_000


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.stem)
def test_a_script_makes_no_code_of_text(script: Path) -> None:
    assert not re.search(r"\beval\(|new Function\(|innerHTML\s*=", script.read_text(encoding="utf-8"))
