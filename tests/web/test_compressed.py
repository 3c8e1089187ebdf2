"""Text travels packed to browsers that take it; everything else, and everybody else, gets it as it is."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.domain.roles import Role
from tests.web.staff_world import Day, day_at

TAKES = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.mark.parametrize("path", ["/static/caibox.css", "/static/vendor/htmx.min.js", "/api/v1/products"])
def test_what_is_packed_says_the_same(day: Day, path: str) -> None:
    client = day.client()
    plain, packed = client.get(path), client.get(path, headers=TAKES)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) == int(packed.headers["Content-Length"]) < len(plain.data) / 2


def test_a_page_is_packed(day: Day) -> None:
    packed = day.client(Role.OPERATOR).get("/en/ops", headers=TAKES)
    assert b"<h1" in gzip.decompress(packed.data)


@pytest.mark.parametrize("takes", ["", "br", "gzip;q=0"])
def test_who_does_not_take_it_gets_it_plain(day: Day, takes: str) -> None:
    answer = day.client().get("/static/caibox.css", headers={"Accept-Encoding": takes})
    assert "Content-Encoding" not in answer.headers
    assert answer.data.startswith(b"/* Market")


def test_a_file_that_did_not_change_is_not_sent_again(day: Day) -> None:
    client = day.client()
    tag = client.get("/static/caibox.css", headers=TAKES).headers["ETag"]
    again = client.get("/static/caibox.css", headers={**TAKES, "If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_pictures_streams_and_small_answers_stay_as_they_are(day: Day) -> None:
    client = day.client(Role.OPERATOR)
    assert "Content-Encoding" not in client.get("/static/vendor/emoji/1f345.webp", headers=TAKES).headers
    assert "Content-Encoding" not in client.get("/api/problems/not_found", headers=TAKES).headers
    with client.get(f"/live?topic=site:{day.site_id}", headers=TAKES, buffered=False) as stream:
        assert "Content-Encoding" not in stream.headers
        assert b"retry" in next(iter(stream.response))
