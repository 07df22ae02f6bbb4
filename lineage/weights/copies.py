"""Where the bytes of a version's weights are: stores, copies, and what looking at them found. Pure.

A store is a DVC remote. What is recorded of it holds no secret: each host brings its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from typing_extensions import override

from lineage.acts import act
from lineage.display import Shown
from lineage.errors import IntegrityFailure, NotFound, UsageError
from lineage.guard.facts import Sample
from lineage.identity.digest import Digest
from lineage.identity.references import check_name, file_name
from lineage.masking import without_userinfo

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMES: Final = (
    "file", "s3", "gs", "azure", "oss", "ssh", "hdfs",
    "webhdfs", "http", "https", "webdav", "webdavs", "gdrive",
)  # fmt: skip
"""What a store's URL may begin with."""

PUBLIC: Final = frozenset(
    {
        "account_name",
        "allow_anonymous_login",
        "endpointurl",
        "jobs",
        "oss_endpoint",
        "port",
        "projectname",
        "region",
        "sse",
        "ssl_verify",
        "use_ssl",
        "use_https",
    }
)
"""The settings of a DVC remote that are recorded: where it is, nothing that opens it."""

MARKER_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
"""What a store's marker is."""

_OBJECT: Final = re.compile(r"[0-9a-f]{32}(\.dir)?", re.ASCII)


@dataclass(frozen=True)
class StoreAddress:
    """A store's name in the registry, its URL, and the public settings of its DVC remote.

    ``marker`` is the id that lies in the place itself, by which it is known under any URL; None
    where nobody put one there. ``approved`` tells that somebody who administers the registry said
    where it is: nothing else is opened with a host's own credentials.
    """

    name: str
    url: str
    config: Mapping[str, str | int | bool] = field(default_factory=dict)
    marker: str | None = field(default=None, compare=False)
    approved: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be a store, and what must not be recorded.

        Raises:
            UsageError: the name, the URL or a setting is not valid.
        """
        check_name("store", self.name)
        check_url(self.url)
        if self.marker is not None and MARKER_ID.fullmatch(self.marker) is None:
            raise UsageError(
                f"{self.marker[:40]!r} is no marker of a store.",
                remedy="Give the id of its lineage-store.json: 32 hex digits.",
            )
        secret = sorted(set(self.config) - PUBLIC)
        if secret:
            raise UsageError(
                f"The setting {secret[0][:40]!r} of a store is not recorded.",
                remedy="Keep it on each host, in DVC's own configuration: dvc remote modify "
                f"--global {self.name} {secret[0][:40]} …",
            )

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.url.startswith("file:")

    def to_json(self) -> dict[str, Any]:
        """JSON of a store."""
        marked: dict[str, Any] = {"marker": self.marker} if self.marker is not None else {}
        waits = {} if self.approved else {"approved": False}
        return {"name": self.name, "url": self.url, "config": dict(self.config)} | marked | waits

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> StoreAddress:
        """What :meth:`to_json` wrote."""
        return cls(**_known(cls, body))


def _known(kind: type, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a kind of value has of a document: later versions may say more."""
    return {key: value for key, value in body.items() if key in kind.__dataclass_fields__}  # type: ignore[attr-defined]


def unknown_store(name: str) -> NotFound:
    """The error of a store that the registry does not know."""
    return NotFound(
        f"The registry knows no store {name[:60]!r}.",
        remedy=f"See them: {act('store list')}, or add it: {act('store add', 'NAME', 'URL')}",
    )


def check_url(url: str) -> str:
    """A store's URL, if it is of a kind that DVC reaches and holds no password.

    Raises:
        UsageError: it is not.
    """
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        parts, password = urlsplit(""), None
    whole = bool(parts.path.strip("/")) if parts.scheme == "file" else bool(parts.netloc)
    if parts.scheme not in SCHEMES or not whole or not url.isprintable() or len(url) > 1000:
        raise UsageError(
            f"{url[:60].partition('?')[0]!r} is not the URL of a store.",
            remedy="Name a folder, or a URL such as s3://bucket/path that DVC can reach.",
        )
    who = url.partition("://")[2].removesuffix(without_userinfo(url).partition("://")[2])
    if password is not None or ":" in who or parts.query or parts.fragment:
        raise UsageError(
            "A store's URL holds no password and no query.",
            remedy="Keep credentials on each host, in DVC's own configuration or the environment.",
        )
    return url


class CopyState(StrEnum):
    """What looking at a copy found."""

    INTACT = "intact"
    MISSING = "missing"
    CHANGED = "changed"
    UNREACHABLE = "unreachable"
    """The store did not answer, so nobody knows."""


