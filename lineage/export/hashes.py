"""Digests as CycloneDX writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALGORITHMS: Final = {
    "md5": ("MD5", 32),
    "sha1": ("SHA-1", 40),
    "sha256": ("SHA-256", 64),
    "sha384": ("SHA-384", 96),
    "sha512": ("SHA-512", 128),
    "blake3": ("BLAKE3", 64),
}
"""What CycloneDX calls an algorithm, and the digits of a digest; XXH3 it does not know."""


def hashes(*digests: str | None) -> Iterator[dict[str, str]]:
    """The digests of whose algorithms CycloneDX knows a name."""
    for digest in digests:
        algorithm, _, digits = (digest or "").partition(":")
        known = _ALGORITHMS.get(algorithm)
        if known is not None and len(digits) == known[1]:
            yield {"alg": known[0], "content": digits}
