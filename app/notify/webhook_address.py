"""To which addresses messages of ours may go: public ones, by https, as resolved once. Nothing inside our own network.

Whoever may register an address could otherwise let our worker ask machines that only our network reaches. A name is
resolved once a try, every address it has must be public, and the connection goes to what was resolved, so a name that
changes in between changes nothing. A demo may allow its own machine.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from app.domain.webhook_event import WebhookAddressRefused

LONGEST_URL = 500
# Public by the registry, yet they lead to any IPv4 address inside: NAT64, 6to4 (RFC 6052, RFC 3056).
TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("2002::/16"))
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Place:
    """A checked address: where to connect."""

    host: str
    port: int


def check_url(url: str, *, inside_allowed: bool) -> Place:
    """Check how an address is written, without asking anybody. Raises WebhookAddressRefused.

    `inside_allowed`: plain http and our own network will do, as in a demo.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        host.encode("idna")
    except ValueError:
        raise WebhookAddressRefused from None
    plain = all(" " < character < "\x7f" for character in url) and len(url) <= LONGEST_URL
    wrong = not host or not port or "@" in parts.netloc or bool(parts.fragment) or "\\" in url
    if not plain or wrong or parts.scheme not in (PORTS if inside_allowed else {"https"}):
        raise WebhookAddressRefused
    if not inside_allowed and _literal(host) is not None and not is_public(host):
        raise WebhookAddressRefused
    return Place(host, port)


def resolve(place: Place, *, inside_allowed: bool) -> Sequence[str]:
    """Ask once where a host is. Raises WebhookAddressRefused unless each of its addresses is public."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WebhookAddressRefused from None
    addresses = list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
    if not addresses or not (inside_allowed or all(is_public(each) for each in addresses)):
        raise WebhookAddressRefused
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    found = _literal(address)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    if found is None or any(found in network for network in TRANSLATED):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
