"""A page's forms are read as a browser would send them."""

from app.replay.browser import Page

HTML = """
<title>Change it</title><form action="/en/sites"><input name="csrf_token" value="a"></form>
<form id="edit" action="/en/orders/1/edit">
  <input type="hidden" name="q-milk" value="2"><input type="hidden" name="shown_minor" value="">
  <input type="radio" name="window_id" value="3"><input type="radio" name="window_id" value="4" checked>
  <input type="radio" name="window_id" value="5" checked disabled>
  <input type="checkbox" name="low" value="1"><input type="file" name="photo">
  <button name="set" value="milk:1">-</button><button name="set" value="milk:3" disabled>+</button>
  <select name="lot"><option value="A">a</option><option value="B" selected>b</option></select>
  <textarea name="words">two &amp; two</textarea>
</form>
<div role="alert"><p>That is <b>too late</b>.</p></div>
<input form="edit" name="late" value="yes"><input form="below" name="early" value="1">
<form id="below" action="/below"><input name="late" value="no"></form>
"""


def test_a_form_sends_what_is_filled_in_and_nothing_else() -> None:
    form = Page("http://here/", 200, HTML).form("/edit")
    assert form is not None
    assert form.fields == {
        "q-milk": "2", "shown_minor": "", "window_id": "4", "lot": "B", "words": "two & two", "late": "yes",
    }  # fmt: skip
    assert form.buttons == [("set", "milk:1")]


def test_a_field_that_stands_before_its_form_belongs_to_it() -> None:
    form = Page("http://here/", 200, HTML).form("/below")
    assert form is not None
    assert form.fields == {"early": "1", "late": "no"}


def test_a_refusal_is_told_in_the_pages_words() -> None:
    page = Page("http://here/", 409, HTML)
    assert page.refused
    assert page.says() == "That is too late ."
    assert Page("http://here/", 200, "<title>Fine</title>").says() == "Fine"
