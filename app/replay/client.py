"""One person's hands on the HTTP API. People who get no answer ask again; what they ask may be asked twice.

Raises `Refused` for every answer that is no success, and NeverHappened when nothing answered for long.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urljoin

import aiohttp

from app.replay.patience import tries

# Whatever a JSON document may hold; the service checks what goes in, and these are the hands of a test.
Json = Any

SIX_DIGITS = re.compile(r"(?<!\d)\d{6}(?!\d)")
BROKEN, AWAY = 500, 503
LONGEST_SAID = 300
AT_ONCE = 500


class Refused(Exception):
    """The service or the locker said no; `code` is the problem's, `facts` what stands beside it."""

    def __init__(self, status: int, code: str, detail: str, facts: Mapping[str, Json] | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.facts = status, code, facts or {}


@dataclass(slots=True)
class Silence:
    """How often nothing answered, and every answer that was our own fault."""

    unanswered: int = 0
    broken: list[str] = field(default_factory=list)
    provider_fails: bool = False
    provider_away: int = 0

    def broke(self, method: str, path: str, status: int, said: str) -> None:
        """Note an answer of 500 and more. Where the payment provider fails on purpose, that it is away is no fault."""
        if self.provider_fails and status == AWAY and "/payment" in path and '"unavailable"' in said:
            self.provider_away += 1
        else:
            self.broken.append(f"{method} {path}: {status} {said}")


@dataclass(frozen=True, slots=True)
class Client:
    """A signed-in person, or nobody in particular with an empty token."""

    http: aiohttp.ClientSession
    base: str
    token: str = ""
    silence: Silence = field(default_factory=Silence)

    def with_token(self, token: str) -> "Client":
        """The same address as somebody."""
        return Client(self.http, self.base, token, self.silence)

    async def get(self, path: str) -> Json:
        """Ask for a resource."""
        return await self._send("GET", path, None, {})

    async def all(self, path: str) -> list[Json]:
        """Ask for a list, part after part."""
        found, part = [], await self.get(f"{path}?limit={AT_ONCE}")
        found.extend(part["items"])
        while part["next"] is not None:
            part = await self.get(f"{path}?limit={AT_ONCE}&cursor={part['next']}")
            found.extend(part["items"])
        return found

    async def post(self, path: str, body: object = None, **headers: str) -> Json:
        """Send a request; header names with `_` for `-`. Without an answer the same request is sent again."""
        return await self._send("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    async def delete(self, path: str) -> Json:
        """End a resource."""
        return await self._send("DELETE", path, None, {})

    async def _send(self, method: str, path: str, body: object, headers: dict[str, str]) -> Json:
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async for _ in tries(f"an answer to {method} {path}"):
            try:
                async with self.http.request(method, urljoin(self.base, path), json=body, headers=headers) as answer:
                    status, said = answer.status, await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError):
                self.silence.unanswered += 1
                continue
            if status < BROKEN:
                return _read(status, said)
            self.silence.broke(method, path, status, said[:LONGEST_SAID].decode(errors="replace"))
        raise AssertionError("tries end with an exception")


def _read(status: int, body: bytes) -> Json:
    try:
        found = json.loads(body) if body else None
    except ValueError:
        found = {"detail": body[:200].decode(errors="replace")}
    if status >= 400:
        problem = found or {}
        raise Refused(status, problem.get("code", "none"), str(problem.get("detail", problem)), problem)
    return found


async def sign_in(nobody: Client, contact: str) -> Client:
    """Sign somebody in with the code that the demo's inbox shows."""
    async for attempt in tries(f"{contact} signed in"):
        asked = await nobody.post("/api/v1/sign-in-codes", {"contact": contact})
        messages = (await nobody.get(f"/api/v1/demo/messages?contact={quote(contact)}"))["items"]
        code = next((found[0] for message in messages if (found := SIX_DIGITS.search(message["body"]))), None)
        try:
            session = await nobody.post(
                "/api/v1/sessions", {"request_id": asked["request_id"], "code": code or "000000"}
            )
        except Refused:  # the newest message was another try's, whose answer was lost
            if attempt == 2:
                raise
            continue
        return nobody.with_token(session["token"])
    raise AssertionError("tries end with an exception")


async def decide_payment(person: Client, pay_url: str, *, paid: bool) -> None:
    """Press a button on the sandbox provider's page. One that was pressed before changes nothing."""
    async for _ in tries("the payment page answers"):
        try:
            if await _press(person, pay_url, "pay" if paid else "decline") < BROKEN:
                return
        except (aiohttp.ClientError, TimeoutError, OSError):
            person.silence.unanswered += 1


async def _press(person: Client, pay_url: str, decision: str) -> int:
    # A browser of its own keeps the form's cookie; the host is a bare IP address.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=person.http.connector, connector_owner=False) as browser:
        async with browser.get(pay_url) as page:
            if page.status >= BROKEN:
                return page.status
            form = _PayForm()
            form.feed(await page.text())
        if not form.fields:
            return page.status  # it was decided before
        fields = {**form.fields, "decision": decision}
        async with browser.post(urljoin(pay_url, form.action), data=fields, allow_redirects=False) as answer:
            if 400 <= answer.status < BROKEN:
                raise Refused(answer.status, "payment_page", (await answer.text())[:200])
            return answer.status


class _PayForm(HTMLParser):
    """The form of the provider's page with its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form" and "data-once" in found:
            self._inside, self.action = True, found.get("action") or ""
        elif self._inside and tag == "input" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
