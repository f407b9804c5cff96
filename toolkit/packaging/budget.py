"""What takes the space in a bundle, per package, and the refusal of one that does not fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolkit.domain.errors import PlanError
from toolkit.packaging import archive
from toolkit.packaging.archive import Member


@dataclass(frozen=True)
class Row:
    """One top-level package: bytes as they are uploaded (`packed`) and as they lie in the function (`unpacked`)."""

    name: str
    packed: int
    unpacked: int
    files: int


def describe(bundle: Path) -> list[Row]:
    """Rows of a bundle, the biggest first. Corrupt if it is not a whole zip."""
    return rows(archive.read(bundle).values())


def rows(members: Iterable[Member]) -> list[Row]:
    sums: dict[str, list[int]] = {}
    for member in members:
        row = sums.setdefault(_owner(member.name), [0, 0, 0])
        row[0] += len(member.packed)
        row[1] += member.size
        row[2] += 1
    return sorted((Row(name, *row) for name, row in sums.items()), key=lambda row: (-row.unpacked, row.name))


def _owner(name: str) -> str:
    """'numpy.libs/x' and 'numpy-2.4.dist-info/METADATA' belong to numpy; 'app.py' and '__pycache__/app...' to app."""
    first, _, rest = name.partition("/")
    if first == "__pycache__":
        first = rest
    return first.partition("-" if first.endswith(".dist-info") else ".")[0]


def fit(members: Iterable[Member], *, unpacked: int = 0, packed: int = 0) -> None:
    """Refuse what is over a limit in bytes (0: none), naming what takes the most. Raises PlanError."""
    table = rows(members)
    for what, limit, sizes in (
        ("unpacked", unpacked, {row.name: row.unpacked for row in table}),
        ("packed", packed, {row.name: row.packed for row in table}),
    ):
        total = sum(sizes.values())
        if limit and total > limit:
            biggest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:6]
            named = ", ".join(f"{name} {_mib(size)}" for name, size in biggest)
            raise PlanError(
                f"the bundle has {_mib(total)} {what}, {_mib(total - limit)} over the {_mib(limit)} that the provider "
                f"takes; the biggest: {named}",
                hint="drop packages from requirements under [serve], or choose a smaller model",
            )


def _mib(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
