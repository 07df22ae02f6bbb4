"""The modules of a service's process beside its seal; each in a process that really imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lineage
from lineage.identity.digest import blake3_of
from lineage.identity.pipeline import Manifest, Stage
from lineage.identity.seal import Seal, SealedFile, Tie, TiedFile
from tests.unit.identity.test_seal import resealed

ROOT_OF_LINEAGE = Path(lineage.__file__).parents[1]

FILES = {
    "src/featurize.py": b"from common.scaling import scaled\n",
    "src/common/__init__.py": b"",
    "src/common/scaling.py": b"def scaled(x):\n    return x * 2\n",
}
MAIN = b"""\
import json, pathlib, sys
root = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(root / "src"), str(root / "site")]
for name in sys.argv[1:]:
    __import__(name)
from lineage.errors import PipelineMismatch
from lineage.host.own_pipeline import named_pipeline
own = named_pipeline(str(root / "pipeline.seal.json"))
said = ""
try:
    own.check_files()
    own.check_modules()
except PipelineMismatch as refused:
    said = f"{refused} {refused.remedy}"
heavy = {"dvc", "git", "sqlmodel", "sqlalchemy", "pydantic", "httpx", "networkx"}
print(json.dumps({"said": said, "heavy": sorted(heavy & set(sys.modules))}))
"""


@pytest.fixture
def image(tmp_path):
    root = tmp_path / "image"
    write(root, FILES | {"app/main.py": MAIN, "app/extra.py": b"", "src/more.py": b""})
    stage = Stage(("python src/featurize.py",), {p: blake3_of(d) for p, d in FILES.items()})
    seal = Seal(
        "churn",
        Manifest({"featurize": stage}),
        ("featurize",),
        {p: TiedFile(blake3_of(d), len(d), p, Tie.BYTES) for p, d in FILES.items()},
        {"app/main.py": SealedFile(blake3_of(MAIN), len(MAIN))},
    )
    (root / "pipeline.seal.json").write_bytes(seal.to_bytes())
    return root


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def serve(root, *modules, python=sys.executable, cwd=None, env=None):
    done = subprocess.run(
        [python, root / "app/main.py", *modules],
        capture_output=True, text=True, cwd=cwd or root, check=False, timeout=120,
        env={"PATH": "/nowhere"} | (env or {}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_service_that_imports_what_is_sealed_needs_neither_git_nor_dvc(image):
    assert serve(image, "featurize") == {"said": "", "heavy": []}
    assert serve(image)["said"] == ""


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("more", "more (src/more.py)"),
        ("app.extra", "app.extra (app/extra.py)"),
        ("linked", "linked (app/extra.py)"),
        ("archived", "archived (site/modules.zip/archived.py)"),
        ("compiled", "compiled (src/compiled.pyc)"),
    ],
)
def test_a_module_under_the_root_that_is_not_sealed_is_refused(image, module, says):
    import py_compile
    import zipfile

    (image.parent / "linked.py").symlink_to(image / "app/extra.py")
    with zipfile.ZipFile(image / "modules.zip", "w") as archive:
        archive.writestr("archived.py", "")
    (image / "site").mkdir()
    (image / "modules.zip").rename(image / "site/modules.zip")
    py_compile.compile(str(image / "app/extra.py"), cfile=str(image / "src/compiled.pyc"))
    path = f"{image}:{image.parent}:{image / 'site/modules.zip'}"
    said = serve(image, module, env={"PYTHONPATH": path})["said"]
    assert says in said
    assert "[models.NAME.serving] own" in said


def test_the_program_itself_is_refused_where_nobody_says_that_it_is_the_services_own(image):
    body = json.loads((image / "pipeline.seal.json").read_bytes())
    body["own"] = {}
    seal = Seal.from_json(resealed(body))
    (image / "pipeline.seal.json").write_bytes(seal.to_bytes())
    assert "__main__ (app/main.py)" in serve(image)["said"]


def test_an_installed_copy_that_hides_the_sealed_one_is_refused(image):
    """What was compared is not what runs."""
    elsewhere = image.parent / "elsewhere"
    write(elsewhere, {name.removeprefix("src/"): data for name, data in FILES.items()})
    main = MAIN.replace(b'sys.path[:0] = [str(root / "src"), str(root / "site")]\n', b"")
    body = json.loads((image / "pipeline.seal.json").read_bytes())
    body["own"]["app/main.py"] = SealedFile(blake3_of(main), len(main)).to_json()
    (image / "app/main.py").write_bytes(main)
    (image / "pipeline.seal.json").write_bytes(Seal.from_json(resealed(body)).to_bytes())
    said = serve(image, "featurize", env={"PYTHONPATH": str(elsewhere)})["said"]
    assert "imported modules of pipeline.seal.json from elsewhere" in said
    assert f"featurize ({elsewhere.resolve()}/featurize.py, not src/featurize.py)" in said
    assert "common.scaling (" in said
    assert serve(image)["said"] == ""


def test_an_environment_under_the_root_is_no_part_of_the_service(image):
    """Its packages are installed; a folder that is only called so is not."""
    import venv

    venv.create(image / ".venv", symlinks=True, with_pip=False)
    python = image / ".venv/bin/python"
    (packages,) = image.glob(".venv/lib/python*/site-packages")
    write(packages, {"installed.py": b""})
    write(image, {".venv/bin/script.py": b""})
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    env = {"PYTHONPATH": ":".join([*libraries, str(ROOT_OF_LINEAGE), str(image / ".venv/bin")])}
    assert serve(image, "installed", "script", "featurize", python=python, env=env)["said"] == ""
    write(image, {"site-packages/vendored.py": b""})
    env["PYTHONPATH"] += f":{image / 'site-packages'}"
    said = serve(image, "vendored", python=python, env=env)["said"]
    assert "vendored (site-packages/vendored.py)" in said


def test_what_stands_in_sys_modules_and_is_no_module_is_passed_over(image):
    trap = b"""\
