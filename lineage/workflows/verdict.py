"""A verdict, however it is reached: by a replay, by a command that is run here, or stated."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.results.records import Validation
    from lineage.workflows.validating import Validating


def reach(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    wanted: Validating,
    command: Sequence[str] = (),
    replay_in: str | None = None,
    timeout: str | None = None,
    *,
    quiet_stdout: bool = False,
    actor: str,
) -> Validation:
    """Record a verdict on a version.

    Args:
        project: whose configuration counts.
        registry: where the verdict is recorded.
        reference: the version.
        wanted: what the person says.
        command: what is run for it; nothing for a stated verdict, or for what a replay has
            configured.
        replay_in: the environment with whose pipeline it is run.
        timeout: how long it may run there, as a span; by default an hour.
        quiet_stdout: what the command prints goes to stderr.
        actor: who validates.

    Returns:
        The verdict.

    Raises:
        LineageError: see :func:`lineage.workflows.replay.replay`,
            :func:`lineage.workflows.recorded_runs.run_and_validate` and
            :func:`lineage.workflows.validate.validate`.
    """
    if replay_in is not None:
        from lineage.workflows import replay  # a stated verdict needs none of it

        how = replay.Replay(replay_in, tuple(command), timeout or replay.TIMEOUT)
        return replay.replay(
            project, registry, reference, wanted, how, quiet_stdout=quiet_stdout, actor=actor
        )
    if command:
        from lineage.workflows.recorded_runs import run_and_validate  # nor of this

        return run_and_validate(
            project, registry, reference, wanted, command, quiet_stdout=quiet_stdout, actor=actor
        )
    from lineage.workflows import validate

    return validate.validate(project, registry, reference, wanted, actor=actor)
