"""Masks: secrets in text that is about to be shown, found by reading the text as what it is.

A password stands in a URL's userinfo or query, in libpq's ``password=…``, in a header, or in what a
library says of any of them. What cannot be read for sure is masked rather too far than too little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote

MASK: Final = "***"
_SHORTEST: Final = 6

_SHOWN: Final = frozenset(
    {
        "application_name",
        "cache",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "mode",
        "port",
        "region",
        "service",
        "sslmode",
        "target_session_attrs",
        "user",
        "versionid",
    }
)
"""Keys of a URL's query whose values are no secret; those of all others are masked."""

_NAME_MAY_BE_TOKEN: Final = ("http", "https", "webdav", "webdavs", "git")
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.\-]{1,30}:/{1,2}[^\s\"'<>`]+", re.IGNORECASE)
"""A URL; one slash is left of two where it was taken for a path."""
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.\-]{1,30})(:/{1,2})", re.IGNORECASE)
_PORT: Final = re.compile(r"\d{0,5}(?=[/?#]|$)", re.ASCII)
_CUT_OFF: Final = re.compile(rf"[^:/?#@\[]*:(?!{_PORT.pattern})", re.ASCII)
"""What opens a URL, up to its password, where what follows was cut off: no port can stand there."""
_KEYWORD: Final = re.compile(
    r"\b((?:ssl|pg)?passw(?:or)?d|passphrase|pwd|[a-z_]*token|[a-z_]*secret[a-z_]*"
    r"|[a-z_]*access_key[a-z_]*|account_?key|sig|connection_string)"
    r"(\s*=\s*|[\"']\s*[:=]\s*)('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|(?!lng_…|…)[^\s,;&\"']+)",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\blng_[A-Za-z0-9_\-]{4,}")
_SECRET_NAME: Final = re.compile(
    r"(?:.*[._-])?(?:pass(?:word|wd|phrase)|pwd|secret|credentials?"
    r"|(?:api|access|account|private|secret)[_-]?key"
    r"|(?:api|auth|access|bearer|hf|refresh|session|security)[_-]?token)|(?:.*\.)?token",
    re.IGNORECASE,
)
"""Names of parameters whose values are secrets: no ``max_tokens``, no ``eos_token``."""
_END: Final = ".,;:!)]}"
"""What ends a sentence, and not a URL in it."""


_known: set[str] = set()


def hide(secret: str | None) -> None:
    """Mask a secret in every text from now on, in whatever form it appears there.

    A plain word is left out: every sentence that holds it would be masked.
    """
    if secret and len(secret) >= _SHORTEST and not re.fullmatch("[a-z]+", secret):
        _known.update(
            {
                secret,
                quote(secret, safe="", errors="surrogatepass"),
                quote_plus(secret, errors="surrogatepass"),
                secret.encode("unicode_escape").decode("ascii"),
                repr(secret)[1:-1],
            }
        )


def masked(text: str) -> str:
    """A text without the secrets in it: of URLs, keywords, headers and tokens."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _URL.sub(_in_text, text)
    text = _KEYWORD.sub(rf"\1\2{MASK}", text)
    text = _BEARER.sub(rf"\1\2{MASK}", text)
    return _TOKEN.sub(f"lng_{MASK}", text)


def masked_value(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A parameter's value without the secrets in it: by its name, those inside it, and its texts.

    >>> masked_value("db", {"url": "https://me:hush@host/x", "api_key": "hush", "max_tokens": 5})
    {'url': 'https://me:***@host/x', 'api_key': '***', 'max_tokens': 5}
    """
    match value:
        case str():
            return MASK if _SECRET_NAME.fullmatch(name) else masked(value)
        case Mapping():
            return {key: masked_value(str(key), inner) for key, inner in value.items()}
        case list() | tuple():
            return [masked_value(name, inner) for inner in value]
        case _:
            return value


def masked_url(url: str) -> str:
    """A URL as it may be shown: without its password, and without what its query may hide."""
    start = _SCHEME.match(url)
    if start is None:
        return _KEYWORD.sub(rf"\1\2{MASK}", url)
    scheme, separator = start.groups()
    who, rest = _parted(url[start.end() :])
    if who:
        name, colon, _ = who.partition(":")
        shown = MASK if not colon and scheme.lower() in _NAME_MAY_BE_TOKEN else name
        rest = f"{shown}{f':{MASK}' if colon else ''}@{rest}"
    elif (opened := _CUT_OFF.match(rest)) is not None:
        return f"{scheme}{separator}{opened[0]}{MASK}"
    rest, hash_, fragment = rest.partition("#")
    address, mark, query = rest.partition("?")
    if mark:
        address += mark + "&".join(map(_parameter, re.split("[&;]", query)))
    return f"{scheme}{separator}{address}" + (f"#{MASK}" if hash_ and fragment else "")


def without_userinfo(url: str) -> str:
    """A URL without who opens it, as it may be recorded."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}://{_parted(rest)[1]}" if separator else url


def recorded_url(url: str) -> str:
    """A repository's URL as it may be recorded: without who opens it, and without secrets."""
    return masked_url(without_userinfo(url))


def _parted(rest: str) -> tuple[str, str]:
    """What follows ``://``: who opens it, and the rest.

    A password may hold ``/``, ``@``, ``?`` and ``#`` as they are; an ``@`` in a path or a query is
    none that ends one, as far as that can be told: of a query only by the name of its parameter.
    """
    plain = re.match(r"[^:/?#@\[]*@", rest)
    if plain is not None:
        return rest[: plain.end() - 1], rest[plain.end() :]
    named = re.match(r"[^:/?#@\[]*:", rest)
    address, _, query = rest.partition("?")
    if named is None or "@" not in rest:
        return "", rest
    if "@" not in address and _PORT.match(rest, named.end()):
        return "", rest  # host:port, and an @ in the query
    is_query = "@" in address and all(
        _is_shown(part.partition("=")[0]) for part in re.split("[&;]", query) if "@" in part
    )
    end = (address if is_query else rest).rindex("@")
    return rest[:end], rest[end + 1 :]


def _parameter(text: str) -> str:
    key, equals, value = text.partition("=")
    return text if _is_shown(key) or not value else f"{key}{equals}{MASK}"


def _is_shown(key: str) -> bool:
    return unquote(key).strip().lower() in _SHOWN


def _in_text(found: re.Match[str]) -> str:
    url = found[0].rstrip(_END)
    return masked_url(url) + found[0][len(url) :]
