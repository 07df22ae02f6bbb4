"""How a remedy reads over HTTP: each act with the request that does it, and back without it.

>>> with_requests("Validate it: «validate churn@7».")
'Validate it: «validate churn@7» (POST /v1/models/churn/versions/7/validations).'
>>> without_requests(with_requests("Validate it: «validate churn@7»."))
'Validate it: «validate churn@7».'
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from lineage.acts import spelled, split
from lineage.contract import addresses
from lineage.errors import UsageError
from lineage.identity.references import Reference

REQUESTS: Final = {
    "approve": ("POST", addresses.APPROVALS),
    "attest list": ("GET", addresses.ATTESTATIONS),
    "attest record": ("POST", addresses.ATTESTATIONS),
    "backup candidates": ("GET", addresses.CANDIDATES),
    "backup set": ("PUT", addresses.BACKUP),
    "db check": ("GET", addresses.DATABASE),
    "env apply": ("PUT", addresses.ENVIRONMENTS),
    "env create": ("POST", addresses.ENVIRONMENTS),
    "env list": ("GET", addresses.ENVIRONMENTS),
    "pipeline deploy": ("PUT", addresses.DEPLOYED_PIPELINE),
    "pipeline share": ("PUT", addresses.PIPELINE_SHARE),
    "model archive": ("POST", addresses.ARCHIVE),
    "model edit": ("PATCH", addresses.MODEL),
    "model rename": ("POST", addresses.RENAME),
    "model show": ("GET", addresses.MODEL),
    "promote": ("POST", addresses.PROMOTE),
    "register": ("POST", addresses.VERSIONS),
    "retire": ("POST", addresses.RETIRE),
    "rollback": ("POST", addresses.ROLLBACK),
    "release": ("POST", addresses.RELEASES),
    "release abort": ("POST", addresses.ABORT),
    "release finish": ("POST", addresses.FINISH),
    "serving": ("GET", addresses.SLOT),
    "show": ("GET", addresses.VERSION),
    "store add": ("POST", addresses.STORES),
    "store list": ("GET", addresses.STORES),
    "token create": ("POST", addresses.TOKENS),
    "token list": ("GET", addresses.TOKENS),
    "validate": ("POST", addresses.VALIDATIONS),
    "versions": ("GET", addresses.VERSIONS),
    "webhook add": ("POST", addresses.WEBHOOKS),
    "webhook list": ("GET", addresses.WEBHOOKS),
}
"""The request that does an act; what is not here is done beside a checkout or a database."""

_REPLAY: Final = "in="
"""The setting by which `validate` runs something in a worktree, which no request does."""

_ADDED: Final = re.compile(r"» \((?:GET|PATCH|POST|PUT) /v1/[^\s)]*\)")


def with_requests(remedy: str) -> str:
    """A remedy in which each act is followed by the request that does it, where there is one."""
    return spelled(remedy, _with_request)


def without_requests(remedy: str) -> str:
    """A remedy as it was before :func:`with_requests`."""
    return _ADDED.sub("»", remedy)


def _with_request(words: list[str], named: str) -> str:
    if words[0] == "validate" and any(word.startswith(_REPLAY) for word in split(words)[0]):
        return named
    steps = [f"{words[0]} {word.removesuffix('=true')}" for word in words if "=true" in word]
    for verb in (*steps, " ".join(words[:2]), words[0]):
        if verb in REQUESTS:
            method, template = REQUESTS[verb]
            fields = _fields(words, verb if verb not in steps else words[0])
            return f"{named} ({method} {template.format_map(fields)})"
    return named


class _Fields(dict[str, str]):
    """What fills a template; what nobody named stays as the template has it."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _fields(words: list[str], verb: str) -> _Fields:
    """The fields that an act names: its environment, and its model, version or pipeline."""
    rest, _ = split(words[len(verb.split()) :])
    settings = dict(word.split("=", 1) for word in rest if "=" in word)
    fields = _Fields()
    for name in (word for word in rest if "=" not in word):
        try:
            reference = Reference.parse(name)
        except UsageError:
            fields["model"] = fields["pipeline"] = name.partition("@")[0]
        else:
            fields |= {"model": reference.model, "n": reference.selector}
    own = ("env", "pipeline", "model")
    fields |= {name: settings[name] for name in own if name in settings}
    for name, value in fields.items():
        fields[name] = quote(value, safe=":@")
    return fields
