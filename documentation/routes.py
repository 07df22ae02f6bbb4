"""The reference of the REST routes, from the server's own OpenAPI document.

python -m documentation.routes PAGE
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.api.app import create_app
from lineage.api.settings import Settings

from lineage.database.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]

BEGINNING: Final = """\
# Routes

Every address of a server, and every shape that it takes and answers: made by `make docs` from the
document that the server itself gives at `/openapi.json`. What holds for all of them, from errors to
`ETag`, stands in [REST](rest.md), with the scope that each one needs.

In a table, **bold** is what has to be there. A shape that is answered may have further keys in
later versions.
"""


def document() -> Document:
    """The OpenAPI document of a server whose registry is empty."""
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{place}/registry.db"
        upgrade(url)
        found: Document = create_app(Settings(registry=url)).openapi()
    return found


def page(api: Document) -> str:
    """The page, in Markdown."""
    tags: dict[str, list[str]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).extend(_route(path, method, operation))
    lines = [BEGINNING]
    for tag, routes in tags.items():
        lines += [f"## {tag.capitalize()}\n", *routes]
    lines.append("## Shapes\n")
    for name, schema in sorted(api["components"]["schemas"].items()):
        lines += _shape(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _route(path: str, method: str, operation: Document) -> Iterator[str]:
    yield f"### {_flat(operation['summary']).rstrip('.')}\n"
    yield f"`{method.upper()} {path}`\n"
    yield f"{_flat(operation['description'])}\n"
    if parameters := operation.get("parameters"):
        yield from _table(
            ((one["in"], one["name"], one["required"], one) for one in parameters),
            ("in", "parameter", "type", "what"),
        )
    body = operation.get("requestBody")
    if body:
        (content,) = body["content"].values()
        optional = "" if body.get("required") else ", which may be left out"
        yield f"Body: {_type(content['schema'])}{optional}.\n"
    answers, problems = [], []
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if "application/problem+json" in content:
            problems.append(status)
        elif "application/json" in content:
            answers.append(f"{status} {_type(content['application/json'].get('schema', {}))}")
        else:
            kinds = ", ".join(f"`{kind}`" for kind in content)
            answers.append(f"{status} {kinds or _flat(answer['description']).rstrip('.')}")
    refused = f" [Problems](problems.md): {', '.join(sorted(problems))}." if problems else ""
    yield f"Answers {'; '.join(answers)}.{refused}\n"


def _shape(name: str, schema: Document) -> Iterator[str]:
    yield f"### `{name}`\n"
    if said := _flat(schema.get("description", "")):
        yield f"{said}\n"
    if "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
    elif fields := schema.get("properties"):
        required = schema.get("required", ())
        yield from _table(
            ((None, key, key in required, value) for key, value in fields.items()),
            ("key", "type", "what"),
        )
    else:
        yield "Any object.\n"


def _table(
    rows: Iterator[tuple[str | None, str, bool, Document]], titles: tuple[str, ...]
) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"| {' | '.join('---' for _ in titles)} |"
    for where, name, required, value in rows:
        shown = f"**`{name}`**" if required else f"`{name}`"
        cells = [shown, _type(value.get("schema", value)), _told(value)]
        yield f"| {' | '.join(([where] if where else []) + cells)} |"
    yield ""


def _told(value: Document) -> str:
    """What is said of a parameter or a key: its description, its bounds, an example."""
    schema = value.get("schema", value)
    inner = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
    said = [_flat(value.get("description") or schema.get("description") or "")]
    if "maximum" in inner:
        said.append(f"{inner.get('minimum', 0):,} to {inner['maximum']:,}")
    if "maxLength" in inner:
        said.append(f"at most {inner['maxLength']:,} characters")
    if "maxItems" in inner:
        said.append(f"at most {inner['maxItems']:,} of them")
    if isinstance(schema.get("default"), str | int | float):
        said.append(f"default `{schema['default']}`")
    if examples := schema.get("examples") or inner.get("examples"):
        said.append(f"e.g. `{examples[0]}`")
    return "; ".join(one.rstrip(".") for one in said if one).replace("|", "\\|")


def _type(schema: Document) -> str:
    """The type of a value, with a link to its shape."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    values = schema.get("additionalProperties")
    return f"object of {_type(values)}" if kind == "object" and isinstance(values, dict) else kind


def _flat(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(document()), encoding="utf-8")
