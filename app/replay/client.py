"""One person's hands on the HTTP API and on the virtual lockers.

Raises `Refused` for every answer that is no success.
"""

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import aiohttp

# Whatever a JSON document may hold; the service checks what goes in, and these are the hands of a test.
Json = Any

SIX_DIGITS = re.compile(r"(?<!\d)\d{6}(?!\d)")


class Refused(Exception):
    """The service or the locker said no; `code` is the problem's."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Client:
    """A signed-in person, or nobody in particular with an empty token."""

    http: aiohttp.ClientSession
    base: str
    token: str = ""

    async def get(self, path: str) -> Json:
        """Ask for a resource."""
        return await self._send("GET", path, None, {})

    async def post(self, path: str, body: object = None, **headers: str) -> Json:
        """Send a request; header names with `_` for `-`."""
        return await self._send("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    async def _send(self, method: str, path: str, body: object, headers: dict[str, str]) -> Json:
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async with self.http.request(method, urljoin(self.base, path), json=body, headers=headers) as answer:
            return _read(answer.status, await answer.read())


def _read(status: int, body: bytes) -> Json:
    try:
        found = json.loads(body) if body else None
    except ValueError:
        found = {"detail": body[:200].decode(errors="replace")}
    if status >= 400:
        problem = found or {}
        raise Refused(status, problem.get("code", "none"), str(problem.get("detail", problem)))
    return found


async def sign_in(nobody: Client, contact: str) -> Client:
    """Sign somebody in with the code that the demo's inbox shows."""
    asked = await nobody.post("/api/sign-in-codes", {"contact": contact})
    messages = await nobody.get(f"/api/demo/messages?contact={contact}")
    code = next(found[0] for message in messages if (found := SIX_DIGITS.search(message["body"])))
    session = await nobody.post("/api/sessions", {"request_id": asked["request_id"], "code": code})
    return Client(nobody.http, nobody.base, session["token"])


async def pay(person: Client, order_id: str) -> None:
    """Start the payment and press the button on the sandbox provider's page."""
    started = await person.post(f"/api/orders/{order_id}/payment")
    url = started["pay_url"]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:  # the host is a bare IP
        async with browser.get(url) as page:
            form = _PayForm()
            form.feed(await page.text())
        async with browser.post(urljoin(url, form.action), data=form.fields, allow_redirects=False) as answer:
            if answer.status >= 400:
                raise Refused(answer.status, "payment_page", (await answer.text())[:200])


class _PayForm(HTMLParser):
    """The first form of the provider's page, with its hidden fields and its first button."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._seen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._seen += 1
            if self._seen == 1:
                self.action = found.get("action") or ""
        if self._seen == 1 and tag in ("input", "button") and found.get("name"):
            self.fields.setdefault(str(found["name"]), found.get("value") or "")