@dataclass(frozen=True)
class NewCopy:
    """Weights that were put into a store, and read back: what registering records of them.

    ``object`` is DVC's id of the file or of the folder (``….dir``); ``listing`` the object that
    lists a folder's files with their BLAKE3. ``found_there`` tells that all of them were there
    before, ``reused`` that some were: those could be on their way out. ``read`` tells that every
    byte was read back from there, and not only looked for. ``renews`` tells whether that counts as
    a look at a copy of a version that is known already: only who may look may say so. ``marks``
    tells whether a store that is known without a marker gets this one: over REST only an ``admin``
    says that.
    """

    store: StoreAddress
    object: str
    listing: str | None = None
    found_there: bool = False
    repository: str | None = None
    revision: str | None = None
    reused: bool = True
    read: bool = True
    renews: bool = field(default=True, compare=False)
    marks: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        """Refuse ids that are none.

        Raises:
            UsageError: they are not DVC's.
        """
        for name in (self.object, *([self.listing] if self.listing is not None else [])):
            self.check_object(name)
        if self.object.endswith(".dir") != (self.listing is not None):
            raise UsageError(
                "A copy of a folder, and of nothing else, has a listing.",
                remedy="Give the object that lists the files with their BLAKE3 as `listing`.",
            )

    @staticmethod
    def check_object(name: str) -> str:
        """An object's name, if it is one.

        Raises:
            UsageError: it is none.
        """
        if _OBJECT.fullmatch(name) is None:
            raise UsageError(
                f"{name[:40]!r} is no object of a store.",
                remedy="Name it as DVC does: 32 hex digits, with .dir for a folder.",
            )
        return name

    def to_json(self) -> dict[str, Any]:
        """What is sent to a server."""
        return {
            "store": self.store.to_json(),
            "object": self.object,
            "listing": self.listing,
            "found_there": self.found_there,
            "repository": self.repository,
            "revision": self.revision,
            "reused": self.reused,
            "read": self.read,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> NewCopy:
        """What :meth:`to_json` wrote."""
        return cls(**_known(cls, body) | {"store": StoreAddress.from_json(body["store"])})


@dataclass(frozen=True)
class Copy:
    """A recorded copy, and what the newest look at it found.

    ``deep_at`` is when every byte of it was last read and was right, None where that never was, or
    a later look found it wrong. ``shared`` tells that every host reaches the store.
    """

    store: StoreAddress
    object: str
    listing: str | None
    state: CopyState
    deep: bool
    checked_at: str
    checked_by: str
    stored_at: str
    stored_by: str
    found_there: bool = False
    repository: str | None = None
    revision: str | None = None
    deep_at: str | None = None
    shared: bool = True

    @property
    def as_new(self) -> NewCopy:
        """The same as it would be recorded for another version with these weights."""
        return NewCopy(
            self.store, self.object, self.listing, self.found_there, self.repository, self.revision
        )

    def to_json(self) -> dict[str, Any]:
        """JSON of a copy."""
        return {
            "store": self.store.to_json(),
            "shared": self.shared,
            "object": self.object,
            "listing": self.listing,
            "state": self.state.value,
            "deep": self.deep,
            "deep_at": self.deep_at,
            "checked_at": self.checked_at,
            "checked_by": self.checked_by,
            "stored_at": self.stored_at,
            "stored_by": self.stored_by,
            "found_there": self.found_there,
            "repository": self.repository,
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Copy:
        """What :meth:`to_json` wrote."""
        store = StoreAddress.from_json(body["store"])
        return cls(**_known(cls, body) | {"store": store, "state": CopyState(body["state"])})


@dataclass(frozen=True)
class CopyCheck:
    """What looking into one store for a version's weights found, and why where it is not good.

    ``deep`` tells that every byte was read, ``sample`` that the sizes of some files alone were
    asked for.
    """

    store: str
    state: CopyState
    deep: bool
    detail: str | None = None
    sample: Sample | None = None

    def __post_init__(self) -> None:
        """Refuse a look at some files that read every byte.

        Raises:
            UsageError: it says so.
        """
        if self.deep and self.sample is not None:
            raise UsageError(
                "A look at a sample of the files did not read every byte.",
                remedy="Give `deep` as false, or look at all of them.",
            )

    def to_json(self) -> dict[str, Any]:
        """JSON of a look."""
        return {
            "store": self.store,
            "state": self.state.value,
            "deep": self.deep,
            "detail": self.detail,
            "sample": self.sample.to_json() if self.sample is not None else None,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> CopyCheck:
        """What :meth:`to_json` wrote."""
        sample = Sample.from_json(body.get("sample"))
        read = {"state": CopyState(body["state"]), "sample": sample}
        return cls(**_known(cls, body) | read)


@dataclass(frozen=True, repr=False)
class StoredWeights(Shown):
    """The weights of a version: what they are, and where there are copies of them.

    ``size`` is in bytes over all ``files``; ``folder`` tells a folder from a file.
    """

    ref: str
    xxh3: Digest
    blake3: Digest | None
    path: str
    size: int
    files: int
    copies: tuple[Copy, ...]

    @property
    def name(self) -> str:
        """What the file or folder is called, never a way out of the folder that it is put in.

        Raises:
            IntegrityFailure: the recorded path ends in no name.
        """
        name = file_name(self.path)
        if name is None:
            raise IntegrityFailure(
                f"The weights of {self.ref} have no name: {self.path[:60]!r} was recorded.",
                remedy="Register them again under a name.",
            )
        return name

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `GET …/versions/{n}/weights`."""
        return {
            "ref": self.ref,
            "weights": self.xxh3,
            "blake3": self.blake3,
            "path": self.path,
            "size": self.size,
            "files": self.files,
            "copies": [copy.to_json() for copy in self.copies],
        }

    @override
    def _line(self) -> str:
        places = ", ".join(copy.store.name for copy in self.copies) or "no store"
        return f"weights of {self.ref}, {self.size:,} bytes in {places}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> StoredWeights:
        """What :meth:`to_json` wrote."""
        blake3 = body["blake3"]
        return cls(
            body["ref"],
            Digest(body["weights"]),
            Digest(blake3) if blake3 is not None else None,
            body["path"],
            body["size"],
            body["files"],
            tuple(Copy.from_json(copy) for copy in body["copies"]),
        )

    def only_in(self, store: str) -> StoredWeights:
        """The same with the copy of one store alone."""
        return replace(self, copies=tuple(c for c in self.copies if c.store.name == store))
