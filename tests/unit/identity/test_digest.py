"""Digests and canonical encodings: the published vectors, and what must hold for any value."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import pytest
import rfc8785
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from lineage.errors import UsageError
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    Known,
    Weights,
)
from lineage.identity.digest import (
    Digest,
    canonical_bytes,
    hash_object,
    names,
    normalise,
    tree_bytes,
    xxh3,
)
from lineage.identity.pipeline import Manifest, PipelineVersion

VECTORS = json.loads(
    (Path(__file__).parents[3] / "docs/reference/digest-vectors.json").read_text(encoding="utf-8")
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def plain(inner):
    """Values as events hold them: keys in ASCII."""
    keys = st.text(st.characters(codec="ascii"))
    return st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)


@pytest.mark.parametrize("vector", VECTORS["bytes"], ids=lambda v: v["name"])
def test_bytes_match_the_published_vectors(vector):
    data = bytes.fromhex(vector["hex"])
    assert xxh3(data) == vector["xxh3"]
    assert "blake3:" + blake3(data).hexdigest() == vector["blake3"]


@pytest.mark.parametrize("vector", VECTORS["objects"], ids=lambda v: v["domain"])
def test_objects_match_the_published_vectors(vector):
    canonical = canonical_bytes(vector["value"])
    assert canonical.decode() == vector["canonical"]
    assert hash_object(vector["domain"], vector["value"]) == vector["digest"]
    by_hand = xxh3_128_hexdigest(vector["domain"].encode() + b"\n" + vector["canonical"].encode())
    assert vector["digest"] == f"xxh3:{by_hand}"


@pytest.mark.parametrize("domain", ["lineage-pipeline/1", "lineage-pipeline/2"])
def test_a_manifest_of_either_encoding_matches_its_published_vector(domain):
    vector = next(v for v in VECTORS["objects"] if v["domain"] == domain)
    version = PipelineVersion(Manifest.from_json(vector["value"]))
    assert version.manifest.encoding.value == domain
    assert version.xxh3 == vector["digest"]
    assert version.canonical.decode() == vector["canonical"]


def test_a_tree_matches_the_published_vector():
    vector = VECTORS["tree"]
    files = [
        (f["path"], len(bytes.fromhex(f["hex"])), xxh3(bytes.fromhex(f["hex"])).value)
        for f in vector["files"]
    ]
    assert tree_bytes(files).decode() == vector["encoding"]
    assert xxh3(tree_bytes(reversed(files))) == vector["digest"]


def test_the_components_use_the_published_encodings():
    vector = next(v for v in VECTORS["objects"] if v["domain"] == "lineage-tuple/1")
    data = next(v for v in VECTORS["objects"] if v["domain"] == "lineage-data/1")
    pipeline = next(v for v in VECTORS["objects"] if v["domain"] == "lineage-pipeline/1")
    items = tuple(DataItem(n, Digest(d), Known.VERIFIED) for n, d in data["value"].items())
    components = Components(
        CodeVersion(vector["value"]["code"].removeprefix("git:")),
        DataVersion(items),
        PipelineVersion(Manifest.from_json(pipeline["value"])),
        Weights(Digest(vector["value"]["weights"]), None, "model.bin", 1),
    )
    assert components.digests == vector["value"]
    assert components.tuple_xxh3 == vector["digest"]


@given(values)
def test_normalising_twice_changes_nothing(value):
    try:
        once = normalise(value)
    except UsageError:
        return
    assert normalise(once) == once


@given(values)
def test_canonical_bytes_are_json_of_the_normalised_value(value):
    try:
        canonical = canonical_bytes(value)
    except UsageError:
        return
    again = json.dumps(normalise(value))
    assert json.loads(canonical, parse_int=float) == json.loads(again, parse_int=float)


@given(values | st.recursive(st.text() | st.integers(), plain, max_leaves=20))
def test_canonical_bytes_are_those_that_the_reference_encoder_writes(value):
    """Whichever encoder writes them; texts are of any characters, odd orders of keys among them."""
    try:
        canonical = canonical_bytes(value)
    except UsageError:
        return
    assert canonical == rfc8785.dumps(normalise(value))


@pytest.mark.parametrize(
    "keys", [["\U00010000", "\uffff"], ["b", "é", "A", '"', "\x7f", "\x00", "\u2028"]]
)
def test_keys_are_in_the_order_of_their_utf_16(keys):
    mapping = dict.fromkeys(keys, '\x00\b\t\n\f\r\x1f"\\/\x7f\u2028é\U00010000')
    assert canonical_bytes(mapping) == rfc8785.dumps(mapping)


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), max_size=6)
)
def test_the_order_of_keys_changes_nothing(mapping):
    turned = dict(reversed(mapping.items()))
    assert canonical_bytes(mapping) == canonical_bytes(turned)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1, "1"),
        (1.0, "1"),
        (2**53 - 1, "9007199254740991"),
        (2**53, '"9007199254740992"'),
        (-(2**53), '"-9007199254740992"'),
        (math.inf, '".inf"'),
        (-math.inf, '"-.inf"'),
        (math.nan, '".nan"'),
        (dt.date(2026, 11, 21), '"2026-11-21"'),
        (dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC), '"2026-11-21T08:00:00+00:00"'),
        ((1, 2), "[1,2]"),
        ({2, 1}, "[1,2]"),
        ({1: "a", True: "b"} | {2: "c"}, '{"1":"b","2":"c"}'),
        ({"é": "€"}, '{"é":"€"}'),
    ],
)
def test_odd_values_are_written_as_the_design_says(value, written):
    assert canonical_bytes(value).decode() == written


def _deep(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        object(),
        {1: "a", "1": "b"},
        "\ud800",
        _deep(5_000),
        pytest.param(16**5_000, id="huge"),
    ],
)
def test_what_cannot_be_written_is_a_clear_error(value):
    with pytest.raises(UsageError):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xxh3",
        "xxh3:",
        "xxh3:ABC",
        "xxh3:" + "A" * 32,
        "blake3:00",
        "UPPER:1",
        "a b:c",
        "md5:a b",
    ],
)
def test_what_is_no_digest_is_refused(text):
    with pytest.raises(UsageError):
        Digest(text)


@pytest.mark.parametrize(
    "text", ["sha256:abc", "git:0123", "md5:0cc.dir", "etag:x/y", "xxh3:" + "0" * 32]
)
def test_any_algorithm_may_be_stated(text):
    assert Digest(text) == text


def test_a_digest_is_named_by_a_beginning_of_eight_digits():
    digest = "xxh3:" + "0123456789abcdef" * 2
    assert names(digest, digest)
    assert names("xxh3:01234567", "blake3:0", digest)
    assert not names("xxh3:01234568", digest)
    assert names("x:1", "blake3:0", "x:1")
    for short in ("xxh3:0123456", "x:1"):
        with pytest.raises(UsageError, match="too short"):
            names(short, digest)
