"""What the demo makes of what its hosts served."""

from __future__ import annotations

import json

from lineage.cli.demo_host import DemoHost, mismatched

TRAINED = {"m@1": ("blake3:1", "xxh3:old"), "m@2": ("blake3:2", "xxh3:new")}


def _host(tmp_path, *served):
    host = object.__new__(DemoHost)
    host.name, host.pipeline, host._said = "h", "xxh3:old", tmp_path / "said"
    lines = [json.dumps({"ref": ref, "weights": weights}) for ref, weights in served]
    host._said.write_text("".join(f"{line}\n" for line in lines) + '{"half')
    return host


def test_a_pair_that_was_trained_is_right(tmp_path):
    assert mismatched(_host(tmp_path, ("m@1", "blake3:1")), TRAINED) == []


def test_another_pipeline_other_bytes_and_an_unknown_version_are_told(tmp_path):
    host = _host(
        tmp_path, ("m@1", "blake3:1"), ("m@2", "blake3:2"), ("m@1", "blake3:2"), ("m@3", "")
    )
    assert mismatched(host, TRAINED) == [
        f"h served {ref} on xxh3:old" for ref in ("m@2", "m@1", "m@3")
    ]
