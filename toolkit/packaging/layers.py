"""A part of a bundle that changes seldom, kept compressed: built once, then copied record by record."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable

from toolkit.domain import digest
from toolkit.domain.errors import Corrupt
from toolkit.packaging import archive, cache
from toolkit.packaging.archive import Member

FORMAT = 1  # raise it when the same key would now give other bytes
KEPT = 16  # layers of each kind that stay in the cache


def layer(kind: str, key: object, make: Callable[[], Iterable[Member]]) -> dict[str, Member]:
    """The members of the layer named by everything it is made from (`key`: plain values), made only if it is missing.

    A damaged layer is made again. Two processes that miss at once both make it; the bytes are the same.
    """
    folder = cache.folder("layers")
    path = folder / f"{kind}-{digest.of_value([FORMAT, archive.LEVEL, kind, key])}.zip"
    with contextlib.suppress(FileNotFoundError, Corrupt):
        found = archive.read(path)
        os.utime(path)  # used last: `keep_newest` goes by it
        return found
    with cache.placing(path) as part:
        archive.write(part, make())
    cache.keep_newest(folder, f"{kind}-*.zip", KEPT)
    return archive.read(path)
