"""Where in the checkout a change or a requirement stands, for annotations."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from lineage.capture.bounded_yaml import LARGEST, check_yaml, decode
from lineage.errors import LineageError
from lineage.identity.change import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.capture.project import Project
    from lineage.capture.source import Source
    from lineage.explain.changes import FileDiff

Place = dict[str, Any]
"""``{"path", "line"}``: relative to the top of the repository; the line from 1, or None."""

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)")


class Places:
    """Looks places up in the working tree."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._texts: dict[str, str | None] = {}

    def of_change(self, change: Change, diffs: Iterable[FileDiff]) -> Place:
        """The file that a change is in, and the line where there is one."""
        if change.kind is ChangeKind.FILE:
            diff = next((diff for diff in diffs if diff.path == change.name), None)
            return self._place(change.name, self._changed_line(change.name, diff))
        if change.kind is ChangeKind.PARAMETER:
            file, _, key = change.name.rpartition(":")
            file = file or "params.yaml"
            return self._place(file, self._key_line(file, key.split(".")))
        if change.kind is ChangeKind.SETTING:
            return self._place(".dvc/config", None)
        if change.kind in (ChangeKind.CODE, ChangeKind.ENCODING):
            return self._place(self._project.file.name, None)
        file, _, stage = (change.stage or change.name).rpartition(":")
        file = file or "dvc.yaml"
        line = self._key_line(file, ["stages", stage.partition("@")[0]])
        return self._place(file, line)

    def of_requirement(self, text: str) -> Place:
        """The line of the configuration that demands it."""
        file = self._project.file.name
        lines = (self._text(file) or "").splitlines()
        found = (n for n, line in enumerate(lines, 1) if text in " ".join(line.split()))
        return self._place(file, next(found, None))

    def _place(self, path: str, line: int | None) -> Place:
        return {"path": self._top(path), "line": line}

    def _top(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._project.folder, path))

    def _changed_line(self, path: str, diff: FileDiff | None) -> int | None:
        """The first changed line, where the checkout holds the side that has it.

        Where lines were only taken away, the one before them.
        """
        text = self._text(path)
        if diff is None or text is None or path.endswith(".ipynb"):
            return None  # lines of a notebook's diff are those of its code cells
        line, removed = 0, False
        for entry in diff.lines[2:]:
            hunk = _HUNK.match(entry)
            if hunk:
                line = int(hunk[1]) - 1
            elif entry.startswith("+"):
                here = text.splitlines()
                return line + 1 if here[line : line + 1] == [entry[1:]] else None
            elif entry.startswith("-"):
                removed = True
            elif removed:
                break
            else:
                line += 1
        return max(line, 1) if removed else None

    def _key_line(self, path: str, keys: list[str]) -> int | None:
        """The line of a key in a YAML file; of the nearest key above it that is there."""
        import yaml

        text = self._text(path)
        if text is None or not path.endswith((".yaml", ".yml")):
            return None
        try:
            check_yaml(text, path)
            node = yaml.compose(text, Loader=yaml.CSafeLoader)
        except (LineageError, yaml.YAMLError):
            return None
        line = None
        for key in keys:
            entries = node.value if isinstance(node, yaml.MappingNode) else []
            found = next((entry for entry in entries if entry[0].value == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        return line

    def _text(self, path: str) -> str | None:
        if path not in self._texts:
            try:
                source: Source = self._project.source()
                self._texts[path] = decode(source.read(self._top(path), LARGEST), path)
            except LineageError:
                self._texts[path] = None
        return self._texts[path]
