"""What of the graph a pipeline's manifest comes to: its files, and all of them as its code."""

from __future__ import annotations

from lineage.database.graph import LISTED, Part, code_node
from lineage.identity.digest import Digest, blake3_of
from lineage.identity.pipeline import Manifest, Stage

SCRIPT, SHARED, LOCK = (blake3_of(text) for text in (b"script", b"shared", b"lock"))
PARAMS = {"params.yaml": {"top": 20}}


def manifest(**params):
    stages = {
        "prepare": Stage(code={"src/prepare.py": SCRIPT, "src/shared.py": SHARED}),
        "train": Stage(code={"src/shared.py": SHARED}, params={"params.yaml": params}),
    }
    return Manifest(stages, {"uv.lock": LOCK}, settings={"core.x": "1"})


def test_each_file_once_and_all_of_them_together():
    part, code = Part(), code_node(manifest())
    part.add_pipeline(manifest())
    files = {"src/prepare.py": SCRIPT, "src/shared.py": SHARED, "uv.lock": LOCK}
    assert part.nodes == {code: "code"} | {str(digest): "file" for digest in files.values()}
    assert part.edges == {(str(digest), code, LISTED) for digest in files.values()}
    assert part.labels == {(path, str(digest), "") for path, digest in files.items()}
    assert part.versions == set()


def test_parameters_make_no_other_code_and_paths_do():
    assert code_node(manifest(top=1)) == code_node(manifest(top=2))
    moved = Manifest({"prepare": Stage(code={"prepare.py": SCRIPT, "src/shared.py": SHARED})})
    stayed = Manifest({"prepare": Stage(code={"src/prepare.py": SCRIPT, "src/shared.py": SHARED})})
    assert code_node(moved) != code_node(stayed) != code_node(manifest())


def test_a_pipeline_without_files_of_ours_is_no_part():
    part = Part()
    part.add_pipeline(Manifest({"train": Stage(cmd=("train",), params=PARAMS)}))
    part.add_pipeline(Manifest({"train": Stage(code={"train.py": Digest("md5:" + "a" * 32)})}))
    assert part == Part()
