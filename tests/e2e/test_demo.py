"""The demo as the README has it, and a history of pull requests on what it leaves behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from lineage.cli import demo

from documentation.recording import PARTS, lines_of

from ..conftest import BIN, ENVIRONMENT
from ..support import commands
from ..support.recipes import Block, blocks_of, missing_from, typed_in
from ..support.servers import registry_server
from ..support.visiting import visiting

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("pull_requests.sh")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The demo, its steps found first where they are forked."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    usual, said = demo._environment, io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        forked = {"PATH": commands.path(example=True)}
        patch.setattr(demo, "_environment", lambda: usual() | forked)
        left = demo.play(folder, as_json=True)
    assert (left / ".lineage/registry.db").is_file(), "what --serve shows"
    told = json.loads(said.getvalue())
    served = {name: [line["ref"] for line in lines] for name, lines in told["served"].items()}
    third = [f"flight-delays@{number}" for number in (2, 3, 2)]
    assert served == {"old": ["flight-delays@1"], "new": third}
    return folder, told["steps"]


def test_its_pages_show_the_lines_of_code_that_differ(played):
    folder, _ = played
    (registry,) = folder.rglob(".lineage/registry.db")
    shows = {"no_auth": True, "read_only": True, "checkout": registry.parents[1]}
    with (
        registry_server(f"sqlite:///{registry}", **shows) as address,
        visiting(address) as visitor,
    ):
        slot = visitor.get("/environments/production/models/flight-delays")
        assert "hour.between(15, 20)" in slot.text, "in the timeline, between two moves"
        version = visitor.get("/models/flight-delays/versions/2")
        assert "✓ nothing leaks" in version.text
        links = [one for one in slot.links if "first=" in one]
        two = visitor.get(links[0])
        assert "src/featurize.py" in two.text
        assert "hour.between(15, 20)" in two.text
        assert "The commits between them" in two.text
        asked = visitor.get("/guard?version=flight-delays@1&environment=production").text
        assert "hour.between(15, 20)" in asked


def test_the_demo_plays_the_whole_story(played):
    folder, steps = played
    refused = [step for step in steps if step["exit_code"] == 3]
    commands = [step["command"].split()[1] for step in refused]
    assert commands == ["promote", "pipeline", "release", "guard"]
    assert {step["exit_code"] for step in steps} == {0, 3}
    for step in refused[:2]:
        assert "featurize: parameter featurize.top_destinations" in step["output"]
        assert "featurize: src/featurize.py changed" in step["output"]
        assert "hour.between(15, 20)" in step["output"], "the lines themselves are shown"
    (taken_back,) = [
        step for step in steps if step["command"].endswith("'complaints, cause unknown'")
    ]
    assert "serving flight-delays@2 → flight-delays@1" in taken_back["output"]
    (serving,) = [step for step in steps if step["command"].startswith("lineage serving")]
    old, new = (
        next(line.split()[-1] for line in step["output"].splitlines() if "pipeline  " in line)
        for step in (taken_back, serving)
    )
    assert old != new, "the pipeline went back too"
    assert "was rolled back from production" in refused[2]["output"]
    accident = refused[3]["output"]
    assert "featurize: src/traffic.py changed" in accident
    assert "reached: src/traffic.py ← src/featurize.py:8 ← " in accident
    assert "+    return frame.groupby" in accident
    assert "up to date" in steps[steps.index(refused[3]) - 1]["output"], "DVC sees no change"
    assert "serving   flight-delays@2" in serving["output"]
    metrics = json.loads((folder / "eval/metrics.json").read_text())
    assert metrics["auc"] > 0.65
    assert sorted(metrics["slices"]) == ["carrier_group", "origin"]
    tracked = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True)
    assert "src/traffic.py" in tracked.stdout
    assert ".pyc" not in tracked.stdout, "Python writes it anew, and git then leaves no commit"


def test_the_rest_of_the_year_says_what_changed_and_what_it_costs(played):
    _, steps = played
    told = {step["command"].split()[1]: step["output"] for step in steps}
    assert "drift, explain: since 2013-05-01, dest is " in told["drift"]
    months = [line for line in told["drift"].splitlines() if line.startswith("2013-")]
    assert [line[:7] for line in months] == [f"2013-{month:02}" for month in range(5, 13)]
    assert "(score)" in months[4], "it moved by September, when the model was worse"
    outside = "note: What was realised lies outside the estimate in "
    (note,) = [line for line in told["drift"].splitlines() if line.startswith(outside)]
    assert "2013-09" in note, "what no estimate sees, outcomes do"
    lines = told["drift"].splitlines()
    changes = [line for line in lines if line.startswith(("hard, ", "soft, ", "drift, "))]
    tickets = [line for line in changes if ", ticket" in line]
    assert len(tickets) == 1, "as the guide says of that year"
    assert tickets[0].startswith("drift, ticket (over): since 2013-05-08, (score) is ")
    assert "2013-09  27,122  3 " in told["drift"], "it is one of the alarms of September"
    assert [line[:13] for line in changes if line.startswith("hard")] == ["hard, explain"] * 2
    assert "note: What drift, explain, hard and ticket mean: lineage explain WORD" in lines
    assert told["retrain"].startswith("auc of flight-delays falls by 0.0")
    assert "To retrain every " in told["retrain"]
    assert "REGRET" in told["retrain"]


def test_what_the_readme_shows_of_the_demo_is_what_it_prints(played):
    _, steps = played
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = (block for block in blocks_of(readme) if block.text.startswith("# Production"))
    for typed in typed_in(shown):
        step = next(step for step in steps if step["command"] == typed.text)
        assert typed.is_expected(step["exit_code"])
        assert missing_from(typed.shown, step["output"]) is None


def test_the_recording_is_what_it_prints(played):
    """Made anew by `make pictures`."""
    _, steps = played
    recorded = lines_of((ROOT / "docs/img/demo.svg").read_text(encoding="utf-8"))
    told = [line for line in recorded if line.startswith("# ")]
    program = Path(demo.__file__).read_text(encoding="utf-8")
    assert len(told) == len(PARTS)
    assert [line for line in told if f'"{line.removeprefix("# ")}"' not in program] == []
    shown = [line for line in recorded if not line.startswith(("# ", "host "))]
    left = iter(steps)
    for typed in typed_in(Block(1, "console", "\n".join(shown), {})):
        if typed.text.startswith("python serve.py &"):  # a host, which is no step
            continue
        step = next((step for step in left if step["command"] == typed.text), None)
        assert step is not None, f"no longer run, or in another order: {typed.text}"
        assert typed.is_expected(step["exit_code"])
        shown_of_it = [_anywhere(line) for line in typed.shown]
        assert missing_from(shown_of_it, _anywhere(step["output"])) is None


def _anywhere(text):
    return re.sub(r"/\S+/(?=\.lineage/|pipeline\.seal\.json)", "/", text)


def test_it_starts_as_it_is_installed(played):
    words = [str(BIN / "lineage"), "demo", str(played[0])]
    done = commands.run_installed(words, Path(), ENVIRONMENT, 120)
    assert (done.code, f"{played[0]} is not empty." in done.err) == (2, True)


def test_pull_requests_are_merged_by_the_exit_code_of_the_guard_alone(played):
    folder, _ = played
    kept = {key: value for key, value in ENVIRONMENT.items() if key != "LINEAGE_ACTOR"}
    done = subprocess.run(
        ["bash", SCRIPT, folder],
        env=kept | {"TMPDIR": os.environ.get("TMPDIR", "/tmp"), "PATH": commands.path(example=True)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answers = dict(line.split(": ") for line in done.stdout.splitlines() if ": " in line)
    assert answers == {
        "readme": "0",
        "training-only": "0",
        "reordered-yaml": "0",
        "a-comment": "0",
        "more-destinations": "3",
        "another-traffic": "3",
        "another-scikit-learn": "3",
        "broken-yaml": "9",
        "registry-gone": "7",
        "longer-list": "0",
    }
    merged = done.stdout.splitlines()[-9:]
    assert not any("more-destinations" in line for line in merged)
