"""What differs between the data of two model versions, from what is recorded of both. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def data_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items that were added, removed or changed, with their sizes in bytes."""
    items = [{item["name"]: item for item in side["components"]["data"]} for side in (old, new)]
    changes = []
    for name in sorted({*items[0], *items[1]}):
        was, now = (side.get(name) for side in items)
        if was is None or now is None or was["digest"] != now["digest"]:
            kind = "added" if was is None else "removed" if now is None else "changed"
            sizes = {
                "size_before": was["size"] if was else None,
                "size_after": now["size"] if now else None,
            }
            changes.append({"name": name, "change": kind, **sizes})
    return changes


def data_lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The same in words."""
    lines = []
    for change in data_changes(old, new):
        before, after = size_in_words(change["size_before"]), size_in_words(change["size_after"])
        sizes = {"added": after, "removed": before}.get(change["change"], f"{before} → {after}")
        lines.append(f"{change['name']} {change['change']} ({sizes})")
    return lines


def size_in_words(count: int | None) -> str:
    """Bytes in words."""
    return "size unknown" if count is None else f"{count:,} bytes"
