"""Where a webhook may lead: its URL, read strictly, and the addresses that its host has.

A server sends requests to where somebody else says: so a URL may lead to public addresses alone,
unless the operator allows a network (``LINEAGE_WEBHOOK_ALLOW``). A name is looked up once for each
delivery, every address that it has must be open, and the connection goes to one of these.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network
    LookUp = Callable[..., Sequence[tuple[Any, ...]]]

LONGEST: Final = 2000
MOST_ADDRESSES: Final = 8
"""Addresses of a name that are looked at; one with more is refused."""

_PORTS: Final = {"https": 443, "http": 80}
_CHARACTERS: Final = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.ASCII)
r"""What a URL is written with: no space, quote, ``<``, ``>``, ``\``, ``^`` or ``{``."""
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""How the last label of a name never looks: some programs take such a host for an address."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_SPECIAL: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b:1::/48", "2001::/23", "3fff::/20"))
)
"""What is for special purposes, and counts as public for some Pythons."""


@dataclass(frozen=True)
class Target:
    """A URL in its parts, as :func:`parse` reads it; ``path`` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host, and the port where it is another than the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL without its path, which is a secret of many a receiver."""
        return f"{self.scheme}://{self.authority}" + ("/…" if self.path != "/" else "")


def parse(url: str) -> Target:
    """Read the URL of a receiver.

    Raises:
        UsageError: it is none, or one that programs read in several ways.
    """
    problem = _problem(url)
    if problem is not None:
        raise UsageError(
            f"No webhook can lead there: {problem}.",
            remedy="Give an address such as https://hooks.example.com/lineage.",
        )
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port if parts.port is not None else _PORTS[parts.scheme]
    return Target(parts.scheme, parts.hostname or "", port, path)


def networks(text: str) -> tuple[Network, ...]:
    """The networks that an operator allows, by commas.

    Raises:
        UsageError: one is none.
    """
    found = []
    for part in filter(None, (word.strip() for word in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError:
            raise UsageError(
                f"LINEAGE_WEBHOOK_ALLOW names {part[:60]!r}, which is no network.",
                remedy="Write networks by commas: 10.0.0.0/8,fd00::/8",
            ) from None
    return tuple(found)


def resolve(
    target: Target, allow: Sequence[Network], look_up: LookUp = socket.getaddrinfo
) -> tuple[str, ...]:
    """The addresses to connect to, every one of which is open.

    Args:
        target: where to.
        allow: networks that are open besides public addresses.
        look_up: what finds the addresses of a name.

    Raises:
        UsageError: the host has no address, or one that is not open.
    """
    try:
        rows = look_up(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UsageError(
            f"{target.host} has no address here.",
            remedy="Check the name, and whether the server can look it up.",
        ) from None
    found = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
    if not 0 < len(found) <= MOST_ADDRESSES:
        raise UsageError(
            f"{target.host} has {len(found)} addresses.", remedy="Name one of a few addresses."
        )
    for text in found:
        problem = closed(target, text, allow)
        if problem is not None:
            raise UsageError(
                f"No webhook may lead to {target.host}: {problem}.",
                remedy="Let the server's operator allow its network: LINEAGE_WEBHOOK_ALLOW.",
            )
    return found


def closed(target: Target, text: str, allow: Sequence[Network]) -> str | None:
    """Why no message goes to an address; None where it may."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return f"{text[:60]!r} is no address"
    seen = [address, *_within(address)]
    if any(one in network for one in seen for network in allow if one.version == network.version):
        return None
    if not all(map(_is_public, seen)):
        return f"{address} is not a public address"
    if target.scheme != "https":
        return "to public addresses messages go by https alone"
    if target.port != _PORTS["https"] and target.port < 1024:
        return f"port {target.port} of a public address is another service's"
    return None


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if next(iter(_within(address)), None) is not None:
            return True  # what is within it decides
        if address.is_site_local or address.scope_id:
            return False
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _within(address: Address) -> Sequence[Address]:
    """The IPv4 addresses that an IPv6 one may lead to."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64 or address in _COMPATIBLE:
        return (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF),)
    return ()


def _problem(url: str) -> str | None:
    if len(url) > LONGEST or _CHARACTERS.fullmatch(url.lower()) is None:
        return "it is no URL in plain ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "its host or port cannot be read"
    if parts.scheme not in _PORTS or not url[len(parts.scheme) :].startswith("://"):
        return "it does not begin with https://"
    if "@" in parts.netloc:
        return "it holds a user or a password"
    if "#" in url:
        return "it has a fragment"
    if port == 0 or parts.netloc.endswith(":"):
        return "its port is none"
    return _host_problem(host, bracketed=parts.netloc.startswith("["))


def _host_problem(host: str, *, bracketed: bool) -> str | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        if bracketed or len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
            return "its host is no name"
        return "its host is a number, and no name" if _NUMBER.fullmatch(labels[-1]) else None
    if bracketed != (address.version == 6) or "%" in host:
        return "its host is no address"
    return None
