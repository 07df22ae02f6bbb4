"""Requests at random, near what an OpenAPI document describes: some valid, most a little odd.

Schemathesis tries what a schema allows and forbids, some requests a second. This knows the registry's
own words, so that it gets behind the first check, and makes thousands.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

NAMES = ("churn", "fraud", "production", "staging", "remote", "m1", "nobody")
ODD_TEXTS = (
    "", " ", ".", "..", "/", "%00", "a/b", "\x00", "\n", "\r\nX: y", "\u202e", "\x1b[2J", "\ud800", "ß", "İ",
    "a" * 129, "A" * 5000, "null", "-1", "1e999", "0x10", "' OR 1=1 --", "{}", "9" * 400, "\U0001d4b8\U0001d4bd", "\ufeff", "latest",
    "9999-12-31T23:59:59+23:59", "0001-01-01T00:00:00-23:59", "2026-02-30T00:00:00Z", "2026-01-01", "٣",
)  # fmt: skip
ODD_VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 10**30, 0.1, -0.0, 1e308, 1e-320, [], {}, [[]], {"": None},
    [None] * 50, {"a": {"b": {"c": [1, "x", {}]}}},
)  # fmt: skip
RAW = (
    b"", b"{", b"[" * 2000, b'{"a":NaN}', b'{"a":1e999}', b'{"a":1,"a":2}', b"\xff\xfe", b"null", b"[]", b'"x"', b"0",
    b'{"version":"1"} x', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b"{" + b'"a":{' * 500, b"\xef\xbb\xbf{}",
)  # fmt: skip
HEADERS = (
    ("If-Match", ('"1"', '"0"', "*", "W/x", "x", '"' + "9" * 400 + '"', '"-1"', '"1", "2"')),
    ("If-None-Match", ('"1"', "*", ",", "x" * 3000)),
    ("Idempotency-Key", ("k", "k2", "x" * 200, "x" * 201, "é", "a b")),
    ("Lineage-Actor", ("ana", "%00", "%0a", "%ff", "x" * 3000)),
    ("X-Request-Id", ("1", "x" * 65, "a b")),
    ("Content-Type", ("application/json; charset=utf-16", "text/plain", "application/JSON", "", "a" * 3000)),
    ("Accept", ("text/html", "*/*;q=x")),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Fuzzer:
    """Makes requests of an OpenAPI document; the same ones for the same seed.

    ``words`` are texts that mean something to the server: digests, ids, references.
    """

    def __init__(self, document: Mapping[str, Any], seed: int, words: Sequence[str]) -> None:
        self._random = random.Random(seed)
        self._schemas = document["components"]["schemas"]
        self._words = (*NAMES, *words, "1", "2", "3", "latest", "production:backup")
        self._operations = [
            (method.upper(), path, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]

    def ask(self) -> Asked:
        """The next request."""
        pick = self._random
        method, path, operation = pick.choice(self._operations)
        query = []
        for parameter in operation.get("parameters", ()):
            text = self._text(parameter.get("schema", {}))
            if parameter["in"] == "path":
                name = parameter["name"]
                path = path.replace(f"{{{name}}}", _quoted(text))
            elif parameter["in"] == "query" and pick.random() < 0.5:
                query.append(f"{parameter['name']}={_quoted(text)}")
        headers = {}
        for name, values in HEADERS:
            if pick.random() < 0.06:
                headers[name] = pick.choice(values)
        body = b""
        if "requestBody" in operation or pick.random() < 0.02:
            headers.setdefault("Content-Type", "application/json")
            body = self._body(operation)
        return Asked(method, path + ("?" + "&".join(query) if query else ""), headers, body)

    def _body(self, operation: Mapping[str, Any]) -> bytes:
        if self._random.random() < 0.05:
            return self._random.choice(RAW)
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        text = json.dumps(self._value(schema, 0))
        if self._random.random() < 0.02:
            text = text[: self._random.randrange(len(text) + 1)]
        return text.encode()

    def _text(self, schema: Mapping[str, Any]) -> str:
        if self._random.random() < 0.2:
            return self._random.choice(ODD_TEXTS)
        if self._random.random() < 0.7:
            return self._random.choice(self._words)
        return str(self._value(schema, 5))

    def _value(self, schema: Mapping[str, Any], depth: int) -> Any:
        pick = self._random
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if pick.random() < 0.03:
            return pick.choice(ODD_VALUES if pick.random() < 0.5 else ODD_TEXTS)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self._value(pick.choice(schema[several]), depth)
        if "enum" in schema:
            return pick.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        return self._of_type(schema, depth)

    def _of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        pick, kind = self._random, schema.get("type")
        if kind == "string":
            return (
                pick.choice(schema.get("examples") or self._words)
                if pick.random() < 0.3
                else pick.choice(self._words)
            )
        if kind == "integer":
            low = schema.get("minimum", 0)
            return pick.choice((low, low + 1, 2, 60, schema.get("maximum", 2**31)))
        if kind == "number":
            return pick.choice((0, 0.5, 1e300))
        if kind == "boolean":
            return pick.random() < 0.5
        if kind == "null":
            return None
        if kind == "array":
            count = pick.choice((0, 1, 1, 2)) if depth < 6 else 0
            return [self._value(schema.get("items", {}), depth + 1) for _ in range(count)]
        if depth > 8:
            return {}
        return self._object(schema, depth)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        pick, made = self._random, {}
        for name, inner in schema.get("properties", {}).items():
            if pick.random() < (0.97 if name in schema.get("required", ()) else 0.4):
                made[name] = self._value(inner, depth + 1)
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping):
            made |= {pick.choice(self._words): self._value(more, depth + 1)}
        elif pick.random() < (0.03 if schema.get("properties") else 0.7):
            made[pick.choice((*self._words, *ODD_TEXTS))] = pick.choice(ODD_VALUES)
        return made


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
