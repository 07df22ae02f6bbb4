"""With which models pipelines are shared, and which stores an administrator approved."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table, and say of what is there whose it is."""
    op.create_table(
        "pipeline_share",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name="pipeline_share_model"),
    )
    op.create_index("pipeline_share_of", "pipeline_share", ["model", "pipeline"])
    triggers.forbid_changes("pipeline_share", "id")
    triggers.demand_checks("pipeline_share", "INSERT")
    op.add_column(
        "store", sa.Column("approved", sa.Boolean(), nullable=False, server_default=sa.text("true"))
    )
    _ask_for_approval()
    for pipeline, model in _riding():
        op.get_bind().execute(
            sa.text("INSERT INTO pipeline_share (pipeline, model, shared) VALUES (:p, :m, true)"),
            {"p": pipeline, "m": model},
        )


def _rows(statement: str) -> list[Any]:
    return list(op.get_bind().execute(sa.text(statement)))


def _riding() -> list[tuple[str, str]]:
    """The models that ride with authority on a pipeline which is not called like them.

    Those of which a version was registered on it by somebody who was not bound to models, those
    that served on it, and the one that is alone on it. A job that an issuer vouched for may have
    been bound: what it was trusted with is not in the database.
    """
    bound: dict[str, bool] = dict.fromkeys(_vouched_for(), True)
    for name, models in _rows("SELECT name, models FROM token"):
        bound[name] = bound.get(name, True) and models is not None
    served = {
        (pipeline, model) for pipeline, model in _rows("SELECT pipeline, model FROM served_pair")
    }
    on: dict[str, set[str]] = {}
    free: set[tuple[str, str]] = set()
    for pipeline, model, by in _rows(
        "SELECT DISTINCT pipeline, model, registered_by FROM model_version WHERE pipeline IS NOT NULL"
    ):
        on.setdefault(pipeline, set()).add(model)
        if not bound.get(by, False):
            free.add((pipeline, model))
    names = {name for (name,) in _rows("SELECT name FROM model")}
    return sorted(
        (pipeline, model)
        for pipeline, models in on.items()
        for model in models - {pipeline}
        if (pipeline, model) in free | served or (models == {model} and pipeline not in names)
    )


def _vouched_for() -> set[str]:
    """The names of those whom an OpenID Connect issuer vouched for, as far as rows tell."""
    return {
        name
        for table, by in (
            ("model_version", "registered_by"),
            ("validation", "validated_by"),
            ("approval", "approved_by"),
            ("waiver", "waived_by"),
        )
        for (name,) in _rows(f"SELECT DISTINCT {by} FROM {table} WHERE {by}_person LIKE 'oidc:%'")  # nosec B608
    }


def _ask_for_approval() -> None:
    """Stores with settings that somebody recorded who was no administrator wait for one.

    Who has no token may be somebody who has the database, or a job that an issuer vouched for, by a
    name that its claims made. Where there are tokens or such jobs there is a server, and it waits.
    """
    admins: dict[str, bool] = {}
    for name, scopes, environments, models in _rows(
        "SELECT name, scopes, environments, models FROM token"
    ):
        of_all = environments is None and models is None and "admin" in json.loads(scopes)
        admins[name] = admins.get(name, False) or of_all
    has_server = bool(admins or _vouched_for())
    for name, by in _rows("SELECT name, added_by FROM store WHERE config <> '{}'"):
        if not admins.get(by, not has_server):
            op.get_bind().execute(
                sa.text("UPDATE store SET approved = false WHERE name = :name"), {"name": name}
            )
