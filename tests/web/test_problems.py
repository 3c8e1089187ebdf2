"""Whatever goes wrong gets an answer: the right status, a sentence in the page's language, nothing half done."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import OperationalError

from app.db import tables as t
from app.domain.basket import WindowFull
from app.domain.roles import Role
from app.payments.provider import Unavailable
from app.web.access import serves_everybody
from app.web.parts import write
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def raising(day: Day, path: str, error: Exception) -> None:
    def view() -> str:
        with write() as conn:
            conn.execute(insert(t.category).values(id="half done", position=99, name_zh="x", name_en="x"))
            raise error

    day.app.add_url_rule(path, path.replace(".", ""), serves_everybody()(view))


def test_an_address_that_leads_nowhere_says_so_in_its_language(day: Day) -> None:
    english, chinese = day.client().get("/en/nothing"), day.client().get("/zh-hans/nothing")
    assert (english.status_code, chinese.status_code) == (404, 404)
    assert "There is nothing at this address" in english.text
    assert "这里没有内容" in chinese.text


def test_a_picture_that_is_not_there_begins_no_session(day: Day) -> None:
    """Asked for beside the first page, its answer's cookie would end that page's session and all its forms."""
    answer = day.client().get("/en/nothing.png", headers={"Sec-Fetch-Dest": "image"})
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" in day.client().get("/en/nothing", headers={"Sec-Fetch-Dest": "document"}).headers


def test_the_picture_browsers_ask_for_by_themselves_is_there(day: Day) -> None:
    answer = day.client().get("/favicon.ico")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert "Set-Cookie" not in answer.headers


def test_a_language_we_do_not_speak_is_not_found(day: Day) -> None:
    assert day.client().get("/fr/shop").status_code == 404


def test_the_api_answers_with_a_problem_of_a_stable_code(day: Day) -> None:
    answer = day.client().get("/api/nothing", headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert answer.json == {
        "type": "/api/problems/not_found",
        "title": "Not found",
        "status": 404,
        "code": "not_found",
        "detail": "There is nothing at this address, or it is not yours to see.",
    }


def test_a_refusal_keeps_its_facts_and_its_status(day: Day) -> None:
    raising(day, "/api/full", WindowFull(window=7))
    answer = day.client().get("/api/full")
    assert answer.status_code == 409
    assert (answer.json["code"], answer.json["window"]) == ("window_full", 7)


def test_htmx_gets_a_line_for_the_status_region(day: Day) -> None:
    answer = day.client().get("/en/nothing", headers={"HX-Request": "true"})
    assert answer.headers["HX-Retarget"] == "#status"
    assert "<html" not in answer.text


def test_the_wrong_method_says_which_are_right(day: Day) -> None:
    answer = day.client().post("/en/shop")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_huge_body_is_refused(day: Day) -> None:
    answer = day.client().post("/en/sign-in", data={"contact": "x" * 400_000})
    assert answer.status_code == 413
    assert "too much at once" in answer.text


@pytest.mark.parametrize("body", [b"contact=%ff%fe", b"contact=a%00b"])
def test_text_that_is_no_text_is_refused(day: Day, body: bytes) -> None:
    answer = day.client().post("/en/sign-in", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


def test_a_multipart_field_that_is_no_text_is_refused(day: Day) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="contact"\r\n\r\n\xff\r\n--x--\r\n'
    answer = day.client().post("/en/sign-in", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/en/shop?q=%ff", "/en/shop?q=a%00b", "/en/products/%00", "/en/orders/%ff"])
def test_an_address_that_is_no_text_is_refused(day: Day, path: str) -> None:
    assert day.client(Role.RESIDENT).get(path).status_code == 400


def test_a_bug_answers_with_a_reference_that_the_log_knows(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    raising(day, "/en/boom", RuntimeError("nobody expected this"))
    answer = day.client().get("/en/boom")
    reference = answer.text.partition("Ref ")[2][:6]
    assert answer.status_code == 500
    assert reference.startswith("E-")
    assert "nobody expected" not in answer.text
    logged = capsys.readouterr().out
    assert reference in logged
    assert "nobody expected this" in logged


def test_a_bug_undoes_what_was_begun(day: Day) -> None:
    raising(day, "/en/boom", RuntimeError("half way"))
    day.client().get("/en/boom")
    with day.engine.connect() as conn:
        assert conn.execute(select(t.category).where(t.category.c.id == "half done")).all() == []


def test_what_we_depend_on_may_fail_politely(day: Day) -> None:
    raising(day, "/en/out", Unavailable("no answer", permanent=False))
    answer = day.client().get("/en/out")
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.text


def test_a_form_without_its_token_changes_nothing(day: Day) -> None:
    day.app.config["WTF_CSRF_ENABLED"] = True
    answer = day.client().post("/en/sites", data={"site_id": day.site_id})
    assert answer.status_code == 400


def header(answer: Any, name: str) -> str:
    return str(answer.headers[name])


def test_every_page_says_what_it_may_load_and_that_nobody_keeps_it(day: Day) -> None:
    answer = day.client().get("/en/sites")
    policy = header(answer, "Content-Security-Policy")
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert header(answer, "X-Content-Type-Options") == "nosniff"
    assert header(answer, "Referrer-Policy") == "same-origin"
    assert header(answer, "Cache-Control") == "no-store"


def test_a_file_of_ours_may_be_kept_when_its_address_names_its_version(day: Day) -> None:
    with day.client().get("/static/caibox.css") as plain, day.client().get("/static/caibox.css?v=1") as versioned:
        assert "immutable" not in header(plain, "Cache-Control")
        assert "immutable" in header(versioned, "Cache-Control")


def test_a_database_that_went_away_is_said_so_and_the_request_may_be_sent_again(day: Day) -> None:
    gone = OperationalError("SELECT 1", {}, psycopg.OperationalError("the connection was refused"))
    raising(day, "/api/gone", gone)
    raising(day, "/en/gone", gone)
    answer = day.client().get("/api/gone")
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")
    assert "does not answer. Nothing is lost" in day.client().get("/en/gone").text
