"""Who may do what: role definitions, their assignments with conditions, and the question.

An assignment is for its scope and all that is below it. The operator owns the subscription. A resource group in which
nothing is assigned, which only a test without an operator has, lets everybody.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.adapters.azure.emulator.identity import OPERATOR
from toolkit.adapters.azure.emulator.rbac_conditions import Bad, holds, patterns
from toolkit.adapters.azure.emulator.refused import Refused, invalid

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+")
UNDER = "/providers/Microsoft.Authorization/"


@dataclass(frozen=True)
class Asked:
    """An action on a resource; `data` is whether it is one of data. `path` is of a blob, where there is one."""

    action: str
    scope: str
    data: bool = False
    path: str | None = None


@dataclass(frozen=True)
class _Assignment:
    scope: str
    principal: str
    definition: str
    condition: str


class Rbac:
    """`used` and `refused` are what was asked by others than the operator: for tests."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._definitions: dict[str, list[dict[str, list[str]]]] = {}
        self._assignments: dict[str, _Assignment] = {}
        self.used: set[tuple[str, str, str]] = set()  # assignment, action, pattern of its condition
        self.refused: set[tuple[str, str, str]] = set()  # object id, action, scope

    def define(self, where: str, properties: dict[str, Any]) -> None:
        """A role definition; `where` is its id."""
        with self._lock:
            self._definitions[where.lower()] = [
                {kind: [one.lower() for one in found.get(kind) or ()] for kind in _KINDS}
                for found in properties.get("permissions") or ()
            ]

    def assign(self, where: str, properties: dict[str, Any]) -> None:
        """Raises Refused: RoleDefinitionDoesNotExist, RoleAssignmentExists ..."""
        definition, condition = str(properties["roleDefinitionId"]).lower(), str(properties.get("condition") or "")
        principal = str(properties["principalId"])
        if not _GUID.fullmatch(principal):
            raise invalid(f"The principal '{principal}' is no GUID.", "PrincipalNotFound")
        if bool(condition) != (properties.get("conditionVersion") == "2.0"):
            raise invalid("A condition needs conditionVersion 2.0.", "InvalidConditionVersion")
        try:
            _ = condition and holds(condition, "", None)
        except Bad as error:
            raise invalid(f"The condition is not valid: {error}", "InvalidRoleAssignmentCondition") from error
        made = _Assignment(where.partition(UNDER)[0].lower(), principal, definition, condition)
        with self._lock:
            if definition not in self._definitions:
                raise Refused(404, "RoleDefinitionDoesNotExist", f"The role definition '{definition}' does not exist.")
            for other, there in self._assignments.items():
                same = (there.scope, there.principal, there.definition) == (made.scope, principal, definition)
                if same and other != where.lower():
                    raise Refused(409, "RoleAssignmentExists", "The role assignment already exists.")
            self._assignments[where.lower()] = made

    def first(self, caller: str, asked: Sequence[Asked]) -> Asked | None:
        """The first of `asked`, of which one is enough, that `caller` may do: the id of an identity or an object id."""
        if caller == OPERATOR:
            return asked[0]
        who = object_id(caller)
        with self._lock:
            for one in asked:
                if self._allows(who, one):
                    return one
            self.refused.add((who, asked[0].action, asked[0].scope))
        return None

    def missing(self, caller: str, asked: Iterable[Asked]) -> Asked | None:
        """The first of `asked`, of which all are needed, that `caller` may not do."""
        return next((one for one in asked if self.first(caller, [one]) is None), None)

    def told(self) -> dict[str, Any]:
        """Who used what, and what was refused."""
        with self._lock:
            return {"used": sorted(self.used), "refused": sorted(self.refused)}

    def _allows(self, who: str, asked: Asked) -> bool:
        scope, found = asked.scope.lower(), False
        if not self._guarded(scope):
            return True
        for name, one in self._assignments.items():
            if one.principal == who and self._lets(one, asked, scope):
                found = True
                told = patterns(one.condition, asked.path) if one.condition else ("",)
                self.used |= {(name, asked.action, pattern) for pattern in told}
        return found

    def _guarded(self, scope: str) -> bool:
        group = _GROUP.match(scope)
        if not group:  # the subscription itself is the operator's
            return True
        within = group[0]
        return any(one.scope == within or one.scope.startswith(f"{within}/") for one in self._assignments.values())

    def _lets(self, one: _Assignment, asked: Asked, scope: str) -> bool:
        if scope != one.scope and not scope.startswith(f"{one.scope}/"):
            return False
        kind, denied = ("dataActions", "notDataActions") if asked.data else ("actions", "notActions")
        action = asked.action.lower()
        listed = any(
            action in found[kind] and action not in found[denied] for found in self._definitions[one.definition]
        )
        return listed and (not one.condition or holds(one.condition, asked.action, asked.path))


_KINDS = ("actions", "notActions", "dataActions", "notDataActions")


def object_id(caller: str) -> str:
    """Of an identity of the emulator, whose id is worked out of its name; an object id is itself."""
    return caller if _GUID.fullmatch(caller) else str(uuid.uuid5(uuid.NAMESPACE_OID, caller))
