"""What holds on every page there is, seen in Chromium by the person it is for, with a furnished database behind it.

The pages come from the application's own map: a new one is measured as soon as its address can be made, and until then
this census fails. All are visited once in each language; each test then reads one kind of fault.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine, text

from app.db.tables import metadata
from tests.web.every_page import LANGUAGES, Faults, Seat, Surveyor, is_page, seats
from tests.web.every_page_world import Furnished, furnished
from tests.web.pseudo_locale import longer_english
from tests.web.served import served

pytestmark = pytest.mark.timeout(1200)  # all pages are visited for the first test that asks
ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "build/every_page.json"  # all of them, for whoever puts them right


@pytest.fixture(scope="module")
def world(db_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    with db_engine.begin() as conn:
        conn.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    with furnished(db_engine, tmp_path_factory.mktemp("every")) as made:
        yield made


@pytest.fixture(scope="module")
def pages(world: Furnished) -> list[Seat]:
    return seats(world)


@pytest.fixture(scope="module")
def faults(world: Furnished, pages: list[Seat], browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Faults:
    with served(world.day.app, browser) as address:
        surveyor = Surveyor(browser, world.day, address)
        try:
            for language in LANGUAGES:
                surveyor.survey(pages, language=language, names=world.names)
            with longer_english(world.day.app, tmp_path_factory.mktemp("longer")):
                surveyor.see_longer_words(pages)
        finally:
            LIST.write_text(json.dumps(surveyor.faults, ensure_ascii=False, indent=1), encoding="utf-8")
        surveyor.close()
    return surveyor.faults


def of(faults: Faults, what: str) -> dict[str, list[str]]:
    """On which pages there are such faults; a kind nobody looked for is a mistake of the test."""
    assert what in faults
    return {page: found for page, found in faults[what].items() if found}


def test_every_page_of_the_map_is_visited(world: Furnished, pages: list[Seat]) -> None:
    missing = [
        rule.endpoint
        for rule in world.day.app.url_map.iter_rules()
        if is_page(rule) and rule.endpoint not in {seat.endpoint for seat in pages}
    ]
    assert missing == []
    assert len(pages) > 60


def test_every_page_opens_for_the_person_it_is_for(faults: Faults) -> None:
    assert {path: found for path, found in faults["opening"].items() if found} == {}


@pytest.mark.parametrize("look", ["light", "dark", "large letters"])
def test_axe_finds_nothing_on_any_page(faults: Faults, look: str) -> None:
    assert of(faults, f"axe, {look}") == {}


@pytest.mark.parametrize("where", ["320 px", "390 px", "1280 px", "large letters at 320 px"])
def test_no_page_is_wider_than_its_window_or_cuts_words_off(faults: Faults, where: str) -> None:
    assert of(faults, where) == {}


def test_a_language_of_longer_words_still_fits_a_phone(faults: Faults) -> None:
    assert of(faults, "longer words") == {}


def test_letters_of_twice_their_size_still_fit(faults: Faults) -> None:
    assert of(faults, "letters of 200 %") == {}


def test_wide_spacing_between_letters_and_lines_still_fits(faults: Faults) -> None:
    assert of(faults, "wide spacing") == {}


def test_everything_one_touches_is_large_enough(faults: Faults) -> None:
    assert of(faults, "small for a thumb") == {}


def test_with_large_letters_it_is_larger_still(faults: Faults) -> None:
    assert of(faults, "small for a large thumb") == {}


def test_the_focus_has_a_ring_and_is_never_behind_a_bar(faults: Faults) -> None:
    assert of(faults, "focus") == {}


def test_every_page_has_a_title_a_language_and_one_main_heading(faults: Faults) -> None:
    assert of(faults, "frame") == {}


def test_words_of_the_other_language_say_so(faults: Faults) -> None:
    assert of(faults, "foreign words") == {}


def test_no_page_asks_anybody_else_for_anything(faults: Faults) -> None:
    assert {path: found for path, found in faults["elsewhere"].items() if found} == {}


def test_no_page_breaks_its_policy_or_has_an_error_in_its_scripts(faults: Faults) -> None:
    assert {path: found for path, found in faults["console"].items() if found} == {}
