"""What somebody with rights makes once on a target, before anybody deploys: planned, shown, carried out."""

from __future__ import annotations

from typing import Any, Protocol

from toolkit.domain.plan import Action, Plan


class Operator(Protocol):
    def plan(self) -> Plan:
        """What is missing or differs. Changes nothing; after carrying it out, the next one has no changes. Raises
        ConfigError (a setting is missing: the hint says what to write), PlanError (a name is somebody else's)."""
        ...

    def carry_out(self, action: Action) -> None:
        """One action of the plan. A second time it does no harm."""
        ...

    def policies(self) -> dict[str, dict[str, Any]]:
        """Role -> its least-privilege policy, as the provider takes it. Offline where the provider allows it."""
        ...

    def templates(self) -> dict[str, str]:
        """File name -> the same, for people who make things by template (their settings filled in)."""
        ...

    def next(self) -> tuple[str, ...]:
        """What is left to a person once it is made: lines to write or commands to type."""
        ...
