"""The registry: one method a verb, one transaction each.

The verbs stand in :mod:`lineage.registry.verbs`, a module for each noun. What only some of them
need is imported by them: a look-up must start quickly.

A remote registry has the same verbs: :mod:`lineage.remote.client`. :func:`lineage.connect` opens
either.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from lineage.database import schema
from lineage.database.engine import open_engine, write
from lineage.database.limits import LOCK_TIMEOUT
from lineage.errors import LineageError
from lineage.masking import masked_url
from lineage.registry.verbs.history import HistoryVerbs
from lineage.registry.verbs.lineage import LineageVerbs
from lineage.registry.verbs.models import ModelVerbs
from lineage.registry.verbs.releases import ReleaseVerbs
from lineage.registry.verbs.service import ServiceVerbs
from lineage.registry.verbs.validations import ValidationVerbs
from lineage.registry.verbs.versions import VersionVerbs
from lineage.registry.verbs.webhooks import WebhookVerbs
from lineage.registry.verbs.weights import WeightsVerbs
from lineage.registry.verbs.windows import WindowVerbs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.registry.access import Principal
    from lineage.registry.slots.foresight import Foresight

OF_A_SERVER: Final = frozenset(
    {
        *("authenticate", "basis", "called", "drifts", "environments_on_grounds"),
        *(
            "foresee_finish",
            "foresee_promotion",
            "foresee_release",
            "foresee_rollback",
            "grow",
            "keep_answer",
            "kept_answer",
            "pipelines_of",
        ),
        *(
            "record_reports",
            "rename_reports",
            "require_current",
            "serving_on_grounds",
            "speaking_for",
            "store_at",
        ),
        *("tell_reports", "token_secrets", "token_used", "transaction", "with_hints"),
    }
)
"""What only a server does with a database: a remote registry has none of it."""


def open_registry(url: str, *, lock_timeout: float = LOCK_TIMEOUT) -> Registry:
    """Open a registry in a database; :func:`lineage.connect` opens any.

    Raises:
        RegistryUnreachable: there is none, or its schema is not this program's.
        IntegrityFailure: the file is damaged.
    """
    engine = open_engine(url, lock_timeout=lock_timeout)
    try:
        schema.require_current(engine)
    except LineageError:
        engine.dispose()
        raise
    return Registry(engine)


class Registry(
    ModelVerbs,
    VersionVerbs,
    LineageVerbs,
    ValidationVerbs,
    WeightsVerbs,
    ReleaseVerbs,
    HistoryVerbs,
    WebhookVerbs,
    WindowVerbs,
    ServiceVerbs,
):
    """A registry in a database; use it as a context manager, or :meth:`close` it."""

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @override
    def __dir__(self) -> list[str]:
        """The verbs, as a remote registry has them."""
        named = (name for name in super().__dir__() if not name.startswith("_"))
        return sorted({*named} - OF_A_SERVER)

    @override
    def __repr__(self) -> str:
        return f"<Registry {self.url}>"

    @property
    def url(self) -> str:
        """Where its database is, without what opens it."""
        return masked_url(self._engine.url.render_as_string(hide_password=True))

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, foresight: Foresight | None = None) -> Iterator[Registry]:
        """One write transaction for several verbs of the registry that it gives: all or none.

        ``foresight`` is what was found to stand by after its moves (:meth:`foresee_promotion`).
        """
        with write(self._engine) as session:
            yield Registry(self._engine, session, foresight, self._principal)

    def speaking_for(self, principal: Principal) -> Registry:
        """The same registry for one who speaks by a token: what is recorded counts for them."""
        return Registry(self._engine, self._session, self._foresight, principal)
