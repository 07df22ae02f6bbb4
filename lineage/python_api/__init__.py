"""The verbs as Python functions, for the project of the current folder.

>>> import lineage
>>> version = lineage.register("churn", weights="models/model.pkl")     # doctest: +SKIP
>>> lineage.validate(version.ref, metrics={"auc": 0.91}).passed         # doctest: +SKIP
True
>>> if lineage.guard(version.ref):                                      # doctest: +SKIP
...     lineage.promote(version.ref)
<churn in production: serving - → churn@1>

Each opens the registry that ``lineage.toml`` or ``LINEAGE_REGISTRY`` names, does one thing, and
raises the errors of the command line (:mod:`lineage.errors`). What they give are values with
attributes that show themselves in a notebook; ``to_dict()`` gives each as plain values. Keep a
connection over many calls with :func:`lineage.connect`.
"""

from lineage.installed import telling
from lineage.python_api.evidence import profile
from lineage.python_api.finding import (
    diff,
    drift,
    impact,
    leak,
    log,
    models,
    retrain,
    serving,
    show,
    trace,
    versions,
)
from lineage.python_api.hosting import follow, pull, report
from lineage.python_api.moving import guard, may_serve, promote, release, rollback
from lineage.python_api.recording import approve, register, validate
from lineage.python_api.sharing import attest, export
from lineage.python_api.validating import importance, leakage, measure, slices

__all__ = [
    "approve",
    "attest",
    "diff",
    "drift",
    "export",
    "follow",
    "guard",
    "impact",
    "importance",
    "leak",
    "leakage",
    "log",
    "may_serve",
    "measure",
    "models",
    "profile",
    "promote",
    "pull",
    "register",
    "release",
    "report",
    "retrain",
    "rollback",
    "serving",
    "show",
    "slices",
    "trace",
    "validate",
    "versions",
]

for _name in __all__:
    globals()[_name] = telling(globals()[_name])
