"""A plan is data: frozen actions, each with its reason. `plan` prints it, `deploy` carries it out."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Verb = Literal["create", "update", "delete", "keep"]
SIGNS: dict[str, str] = {"create": "+", "update": "~", "delete": "-", "keep": " "}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `id` is stable for equal content (it keys the intent in the release journal); `permissions` are the
    provider's own names of what the step needs; `payload` is the desired record as builtins."""

    id: str
    kind: str
    name: str
    action: Verb
    why: str
    payload: dict[str, Any] = {}
    permissions: tuple[str, ...] = ()
    cost: str = ""


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that should be. `digest` covers everything that matters of it; `needs` are capability claims;
    `limits` are (limit name, amount asked for) that must fit what the provider declares."""

    kind: str
    name: str
    digest: str
    summary: str = ""
    port: str = ""
    payload: dict[str, Any] = {}
    needs: tuple[str, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    permissions: tuple[str, ...] = ()
    cost: str = ""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is. `digests` are those of every version of it that is in place; `summary` is for people."""

    kind: str
    name: str
    digests: tuple[str, ...]
    summary: str = ""
    removable: bool = True  # False: kept when it is no longer desired (an older bundle that rollback needs)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    target: str
    actions: tuple[Action, ...]
    warnings: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()  # what the bundle costs, where that was asked for

    @property
    def changes(self) -> tuple[Action, ...]:
        return tuple(a for a in self.actions if a.action != "keep")
