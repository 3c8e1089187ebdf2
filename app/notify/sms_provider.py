"""A provider of text messages as a file describes it: what is asked of it by HTTP, and which answer means yes.

So a provider is a matter of settings, not of code (docs/notices.md has examples). Reads and checks the description, and
fills its gaps; never talks to anybody.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import msgspec
import phonenumbers

from app.notify.channel import Message
from app.notify.segments import cut_to, spelt_plainly
from app.notify.texts import NoticeKind
from app.settings import SettingsError

GAP = re.compile(r"\{(\w+)\}")
GAPS = frozenset({"contact", "national", "country", "text", "id", "template", "params", "values", "secret"})
LANGUAGES = frozenset({"zh", "en"})
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class Success(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which answer means yes: its status, and a field of its JSON (`a.b.0` goes in), where that says it.

    `final`: values of that field after which trying again is of no use.
    """

    status: list[int] = msgspec.field(default_factory=lambda: [200])
    field: str = ""
    equals: list[str] = []
    final: list[str] = []


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template that the provider approved: its id there, and which facts it takes, in its order."""

    id: str
    params: list[str] = []


class SmsProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The description. Times in seconds; `signature_header` gets the HMAC-SHA256 of the body by the secret, in hex."""

    url: str
    success: Success
    method: Literal["POST", "PUT", "GET"] = "POST"
    format: Literal["json", "form"] = "json"
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    signature_header: str = ""
    timeout_s: float = 10.0
    most_segments: int = 6
    templates: dict[str, dict[str, Template]] = {}


class NoTemplate(Exception):
    """The provider takes only templates, and for this notice it has none."""


def read_sms_provider(text: str) -> SmsProvider:
    """Read a description in TOML. Raises SettingsError with a sentence."""
    try:
        provider = msgspec.toml.decode(text, type=SmsProvider)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"The text message provider's file cannot be read: {error}.") from error
    address = urlsplit(provider.url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in LOCAL):
        raise SettingsError("The text message provider's url must begin with https://.")
    gaps = {gap for one in _texts([provider.url, provider.headers, provider.body]) for gap in GAP.findall(one)}
    if unknown := gaps - GAPS:
        raise SettingsError(f"The text message provider's file has an unknown gap: {{{min(unknown)}}}.")
    if not gaps & {"contact", "national"} or not gaps & {"text", "template"}:
        raise SettingsError("The text message provider's file must say to whom and what: {contact} and {text}, say.")
    if "template" in gaps:
        _refuse_missing_templates(provider)
    return provider


def _refuse_missing_templates(provider: SmsProvider) -> None:
    for language in sorted(LANGUAGES):
        known = set(provider.templates.get(language, {}))
        if missing := {kind.value for kind in NoticeKind} - known:
            raise SettingsError(f"The text message provider's file has no {language} template for {min(missing)}.")


def gaps_of(provider: SmsProvider, message: Message, *, secret: str) -> dict[str, Any]:
    """What fills the gaps for one message. Raises NoTemplate."""
    number = phonenumbers.parse(message.contact, None)
    template = provider.templates.get(message.language, {}).get(message.kind)
    if template is None and provider.templates:
        raise NoTemplate
    facts = {name: message.facts.get(name, "") for name in template.params} if template else {}
    return {
        "contact": message.contact,
        "national": str(number.national_number),
        "country": str(number.country_code),
        "text": cut_to(spelt_plainly(message.body), provider.most_segments),
        "id": message.message_id,
        "template": template.id if template else "",
        "params": json.dumps(facts, ensure_ascii=False, separators=(",", ":")),
        "values": list(facts.values()),
        "secret": secret,
    }


def filled(wanted: Any, gaps: Mapping[str, Any]) -> Any:  # noqa: ANN401  JSON
    """Fill the gaps of a text, or of all texts in a table or list. `"{values}"` alone becomes the list itself."""
    if isinstance(wanted, str):
        alone = GAP.fullmatch(wanted)
        return gaps[alone[1]] if alone else GAP.sub(lambda gap: str(gaps[gap[1]]), wanted)
    if isinstance(wanted, dict):
        return {name: filled(each, gaps) for name, each in wanted.items()}
    return [filled(each, gaps) for each in wanted] if isinstance(wanted, list) else wanted


def filled_url(url: str, gaps: Mapping[str, Any]) -> str:
    """Fill the gaps of an address; what is filled in cannot become another part of it."""
    return GAP.sub(lambda gap: quote(str(gaps[gap[1]]), safe=""), url)


def _texts(wanted: Any) -> Iterator[str]:  # noqa: ANN401  JSON
    if isinstance(wanted, str):
        yield wanted
    elif isinstance(wanted, dict):
        for each in wanted.values():
            yield from _texts(each)
    elif isinstance(wanted, list):
        for each in wanted:
            yield from _texts(each)
