"""One file per deployable kind: what it should be (`desired`), what it is (`observe`), and how to get there (`apply`).

A new kind is one file here and one line in `KINDS`, whose order is the order of dependencies: what stands first is
created first and removed last. `apply` is idempotent: a run that died is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from toolkit.domain.plan import Action, Observed
from toolkit.ports.context import Context
from toolkit.resources import bundle, function, route, schedule, watch


class Kind(Protocol):
    def observe(self, ctx: Context) -> list[Observed]:
        """Everything of this kind that belongs to the target, deployed by whatever version of the project."""
        ...

    def apply(self, ctx: Context, action: Action) -> dict[str, Any]:
        """Carry it out; what is returned goes into the release journal."""
        ...


KINDS: dict[str, Kind] = {
    "bundle": bundle, "function": function, "route": route, "schedule": schedule, "watch": watch,
}  # fmt: skip


def observe(ctx: Context, kinds: Collection[str] = tuple(KINDS)) -> list[Observed]:
    """What is there of `kinds`, read-only."""
    return [thing for name, kind in KINDS.items() if name in kinds for thing in kind.observe(ctx)]
