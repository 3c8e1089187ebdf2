"""Text messages through whatever provider a file describes (`sms_provider`): one HTTP request a message.

A request whose fate is unknown (no answer in time) is made again by the caller with the same id; whether two messages
arrive then is the provider's to prevent. What it answers is never logged: it may repeat the number.
"""

import hashlib
import hmac
import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from app.notify.channel import Message, Unavailable
from app.notify.sms_provider import NoTemplate, SmsProvider, filled, filled_url, gaps_of

MOST_ANSWER_BYTES = 64 * 1024
# A time-out, "too early" and "too many" pass by themselves, and whoever has our account (401, 402, 403) mends it. Other
# 4xx say that this message will never be taken.
PASSING = frozenset({401, 402, 403, 408, 425, 429})
CONTENT_TYPES = {"json": "application/json; charset=utf-8", "form": "application/x-www-form-urlencoded"}


class _NoRedirects(HTTPRedirectHandler):
    """A number and a text go to the provider that was set, nowhere else."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:  # noqa: ANN401  as the standard library has it
        return None


class SmsChannel:
    """Sends through one provider."""

    keeps_text = False

    def __init__(self, provider: SmsProvider, *, secret: str) -> None:
        self._provider = provider
        self._secret = secret
        self._opener: OpenerDirector = build_opener(_NoRedirects)

    def send(self, message: Message) -> None:
        """Send one text message. Raises Unavailable; permanent when the provider will never take it."""
        if "@" in message.contact:
            raise Unavailable("text messages go to phones", permanent=True)
        try:
            request = self._request(message)
        except NoTemplate as error:
            raise Unavailable(f"no template for {message.kind}", permanent=True) from error
        status, answer = self._ask(request)
        self._judge(status, answer)

    def _request(self, message: Message) -> Request:
        provider, gaps = self._provider, gaps_of(self._provider, message, secret=self._secret)
        body = filled(provider.body, gaps)
        text = json.dumps(body, ensure_ascii=False) if provider.format == "json" else urlencode(body, doseq=True)
        content = text.encode()
        headers = {name: str(filled(value, gaps)) for name, value in provider.headers.items()}
        if provider.signature_header:
            digest = hmac.new(self._secret.encode(), content, hashlib.sha256).hexdigest()
            headers[provider.signature_header] = digest
        url = filled_url(provider.url, gaps)
        if provider.method == "GET":
            return Request(url, headers=headers)  # noqa: S310  checked when it was read
        headers = {"Content-Type": CONTENT_TYPES[provider.format], **headers}
        return Request(url, data=content, headers=headers, method=provider.method)  # noqa: S310

    def _ask(self, request: Request) -> tuple[int, bytes]:
        try:
            with self._opener.open(request, timeout=self._provider.timeout_s) as answer:
                return answer.status, answer.read(MOST_ANSWER_BYTES)
        except HTTPError as error:
            with error:
                return error.code, error.read(MOST_ANSWER_BYTES)
        except (URLError, OSError, HTTPException) as error:
            raise Unavailable(type(error).__name__, permanent=False) from error

    def _judge(self, status: int, answer: bytes) -> None:
        success = self._provider.success
        said = _field(answer, success.field) if success.field else None
        if status in success.status and (not success.field or said in success.equals):
            return
        if said is not None and said in success.final:
            raise Unavailable("the provider refused it for good", permanent=True)
        if status not in success.status:
            raise Unavailable(f"status {status}", permanent=400 <= status < 500 and status not in PASSING)
        raise Unavailable("the provider did not take it", permanent=False)


def _field(answer: bytes, path: str) -> str | None:
    """A field of a JSON answer as text; `None` where there is no such thing."""
    try:
        found = json.loads(answer)
        for part in path.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return str(found) if isinstance(found, str | int | bool) else None
