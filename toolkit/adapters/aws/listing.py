"""Listing in bytewise order, also on servers that keep keys as files in folders.

S3 lists the keys themselves in order. A server over a file system walks folders: `a/x` comes before `a-b`, although `/`
sorts after `-`. There a folder is read as a whole, a folder's name with its slash, sorted, and then walked: one request
a folder more, and the order of S3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Pages = Callable[[Mapping[str, str]], Iterator[Any]]
"""The pages of ListObjectsV2 for these arguments."""


def flat(pages: Pages, base: str, prefix: str, after: str) -> Iterator[tuple[str, Any]]:
    """(key, its entry) of what begins with `prefix` and sorts after `after`; `base` is not part of a key."""
    for page in pages({"Prefix": base + prefix, "StartAfter": base + after}):
        for found in page.get("Contents", ()):
            yield found["Key"].removeprefix(base), found


def by_folder(pages: Pages, base: str, prefix: str, after: str) -> Iterator[tuple[str, Any]]:
    """As `flat`."""
    top = prefix[: prefix.rfind("/") + 1]
    yield from _folder(pages, base, top, prefix, after)


def _folder(pages: Pages, base: str, folder: str, prefix: str, after: str) -> Iterator[tuple[str, Any]]:
    entries: dict[str, Any] = {}
    for page in pages({"Prefix": base + folder, "Delimiter": "/"}):
        entries |= {found["Key"].removeprefix(base): found for found in page.get("Contents", ())}
        entries |= {found["Prefix"].removeprefix(base): None for found in page.get("CommonPrefixes", ())}
    for name in sorted(entries):
        if not name.startswith(prefix) or name == folder:
            continue
        if entries[name] is not None:
            if name > after:
                yield name, entries[name]
        elif name > after or after.startswith(name):
            yield from _folder(pages, base, name, prefix, after)