import sys
class Trap:
    def __getattribute__(self, name):
        raise SystemExit("asked")
sys.modules["trap"] = Trap()
sys.modules["none"] = None
sys.modules["text"] = "text"
"""
    write(image.parent / "libraries", {"traps.py": trap})
    assert serve(image, "traps", env={"PYTHONPATH": str(image.parent / "libraries")})["said"] == ""


@pytest.mark.parametrize("trusted", ["its time and size", "unchecked", "elsewhere"])
def test_a_compiled_file_that_is_not_its_sources_is_refused(image, tmp_path, trusted):
    source = image / "src/common/scaling.py"
    env = {"PYTHONPYCACHEPREFIX": str(tmp_path / "cache")} if trusted == "elsewhere" else {}
    assert serve(image, "featurize", env=env)["said"] == "", "its own compiled file"
    assert serve(image, "featurize", env=env)["said"] == ""
    own, moment = source.read_bytes(), source.stat()
    source.write_bytes(own.replace(b"x * 2", b"x * 0"))
    os.utime(source, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    mode = "TIMESTAMP" if trusted == "its time and size" else "UNCHECKED_HASH"
    compile_it = (
        "import py_compile as c, sys; "
        f"c.compile(sys.argv[1], invalidation_mode=c.PycInvalidationMode.{mode}, doraise=True)"
    )
    subprocess.run([sys.executable, "-c", compile_it, source], env=env, check=True)
    source.write_bytes(own)
    os.utime(source, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    said = serve(image, "featurize", env=env)["said"]
    assert "Python runs other code of pipeline.seal.json than its sources say" in said
    assert "src/common/scaling.py" in said
    source.write_bytes(own + b"\n")  # which the seal does not hold, so it is its affair
    os.utime(source, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    assert "src/common/scaling.py differs" in serve(image, "featurize", env=env)["said"]


def test_a_compiled_file_that_python_does_not_use_is_no_matter(image):
    source = image / "src/common/scaling.py"
    own = source.read_bytes()
    source.write_bytes(b"def scaled(x):\n    return 0  # long ago\n")
    serve(image, "featurize")
    (compiled,) = source.parent.glob("__pycache__/scaling.*.pyc")
    source.write_bytes(own)
    os.utime(source, (1, 1))
    kept = compiled.read_bytes()
    assert serve(image, "featurize", env={"PYTHONDONTWRITEBYTECODE": "1"})["said"] == ""
    assert compiled.read_bytes() == kept
