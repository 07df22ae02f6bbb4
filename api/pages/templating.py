"""Templates of the pages: renders one. Loaded by the first page that is asked for.

Everything that is written into a page is escaped, and made inert before: a name that holds HTML, a
script or marks that turn the direction of writing is shown as the text that it is.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from typing_extensions import override

from lineage import timestamps
from lineage.acts import typed
from lineage.contract.results.documents import Document
from lineage.identity.digest import is_digest, is_of_ours
from lineage.inert import inert

from . import addresses, loaded, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOTHING: Final = "-"
"""What stands where nothing is known."""

_EXACT: Final = 1 << 53
"""Whole numbers below it are exact in a float, and shown whole: bytes, rows."""

_HTMX: Final = {
    "allowEval": False,
    "allowScriptTags": False,
    "historyCacheSize": 0,  # no page is kept where it could be read after signing out
    "includeIndicatorStyles": False,  # they would be inline
    "refreshOnHistoryMiss": True,
    "responseHandling": [{"code": "204", "swap": False}, {"code": "...", "swap": True}],
    "selfRequestsOnly": True,
}


def _written(value: Any) -> Any:  # noqa: ANN401 - whatever a template writes
    """A value as a page has it: texts act on nothing, and what is not there is a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, Markup):
        return value
    return inert(value) if isinstance(value, str) else value


def moment(at: str | dt.datetime | None) -> Markup | str:
    """A moment, to the minute; the exact one stands in its title and for programs."""
    if at is None:
        return NOTHING
    exact = timestamps.moment(at) if isinstance(at, str) else at
    exact = exact.astimezone(dt.UTC)
    return Markup('<time datetime="{0}" title="{0}">{1} UTC</time>').format(
        timestamps.written(exact), exact.strftime("%Y-%m-%d %H:%M")
    )


def short(digest: str | None) -> Markup | str:
    """A digest by its beginning; the whole one stands in its title."""
    if digest is None:
        return NOTHING
    algorithm, _, value = digest.partition(":")
    shown = f"{algorithm}:{value[:10]}…" if len(value) > 12 else digest
    return Markup('<code class="digest" title="{}">{}</code>').format(inert(digest), inert(shown))


def number(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A metric as people read it: a whole number whole, others in at most five digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NOTHING if value is None else str(value)
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < _EXACT)
    return f"{int(value):,}" if whole else f"{value:.5g}"


def size(count: int | None) -> str:
    """Bytes as people read them."""
    if count is None:
        return "size unknown"
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def as_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value as JSON, in one line."""
    return json.dumps(value, ensure_ascii=False)


def lines(text: str) -> Markup:
    """What people wrote on several lines, on as many."""
    return Markup("<br>").join(inert(line) for line in text.splitlines())


def side(text: str) -> Markup | str:
    """One of two sides of what differs: a digest by its beginning, or what stands there."""
    return short(text) if is_of_ours(text) and is_digest(text) else lines(text)


def code_lines(diff: Iterable[str]) -> Markup:
    """The lines of a diff in the unified form: those that came, that went, and where they are."""
    tags = {"+": Markup("<ins>{}</ins>"), "-": Markup("<del>{}</del>"), "@": Markup("<b>{}</b>")}
    plain = Markup("{}")
    return Markup("\n").join(
        tags.get(line[:1], plain).format(inert(line.expandtabs(4))) for line in diff
    )


_OF_DICTS: Final = frozenset(dir(dict))
"""What templates ask of any dict, whatever its keys are."""


class _Templates(Environment):
    """Templates in which a part of an answer is what its JSON has, not what Python makes of it."""

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:  # whatever a template shows
        kind = type(obj)  # to ask whether it is an instance of an abstract class takes long
        if kind is dict and attribute not in _OF_DICTS and attribute in obj:
            return obj[attribute]
        if Document in kind.__mro__ and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def _environment() -> Environment:
    made = _Templates(
        loader=PackageLoader("lineage.api.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_written,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = (typed, moment, short, number, size, lines, side, code_lines)
    made.filters |= {filtering.__name__: filtering for filtering in shown}
    made.filters["json"] = as_json
    made.globals |= {
        "asset": loaded.asset,
        "to": addresses,
        "words": words,
        "with_query": addresses.with_query,
        "htmx_settings": json.dumps(_HTMX),
        "live": None,  # of a page that does not say otherwise
    }
    return made


_TEMPLATES: Final = _environment()


def render(template: str, shown: Mapping[str, Any]) -> str:
    """A template with what it shows."""
    return _TEMPLATES.get_template(template).render(shown)
