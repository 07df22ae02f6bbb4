"""Running a command and recording what it reads: which files, modules, distributions, interpreters.

>>> from lineage.capture.watch import watch
>>> run, observed = watch(["python", "train.py"], root, quiet_stdout=False)  # doctest: +SKIP
>>> [file.path for file in observed.inputs]  # doctest: +SKIP
['data/features.csv', 'params.yaml', 'src/common/scaling.py', 'src/train.py']

The way of it: :mod:`.session` puts :mod:`.hook` into the environment of the command, so that each
Python of its tree writes a file of records; :mod:`.sampling` looks at the processes meanwhile;
:mod:`.records` reads what was written, as carefully as anything that a stranger wrote;
:mod:`.processes`, :mod:`.files` and :mod:`.distributions` make of it an :class:`Observed`, and
:mod:`.undeclared` says what of that is in no component.

What is seen, and what is not:
``docs/decisions/0015-a-run-is-watched-by-audit-events.md``.
"""

from __future__ import annotations

from lineage.capture.watch.observed import File, Folder, Observed, ProgramKind, Unobserved
from lineage.capture.watch.session import watch
from lineage.capture.watch.undeclared import KnownPaths, undeclared

__all__ = [
    "File",
    "Folder",
    "KnownPaths",
    "Observed",
    "ProgramKind",
    "Unobserved",
    "undeclared",
    "watch",
]
