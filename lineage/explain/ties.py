"""Ties: whether a file on disk is a file of a pipeline version, and how that is known.

A copy in another repository must be the pipeline's byte for byte, or differ from it as little as
`validate --carry-over` allows.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from lineage.capture.code_graph.python.notebook import notebook_digest
from lineage.explain.changes import Explainer
from lineage.explain.equivalence import same_behaviour
from lineage.identity.digest import blake3_of
from lineage.identity.seal import Tie

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.identity.digest import Digest


class Different(Exception):
    """A file may behave differently from the pipeline's."""


class Ties:
    """Finds ties; the pipeline's own bytes are looked for in a project and at a commit of it.

    They count only where their BLAKE3 is the recorded one, so any folder may be looked in.
    """

    def __init__(self, project: Project, commit: str | None) -> None:
        self._explainer = Explainer(project)
        self._commit = commit

    def tie(self, place: str, original: str, digest: Digest, data: bytes) -> Tie | None:
        """How a file is the pipeline's.

        Args:
            place: the file's path.
            original: the path of the pipeline's file.
            digest: what the pipeline version has of that.
            data: the file's bytes.

        Returns:
            None where it is not so by its bytes, and the pipeline's own are not here to compare.

        Raises:
            Different: more than comments and formatting differs.
        """
        if blake3_of(data) == digest:
            return Tie.BYTES
        if blake3_of(data.replace(b"\r\n", b"\n")) == digest:
            return Tie.LINE_ENDS
        if original.endswith(".ipynb") and notebook_digest(data) == digest:
            return Tie.NOTEBOOK
        content = self._explainer.content(original, digest, (self._commit, None))
        if content is None:
            return None
        same_kind = posixpath.splitext(place)[1] == posixpath.splitext(original)[1]
        if same_kind and same_behaviour(original, content, data):
            return Tie.CARRIED
        raise Different
