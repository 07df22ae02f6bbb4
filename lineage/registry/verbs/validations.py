"""The verbs on what is said of a version: validations of it, and approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract.results.records import Approval, ApprovalRecord, Attestation, Validation
from lineage.registry import views
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import NamedPipeline
    from lineage.display import Listing
    from lineage.evidence.profile import Profile
    from lineage.guard.facts import Verdict
    from lineage.guard.requirements import Outcome
    from lineage.identity.components import DataVersion
    from lineage.identity.references import Reference
    from lineage.identity.watched import WatchedRun


class ValidationVerbs(Verbs):
    """Verbs on validations of a version, and on approvals of it."""

    def validations(self, reference: str | Reference) -> Listing[Validation]:
        """Every validation of a version, the newest first.

        Raises:
            NotFound: it does not exist.
        """
        with self._read() as session:
            return Validation.listing(
                views.validations(session, self._sight(session).version(reference)),
                f"validations of {reference}",
            )

    def verdicts(self, reference: str | Reference) -> tuple[Verdict, ...]:
        """The newest validation of a version for each pipeline version, the newest of them last.

        Raises:
            NotFound: the version does not exist.
        """
        from lineage.database.validations import newest_validations

        with self._read() as session:
            return newest_validations(session, self._sight(session).version(reference).id or 0)

    def profile(
        self, reference: str | Reference, *, pipeline: str | None = None, digest: str | None = None
    ) -> Profile:
        """What the data looked like on which a version was validated last.

        Args:
            reference: the version.
            pipeline: the digest of the pipeline version that it was validated with; None for any.
            digest: that of a profile which some validation of it has, as windows name it.

        Raises:
            NotFound: it does not exist, or no validation of it has a profile, or that one.
        """
        from lineage.registry import validations

        with self._read() as session:
            version = self._sight(session).version(reference)
            return validations.profile(session, version, pipeline, digest)

    def approvals(self, reference: str | Reference) -> Listing[Approval]:
        """Every approval of a version, the oldest first.

        Raises:
            NotFound: it does not exist.
        """
        with self._read() as session:
            sight = self._sight(session)
            rows = views.approvals(session, sight.version(reference))
            return Approval.listing(
                (row for row in rows if sight.sees(environment=row["environment"])),
                f"approvals of {reference}",
            )

    def validate(
        self,
        reference: str | Reference,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        passed: bool,
        metrics: Mapping[str, Any] | None = None,
        outcomes: Sequence[Outcome] = (),
        run: dict[str, Any] | None = None,
        data: DataVersion | None = None,
        watched: Sequence[WatchedRun] = (),
        elsewhere: bool = False,
        profile: Profile | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> Validation:
        """Record a validation of a version with a pipeline version; JSON of it.

        Args:
            reference: the version.
            pipeline: the pipeline version, captured or named.
            passed: whether it passed.
            metrics: what was measured.
            outcomes: what the requirements came to.
            run: JSON of the command that was run for it.
            data: the data that it was made on.
            watched: what was observed of runs that it rests on.
            elsewhere: it was made where the version's own parts were not held against it.
            profile: what the data looked like that it was made on.
            dry_run: do all that, and take it back: whether it would be recorded.
            actor: who validates.

        Raises:
            NotFound: the version or the named pipeline version does not exist.
            UsageError: the pipeline is not the one that the version was registered with.
        """
        from lineage.registry import validations

        validation = validations.NewValidation(
            passed, metrics, tuple(outcomes), run, data, tuple(watched), elsewhere, profile
        )
        validation.prepare()
        with self._write(dry_run=dry_run) as session:
            sight = self._sight(session)
            return Validation(
                validations.validate(sight, reference, pipeline, validation, self._actor(actor))
            )

    def carry_over(
        self,
        reference: str | Reference,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        rests_on: int,
        difference: str,
        actor: str,
    ) -> Validation:
        """Record that a pass also holds for a pipeline that behaves alike; JSON of it.

        Args:
            reference: the version.
            pipeline: the pipeline version that behaves alike.
            rests_on: the validation that passed.
            difference: what differs between the two, in words.
            actor: who says so.

        Raises:
            NotFound: the version, its validation or the named pipeline version does not exist.
            Conflict: the validation is no longer a pass that counts.
        """
        from lineage.registry import validations

        with self._write() as session:
            who = self._actor(actor)
            return Validation(
                validations.carry_over(
                    self._sight(session), reference, pipeline, rests_on, difference, who
                )
            )

    def approve(
        self,
        reference: str | Reference,
        environment: str,
        *,
        pipeline: str | None = None,
        actor: str,
    ) -> ApprovalRecord:
        """Record a person's approval of a version for an environment; JSON of it.

        Args:
            reference: the version.
            environment: the environment's name.
            pipeline: the pipeline version that it is approved with, ``NAME@DIGEST`` or its digest;
                by default the one that runs there now.
            actor: who approves.

        Raises:
            NotFound: the version, the pipeline version or the environment does not exist.
            NotPermitted: the person registered it, has approved it already, or may not approve.
            UsageError: the pipeline version is of another pipeline than the version's.
        """
        from lineage.registry import approvals

        with self._write() as session:
            return ApprovalRecord(
                approvals.approve(
                    self._sight(session), reference, environment, self._actor(actor), pipeline
                )
            )

    def attestations(
        self, reference: str | Reference, *, limit: int | None = None, after: str | None = None
    ) -> Listing[Attestation]:
        """Every signed statement on a version that was recorded, the newest first; or a page.

        Args:
            reference: the version.
            limit: how many at the most: fewer where they are large together; by default all.
            after: the ``next`` of the page before.

        Raises:
            NotFound: it does not exist.
            UsageError: the limit or the cursor means nothing.
        """
        from lineage.registry import attestation_lists

        with self._read() as session:
            version = self._sight(session).version(reference)
            rows, following = attestation_lists.listed(session, version, limit=limit, after=after)
            return Attestation.listing(rows, f"attestations of {reference}", following)

    def record_attestation(
        self,
        reference: str | Reference,
        document: str,
        public_key: str | None = None,
        *,
        signed_by: str | None = None,
        actor: str,
    ) -> Attestation:
        """Record a signed statement on a version, if it holds; JSON of it.

        Args:
            reference: the version.
            document: the DSSE envelope, or the bundle that holds one.
            public_key: the key that signed it, in PEM; or
            signed_by: the identity that did, ``identity:WHO issuer:URL``, by the root of trust that
                is configured where the registry is.
            actor: who records it.

        Raises:
            NotFound: the version does not exist.
            UsageError: the statement or the key cannot be used.
            IntegrityFailure: the signature does not hold, or it is about something else.
        """
        from lineage.registry import attestations

        with self._write() as session:
            return Attestation(
                attestations.record(
                    self._sight(session),
                    reference,
                    document,
                    public_key,
                    signed_by,
                    self._actor(actor),
                )
            )
