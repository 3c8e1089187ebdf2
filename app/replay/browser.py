"""One person's browser: pages, their forms as a browser would send them, and a cookie jar of its own.

What has no answer is asked again, as by `client.py`. Decides nothing about what a page means.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

import aiohttp

from app.replay.client import BROKEN, LONGEST_SAID, SIX_DIGITS, Client, Refused
from app.replay.patience import tries

MOST_REDIRECTS = 5
CSRF = "csrf_token"
Photo = tuple[str, bytes]
ALERT = re.compile(r'(?:class="summary"|role="alert").*?>(.*?)</(?:div|section|p)>', re.DOTALL)
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@dataclass(slots=True)
class Form:
    """A form as it stands on a page: where it goes, what it would send, and its buttons by name and value."""

    action: str
    name: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser shows. `url` is where it ended after redirects."""

    url: str
    status: int
    html: str

    @property
    def refused(self) -> bool:
        """Whether it says no."""
        return self.status >= 400

    @property
    def forms(self) -> list[Form]:
        """Every form on it."""
        reader = _Forms()
        reader.feed(self.html)
        return list(reader.forms)

    def form(self, action_part: str) -> Form | None:
        """The first form whose address holds this."""
        return next((form for form in self.forms if action_part in form.action), None)

    def says(self) -> str:
        """What it says in an alert, or its title."""
        found = ALERT.search(self.html) or TITLE.search(self.html)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group(1))).split())[:160] if found else ""


@dataclass(slots=True)
class Browser:
    """A browser; `person` is whoever sits before it, for the address and what is counted of unanswered requests."""

    person: Client
    cookies: dict[str, str] = field(default_factory=dict)

    def tab(self) -> "Browser":
        """Another one signed in alike, so that two things at once do not overwrite each other's cookies."""
        return Browser(self.person, dict(self.cookies))

    async def open(self, path: str) -> Page:
        """Open a page."""
        return await self._follow("GET", path, None)

    async def send(
        self,
        page: Page,
        form: Form,
        fields: Mapping[str, str] | None = None,
        photo: Photo | None = None,
        *,
        action: str = "",
    ) -> Page:
        """Press a button of a form; `fields` are typed in or chosen, `action` is the button's own address."""
        filled = {**form.fields, **(fields or {})}
        target = urljoin(page.url, action or form.action or page.url)
        return await self._follow("POST", target, (filled, photo))

    async def _follow(self, method: str, path: str, body: tuple[dict[str, str], Photo | None] | None) -> Page:
        url = urljoin(self.person.base, path)
        for _ in range(MOST_REDIRECTS):
            page, location = await self._once(method, url, body)
            if not location:
                return page
            method, body, url = "GET", None, urljoin(url, location)
        raise Refused(page.status, "redirects", f"{path} leads around in circles")

    async def _once(self, method: str, url: str, body: tuple[dict[str, str], Photo | None] | None) -> tuple[Page, str]:
        silence = self.person.silence
        async for _ in tries(f"an answer to {method} {urlsplit(url).path}"):
            try:
                async with self.person.http.request(
                    method, url, data=_encoded(body), headers=self._headers(), allow_redirects=False
                ) as answer:
                    said = await answer.text()
                    self.cookies.update({name: morsel.value for name, morsel in answer.cookies.items()})
            except (aiohttp.ClientError, TimeoutError, OSError):
                silence.unanswered += 1
                continue
            if answer.status < BROKEN:
                location = answer.headers.get("Location", "") if answer.status in (302, 303) else ""
                return Page(url, answer.status, said), location
            silence.broke(method, urlsplit(url).path, answer.status, said[:LONGEST_SAID])
        raise AssertionError("tries end with an exception")

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}


def needed_form(page: Page, action_part: str) -> Form:
    """The form whose address holds this. Raises Refused for a page without it."""
    found = page.form(action_part)
    if found is None:
        raise Refused(page.status, "no_form", f"{urlsplit(page.url).path} has no form for {action_part}: {page.says()}")
    return found


async def sign_in_browser(nobody: Client, contact: str) -> Browser:
    """Sign somebody in on the pages, with the code that the demo's inbox shows."""
    async for attempt in tries(f"{contact} signed in on the pages"):
        browser = Browser(nobody)
        page = await browser.open("en/sign-in")
        page = await browser.send(page, needed_form(page, "/sign-in"), {"contact": contact})
        messages = (await nobody.get(f"/api/v1/demo/messages?contact={quote(contact)}"))["items"]
        code = next((found[0] for message in messages if (found := SIX_DIGITS.search(message["body"]))), "")
        page = await browser.send(page, needed_form(page, "/sign-in/code"), {"code": code})
        if not page.refused:
            return browser
        if attempt == 2:
            raise Refused(page.status, "sign_in", page.says())
    raise AssertionError("tries end with an exception")


def _encoded(body: tuple[dict[str, str], Photo | None] | None) -> aiohttp.FormData | None:
    """Made anew for each try: a form that was sent cannot be sent again."""
    if body is None:
        return None
    fields, photo = body
    data = aiohttp.FormData()
    for name, value in fields.items():
        data.add_field(name, value)
    if photo is not None:
        data.add_field(photo[0], photo[1], filename="photo.jpg", content_type="image/jpeg")
    return data


class _Forms(HTMLParser):
    """Forms with what they would send, fields and buttons that stand elsewhere and name their form included."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""
        self._textarea: tuple[Form, str] | None = None
        self._later: list[tuple[str, str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._open = Form(found.get("action") or "", found.get("id") or "")
            self.forms.append(self._open)
            for name, later, its in [each for each in self._later if each[0] == self._open.name]:
                self._take(self._open, later, its)
                self._later.remove((name, later, its))
        form = self._form_of(found)
        if form is not None:
            self._take(form, tag, found)
        elif found.get("form"):
            self._later.append((str(found["form"]), tag, found))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "textarea":
            self._textarea = None
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            form, name = self._textarea
            form.fields[name] = form.fields.get(name, "") + data

    def _form_of(self, found: dict[str, str | None]) -> Form | None:
        if found.get("form"):
            return next((form for form in self.forms if form.name == found["form"]), None)
        return self._open

    def _take(self, form: Form, tag: str, found: dict[str, str | None]) -> None:
        name, value = found.get("name") or "", found.get("value") or ""
        if tag == "button" and "disabled" not in found and name:
            form.buttons.append((name, value))
        elif tag == "select":
            self._select = name
        elif tag == "textarea" and name:
            form.fields[name], self._textarea = "", (form, name)
        elif tag == "option" and self._select and ("selected" in found or self._select not in form.fields):
            form.fields[self._select] = value
        elif tag == "input" and name and "disabled" not in found:
            kind = found.get("type") or "text"
            if kind not in {"radio", "checkbox", "file"} or ("checked" in found and kind != "file"):
                form.fields[name] = value or ("on" if kind == "checkbox" else "")
