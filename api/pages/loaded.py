"""What the pages load: a style sheet, htmx, a script, a sign; each named by its digest."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from xxhash import xxh3_128_hexdigest

TYPES: Final = {
    "pages.css": "text/css",
    "htmx.min.js": "text/javascript",
    "pages.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""Each with its media type; nothing is loaded from elsewhere."""

CONTENTS: Final = {name: (files(__package__) / "assets" / name).read_bytes() for name in TYPES}
DIGESTS: Final = {name: xxh3_128_hexdigest(content)[:16] for name, content in CONTENTS.items()}


def asset(name: str) -> str:
    """The address of an asset as it is now: another content has another one."""
    return f"/assets/{name}?v={DIGESTS[name]}"
