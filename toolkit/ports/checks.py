"""What `toolkit doctor` asks a provider: whether what its ports will need is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from toolkit.ports import Settings


@dataclass(frozen=True)
class Check:
    """`said` is what was found; `hint` what to type where that is not `ok`."""

    name: str
    ok: bool
    said: str
    hint: str = ""


@dataclass(frozen=True)
class Asked:
    """Whose checks: the `ports` of `target` that this provider offers it, with its settings."""

    settings: Settings
    target: str
    ports: frozenset[str]


Checks = Callable[[Asked], Iterator[Check]]
"""A provider's `checks`. Changes nothing; what it may not look at is said and is no failure. It may raise ToolkitError
where going on makes no sense (no credentials): that is one failed check, and the end."""
